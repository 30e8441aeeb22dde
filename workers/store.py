"""What is kept, and for how long: answers, the pages they cite, threads, fetched pages.

An id that is unknown, foreign or malformed finds nothing, and all three look the same. A value that does not pass its
schema counts as not there.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError, ResponseError

from agent.answer import Answer
from agent.question import MAX_HISTORY_TURNS, Turn
from tools.page import Webpage
from workers.answer_list import enlist, ids_behind, records_of, strike
from workers.records import ANSWER, EVIDENCE, PAGE, TURN, Evidence, KeptPage, Record, StoredAnswer, StoredTurn
from workers.store_errors import RecordPoisoned, StoreDown, StoreTooNew
from workers.store_keys import (
    VERSION_KEY,
    Kind,
    Owner,
    all_of,
    anybodys,
    id_of,
    is_id,
    key_of,
    kind_of,
    page_key,
    shared_key,
    user_of,
)

VERSION = 1
MAX_KEPT_PAGE_BYTES = 4 * 1024 * 1024
SCAN_COUNT = 1_000
COMMAND_SECONDS = 5.0
REWRITE_SECONDS = 60.0
POLL_SECONDS = 0.02

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Retention:
    """Seconds until a thing is gone. page_seconds may be 0: fetched pages are not kept."""

    answer_seconds: int
    thread_seconds: int
    page_seconds: int

    @classmethod
    def of(cls, answer_days: float, thread_days: float, page_hours: float) -> "Retention":
        """As the settings have it; the shortest time that the store knows is a second."""
        day = 24 * 3_600
        return cls(max(1, round(answer_days * day)), max(1, round(thread_days * day)), round(page_hours * 3_600))


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many of each were removed. evidence: answers whose cited pages were kept; files, batches: as in
    workers/batch; slack: questions that were asked there, and opinions on their answers."""

    answers: int = 0
    evidence: int = 0
    threads: int = 0
    turns: int = 0
    files: int = 0
    batches: int = 0
    slack: int = 0

    def __add__(self, other: "Forgotten") -> "Forgotten":
        return Forgotten(
            self.answers + other.answers,
            self.evidence + other.evidence,
            self.threads + other.threads,
            self.turns + other.turns,
            self.files + other.files,
            self.batches + other.batches,
            self.slack + other.slack,
        )


@dataclass(frozen=True, slots=True)
class Health:
    """A store that answered. poisoned: values that did not pass their schema since this process began."""

    server: str
    version: int
    poisoned: int


@asynccontextmanager
async def open_store(address: str, retention: Retention) -> AsyncIterator["Store"]:
    """address: redis://, rediss:// or unix://. Brings an older layout up to date.

    Raises StoreDown, StoreTooNew.
    """
    # redis-py's own limit is 5 s as well, since 8.0; but one that is not written here may change again.
    try:
        client = Redis.from_url(
            address,
            socket_timeout=COMMAND_SECONDS,
            socket_connect_timeout=COMMAND_SECONDS,
            health_check_interval=30,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 1),
        )
    except ValueError:  # its words repeat the address, password and all
        raise StoreDown("the address in KAOZHENG_REDIS_URL is not understood") from None
    store = Store(client, retention)
    try:
        await store.migrate()
        yield store
    finally:
        await client.aclose()


