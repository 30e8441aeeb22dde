"""A Taskiq broker on Redis/Valkey Streams with leases: what a dead worker held goes to others, what a slow one holds
does not.

It delivers the rows of batches, tenants taking turns, and before them the tasks that somebody waits for. A message says
only which row it is (job, entry); the row is in this process's hands, the task ends it (workers/row_task.py) and the
script that writes its end takes it out of its stream. So the acknowledgement can never be ahead of the result, and
Taskiq's own acknowledgement only frees the place.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis
from taskiq import AckableMessage, AsyncBroker, BrokerMessage, TaskiqMessage

from workers.batch.fair_share import FairShare
from workers.batch.reconciler import Reconciler
from workers.batch.records import Leased
from workers.batch.row_leases import RowLeases
from workers.interactive import INTERACTIVE, enqueue_interactive, next_interactive
from workers.leases import Beat, Hands
from workers.store_errors import StoreDown, StoreError

ROW_TASK = "kaozheng.row"
IDLE_SECONDS = 0.2
BLOCK_MILLISECONDS = 500
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0
UPKEEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Room:
    """How many rows of batches, and how many interactive tasks, one process works on at the same time."""

    rows: int = 16
    interactive: int = 4

    @property
    def taken_over(self) -> int:
        """Rows that it may hold: its own, and those of dead workers, which wait for a place. Only a bound: who waits
        for longer than a lease goes to whoever has a place."""
        return 16 * self.rows


@dataclass(frozen=True, slots=True)
class Sources:
    """Where work comes from. leases: of this process; reconciler: what is set right on the way."""

    leases: RowLeases
    fair_share: FairShare
    reconciler: Reconciler
    client: Redis


Elsewhere = Callable[[], Awaitable[int]]


async def nothing_elsewhere() -> int:
    """All that waits is in the streams."""
    return 0


class LeaseBroker(AsyncBroker):
    """One for each process. The store may go away and come back: listen() never raises for that."""

    def __init__(self, sources: Sources, hands: Hands, beat: Beat, room: Room) -> None:
        super().__init__()
        self._sources, self._hands, self._beat, self._room = sources, hands, beat, room
        self._blocking: asyncio.Task[list[Leased]] | None = None
        self._ready: deque[Leased] = deque()  # in our hands, and not yet given to the receiver
        self._next_upkeep = 0.0
        self._closing = False

    async def startup(self) -> None:
        await super().startup()
        if self.is_worker_process:
            self._beat.start()

    async def give_back(self) -> None:
        """What was taken and has not begun, when no more shall begin; nothing more is taken from here on."""
        self._closing = True
        if self._blocking is not None:
            blocking, self._blocking = self._blocking, None
            await asyncio.wait((blocking,), timeout=BLOCK_MILLISECONDS / 250)
            if blocking.done() and blocking.exception() is None:
                self._hold(blocking.result())
            blocking.cancel()
        self._ready.clear()
        for leased in self._hands.unbegun():
            self._hands.stop((leased,), "stopping")
            self._hands.drop(leased)
            try:
                await self._sources.leases.release(leased)
            except StoreError as error:  # its lease runs out by itself
                structlog.get_logger().warning("row_left", code=error.code)

    async def shutdown(self) -> None:
        await asyncio.to_thread(self._beat.stop)
        await super().shutdown()

    async def kick(self, message: BrokerMessage) -> None:
        """A task of Taskiq's own kind becomes an interactive one; its id makes that it is accepted once."""
        asked = self.formatter.loads(message.message)
        await enqueue_interactive(self._sources.client, asked.task_name, asked.kwargs, asked.task_id.replace(":", "_"))

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        async with aclosing(self.arrivals()) as arrivals:
            async for leased in arrivals:
                yield self.message(leased)

    async def arrivals(
        self, elsewhere: Callable[[], Awaitable[int]] = nothing_elsewhere
    ) -> AsyncGenerator[Leased, None]:
        """Everything that comes into our hands. elsewhere: how many rows wait in another queue, and take up room."""
        pause = FIRST_PAUSE_SECONDS
        while not self._closing:
            try:
                await self._look_after()
                await self._take(await elsewhere())
                pause = FIRST_PAUSE_SECONDS
            except StoreError as error:
                structlog.get_logger().warning("queue_not_read", code=error.code)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            if not self._ready:
                await self._rest()
            while self._ready:
                yield self._ready.popleft()

    async def _take(self, elsewhere: int) -> None:
        """Interactive tasks, and rows that nobody has had."""
        rows, interactive = self._hands.counts()
        self._hold(await self._interactive(self._room.interactive - interactive))
        if (free := self._room.rows - rows - elsewhere) > 0:
            self._hold(await self._sources.fair_share.take(free, self._hands.leased()))

    def _hold(self, taken: Iterable[Leased]) -> None:
        """From here on their leases are renewed, and whatever else fails they are worked on."""
        for leased in taken:
            self._hands.add(leased)
            self._ready.append(leased)

    async def _interactive(self, free: int) -> list[Leased]:
        """A blocking read that goes on from call to call, so that nothing it reads is ever lost."""
        if self._blocking is not None and self._blocking.done():
            done, self._blocking = self._blocking, None
            return done.result()
        if free > 0 and self._blocking is None:
            reading = next_interactive(self._sources.client, self._sources.leases.owner, 1, BLOCK_MILLISECONDS)
            self._blocking = asyncio.create_task(reading)
        return []

    async def _rest(self) -> None:
        """Until a place is free, a task is there, or it is time to look again."""
        self._hands.freed.clear()
        freed = asyncio.create_task(self._hands.freed.wait())
        waiting = {freed, self._blocking} if self._blocking else {freed}
        try:
            await asyncio.wait(waiting, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            freed.cancel()

    async def _look_after(self) -> None:
        """Once a second: jobs are set right, and rows of dead workers come back (to us, as far as there is room)."""
        now = asyncio.get_running_loop().time()
        if now < self._next_upkeep:
            return
        every = min(UPKEEP_SECONDS, self._sources.leases.rules.seconds / 4)
        self._next_upkeep = now + every
        for job_id, state in await self._sources.fair_share.look():
            try:
                await self._sources.reconciler.set_right(job_id, state)
                if state is not None and not state.final:
                    await self._reclaim(job_id)
            except StoreDown as error:
                if not error.refused:  # a job that is damaged keeps nobody from the others
                    raise
                structlog.get_logger().warning("job_not_looked_after", batch=job_id, detail=str(error))
        await self._reclaim(INTERACTIVE)

    async def _reclaim(self, job_id: str) -> None:
        """Rows of dead workers come before all others, also where every place is taken: they are ours from now on, and
        run as places are freed, or go to whoever has one (RowTask)."""
        rows, interactive = self._hands.counts()
        # Twice the places: where new rows fill every place at once, those that were given back would never have one.
        free = self._room.interactive - interactive if job_id == INTERACTIVE else 2 * self._room.rows - rows
        if free > 0:
            self._hold(await self._sources.leases.released(job_id, free))
        free = free if job_id == INTERACTIVE else self._room.taken_over - self._hands.counts()[0]
        if free > 0 and self._beat.settled:
            self._hold(await self._sources.leases.reclaim(job_id, free))

    def message(self, leased: Leased) -> AckableMessage:
        task_id = f"{leased.job_id}/{leased.entry}/{leased.token}"
        message = TaskiqMessage(
            task_id=task_id, task_name=ROW_TASK, labels={}, args=[leased.job_id, leased.entry], kwargs={}
        )

        async def ack() -> None:
            self._hands.drop(leased)

        return AckableMessage(data=self.formatter.dumps(message).message, ack=ack)
