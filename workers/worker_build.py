"""The third part of the composition root: a worker, from the queue to the rows."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from taskiq.acks import AcknowledgeType
from taskiq.receiver import Receiver

from workers.batch.budget import Budget
from workers.batch.fair_share import FairShare
from workers.batch.job_store import JobStore
from workers.batch.reconciler import Reconciler
from workers.batch.records import NUMBER, Job, Leased, RowEnd
from workers.batch.row_leases import LeaseRules, RowLeases
from workers.batch.row_work import Patience, run_row
from workers.broker import ROW_TASK, LeaseBroker, Room, Sources
from workers.interactive import Handler
from workers.leases import Beat, Hands
from workers.queue import beat_client, on_rabbitmq, queue_client
from workers.rabbit import RabbitQueue, rabbit_queue
from workers.row_task import Owned, RowTask, RunRow, no_objection
from workers.service import Service
from workers.settings import Settings
from workers.store_flights import Kept, StoreFlights
from workers.task_ends import end

SHARED_SECONDS = 24 * 3_600
STOPPING_SECONDS = 5.0
"""For rows that are stopped to be given back."""


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """address: of the queue's store; drain_seconds: for rows that run when the worker is stopped; handlers: of
    interactive tasks, by name; broker: what delivers; objection: why no more rows of a job may begin."""

    address: str
    rules: LeaseRules = field(default_factory=LeaseRules)
    room: Room = field(default_factory=Room)
    drain_seconds: float = 25.0
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    broker: type[LeaseBroker] = LeaseBroker
    rabbit_url: str = ""
    objection: Callable[[Job], Awaitable[str]] = no_objection


@dataclass(frozen=True, slots=True)
class Worker:
    """Works until it is stopped. Nothing of it outlives work()."""

    broker: LeaseBroker
    hands: Hands
    room: Room
    drain_seconds: float
    rabbit: "RabbitQueue | None" = None

    async def work(self, stop: asyncio.Event) -> None:
        """Until stop is set; then rows that run have drain_seconds, and go back into the queue."""
        delivering = self.rabbit.broker if self.rabbit else self.broker
        self.broker.is_worker_process = delivering.is_worker_process = True
        receiver = Receiver(
            delivering,
            max_async_tasks=self.room.taken_over + self.room.interactive,
            validate_params=False,
            ack_type=AcknowledgeType.WHEN_EXECUTED,
            wait_tasks_timeout=self.drain_seconds + STOPPING_SECONDS,
        )
        listening = asyncio.create_task(receiver.listen(stop))
        stopping = asyncio.create_task(stop.wait())
        waiting = {listening, stopping}
        if self.rabbit:
            await self.broker.startup()
            waiting.add(asyncio.create_task(self.rabbit.announce(self.broker)))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.set()
            others = waiting - {listening}
            await end(*others)
            broken = await asyncio.gather(*others, return_exceptions=True)
            await self._drain(listening)
        for error in broken:
            if isinstance(error, Exception):
                raise error

    async def _drain(self, listening: "asyncio.Task[None]") -> None:
        draining = asyncio.create_task(self._let_go())
        await asyncio.gather(listening, draining, return_exceptions=True)
        await self.broker.give_back()  # what was on its way when the first one was over
        await self.broker.shutdown()
        if self.rabbit:
            await self.rabbit.broker.shutdown()
        if not listening.cancelled() and (error := listening.exception()) is not None:
            raise error

    async def _let_go(self) -> None:
        await self.broker.give_back()
        if not await self.hands.emptied(self.drain_seconds):
            self.hands.stop(self.hands.leased(), "stopping")
            await self.hands.emptied(STOPPING_SECONDS)


@asynccontextmanager
async def open_worker(config: WorkerConfig, run: RunRow) -> AsyncGenerator[Worker, None]:
    """run: answers a row (rows_of_service)."""
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(8)}"
    client, beating = queue_client(config.address), beat_client(config.address, config.rules.seconds)
    try:
        leases, jobs, hands = RowLeases(client, owner, config.rules), JobStore(client), Hands()
        fair_share = FairShare(leases, jobs)
        sources = Sources(leases, fair_share, Reconciler(jobs), client)
        broker = config.broker(sources, hands, Beat(beating, hands, config.rules), config.room)
        places = asyncio.Semaphore(config.room.rows)
        task = RowTask(Owned(leases, jobs, fair_share, hands, places), run, config.handlers, config.objection)

        async def row(job_id: str, entry: str) -> None:  # Taskiq writes to the name of what it is given
            await task(job_id, entry)

        rabbit = rabbit_queue(config.rabbit_url, config.room, hands, leases) if config.rabbit_url else None
        (rabbit.broker if rabbit else broker).register_task(row, ROW_TASK)
        yield Worker(broker, hands, config.room, config.drain_seconds, rabbit)
    finally:
        await client.aclose()
        beating.close()


def rows_of_service(service: Service, patience: Patience) -> RunRow:
    """A row is answered by this service, which waits for its model rather than do without."""
    answering = service.for_rows or service

    async def run(job: Job, leased: Leased) -> RowEnd:
        return await run_row(job, leased.row, answering, patience)

    if service.queue is None or service.jobs is None:
        return run
    return shared_rows(run, StoreFlights(service.queue), service.jobs)


def shared_rows(run: RunRow, flights: StoreFlights, jobs: JobStore) -> RunRow:
    """Identical rows of one job are answered once; the others get the same answer, which costs nothing more."""
    kept: Kept[int] = Kept(NUMBER, SHARED_SECONDS, fit=lambda number: number >= 0)

    async def shared(job: Job, leased: Leased) -> RowEnd:
        row, ends = leased.row, list[RowEnd]()

        async def ask() -> int:
            ends.append(await run(job, leased))
            return row.number if ends[0].outcome == "completed" else -1

        number = await flights.join(f"row {job.id} {row.body.decode('utf-8', 'replace')}", kept, ask)
        if not ends and (end := await _end_of_other(jobs, job, number)):
            return replace(
                end,
                number=row.number,
                custom_id=row.custom_id,
                prompt_tokens=0,
                completion_tokens=0,
                cost=0.0,
                cached_tokens=0,
            )
        return ends[0] if ends else await run(job, leased)

    return shared


async def _end_of_other(jobs: JobStore, job: Job, number: int) -> RowEnd | None:
    """Of a row that was answered just now: its end may not be written yet. None: it has no answer after all."""
    for _ in range(20):
        end = await jobs.end(job.id, number)
        if end is not None:
            return end if end.outcome == "completed" else None
        await asyncio.sleep(0.05)
    return None


def within_limits(config: WorkerConfig, service: Service) -> WorkerConfig:
    """The same; jobs whose key has used up what it may spend are stopped."""
    return replace(config, objection=Budget(service.quotas, service.keys).objection) if service.quotas else config


def config_of(settings: Settings, address: str) -> WorkerConfig:
    return WorkerConfig(
        address=address,
        rules=LeaseRules(settings.lease_seconds, settings.deliveries),
        room=Room(settings.worker_rows, settings.worker_interactive),
        drain_seconds=settings.drain_seconds,
        rabbit_url=settings.queue_url if on_rabbitmq(settings) else "",
    )


def patience_of(settings: Settings) -> Patience:
    return replace(Patience(), seconds=settings.row_patience_seconds)
