"""Runs that live in the store: their events as a stream that any replica writes once and reads as often as it likes.

    kz:u:USER:run:ID      hash: status, thread, created, cancel (the reason, once somebody asked for it), request
    kz:u:USER:events:ID   stream; the entry 0-N is event N, from 1
    kz:u:USER:runs:listed sorted set: ids of runs that the user may list, by when they began
    kz:u:USER:lease:ID    there while a replica works on it

One writer: an entry that is not newer than the last is refused by the server, and nothing follows the last event. A run
whose lease is gone ends with `failed`, written by whoever notices first.
"""

import re
from collections.abc import AsyncGenerator, Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args

from pydantic_core import from_json, to_json
from redis.asyncio import Redis

from workers.sse import Message
from workers.store import reaching
from workers.store_errors import RecordPoisoned
from workers.store_keys import is_id, key_of

RunStatus = Literal["running", "answered", "failed", "cancelled"]
LEASE_SECONDS = 10.0
KEPT_SECONDS = 24 * 3_600
MAX_EVENTS = 20_000
MAX_LISTED = 1_000
READ_AT_ONCE = 200
BLOCK_MS = 1_000
LOST = "the replica that worked on this question is gone; ask again"
_Entries = list[tuple[bytes, dict[bytes, bytes]]]
_NUMBER = re.compile(rb"0-(\d{1,9})")
_NAME = re.compile(r"[a-z_]{1,40}")

_APPEND = """
if redis.call('HGET', KEYS[1], 'status') ~= 'running' then return {'ended'} end
for i = 5, #ARGV, 3 do
  redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[3], '0-' .. ARGV[i], 'name', ARGV[i + 1], 'data', ARGV[i + 2])
end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'status', ARGV[4]) redis.call('DEL', KEYS[3])
else redis.call('SET', KEYS[3], '1', 'PX', ARGV[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2]) redis.call('EXPIRE', KEYS[2], ARGV[2])
return {'running', redis.call('HGET', KEYS[1], 'cancel') or ''}
"""
_END_LOST = """
if redis.call('HGET', KEYS[1], 'status') ~= 'running' or redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
local number = last[1] and tonumber(string.match(last[1][1], '%-(%d+)')) or 0
redis.call('XADD', KEYS[2], '0-' .. (number + 1), 'name', 'failed', 'data', ARGV[1])
redis.call('HSET', KEYS[1], 'status', 'failed')
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
"""


_BEGIN_ONCE = """
local found = redis.call('GET', KEYS[1])
if found then return found end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('HSET', KEYS[2], 'status', 'running', 'thread', ARGV[3], 'created', ARGV[4], 'request', ARGV[6])
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('SET', KEYS[3], '1', 'PX', ARGV[5])
return ARGV[1]
"""


@dataclass(frozen=True, slots=True)
class Once:
    """A run that is begun under a key of the caller's. id: the key's hash; fingerprint: of what was asked; request: as
    in RunHead."""

    id: str
    fingerprint: str
    run_id: str
    thread: str
    request: str = ""


class RunEnded(Exception):
    """It has its last event, or was forgotten: nothing more can be written."""


@dataclass(frozen=True, slots=True)
class RunHead:
    """What is known of a run without its events. created: ISO 8601, UTC; request: what a dialect must repeat of the
    request, as JSON, "" for none."""

    id: str
    thread: str
    status: RunStatus
    created: str
    cancelling: bool = False
    request: str = ""


