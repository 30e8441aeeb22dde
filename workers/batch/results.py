"""The output file and the error file of a job: views of its ends, which are never copied."""

import codecs
from collections.abc import AsyncGenerator
from contextlib import aclosing

from workers.batch.answer_rows import answer_rows
from workers.batch.batch_fields import Kind, line_of, of_kind, view_id, viewed
from workers.batch.files import KeptFile
from workers.batch.job_store import KEPT_SECONDS, JobStore
from workers.batch.records import JobState, RowEnd
from workers.batch.sheets import COLUMNS, cells, csv_lines

PIECE_BYTES = 256 * 1024
TABLE_ROWS = 20


async def view_of(jobs: JobStore, user: str, file_id: str) -> tuple[JobState, Kind] | None:
    """None: this user has no job with such a file, or it has not ended."""
    found = viewed(file_id)
    state = await jobs.state(user, found[0]) if found else None
    return (state, found[1]) if found and state and state.final else None


async def ends_of(jobs: JobStore, state: JobState, kind: Kind, after: int = 0) -> AsyncGenerator[RowEnd, None]:
    """The ends that belong into this file, those behind the place `after`."""
    async with aclosing(jobs.ends(state.job.user, state.job.id, after)) as ends:
        async for end in ends:
            if of_kind(end, kind):
                yield end


async def lines_of_view(jobs: JobStore, state: JobState, kind: Kind) -> AsyncGenerator[bytes, None]:
    """The bytes of the file, in pieces."""
    waiting = bytearray()
    async with aclosing(ends_of(jobs, state, kind)) as ends:
        async for end in ends:
            waiting += line_of(state.job.id, end)
            if len(waiting) >= PIECE_BYTES:
                yield bytes(waiting)
                waiting.clear()
    if waiting:
        yield bytes(waiting)


async def table_of(jobs: JobStore, state: JobState) -> AsyncGenerator[bytes, None]:
    """The bytes of a CSV file with every row that has its end, in pieces, with UTF-8's mark for Excel."""
    yield codecs.BOM_UTF8 + csv_lines([COLUMNS])
    waiting: list[tuple[str, ...]] = []
    async with aclosing(jobs.ends(state.job.user, state.job.id)) as ends:
        async for end in ends:
            (row,) = answer_rows((line_of(state.job.id, end),), {})
            waiting.append(cells(row))
            if len(waiting) >= TABLE_ROWS:
                yield csv_lines(waiting)
                waiting.clear()
    yield csv_lines(waiting)


async def file_of_view(jobs: JobStore, state: JobState, kind: Kind) -> KeptFile:
    """As if it lay there; its size is counted by reading it."""
    size = 0
    async with aclosing(lines_of_view(jobs, state, kind)) as pieces:
        async for piece in pieces:
            size += len(piece)
    ended = state.times.get(state.status, state.job.created)
    name = f"{state.job.id}_{kind}.jsonl"
    return KeptFile(view_id(state.job.id, kind), name, "batch_output", size, ended, ended + KEPT_SECONDS, 0)
