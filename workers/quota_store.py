"""What each key has used, counted in the store, so that all replicas share one count.

    kz:u:USER:quota:minute          sorted set: the requests of the last 60 s, by their time
    kz:u:USER:quota:day-2026-11-22  hash of a UTC day: requests, tokens, upload_bytes, cost (millionths)
    kz:u:USER:quota:cost            all that the key has cost (millionths)
    kz:u:USER:quota:runs            sorted set: the runs that go on, by the time at which their lease ends

Each decision is one script, so that two replicas never let the same last request through.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, cast

import structlog
from redis.asyncio import Redis

from workers.problems import Problem
from workers.quota import Quota
from workers.store import reaching
from workers.store_errors import StoreDown
from workers.store_keys import key_of
from workers.task_ends import end

DAY_SECONDS = 86_400
LEASE_SECONDS = 60.0
STORE_SECONDS = 1.0
MICRO = 1_000_000

_ADMIT = """
local now, limit = tonumber(ARGV[1]), {}
for i = 5, 11 do limit[i - 4] = tonumber(ARGV[i]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 60000)
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
local minute, runs = redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[4])
local day = redis.call('HMGET', KEYS[2], 'requests', 'tokens', 'upload_bytes', 'cost')
for i = 1, 4 do day[i] = tonumber(day[i] or 0) end
local total = tonumber(redis.call('GET', KEYS[3]) or 0)
local used = {minute, day[1], runs, day[2], day[3], day[4], total}
local refused = 0
local more = {1, 1, 1, 1, math.max(1, tonumber(ARGV[12])), 1, 1}
for i = 1, 7 do if refused == 0 and limit[i] > 0 and used[i] + more[i] > limit[i] then refused = i end end
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local free = oldest[2] and (tonumber(oldest[2]) + 60000 - now) or 0
if refused == 0 then
  redis.call('ZADD', KEYS[1], now, ARGV[2]) redis.call('PEXPIRE', KEYS[1], 60000)
  redis.call('HINCRBY', KEYS[2], 'requests', 1) redis.call('HINCRBY', KEYS[2], 'upload_bytes', ARGV[12])
  redis.call('EXPIRE', KEYS[2], ARGV[4])
  redis.call('ZADD', KEYS[4], now + tonumber(ARGV[3]), ARGV[2]) redis.call('PEXPIRE', KEYS[4], ARGV[3] * 2)
  minute, day[1] = minute + 1, day[1] + 1
  if free == 0 then free = 60000 end
