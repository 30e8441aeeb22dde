"""Where accepted questions lie until they are answered: each is taken up again when its worker dies, none twice.

    kz:slack:question:ID   hash: record, thread, owner, state, attempts, taken, token, delivery (JSON), cancel (why)
    kz:slack:waiting       sorted set of ids, by the time from which they may be answered (seconds since 1970)
    kz:slack:working       sorted set of ids, by the end of their lease
    kz:slack:threads       hash: thread -> the id that is being answered in it
    kz:slack:spent:NAME    how many questions a user or a channel has asked in this hour
    kz:slack:once:SHA      signatures that were seen

One script makes each change of state, so that two bots at one desk never hold one question.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Literal, cast

from redis.asyncio import BlockingConnectionPool, Redis

from workers.slack.errors import QuestionLost
from workers.slack.question import QUESTION, SlackQuestion
from workers.store import COMMAND_SECONDS, reaching
from workers.store_errors import RecordPoisoned

PREFIX = "kz:slack:"
QUESTIONS, WAITING, WORKING, THREADS = (PREFIX + name for name in ("question:", "waiting", "working", "threads"))
KEPT_SECONDS = 30 * 24 * 3_600
HOUR_SECONDS = 3_600
TOMBSTONE_SECONDS = 24 * 3_600
"""A message may be deleted before we hear that it was written."""
MAX_ATTEMPTS = 3
MAX_CONNECTIONS = 16
State = Literal["waiting", "working", "done", "failed", "cancelled"]
Outcome = Literal["accepted", "known", "user_limit", "channel_limit"]

_ACCEPT = """
if redis.call('EXISTS', KEYS[1]) == 1 then return {'known', 0} end
for i = 1, 2 do
  local most = tonumber(ARGV[5 + i])
  if most > 0 and tonumber(redis.call('GET', KEYS[3 + i]) or '0') >= most then
    return {i == 1 and 'user_limit' or 'channel_limit', redis.call('TTL', KEYS[3 + i])}
  end
end
for i = 1, 2 do
  if redis.call('INCR', KEYS[3 + i]) == 1 then redis.call('EXPIRE', KEYS[3 + i], 3600) end
end
redis.call('HSET', KEYS[1], 'record', ARGV[2], 'thread', ARGV[3], 'owner', ARGV[8], 'state', 'waiting')
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
return {'accepted', redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[3]) - 1}
"""
_TAKE = """
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, 200)) do
  redis.call('ZREM', KEYS[2], id)
  if redis.call('HGET', ARGV[4] .. id, 'state') == 'working' then redis.call('ZADD', KEYS[1], 0, id) end
end
local busy = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, 499)) do
  local owner = redis.call('HGET', ARGV[4] .. id, 'owner') or ''
  busy[owner] = (busy[owner] or 0) + 1
end
local best, fewest
local looked = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 500)) do
  local key = ARGV[4] .. id
  local found = redis.call('HMGET', key, 'thread', 'owner')
  if not found[1] then
    redis.call('ZREM', KEYS[1], id)
  else
    local holder = redis.call('HGET', KEYS[3], found[1])
    if holder and holder ~= id and redis.call('HGET', ARGV[4] .. holder, 'state') ~= 'working' then holder = false end
    local mine = busy[found[2] or ''] or 0
    if not holder or holder == id then
      looked = looked + 1
      if not best or mine < fewest then best, fewest = id, mine end
      if mine == 0 or looked == 50 then break end
    end
  end
end
if not best then return false end
local key = ARGV[4] .. best
redis.call('ZREM', KEYS[1], best)
redis.call('ZADD', KEYS[2], ARGV[2], best)
redis.call('HSET', KEYS[3], redis.call('HGET', key, 'thread'), best)
redis.call('HSET', key, 'state', 'working', 'token', ARGV[3])
local attempts = redis.call('HINCRBY', key, 'attempts', 1)
return {best, redis.call('HGET', key, 'record'), attempts, redis.call('HINCRBY', key, 'taken', 1),
        redis.call('HGET', key, 'delivery') or '', redis.call('HGET', key, 'cancel') or ''}
"""
_RENEW = """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[2] or redis.call('HGET', KEYS[1], 'state') ~= 'working' then
  return false
end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'delivery', ARGV[4]) end
return redis.call('HGET', KEYS[1], 'cancel') or ''
"""
_FINISH = """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[2] or redis.call('HGET', KEYS[1], 'state') ~= 'working' then
  return 0
