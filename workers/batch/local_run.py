"""A batch on this machine: from a file of questions to files of answers, going on where an earlier run was cut off.

The job's name follows from the questions and how they are asked, so that the same command finds the same job in the
store. Rows whose lines are in the files already are never asked again.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field

from pydantic_core import from_json

from workers.batch.batch_fields import line_of
from workers.batch.checking import Checked, Piece, checked
from workers.batch.estimating import Estimate, Rates, reckoned
from workers.batch.filling import FillRules, Waiting, put
from workers.batch.job_store import JobStore
from workers.batch.journal import Journal
from workers.batch.questions import QuestionFile, RecordReader, endpoint_of
from workers.batch.records import Job, JobState, RowEnd
from workers.batch.request_lines import question_in
from workers.batch.tables import Record
from workers.store_errors import StoreError

POLL_SECONDS = 0.5
STORE_PATIENCE_SECONDS = 120.0
"""How long the store may be away before the run gives up; the same command goes on with it."""
WINDOW_SECONDS = 30 * 86_400
LINES_AT_ONCE = 100


class JobGone(Exception):
    """Somebody has forgotten the job while it ran."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When and how far a run may go; as in Job. retry_failed: rows that failed in an earlier run are asked again."""

    not_before: int = 0
    night: str = ""
    ceiling_tokens: int = 0
    ceiling_cost: float = 0.0
    retry_failed: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands. done, failed: rows with an end, those of earlier runs included; tokens, cost: of this job."""

    total: int
    done: int
    failed: int
    state: JobState | None = None

    @property
    def left(self) -> int:
        return self.total - self.done - self.failed


Show = Callable[[Standing], None]


@dataclass(slots=True)
class Reading:
    """A file of questions, read whole. tally: of the last reading."""

    file: QuestionFile
    rules: FillRules
    tally: Checked = field(default_factory=Checked)

    async def check(self) -> str:
        """The endpoint that the questions ask. Raises FileRefused."""
        self.tally = Checked()
        endpoint, pieces = self.pieces(self.tally)
        async with aclosing(pieces):
            async for _ in pieces:
                pass
        return endpoint

    async def estimate(self, rates: Rates) -> Estimate:
        """Raises FileRefused."""
        self.tally = Checked()
        endpoint, pieces = self.pieces(self.tally)
        async with aclosing(pieces):
            return await reckoned(pieces, self.tally, (endpoint, self.rules.default_depth), rates)

    async def texts(self) -> dict[int, str]:
        """The questions by the numbers of their rows."""
        texts: dict[int, str] = {}
        async with aclosing(self.pieces(Checked())[1]) as pieces:
            async for piece in pieces:
                texts |= {row.number: question_in(from_json(row.body)) for row in piece.rows}
        return texts

    def pieces(self, tally: Checked) -> tuple[str, AsyncGenerator[Piece, None]]:
        """The endpoint, and the file's lines, checked."""
        reader = self.rules.reader("")
        endpoint, records = endpoint_of(self.file.records(reader.max_line_bytes))
        reader.endpoint = endpoint
        rows = RecordReader(reader, self.file.asking)
        return endpoint, checked(_each(records), rows.row, self.rules.max_rows, tally)


@dataclass(slots=True)
class LocalRun:
    """jobs: the store; user: whose job it is."""

    jobs: JobStore
    user: str
    reading: Reading
    journal: Journal
    limits: Limits = field(default_factory=Limits)

    # --- which job -----------------------------------------------------------

    def job_id(self, generation: int) -> str:
        """The first half is that of the questions, the second that of the files of answers and of the run."""
        seed = f"{self.journal.fingerprint}:{self.journal.output.resolve()}:{generation}"
        return f"batch_{self.journal.fingerprint}{hashlib.sha256(seed.encode()).hexdigest()[:16]}"

    async def latest(self) -> tuple[int, JobState | None]:
        """The last run that the store knows, by its number from 0."""
        generation, found = 0, await self.jobs.state(self.user, self.job_id(0))
        while found and (after := await self.jobs.state(self.user, self.job_id(generation + 1))):
            generation, found = generation + 1, after
        return generation, found

    async def prepare(self) -> Job | None:
        """The job to be waited for, made where it is needed; None: every row has its end. Raises FileRefused,
        StoreError."""
        endpoint = await self.reading.check()
        generation, state = await self.latest()
        if state is not None:
            await self.sync(state.job.id)
            if state.status in ("in_progress", "cancelling"):
                return state.job
            if state.status in ("validating", "failed"):  # its reader died, and the lock says that nobody reads now
                await self.jobs.forget(self.user, state.job.id)
            else:
                generation += 1
        self._forget_unwanted()
        if all(number in self.journal.rows for number in range(self.reading.tally.total)):
            return None
        return await self._made(self.job_id(generation), endpoint)

    def _forget_unwanted(self) -> None:
        self.journal.forget_stopped()
        if self.limits.retry_failed:
            self.journal.forget_failed()

    async def _made(self, job_id: str, endpoint: str) -> Job:
        limits = self.limits
        job = Job(
            job_id,
            self.user,
            endpoint,
            int(time.time()),
            "",
            WINDOW_SECONDS,
            {"questions": self.reading.file.path.name[:200]},
            limits.not_before,
            limits.night,
            limits.ceiling_tokens,
            limits.ceiling_cost,
        )
        await self.jobs.create(job)
        async with aclosing(self.reading.pieces(Checked())[1]) as pieces:
            waiting = Waiting(self.jobs, job, self.reading.rules)
            await put(waiting, pieces, lambda number: number not in self.journal.rows)
        await self.jobs.start(job)
        return job

    # --- its results ---------------------------------------------------------

    async def follow(self, job: Job, show: Show) -> JobState:
        """Until the job has ended; every result is on the disk before it is counted. Raises OutputRefused, JobGone,
        StoreError."""
        place, away = 0, 0.0
        while True:
            try:
                state = await self.jobs.state(self.user, job.id)
                place, away = await self.sync(job.id, place), 0.0
            except StoreError:
                away += POLL_SECONDS
                if away > STORE_PATIENCE_SECONDS:
                    raise
                await asyncio.sleep(POLL_SECONDS)
                continue
            if state is None:
                raise JobGone(f"the batch {job.id} was forgotten while it ran")
            show(self.standing(state))
            if state.final:
                return state
            await asyncio.sleep(POLL_SECONDS)

    async def sync(self, job_id: str, place: int = 0) -> int:
        """Writes the ends behind this place; the place of the last one."""
        lines: list[bytes] = []
        async with aclosing(self.jobs.ends(self.user, job_id, place)) as ends:
            async for end in ends:
                place = end.place
                if self._is_news(end):
                    lines.append(line_of(job_id, end))
                if len(lines) >= LINES_AT_ONCE:
                    await asyncio.to_thread(self.journal.append, lines)
                    lines.clear()
        await asyncio.to_thread(self.journal.append, lines)
        return place

    def _is_news(self, end: RowEnd) -> bool:
        known = self.journal.rows.get(end.number)
        outcome = "stopped" if end.outcome in ("cancelled", "expired") else end.outcome
        return known is None or (known.outcome != "completed" and known.outcome != outcome)

    def standing(self, state: JobState | None = None) -> Standing:
        outcomes = [place.outcome for place in self.journal.rows.values()]
        done = outcomes.count("completed")
        return Standing(self.reading.tally.total, done, len(outcomes) - done, state)


async def _each(records: Iterator[Record]) -> AsyncGenerator[Record, None]:
    for record in records:
        yield record
