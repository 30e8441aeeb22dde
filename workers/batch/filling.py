"""From a file to a job that runs: read and checked whole by a task of this replica, then started, or refused."""

import asyncio
from collections.abc import AsyncIterable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog

from agent.question import Depth
from workers.batch.checking import Checked, Piece
from workers.batch.job_store import JobStore, NotAccepting
from workers.batch.lines import FileRefused
from workers.batch.records import Job, LineError
from workers.batch.request_lines import LineReader
from workers.batch.uploaded import Uploaded
from workers.slots import STOPPING
from workers.store_errors import StoreError

MAX_TASKS = 16
"""Files that one replica reads at the same time; the others wait."""
CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class FillRules:
    """max_rows: of one batch; max_body_bytes: of one request, as at the door."""

    max_rows: int = 50_000
    max_body_bytes: int = 256 * 1024
    default_depth: Depth = "normal"

    def reader(self, endpoint: str) -> LineReader:
        return LineReader(endpoint, self.default_depth, self.max_body_bytes)


async def fill(jobs: JobStore, job: Job, file: Uploaded, rules: FillRules) -> Checked:
    """Reads the whole file into the job. Raises FileRefused, NotAccepting, StoreError."""
    tally = Checked()
    async with aclosing(file.pieces(rules.reader(job.endpoint), rules.max_rows, tally)) as pieces:
        await put(jobs, job, pieces)
    return tally


async def put(
    jobs: JobStore, job: Job, pieces: AsyncIterable[Piece], wanted: Callable[[int], bool] = lambda _number: True
) -> None:
    """The pieces into the job; of the rows only those that are wanted. Raises NotAccepting, StoreError."""
    async for piece in pieces:
        await jobs.add_rows(job, [row for row in piece.rows if wanted(row.number)])
        for end in piece.bad:
            if wanted(end.number):
                await jobs.reject_row(job, end)
        await asyncio.sleep(0)


@dataclass(slots=True)
class Filling:
    """The owner of the files that this replica reads. Close it, and each of their jobs that is not started is refused:
    whoever sent it sees that, and sends it again."""

    jobs: JobStore
    rules: FillRules = field(default_factory=FillRules)
    _reading: set["asyncio.Task[None]"] = field(default_factory=set)
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_TASKS))

    def begin(self, job: Job, file: Uploaded) -> None:
        """The job is there already, `validating`."""
        task = asyncio.create_task(self._fill(job, file))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def aclose(self) -> None:
        for task in self._reading:
            task.cancel()
        if self._reading:
            await asyncio.wait(list(self._reading), timeout=CLOSE_SECONDS)

    async def _fill(self, job: Job, file: Uploaded) -> None:
        try:
            async with self._free:
                await fill(self.jobs, job, file, self.rules)
                await self.jobs.start(job)
        except FileRefused as refused:
            await self._refuse(job, "the file is refused", refused.errors)
        except NotAccepting:
            structlog.get_logger().info("batch_not_filled", batch=job.id)  # cancelled or forgotten meanwhile
        except StoreError as error:
            structlog.get_logger().warning("batch_not_filled", batch=job.id, detail=str(error))
            await self._refuse(job, "the file could not be read whole", (_broken("store_error", str(error.code)),))
        except asyncio.CancelledError:
            await self._refuse(job, STOPPING, (_broken("stopping", f"{STOPPING}; create the batch again"),))
            raise

    async def _refuse(self, job: Job, reason: str, errors: tuple[LineError, ...]) -> None:
        """A store that is down cannot be told; then the reconciler refuses the job."""
        try:
            await self.jobs.fail(job, reason, errors)
        except StoreError as error:
            structlog.get_logger().warning("batch_not_refused", batch=job.id, code=error.code)


def _broken(code: str, message: str) -> LineError:
    return LineError(code, f"the file was not read to its end: {message}")