class Store:
    """Every method raises StoreDown when the server does not answer within about ten seconds."""

    def __init__(self, client: Redis, retention: Retention) -> None:
        """client: answers with bytes; whoever made it closes it."""
        self.client, self._retention = client, retention
        self.poisoned = self.pages_asked = self.pages_found = 0

    async def migrate(self) -> None:
        """Marks an empty store with our version; an older one does not exist yet, a newer one is refused."""
        with reaching():
            await self.client.set(VERSION_KEY, VERSION, nx=True)
            found = cast(bytes, await self.client.get(VERSION_KEY))
        if not found.isdigit() or int(found) > VERSION:
            raise StoreTooNew(
                f"the store has version {found.decode(errors='replace')[:20]} and this program knows {VERSION}; "
                "install the newer program, or choose another KAOZHENG_DATA_DIR or KAOZHENG_REDIS_URL"
            )

    async def put_answer(self, answer: Answer, pages: Sequence[Webpage], owner: Owner) -> None:
        """Keeps the answer, the pages that it cites, and its turn: all or nothing. pages[0] is [citation:1].

        Raises ValueError for an id that is none, RecordPoisoned for text that cannot be kept.
        """
        if not is_id(answer.id):
            raise ValueError("an answer's id has 1 to 64 letters, digits, - and _")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        stored = ANSWER.write(StoredAnswer(answer, now, owner.thread))
        evidence = {str(each.number): EVIDENCE.write(each) for each in _cited(answer, pages, now)}
        seconds = self._retention.answer_seconds
        with reaching():
            async with self.client.pipeline(transaction=True) as pipe:
                pipe.set(key_of(owner.user, "answer", answer.id), stored, ex=seconds)
                pipe.delete(key_of(owner.user, "evidence", answer.id))
                for number, record in evidence.items():
                    pipe.hset(key_of(owner.user, "evidence", answer.id), number, record)
                pipe.expire(key_of(owner.user, "evidence", answer.id), seconds)
                enlist(pipe, owner.user, answer.id, seconds)
                if owner.thread:
                    self._put_turn(pipe, answer, owner)
                await pipe.execute()

    def _put_turn(self, pipe: Pipeline, answer: Answer, owner: Owner) -> None:
        """A transaction that is repeated after a lost reply leaves one turn, not two."""
        key = key_of(owner.user, "thread", owner.thread)
        turn = TURN.write(StoredTurn(answer.id, Turn(answer.question, answer.text)))
        pipe.lrem(key, 0, cast(str, turn))
        pipe.rpush(key, turn)
        pipe.ltrim(key, -MAX_HISTORY_TURNS, -1)
        pipe.expire(key, self._retention.thread_seconds)

    async def get_answer(self, answer_id: str, user: str) -> StoredAnswer | None:
        """None: this user has no answer with this id."""
        if not is_id(answer_id):
            return None
        return self._read(ANSWER, await self._get(key_of(user, "answer", answer_id)))

    async def list_answers(self, user: str, after: str, limit: int) -> tuple[StoredAnswer, ...] | None:
        """The user's answers, the latest first, at most so many behind the one with the id `after` ("": from the
        latest on); None when that one is not listed.
        """
        with reaching():
            ids = await ids_behind(self.client, user, after)
            found = await records_of(self.client, user, ids or [], limit)
        kept = tuple(answer for record in found if (answer := self._read(ANSWER, record)))
        return None if ids is None else kept

    async def evidence(self, answer_id: str, user: str) -> tuple[Evidence, ...]:
        """The pages that the answer cites, as they were read, by number."""
        if not is_id(answer_id):
            return ()
        with reaching():
            key = key_of(user, "evidence", answer_id)
            found = await cast(Awaitable[dict[bytes, bytes]], self.client.hgetall(key))
        kept = [each for record in found.values() if (each := self._read(EVIDENCE, record))]
        return tuple(sorted(kept, key=lambda each: each.number))

    async def source(self, answer_id: str, user: str, number: int) -> Evidence | None:
        """The page that the answer cites as [citation:number], as it was read; None when it is not kept.

        Raises RecordPoisoned when what is kept was changed: whoever shows evidence must not pass over that.
        """
        if not is_id(answer_id):
            return None
        with reaching():
            key = key_of(user, "evidence", answer_id)
            found = await cast(Awaitable[bytes | None], self.client.hget(key, str(number)))
        try:
            kept = None if found is None else EVIDENCE.read(found)
            if kept is not None and kept.number != number:
                raise RecordPoisoned(f"the page kept as {number} says that it is {kept.number}")
        except RecordPoisoned:
            self.poisoned += 1
            raise
        return kept

    async def thread(self, user: str, thread_id: str) -> tuple[Turn, ...]:
        """The turns of a thread, the oldest first, at most the 50 that a question may carry."""
        kept = [self._read(TURN, record) for record in await self._turns(user, thread_id)]
        return tuple(each.turn for each in kept if each)

    async def get_page(self, url: str) -> KeptPage | None:
        """What came of this address not long ago."""
        found = self._read(PAGE, await self._get(page_key(url)))
        self.pages_asked += 1
        self.pages_found += found is not None
        return found

    async def put_page(self, url: str, kept: KeptPage, seconds: float) -> bool:
        """Keeps what came of the address for so long; False for what is not to be shared: an upload, a file of the
        library, a page of more than 4 MiB, or anything when page_seconds is 0.
        """
        record = PAGE.write(kept)
        addresses = (url, kept.page.url) if kept.page else (url,)
        ours = all(address.startswith(("http://", "https://")) for address in addresses)
        if not ours or len(record) > MAX_KEPT_PAGE_BYTES or not self._retention.page_seconds or seconds < 1:
            return False
        with reaching():
            await self.client.set(page_key(url), record, ex=int(seconds))
        return True

    async def forget_answer(self, user: str, answer_id: str) -> Forgotten:
        """The answer, its evidence, its turn and the events that led to it; the other turns of its thread stay."""
        if not is_id(answer_id):
            return Forgotten()
        links = await self._links([key_of(user, "shares", answer_id)])
        with reaching():
            async with self.client.pipeline(transaction=True) as pipe:
                pipe.delete(key_of(user, "answer", answer_id))
                pipe.delete(key_of(user, "evidence", answer_id))
                pipe.delete(*(key_of(user, kind, answer_id) for kind in ("run", "events", "lease", "shares")), *links)
                strike(pipe, user, answer_id)
                for key, turn in await self._turns_of(user, answer_id):
                    pipe.lrem(key, 0, cast(str, turn))
                answers, evidence, _, _, *turns = await pipe.execute()
        return Forgotten(answers, evidence, turns=sum(turns))

    async def forget_thread(self, user: str, thread_id: str) -> Forgotten:
        """The thread and every answer that was given in it, also those whose turns are gone already."""
        if not is_id(thread_id):
            return Forgotten()
        turns = await self._turns(user, thread_id)
        named = {each.answer_id for turn in turns if (each := self._read(TURN, turn)) and is_id(each.answer_id)}
        ids = sorted(named | await self._answers_in(user, thread_id))
        shares = [key_of(user, "shares", id_) for id_ in ids]
        links = await self._links(shares)
        with reaching():
            async with self.client.pipeline(transaction=True) as pipe:
                pipe.delete(key_of(user, "thread", thread_id))
                for kind in ("answer", "evidence"):
                    for id_ in ids:
                        pipe.delete(key_of(user, kind, id_))
                for key in (*shares, *links):
                    pipe.delete(key)
                strike(pipe, user, *ids)
                threads, *removed = await pipe.execute()
        count = len(ids)
        return Forgotten(sum(removed[:count]), sum(removed[count : 2 * count]), threads, len(turns))

    async def forget_user(self, user: str) -> Forgotten:
        """Everything that is kept under this user's name."""
        keys = await self._scan(all_of(user))
        turns = [len(await self._turns(user, id_of(key))) for key in keys if kind_of(key) == "thread"]
        links = await self._links([key for key in keys if kind_of(key) == "shares"])
        if keys:
            with reaching():
                await self.client.delete(*keys, *links)
        kinds = [kind_of(key) for key in keys]
        counts = (kinds.count("answer"), kinds.count("evidence"), kinds.count("thread"), sum(turns))
        return Forgotten(*counts, files=kinds.count("file"))

    async def rewrite_file(self) -> bool:
        """Writes the server's append-only file anew, in which forgotten things stand until then.

        False: the server does not let us, or took longer than a minute; then it is its operator's to do.
        """
        with reaching():
            try:
                await self.client.bgrewriteaof()
            except ResponseError as error:
                if "in progress" not in str(error):
                    return False
            for _ in range(round(REWRITE_SECONDS / POLL_SECONDS)):
                progress = await self.client.info("persistence")
                if not (progress.get("aof_rewrite_in_progress") or progress.get("aof_rewrite_scheduled")):
                    return True
                await asyncio.sleep(POLL_SECONDS)
        return False

    async def owners(self, kind: Kind, id_: str) -> tuple[str, ...]:
        """Whose answer or thread it is; for the operator, who may know the id alone."""
        keys = await self._scan(anybodys(kind, id_)) if is_id(id_) else []
        return tuple(sorted({user_of(key) for key in keys}))

    async def health(self) -> Health:
        """Raises StoreDown instead of saying that it is down."""
        with reaching():
            server = await self.client.info("server")
        name = server.get("valkey_version") or server.get("redis_version") or ""
        return Health(str(name), VERSION, self.poisoned)

    async def _get(self, key: str) -> bytes | None:
        with reaching():
            return cast("bytes | None", await self.client.get(key))

    async def _turns(self, user: str, thread_id: str) -> list[bytes]:
        if not is_id(thread_id):
            return []
        with reaching():
            key = key_of(user, "thread", thread_id)
            return await cast(Awaitable[list[bytes]], self.client.lrange(key, 0, -1))

    async def _answers_in(self, user: str, thread_id: str) -> set[str]:
        """Their ids, also of those that the thread is too long to name."""
        found = set()
        for key in await self._scan(all_of(user, "answer")):
            kept = self._read(ANSWER, await self._get(key))
            if kept and kept.thread == thread_id:
                found.add(id_of(key))
        return found

    async def _turns_of(self, user: str, answer_id: str) -> list[tuple[str, bytes]]:
        """Found by their bytes in any thread of the user, so that those of an answer that is gone already are
        found as well. Inside a text of the turn the quotation marks would be escaped.
        """
        mark = f'"answer_id":"{answer_id}"'.encode()
        return [
            (key, turn)
            for key in await self._scan(all_of(user, "thread"))
            for turn in await self._turns(user, id_of(key))
            if mark in turn
        ]

    async def _links(self, shares: Sequence[str]) -> list[str]:
        """The keys by which the links to these answers are found. shares: keys of what is known of them."""
        found: list[str] = []
        for key in shares:
            with reaching():
                hashes = await cast(Awaitable[list[bytes]], self.client.hkeys(key))
            found += [shared_key(hash_.decode()) for hash_ in hashes]
        return found

    async def _scan(self, pattern: str) -> list[str]:
        with reaching():
            return sorted({key.decode() async for key in self.client.scan_iter(pattern, SCAN_COUNT)})

    def _read(self, record: Record[Value], found: bytes | None) -> Value | None:
        if found is None:
            return None
        try:
            return record.read(found)
        except RecordPoisoned:
            self.poisoned += 1
            return None


@contextmanager
def reaching() -> Iterator[None]:
    """Turns what the client says into StoreDown; its words hold the address without the password."""
    try:
        yield
    except RedisError as error:
        why = f"the store does not answer: {error}; is it running, is KAOZHENG_REDIS_URL right?"
        raise StoreDown(why, refused=isinstance(error, ResponseError)) from None


def _cited(answer: Answer, pages: Sequence[Webpage], now: str) -> list[Evidence]:
    numbers = {each.number for each in answer.citations} | {each.number for each in answer.supports}
    return [
        Evidence(number, page.url, page.title, page.read or answer.created or now, page.sha256, page.text)
        for number, page in enumerate(pages, 1)
        if number in numbers
    ]
