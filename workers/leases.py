"""What this process works on, and the thread that says that it still does.

A thread, because an event loop that is blocked for a while (a long extraction, a full machine) is no dead worker.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import structlog
from redis import Redis
from redis.exceptions import RedisError

from workers.batch.records import Leased
from workers.batch.row_leases import LeaseRules, renewal, renewed
from workers.batch.row_scripts import RENEW
from workers.interactive import INTERACTIVE

BEATS_A_LEASE = 4


@dataclass(slots=True)
class Hand:
    """A row that is worked on. waiting: for a place; task: None until the work begins; times: how often it has begun,
    this time included; why: it was stopped (`lost`, `cancelled`, `expired`, `stopping`), "" as long as it goes on."""

    leased: Leased
    waiting: "asyncio.Task[Literal[True]] | None" = None
    task: "asyncio.Task[object] | None" = None
    times: int = 0
    why: str = ""


class Hands:
    """The rows in this process's hands, by job and entry. All methods but those of the thread are the loop's."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Hand] = {}
        self.freed = asyncio.Event()

    def add(self, leased: Leased) -> Hand:
        """Work on the same row that was lost and came back to us is stopped."""
        if (older := self._held.get((leased.job_id, leased.entry))) is not None:
            self.stop((older.leased,), "lost")
        hand = self._held[leased.job_id, leased.entry] = Hand(leased)
        return hand

    def get(self, job_id: str, entry: str) -> Hand | None:
        return self._held.get((job_id, entry))

    def drop(self, leased: Leased) -> None:
        hand = self._held.get((leased.job_id, leased.entry))
        if hand is not None and hand.leased.token == leased.token:
            del self._held[leased.job_id, leased.entry]
            self.freed.set()

    def leased(self) -> list[Leased]:
        """Now; also for the thread: copying a dict's values is one step for it."""
        return [hand.leased for hand in tuple(self._held.values())]

    def unbegun(self) -> list[Leased]:
        """Those that nothing works on yet."""
        return [hand.leased for hand in self._held.values() if hand.task is None]

    def counts(self) -> tuple[int, int]:
        """Rows of batches, and interactive tasks."""
        interactive = sum(job_id == INTERACTIVE for job_id, _ in self._held)
        return len(self._held) - interactive, interactive

    def stop(self, which: Iterable[Leased], why: str) -> None:
        """Ends the work on these rows; the first reason counts."""
        for leased in which:
            hand = self._held.get((leased.job_id, leased.entry))
            if hand is None or hand.leased.token != leased.token or hand.why:
                continue
            hand.why = why
            for task in (hand.waiting, hand.task):
                if task is not None:
                    task.cancel()

    async def emptied(self, seconds: float) -> bool:
        """Whether all rows were done in this time."""
        deadline = time.monotonic() + seconds
        while self._held and (left := deadline - time.monotonic()) > 0:
            self.freed.clear()
            try:
                async with asyncio.timeout(left):
                    await self.freed.wait()
            except TimeoutError:
                break
        return not self._held


class Beat:
    """Renews the leases of everything in these hands four times a lease. Start it in the loop that works."""

    def __init__(self, client: Redis, hands: Hands, rules: LeaseRules, clock: Callable[[], float] = time.monotonic):
        """client: a synchronous one with a socket_timeout below the lease; whoever made it closes it."""
        self._client, self._hands, self._rules, self._clock = client, hands, rules, clock
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last_trouble = float("-inf")
        self._last_beat = clock()
        self._seen = False  # the store, by a first beat

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """Blocks for one command at most."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(self._rules.seconds)

    @property
    def settled(self) -> bool:
        """Whether everybody alive has had time to renew since we last could not: only then is silence a sign of
        death. A process that was suspended could not, either."""
        now = self._clock()
        paused = now - self._last_beat > self._rules.seconds
        return self._seen and not paused and now - self._last_trouble > self._rules.seconds

    def _run(self) -> None:
        first = True
        while not self._over.wait(0 if first else self._rules.seconds / BEATS_A_LEASE):
            first = False
            now = self._clock()
            if now - self._last_beat > self._rules.seconds:
                self._last_trouble = now
            try:
                self._renew_all()
                self._seen = True
            except RedisError as error:
                self._last_trouble = self._clock()
                structlog.get_logger().warning("leases_not_renewed", detail=type(error).__name__)
            self._last_beat = self._clock()

    def _renew_all(self) -> None:
        by_job: dict[str, list[Leased]] = {}
        for leased in self._hands.leased():
            by_job.setdefault(leased.job_id, []).append(leased)
        script = self._client.register_script(RENEW)
        for held in by_job.values():
            lost, ending = renewed(held, script(*renewal(held)))
            self._tell(lost, "lost")
            if ending:
                self._tell(held, ending)
        # Idle workers have to notice, too, that the store was away, or is a new one.
        server = self._client.info("server")
        began = self._clock() - int(server.get("uptime_in_seconds", 0))
        self._last_trouble = max(self._last_trouble, began)

    def _tell(self, which: list[Leased], why: str) -> None:
        if which and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hands.stop, which, why)
