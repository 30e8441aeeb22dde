"""One piece of work for all who want it, whichever process they are in; and no more of a kind than may be at once.

    kz:q:{once:SHA256}:lock     who is on it, for as long as it renews
    kz:q:{once:SHA256}:outcome  what came of it, for as long as it may be shared
    kz:q:{limit:NAME}:held      sorted set: who holds a place, by the time at which its lease ends

A store that is away shares nothing and limits nothing: everybody works for himself.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import structlog
from redis.asyncio import Redis

from agent.delta import Delta, Generate
from agent.nodes.deps import Read
from agent.prompt import Prompt
from tools.page import Webpage
from tools.search import Search, SearchQuery, SearchResult
from workers.records import Record
from workers.store import reaching
from workers.store_errors import RecordPoisoned, StoreError
from workers.task_ends import end

LEASE_SECONDS = 10.0
LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.05, 0.25
LONGEST_WAIT_SECONDS = 900.0
SEARCH_SECONDS = 600
MAX_SHARED_BYTES = 4 * 1024 * 1024
PAGE_SECONDS = 60
SEARCHED = Record("searched", tuple[SearchResult, ...])
FETCHED = Record("fetched", bool)
Value = TypeVar("Value")

# KEYS: lock, outcome. ARGV: who, lease in milliseconds. 0 while somebody is on it.
_TAKE = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 2 end
return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
"""
# KEYS: lock. ARGV: who, lease in milliseconds
_KEEP = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_LEAVE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
# KEYS: held. ARGV: who, how many, lease in milliseconds. The server's clock.
_HOLD = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local mine = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not mine and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3] * 2)
return 1
"""


@dataclass(frozen=True, slots=True)
class Kept(Generic[Value]):
    """How an outcome is shared. record: its form; seconds: for how long; None: what is no outcome to share."""

    record: Record[Value]
    seconds: int
    fit: Callable[[Value], bool] = lambda value: True


class StoreFlights:
    """client: of the queue; whoever made it closes it."""

    def __init__(self, client: Redis) -> None:
        self.client = client

    async def join(self, name: str, kept: Kept[Value], work: Callable[[], Awaitable[Value]]) -> Value:
        """What came of this work not long ago, or comes of it now, here or elsewhere; an error is nobody else's."""
        try:
            found = await self._found(name, kept)
        except StoreError:
            return await work()
        if found is not None:
            return found
        async with self._alone(name):
            try:
                found = await self._found(name, kept)
            except StoreError:
                found = None
            if found is not None:
                return found
            value = await work()
            await self._keep(name, kept, value)
            return value

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        """While nobody else is on it, or as soon as there is an outcome; a store that is away lets everybody go on."""
        who, lock, outcome = secrets.token_hex(8), _key(name, "lock"), _key(name, "outcome")
        arguments: list[str | int] = [who, round(LEASE_SECONDS * 1_000)]

        async def take() -> bool:
            return bool(await self.client.register_script(_TAKE)([lock, outcome], arguments))

        async def keep() -> None:
            await self.client.register_script(_KEEP)([lock], arguments)

        async def leave() -> None:
            await self.client.register_script(_LEAVE)([lock], arguments)

        async with _holding(take, keep, leave):
            yield

    @asynccontextmanager
    async def place(self, name: str, limit: int) -> AsyncIterator[None]:
        """One of so many places of this name; waits for it. 0: there is no limit."""
        if not limit:
            yield
            return
        who, held = secrets.token_hex(8), f"kz:q:{{limit:{name}}}:held"

        async def take() -> bool:
            script = self.client.register_script(_HOLD)
            return bool(await script([held], [who, limit, round(LEASE_SECONDS * 1_000)]))

        async def keep() -> None:
            await take()

        async def leave() -> None:
            await self.client.zrem(held, who)

        async with _holding(take, keep, leave):
            yield

    async def _found(self, name: str, kept: Kept[Value]) -> Value | None:
        with reaching():
            found = cast("bytes | None", await self.client.get(_key(name, "outcome")))
        try:
            return kept.record.read(found) if found is not None else None
        except RecordPoisoned:
            return None

    async def _keep(self, name: str, kept: Kept[Value], value: Value) -> None:
        if not kept.fit(value):
            return
        try:
            written = kept.record.write(value)
            if len(written) <= MAX_SHARED_BYTES:
                with reaching():
                    await self.client.set(_key(name, "outcome"), written, ex=kept.seconds)
        except StoreError as error:
            structlog.get_logger().warning("not_shared", code=error.code)


@asynccontextmanager
async def _holding(
    take: Callable[[], Awaitable[bool]], keep: Callable[[], Awaitable[None]], leave: Callable[[], Awaitable[None]]
) -> AsyncIterator[None]:
    """Waits for its turn, renews while the block lasts, and gives back."""
    if not await _turn(take):
        yield
        return
    renewing = asyncio.create_task(_renew(keep))
    try:
        yield
    finally:
        await end(renewing)
        try:
            with reaching():
                await leave()
        except StoreError as error:  # it runs out by itself
            structlog.get_logger().warning("not_given_back", code=error.code)


async def _turn(take: Callable[[], Awaitable[bool]]) -> bool:
    """False: without a turn, since the store is away or the wait was too long."""
    deadline, pause = asyncio.get_running_loop().time() + LONGEST_WAIT_SECONDS, LOOK_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        try:
            with reaching():
                if await take():
                    return True
        except StoreError:
            return False
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_LOOK_SECONDS)
    return False


async def _renew(keep: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(LEASE_SECONDS / 3)
        try:
            with reaching():
                await keep()
        except StoreError as error:
            structlog.get_logger().warning("not_renewed", code=error.code)


def _key(name: str, part: str) -> str:
    return f"kz:q:{{once:{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}}}:{part}"


# --- what rows share ---------------------------------------------------------


def shared_search(search: Search, flights: StoreFlights, at_once: int = 0) -> Search:
    """The same query is asked once in ten minutes; at_once: searches of all workers together, 0: no limit."""
    kept: Kept[tuple[SearchResult, ...]] = Kept(SEARCHED, SEARCH_SECONDS)

    async def searched(query: SearchQuery) -> list[SearchResult]:
        async def ask() -> tuple[SearchResult, ...]:
            async with flights.place("search", at_once):
                return tuple(await search(query))

        found = await flights.join(f"search {query!r}", kept, ask)
        return [*found]

    return searched


def shared_read(read: Read, flights: StoreFlights, at_once: int = 0) -> Read:
    """A page is fetched by one of all who want it; the others find it in the cache of pages. at_once: fetches from one
    host, of all workers together, 0: no limit."""

    async def fetched(url: str) -> Webpage:
        host = url.partition("://")[2].partition("/")[0].lower()

        pages: list[Webpage] = []

        async def fetch() -> bool:
            async with flights.place(f"host:{hashlib.sha256(host.encode('utf-8', 'replace')).hexdigest()}", at_once):
                pages.append(await read(url))
            return True

        if url.startswith(("http://", "https://")):
            await flights.join(f"page {url}", Kept(FETCHED, PAGE_SECONDS), fetch)
        return pages[0] if pages else await read(url)

    return fetched


def limited_model(generate: Generate, flights: StoreFlights, at_once: int) -> Generate:
    """at_once: replies of all workers together; the others wait before they are sent."""

    async def limited(prompt: Prompt) -> AsyncGenerator[Delta, None]:
        async with flights.place("model", at_once), aclosing(generate(prompt)) as deltas:
            async for delta in deltas:
                yield delta

    return limited if at_once else generate