end
redis.call('ZREM', KEYS[2], ARGV[1])
local thread = redis.call('HGET', KEYS[1], 'thread')
if redis.call('HGET', KEYS[3], thread) == ARGV[1] then redis.call('HDEL', KEYS[3], thread) end
redis.call('HSET', KEYS[1], 'state', ARGV[3])
redis.call('HDEL', KEYS[1], 'token')
if ARGV[3] == 'waiting' then redis.call('ZADD', KEYS[4], ARGV[4], ARGV[1]) end
if ARGV[5] == '0' then redis.call('HINCRBY', KEYS[1], 'attempts', -1) end
return 1
"""
_CANCEL = """
local state = redis.call('HGET', KEYS[1], 'state')
if not state then
  redis.call('HSET', KEYS[1], 'state', 'cancelled')
  redis.call('EXPIRE', KEYS[1], ARGV[3])
  return 'unknown'
end
if state == 'waiting' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('HSET', KEYS[1], 'state', 'cancelled')
elseif state == 'working' then
  redis.call('HSET', KEYS[1], 'cancel', ARGV[2])
end
return state
"""
_REWORD = """
if redis.call('HGET', KEYS[1], 'state') ~= 'waiting' then return 0 end
redis.call('HSET', KEYS[1], 'record', ARGV[1])
return 1
"""


@dataclass(frozen=True, slots=True)
class Accepted:
    """ahead: questions before this one; wait_seconds: until the limit lets more in, 0 where it did."""

    outcome: Outcome
    ahead: int = 0
    wait_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was already said of a question. channel, thread_ts: where; stream_ts: of the message that is or was
    streamed."""

    channel: str = ""
    thread_ts: str = ""
    stream_ts: str = ""


@dataclass(slots=True)
class Taken:
    """A question in hand, until its lease ends. attempts: those that count; times: how often it was taken at all."""

    question: SlackQuestion
    token: str
    attempts: int
    times: int
    delivery: Delivery = field(default_factory=Delivery)
    cancelled: str = ""


@dataclass(frozen=True, slots=True)
class HourLimits:
    """Questions in an hour, 0 for any number."""

    user: int = 0
    channel: int = 0


def desk_client(address: str) -> Redis:
    """A client that waits for a free connection: redis-py refuses the 101st, and a thousand events may come at once."""
    pool = BlockingConnectionPool.from_url(
        address,
        max_connections=MAX_CONNECTIONS,
        timeout=COMMAND_SECONDS,
        socket_timeout=COMMAND_SECONDS,
        socket_connect_timeout=COMMAND_SECONDS,
    )
    return Redis.from_pool(pool)


