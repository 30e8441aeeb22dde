"""From a file to a job that runs: read and checked whole by a task of this replica, then started, or refused."""

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog
from pydantic_core import from_json

from agent.question import Depth
from workers.batch.checking import Checked, Piece
from workers.batch.job_store import JobStore, NotAccepting
from workers.batch.lines import FileRefused
from workers.batch.nearness import near_order
from workers.batch.records import Job, LineError, Row, RowEnd
from workers.batch.request_lines import LineReader, question_in
from workers.batch.uploaded import Uploaded
from workers.slots import STOPPING
from workers.store_errors import StoreError

ORDERED_BYTES = 32 * 1024 * 1024
TOUCH_SECONDS = 2.0
MAX_TASKS = 16
"""Files that one replica reads at the same time; the others wait."""
CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class FillRules:
    """max_rows: of one batch; max_body_bytes: of one request, as at the door; ordered_bytes: of rows that are put in an
    order together, the next ones follow them; near: whether they are."""

    max_rows: int = 50_000
    max_body_bytes: int = 256 * 1024
    default_depth: Depth = "normal"
    ordered_bytes: int = ORDERED_BYTES
    near: bool = True

    def reader(self, endpoint: str) -> LineReader:
        return LineReader(endpoint, self.default_depth, self.max_body_bytes)


@dataclass(slots=True)
class Waiting:
    """Rows that are not in their job yet. place: of the next one in the job."""

    jobs: JobStore
    job: Job
    rules: FillRules
    rows: list[Row] = field(default_factory=list)
    size: int = 0
    place: int = 0
    touched: float = field(default_factory=time.monotonic)

    async def add(self, rows: Sequence[Row]) -> None:
        self.rows += rows
        self.size += sum(len(row.body) + len(row.custom_id) for row in rows)
        if self.size > self.rules.ordered_bytes:
            await self.flush()
        elif time.monotonic() - self.touched > TOUCH_SECONDS:
            self.touched = time.monotonic()
            await self.jobs.touch(self.job)

    async def reject(self, end: RowEnd) -> None:
        await self.jobs.reject_row(self.job, end)

    async def flush(self) -> None:
        rows = await asyncio.to_thread(_near, self.rows) if self.rules.near else self.rows
        self.rows, self.size = [], 0
        await self.jobs.add_rows(self.job, rows, self.place)
        self.place += len(rows)


async def fill(jobs: JobStore, job: Job, file: Uploaded, rules: FillRules) -> Checked:
    """Reads the whole file into the job. Raises FileRefused, NotAccepting, StoreError."""
    tally = Checked()
    async with aclosing(file.pieces(rules.reader(job.endpoint), rules.max_rows, tally)) as pieces:
        await put(Waiting(jobs, job, rules), pieces)
    return tally


async def put(
    waiting: Waiting, pieces: AsyncIterable[Piece], wanted: Callable[[int], bool] = lambda _number: True
) -> None:
    """The pieces into the job, rows with the same pages near each other; of the rows only those that are wanted.
    Raises NotAccepting, StoreError."""
    async for piece in pieces:
        await waiting.add([row for row in piece.rows if wanted(row.number)])
        for end in piece.bad:
            if wanted(end.number):
                await waiting.reject(end)
        await asyncio.sleep(0)
    await waiting.flush()


def _near(rows: Sequence[Row]) -> list[Row]:
    return [rows[place] for place in near_order([question_in(from_json(row.body)) for row in rows])]


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