end
return {refused, free, minute, day[1], day[2], day[3]}
"""
_KINDS = ("", "requests a minute", "requests a day", "runs at the same time", "tokens a day", "bytes a day", "", "")

Unreachable = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class Used:
    """What a key has used, this request included. minute_seconds: until the oldest of the last 60 s is forgotten;
    day_seconds: until the UTC day is over."""

    minute: int
    day: int
    tokens: int
    upload_bytes: int
    minute_seconds: float
    day_seconds: float


@dataclass(slots=True)
class Lease:
    """A request that was let in, and its run until it ends. kept: somebody else than the request gives it back."""

    id: str
    user: str
    quota: Quota
    used: Used | None = None
    kept: bool = False

    @property
    def upload_bytes_left(self) -> int | None:
        """None: no limit."""
        if not self.quota.upload_bytes_per_day:
            return None
        return max(0, self.quota.upload_bytes_per_day - (self.used.upload_bytes if self.used else 0))


@dataclass
class Quotas:
    """usual: of every key that has no limits of its own; unreachable: whether requests are let in while the store is
    down; now: seconds since 1970, the clock of all windows."""

    client: Redis
    usual: Quota = field(default_factory=Quota)
    unreachable: Unreachable = "open"
    now: Callable[[], float] = time.time
    lease_seconds: float = LEASE_SECONDS
    _held: dict[str, str] = field(default_factory=dict)
    _ended: list[tuple[str, str]] = field(default_factory=list)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def admit(self, user: str, limits: tuple[tuple[str, float], ...], body_bytes: int = 0) -> Lease:
        """Counts a request and the bytes of its body (0 where nobody knows them yet). Raises Problem, and StoreDown
        where that was chosen."""
        lease = Lease(secrets.token_hex(8), user, self.usual.but(limits))
        if not lease.quota:
            return lease
        try:
            async with asyncio.timeout(STORE_SECONDS):
                refused = await self._counted(lease, body_bytes)
        except (StoreDown, TimeoutError):
            return self._uncounted(lease)
        if refused:
            raise _refusal(refused, lease)
        self._held[lease.id] = user
        return lease

    def _uncounted(self, lease: Lease) -> Lease:
        if self.unreachable == "closed":
            raise StoreDown("limits cannot be counted while the store is down")
        structlog.get_logger().warning("limits_not_counted", code="store_down")
        return lease

    async def _counted(self, lease: Lease, body_bytes: int) -> int:
        """The number of the limit that is used up, 0 when the request was let in."""
        now, quota = self.now(), lease.quota
        daily = [quota.tokens_per_day, quota.upload_bytes_per_day]
        costs = [round(quota.cost_per_day * MICRO), round(quota.cost_total * MICRO)]
        limits = [quota.requests_per_minute, quota.requests_per_day, quota.concurrent_runs, *daily, *costs]
        with reaching():
            script = self.client.register_script(_ADMIT)
            milliseconds: list[str | int] = [round(now * 1_000), lease.id, round(self.lease_seconds * 1_000)]
            arguments: list[str | int] = [*milliseconds, 2 * DAY_SECONDS, *limits, body_bytes]
            refused, free, minute, day, tokens, uploaded = map(int, await script(_keys(lease.user, now), arguments))
        lease.used = Used(minute, day, tokens, uploaded, free / 1_000, DAY_SECONDS - now % DAY_SECONDS)
        return refused

    async def used_up(self, user: str, limits: tuple[tuple[str, float], ...]) -> str:
        """Which limit of tokens or money a key has reached, in words; "" for none. Raises StoreDown."""
        quota = self.usual.but(limits)
        if not (quota.tokens_per_day or quota.cost_per_day or quota.cost_total):
            return ""
        _, day, total, _ = _keys(user, self.now())
        with reaching():
            tokens, cost = await cast(Awaitable[list[bytes | None]], self.client.hmget(day, "tokens", "cost"))
            spent = cast("bytes | None", await self.client.get(total))
        reached = (
            ("tokens a day", quota.tokens_per_day, int(tokens or 0)),
            ("cost a day", quota.cost_per_day, int(cost or 0) / MICRO),
            ("cost altogether", quota.cost_total, int(spent or 0) / MICRO),
        )
        return next(
            (f"this key has used up its {name} ({most:,g})" for name, most, used in reached if 0 < most <= used), ""
        )

    async def spend(self, user: str, tokens: int, cost: float) -> None:
        """Adds what a run has used to its key. Raises StoreDown."""
        await self._add(user, {"tokens": tokens, "cost": round(cost * MICRO)})

    async def uploaded(self, lease: Lease, upload_bytes: int) -> None:
        """Adds what was uploaded. Raises StoreDown."""
        await self._add(lease.user, {"upload_bytes": upload_bytes})

    async def _add(self, user: str, amounts: dict[str, int]) -> None:
        _, day, cost, _ = _keys(user, self.now())
        with reaching():
            async with self.client.pipeline(transaction=True) as pipe:
                for name, amount in amounts.items():
                    pipe.hincrby(day, name, amount)
                pipe.expire(day, 2 * DAY_SECONDS)
                if amounts.get("cost"):
                    pipe.incrby(cost, amounts["cost"])
                await pipe.execute()

    async def used(self, user: str) -> dict[str, float]:
        """What a key has used, by the names of its limits as far as one can be used up. Raises StoreDown."""
        minute, day, cost, runs = _keys(user, self.now())
        now = round(self.now() * 1_000)
        with reaching():
            async with self.client.pipeline(transaction=False) as pipe:
                pipe.zcount(minute, now - 60_000, "+inf")
                pipe.zcount(runs, now, "+inf")
                pipe.hmget(day, "requests", "tokens", "upload_bytes", "cost")
                pipe.get(cost)
                requests, running, today, total = await pipe.execute()
        daily = [int(each or 0) for each in today]
        counted = {"requests_per_minute": requests, "concurrent_runs": running, "requests_per_day": daily[0]}
        counted |= {"tokens_per_day": daily[1], "upload_bytes_per_day": daily[2]}
        return {**counted, "cost_per_day": daily[3] / MICRO, "cost_total": int(total or 0) / MICRO}

    async def leave(self, lease: Lease) -> None:
        """The run is over. A store that is down forgets it by itself when the lease ends."""
        if self._held.pop(lease.id, None) is None:
            return
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._remove(lease.user, lease.id)
        except (StoreDown, TimeoutError):
            structlog.get_logger().warning("limits_not_counted", code="store_down")

    def leave_soon(self, lease: Lease) -> None:
        """The same for whoever cannot wait; keeping() does it."""
        if self._held.pop(lease.id, None) is not None:
            self._ended.append((lease.user, lease.id))
            self._woken.set()

    async def _remove(self, user: str, lease_id: str) -> None:
        with reaching():
            await self.client.zrem(_keys(user, self.now())[3], lease_id)

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """While this is open, leases of runs that go on are renewed, and those that ended are given back."""
        task = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            await end(task)

    async def _keep(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self.lease_seconds / 3):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                await self._renew()
            except StoreDown:
                structlog.get_logger().warning("limits_not_counted", code="store_down")

    async def _renew(self) -> None:
        while self._ended:
            await self._remove(*self._ended[-1])
            self._ended.pop()
        until = round((self.now() + self.lease_seconds) * 1_000)
        with reaching():
            for lease_id, user in tuple(self._held.items()):
                key = _keys(user, self.now())[3]
                await self.client.zadd(key, {lease_id: until}, xx=True)
                await self.client.pexpire(key, round(self.lease_seconds * 2_000))


def _keys(user: str, now: float) -> list[str]:
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    return [key_of(user, "quota", name) for name in ("minute", f"day-{today}", "cost", "runs")]


def _refusal(refused: int, lease: Lease) -> Problem:
    used = lease.used
    assert used is not None, "it was counted"
    if refused >= 6:
        spent = "today" if refused == 6 else "altogether"
        detail = f"this key has spent {spent} what it may; ask the operator for more"
        return _with_limits(Problem("insufficient_quota", detail, retry_seconds=used.day_seconds), lease)
    seconds = {1: used.minute_seconds, 3: 1.0}.get(refused, used.day_seconds)
    detail = f"this key has used up its {_KINDS[refused]}; try again in {max(1, round(seconds))} seconds"
    return _with_limits(Problem("rate_limit_exceeded", detail, retry_seconds=seconds), lease)


def _with_limits(problem: Problem, lease: Lease) -> Problem:
    problem.limits = limit_headers(lease)
    return problem


def too_much(lease: Lease) -> Problem:
    """An upload that goes beyond what is left."""
    return _refusal(5, lease)


def limit_headers(lease: Lease) -> dict[str, str]:
    """For programs: the request limit that is nearest to its end, then OpenAI's names for requests and tokens."""
    used, quota = lease.used, lease.quota
    if used is None:
        return {}
    minute = (quota.requests_per_minute, used.minute, used.minute_seconds)
    day = (quota.requests_per_day, used.day, used.day_seconds)
    windows = sorted((window for window in (minute, day) if window[0]), key=lambda each: each[0] - each[1])
    headers: dict[str, str] = {}
    if windows:
        headers |= _window("", windows[0], str(max(1, round(windows[0][2]))))
        headers |= _window("-requests", windows[0], f"{max(1, round(windows[0][2]))}s")
    if quota.tokens_per_day:
        tokens = (quota.tokens_per_day, used.tokens, used.day_seconds)
        headers |= _window("-tokens", tokens, f"{round(used.day_seconds)}s")
    return headers


def _window(name: str, window: tuple[int, int, float], reset: str) -> dict[str, str]:
    limit, used, _ = window
    return {
        f"x-ratelimit-limit{name}": str(limit),
        f"x-ratelimit-remaining{name}": str(max(0, limit - used)),
        f"x-ratelimit-reset{name}": reset,
    }