class Desk:
    """Every method raises StoreDown when the store does not answer."""

    def __init__(self, client: Redis, lease_seconds: float = 30.0, now: Callable[[], float] = time.time) -> None:
        """client: answers with bytes; whoever made it closes it."""
        self.client, self.lease_seconds, self.now = client, lease_seconds, now
        self._accept, self._take = client.register_script(_ACCEPT), client.register_script(_TAKE)
        self._renew, self._finish = client.register_script(_RENEW), client.register_script(_FINISH)
        self._cancel, self._reword = client.register_script(_CANCEL), client.register_script(_REWORD)

    async def warm(self) -> None:
        """Opens the connections before the first questions come, so that these need not wait for it."""
        with reaching():
            await asyncio.gather(*(self.client.ping() for _ in range(MAX_CONNECTIONS)))

    async def accept(self, question: SlackQuestion, limits: HourLimits, ready_at: float = 0.0) -> Accepted:
        """Keeps the question, once. ready_at: seconds since 1970 before which nobody begins it."""
        hour = int(self.now() // HOUR_SECONDS)
        user, channel = (
            f"{PREFIX}spent:{one}:{hour}" for one in (question.owner, f"{question.team}:{question.channel}")
        )
        at = ready_at or self.now()
        arguments: list[str | bytes | int | float] = [
            question.id,
            QUESTION.write(question),
            question.thread,
            at,
            KEPT_SECONDS,
            limits.user,
            limits.channel,
            question.owner,
        ]
        with reaching():
            outcome, number = await self._accept([QUESTIONS + question.id, WAITING, WORKING, user, channel], arguments)
        told = cast(Outcome, bytes(outcome).decode())
        return Accepted(told, int(number)) if told == "accepted" else Accepted(told, 0, max(0, int(number)))

    async def take(self) -> Taken | None:
        """The next question that waits in a thread where none is being answered; None while there is none. Of several,
        that of whoever has the fewest in hand: nobody who asks much keeps others waiting."""
        token, now = secrets.token_hex(8), self.now()
        with reaching():
            found = await self._take([WAITING, WORKING, THREADS], [now, now + self.lease_seconds, token, QUESTIONS])
        if not found:
            return None
        id_, record, attempts, times, delivery, cancelled = found
        try:
            question = QUESTION.read(bytes(record))
        except RecordPoisoned:
            await self._end([bytes(id_).decode("ascii", "replace"), token, "failed", 0, 1])
            raise
        return Taken(question, token, int(attempts), int(times), _delivery(bytes(delivery)), bytes(cancelled).decode())

    async def renew(self, taken: Taken, delivery: Delivery | None = None) -> str:
        """A new lease, and what was said written down; why somebody wants it stopped, "" when nobody does.

        Raises QuestionLost."""
        if delivery is not None:
            taken.delivery = delivery
        written = json.dumps(asdict(delivery)) if delivery is not None else ""
        arguments: list[str | float] = [taken.question.id, taken.token, self.now() + self.lease_seconds, written]
        with reaching():
            found = await self._renew([QUESTIONS + taken.question.id, WORKING], arguments)
        if found is None:
            raise QuestionLost(taken.question.id)
        taken.cancelled = bytes(found).decode("utf-8", "replace")
        return taken.cancelled

    async def note(self, taken: Taken, **changes: str) -> None:
        """Writes down what was said. Raises QuestionLost."""
        await self.renew(taken, replace(taken.delivery, **changes))

    async def finish(self, taken: Taken, state: State) -> None:
        """The last word was said."""
        await self._end([taken.question.id, taken.token, state, 0, 1])

    async def give_back(self, taken: Taken, ready_at: float, counts: bool) -> None:
        """It is to be tried again, from ready_at on (seconds since 1970). counts: as one of the few attempts."""
        await self._end([taken.question.id, taken.token, "waiting", ready_at, int(counts)])

    async def _end(self, arguments: list[str | int | float]) -> None:
        with reaching():
            await self._finish([f"{QUESTIONS}{arguments[0]}", WORKING, THREADS, WAITING], arguments)

    async def cancel(self, id_: str, reason: str) -> str:
        """Stops a question that waits or is being answered; one that comes later is not begun. How it stood."""
        with reaching():
            found = await self._cancel([QUESTIONS + id_, WAITING], [id_, reason, TOMBSTONE_SECONDS])
        return bytes(found).decode()

    async def stop(self, channel: str, thread_ts: str, reason: str) -> tuple[str, ...]:
        """Stops what is being answered in a thread and what waits in it; the ids of what was stopped."""
        with reaching():
            ids = [*await self.client.zrange(WORKING, 0, 999), *await self.client.zrange(WAITING, 0, 999)]
        stopped = []
        for id_ in (bytes(one).decode("ascii", "replace") for one in ids):
            question, said = await self.question(id_), await self.delivery(id_)
            places = {(said.channel, said.thread_ts)}
            places |= {(question.channel, question.thread_ts)} if question else set()
            if (channel, thread_ts) in places and await self.cancel(id_, reason) in ("waiting", "working"):
                stopped.append(id_)
        return tuple(stopped)

    async def reword(self, question: SlackQuestion) -> bool:
        """Takes the new text of a question that still waits."""
        with reaching():
            return bool(await self._reword([QUESTIONS + question.id], [QUESTION.write(question)]))

    async def question(self, id_: str) -> SlackQuestion | None:
        """One that was accepted in the last thirty days."""
        with reaching():
            found = await cast(Awaitable[bytes | None], self.client.hget(QUESTIONS + id_, "record"))
        return QUESTION.read(found) if found else None

    async def delivery(self, id_: str) -> Delivery:
        """What was said of a question."""
        with reaching():
            found = await cast(Awaitable[bytes | None], self.client.hget(QUESTIONS + id_, "delivery"))
        return _delivery(found or b"")

    async def state(self, id_: str) -> str:
        """How a question stands, "" for one that is not known."""
        with reaching():
            return (await cast(Awaitable[bytes | None], self.client.hget(QUESTIONS + id_, "state")) or b"").decode()

    async def ahead(self, id_: str) -> int:
        """How many questions are before one that waits, those that are being answered included; 0 for one that does not
        wait."""
        with reaching():
            rank = cast("int | None", await self.client.zrank(WAITING, id_))
            working = int(await self.client.zcard(WORKING))
        return 0 if rank is None else rank + working

    async def once(self, name: str, seconds: int) -> bool:
        """Whether this name is seen for the first time in so many seconds."""
        with reaching():
            return bool(await self.client.set(f"{PREFIX}once:{name}", 1, nx=True, ex=seconds))

    async def again(self, name: str) -> None:
        """What was seen once may be seen again."""
        with reaching():
            await self.client.delete(f"{PREFIX}once:{name}")


def _delivery(record: bytes) -> Delivery:
    try:
        fields = json.loads(record) if record else {}
        return Delivery(
            str(fields.get("channel", "")),
            str(fields.get("thread_ts", "")),
            str(fields.get("stream_ts", "")),
        )
    except (ValueError, AttributeError, TypeError):
        raise RecordPoisoned("what is kept of a delivery is none") from None