class RunLog:
    """Every method raises StoreDown when the server does not answer. An id that is unknown, foreign or malformed finds
    nothing, and all three look the same."""

    def __init__(self, client: Redis, lease_seconds: float = LEASE_SECONDS, max_events: int = MAX_EVENTS) -> None:
        """client: answers with bytes; whoever made it closes it."""
        self._client, self._max_events = client, max_events
        self.lease_seconds = lease_seconds
        self._append, self._end_lost = client.register_script(_APPEND), client.register_script(_END_LOST)
        self._begin_once = client.register_script(_BEGIN_ONCE)

    async def begin(self, user: str, run_id: str, thread: str, request: str = "") -> None:
        created = datetime.now(UTC).isoformat(timespec="seconds")
        head: dict[Any, Any] = {"status": "running", "thread": thread, "created": created, "request": request}
        with reaching():
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.hset(key_of(user, "run", run_id), mapping=head)
                pipe.expire(key_of(user, "run", run_id), KEPT_SECONDS)
                pipe.set(key_of(user, "lease", run_id), 1, px=round(self.lease_seconds * 1_000))
                await pipe.execute()

    async def begin_once(self, user: str, once: Once) -> Once:
        """Begins the run, or says which one was begun under the same key in the last 24 hours: one script does both."""
        record = f"{once.fingerprint} {once.run_id} {once.thread}"
        created = datetime.now(UTC).isoformat(timespec="seconds")
        keys = [key_of(user, "once", once.id), key_of(user, "run", once.run_id), key_of(user, "lease", once.run_id)]
        arguments: list[str | int] = [record, KEPT_SECONDS, once.thread, created, round(self.lease_seconds * 1_000)]
        arguments.append(once.request)
        with reaching():
            return _once(once.id, bytes(await self._begin_once(keys, arguments)))

    async def begun(self, user: str, once_id: str) -> Once | None:
        """What was begun under this key; None for nothing."""
        with reaching():
            found = cast("bytes | None", await self._client.get(key_of(user, "once", once_id)))
        return None if found is None else _once(once_id, found)

    async def enlist(self, user: str, run_id: str) -> None:
        """Remembers the run among those that the user may list, for as long as runs are kept."""
        key = key_of(user, "runs", "listed")
        now = datetime.now(UTC).timestamp()
        with reaching():
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.zadd(key, {run_id: now}, nx=True)
                pipe.zremrangebyscore(key, "-inf", now - KEPT_SECONDS)
                pipe.zremrangebyrank(key, 0, -MAX_LISTED - 1)
                pipe.expire(key, KEPT_SECONDS)
                await pipe.execute()

    async def enlisted(self, user: str, most: int) -> list[RunHead]:
        """The latest first; what was forgotten is left out."""
        with reaching():
            found = cast("list[bytes]", await self._client.zrevrange(key_of(user, "runs", "listed"), 0, most - 1))
        heads = [await self.head(user, each.decode("ascii", "replace")) for each in found]
        return [head for head in heads if head is not None]

    async def append(self, user: str, run_id: str, messages: Sequence[tuple[int, Message]]) -> str:
        """Writes the numbered messages and renews the lease; none at all only renews it. The reason for which somebody
        wants the run cancelled, "" when nobody does. Raises RunEnded."""
        status = next((status_after(message) for _, message in messages if message.last), "")
        entries: list[str | bytes] = []
        for number, message in messages:
            entries += [str(number), message.name, to_json(message.fields, inf_nan_mode="constants")]
        arguments = [round(self.lease_seconds * 1_000), KEPT_SECONDS, self._max_events, status, *entries]
        with reaching():
            state, *cancel = await self._append(_keys(user, run_id), arguments)
        if state != b"running":
            raise RunEnded
        return bytes(cancel[0]).decode("utf-8", "replace")

    async def head(self, user: str, run_id: str) -> RunHead | None:
        """None: this user has no such run. A run that lost its replica ends here."""
        if not is_id(run_id):
            return None
        with reaching():
            await self._end_lost(
                _keys(user, run_id), [to_json({"code": "replica_lost", "message": LOST}), KEPT_SECONDS]
            )
            found = await cast(Awaitable[dict[bytes, bytes]], self._client.hgetall(key_of(user, "run", run_id)))
        text = {name.decode("ascii", "replace"): value.decode("utf-8", "replace") for name, value in found.items()}
        if text.get("status") not in get_args(RunStatus):
            return None
        status = cast(RunStatus, text["status"])
        created, request = text.get("created", ""), text.get("request", "")
        return RunHead(run_id, text.get("thread", ""), status, created, "cancel" in text, request)

    async def cancel(self, user: str, run_id: str, reason: str) -> RunHead | None:
        """Asks whoever works on it to stop; the head as it was before. Asking twice is asking once."""
        head = await self.head(user, run_id)
        if head is not None and head.status == "running":
            with reaching():
                await self._client.hset(key_of(user, "run", run_id), "cancel", reason)
        return head

    async def read(self, user: str, run_id: str, after: int = 0) -> AsyncGenerator[tuple[int, Message], None]:
        """The events behind number `after`, as they come, to the last. One that says `gap` stands for those that the
        store no longer holds. Ends at once for a run that is not there."""
        first = await self._first(user, run_id)
        if first > after + 1:
            yield first - 1, Message("gap", {"from": after + 1, "to": first - 1})
            after = first - 1
        while True:
            ended = (head := await self.head(user, run_id)) is None or head.status != "running"
            for number, message in await self._next(user, run_id, after, wait=not ended):
                yield number, message
                after = number
                ended = False  # there may be more behind these
                if message.last:
                    return
            if ended:
                return

    async def last(self, user: str, run_id: str) -> tuple[int, Message] | None:
        """The latest event, with its number; None before the first."""
        with reaching():
            found = cast(_Entries, await self._client.xrevrange(key_of(user, "events", run_id), count=1))
        return _recorded(*found[0]) if found else None

    async def _first(self, user: str, run_id: str) -> int:
        with reaching():
            found = cast(_Entries, await self._client.xrange(key_of(user, "events", run_id), count=1))
        return _number(found[0][0]) if found else 0

    async def _next(self, user: str, run_id: str, after: int, *, wait: bool) -> list[tuple[int, Message]]:
        key = key_of(user, "events", run_id)
        with reaching():
            read = await self._client.xread({key: f"0-{after}"}, READ_AT_ONCE, BLOCK_MS if wait else None)
        found = cast("list[tuple[bytes, _Entries]]", read or [])
        return [_recorded(entry, fields) for _, entries in found for entry, fields in entries]


def _once(once_id: str, record: bytes) -> Once:
    """Raises RecordPoisoned."""
    found = record.decode("ascii", "replace").split(" ")
    if len(found) != 3 or not is_id(found[1]):
        raise RecordPoisoned("what is kept of an Idempotency-Key is none")
    return Once(once_id, *found)


def status_after(message: Message) -> RunStatus:
    """Of a run whose last message this is."""
    return cast(RunStatus, message.name) if message.name in ("answered", "cancelled") else "failed"


def _keys(user: str, run_id: str) -> list[str]:
    return [key_of(user, "run", run_id), key_of(user, "events", run_id), key_of(user, "lease", run_id)]


def _number(entry: bytes) -> int:
    found = _NUMBER.fullmatch(entry)
    if found is None:
        raise RecordPoisoned("a kept event has no number")
    return int(found[1])


def _recorded(entry: bytes, fields: dict[bytes, bytes]) -> tuple[int, Message]:
    """Raises RecordPoisoned for anything but what append wrote."""
    name = fields.get(b"name", b"").decode("ascii", "replace")
    try:
        value = from_json(fields.get(b"data", b""), allow_inf_nan=False)
    except ValueError as error:
        raise RecordPoisoned(f"a kept event is no JSON: {error}") from None
    if not _NAME.fullmatch(name) or not isinstance(value, dict):
        raise RecordPoisoned("a kept event is none")
    return _number(entry), Message(name, value, name in get_args(RunStatus))
