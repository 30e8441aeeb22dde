"""What a worker does with one row, from its lease to its end; and with one interactive task."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import structlog
from pydantic_core import to_json

from workers.batch.fair_share import FairShare
from workers.batch.job_store import JobStore
from workers.batch.records import Job, Leased, Outcome, RowEnd
from workers.batch.row_leases import Finished, RowLeases
from workers.batch.row_work import broken_row
from workers.interactive import INTERACTIVE, Handler, payload_of
from workers.leases import Hand, Hands
from workers.store_errors import RecordPoisoned, StoreError

Told = TypeVar("Told")
RunRow = Callable[[Job, Leased], Awaitable[RowEnd]]
"""The row's end; workers/batch/row_work.py with its service bound."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 2.0
INSISTING_SECONDS = 3_600.0
STOPPED: Mapping[str, tuple[str, str]] = {
    "cancelled": ("batch_cancelled", "the batch was cancelled while this row was answered"),
    "expired": ("batch_expired", "the completion window was over while this row was answered"),
}


async def no_objection(job: Job) -> str:
    """Nothing stands against the next row of any job."""
    return ""


@dataclass(frozen=True, slots=True)
class Owned:
    """What a worker works with. places: one for each row that may run at the same time."""

    leases: RowLeases
    jobs: JobStore
    fair_share: FairShare
    hands: Hands
    places: asyncio.Semaphore


@dataclass(frozen=True, slots=True)
class RowTask:
    """run: answers a row; handlers: of interactive tasks, by name; objection: why no more of a job's rows may begin
    (a limit that is reached), "" for none: it is asked before each row, and again while it raises StoreError."""

    owned: Owned
    run: RunRow
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    objection: Callable[[Job], Awaitable[str]] = no_objection

    async def __call__(self, job_id: str, entry: str) -> None:
        hand = self.owned.hands.get(job_id, entry)
        if hand is None:  # announced by another queue
            claimed = await self.owned.leases.claim(job_id, entry)
            if claimed is None:
                return
            hand = self.owned.hands.add(claimed)
        try:
            if job_id == INTERACTIVE:
                await self._interactive(hand)
            else:
                await self._in_its_place(hand)
        except StoreError as error:  # the lease runs out, and the row is taken again
            structlog.get_logger().warning("row_left", code=error.code)
        finally:
            self.owned.hands.drop(hand.leased)

    async def _in_its_place(self, hand: Hand) -> None:
        """A row of a dead worker may find no place here for a whole lease: another worker may have one by then. One
        that is stopped needs none."""
        if hand.why:
            await self._row(hand)
            return
        waiting = hand.waiting = asyncio.create_task(self.owned.places.acquire())
        try:
            await asyncio.wait((waiting,), timeout=self.owned.leases.rules.seconds)
            if waiting.done():
                await self._row(hand)
            else:
                await self.owned.leases.release(hand.leased)
        finally:
            if not waiting.cancel() and not waiting.cancelled():
                self.owned.places.release()

    async def _row(self, hand: Hand) -> None:
        job = await self.owned.fair_share.job_of(hand.leased.job_id)
        if job is None:
            return
        if why := await _insisted(lambda: self.objection(job), lambda: not hand.why):
            await self.owned.jobs.stop(job.id, "cancelled", why)
            hand.why = hand.why or "cancelled"
        end = await self._worked(hand, job) if await self._begun(hand) else None
        if end is None and hand.why == "stopping":
            await self.owned.leases.release(hand.leased)
        if end is None:
            end = _stopped(hand)
        if end is not None:
            finished = await self._finished(hand, replace(end, attempts=hand.times))
            await self._stop_at_ceiling(job, finished)

    async def _begun(self, hand: Hand) -> bool:
        """Says that the work on it begins; a store that is away or full is waited for. False: hand.why says why not."""
        begun = await _insisted(lambda: self.owned.leases.begin(hand.leased), lambda: not hand.why)
        hand.times, ending = begun or (0, "")
        hand.why = hand.why or ending or ("" if hand.times else "lost")
        return not hand.why

    async def _worked(self, hand: Hand, job: Job) -> RowEnd | None:
        """None: it was stopped, and hand.why says what for."""
        working = asyncio.ensure_future(self.run(job, hand.leased))
        hand.task = working
        try:
            return await working
        except asyncio.CancelledError:
            if not hand.why:  # it is we who are cancelled
                hand.why = "stopping"
            return None
        except Exception:
            logger = structlog.get_logger()
            logger.exception("row_broke")
            return broken_row(job, hand.leased.row)

    async def _finished(self, hand: Hand, end: RowEnd) -> Finished:
        """Writes the end; a store that is away or full is waited for, as long as the row is ours."""
        finished = await _insisted(lambda: self.owned.leases.finish(hand.leased, end), lambda: hand.why != "lost")
        return finished or Finished(False)

    async def _stop_at_ceiling(self, job: Job, finished: Finished) -> None:
        if finished.status != "in_progress":
            return
        if 0 < job.ceiling_tokens <= finished.tokens:
            await self.owned.jobs.stop(job.id, "cancelled", f"the ceiling of {job.ceiling_tokens:,} tokens is reached")
        elif 0 < job.ceiling_cost <= finished.cost:
            await self.owned.jobs.stop(job.id, "cancelled", f"the ceiling of {job.ceiling_cost:g} is reached")

    async def _interactive(self, hand: Hand) -> None:
        handler = self.handlers.get(hand.leased.row.custom_id)
        if handler is None:  # a worker that knows it will take it; we look at it again after a lease at the earliest
            structlog.get_logger().warning("task_unknown")
            return
        if not await self._begun(hand):
            if hand.why == "stopping":
                await self.owned.leases.release(hand.leased)
            return
        try:
            hand.task = asyncio.ensure_future(handler(payload_of(hand.leased)))
            await hand.task
        except asyncio.CancelledError:
            if hand.why == "stopping" or not hand.why:
                await self.owned.leases.release(hand.leased)
            return
        except RecordPoisoned:
            structlog.get_logger().warning("task_poisoned")
        except Exception:
            logger = structlog.get_logger()
            logger.exception("task_broke")
        await self.owned.leases.drop(hand.leased)


async def _insisted(ask: Callable[[], Awaitable[Told]], wanted: Callable[[], bool]) -> Told | None:
    """What the store says, however long it is away or full; None when it is not wanted any more. Raises StoreError."""
    pause, deadline = FIRST_PAUSE_SECONDS, asyncio.get_running_loop().time() + INSISTING_SECONDS
    while wanted():
        try:
            return await ask()
        except StoreError as error:
            structlog.get_logger().warning("store_waited_for", code=error.code)
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    return None


def _stopped(hand: Hand) -> RowEnd | None:
    """The end of a row whose job was stopped; None for one that is not ours to end."""
    if hand.why not in STOPPED:
        return None
    code, message = STOPPED[hand.why]
    outcome: Outcome = "cancelled" if hand.why == "cancelled" else "expired"
    row = hand.leased.row
    return RowEnd(row.number, row.custom_id, outcome, 0, to_json({"code": code, "message": message}))
