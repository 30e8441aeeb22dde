"""A whole file is checked before anything of it runs: good lines wait in the job, bad ones have their end at once."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from workers.batch.lines import FileRefused
from workers.batch.records import LineError, Row, RowEnd
from workers.batch.request_lines import BadLine

AT_ONCE = 50
"""Lines in one piece."""
BUSY_SECONDS = 0.02
"""For so long lines are read before others in the same loop have their turn."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines in their order. rows: that can be run; bad: the ends of those that cannot."""

    rows: tuple[Row, ...] = ()
    bad: tuple[RowEnd, ...] = ()


@dataclass(slots=True)
class Checked:
    """good, bad: lines so far; first_bad: what is wrong with the first ones."""

    good: int = 0
    bad: int = 0
    first_bad: list[LineError] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.good + self.bad


class Numbered(Protocol):
    """A line, or a record of a table. number: where it stands, from 1."""

    @property
    def number(self) -> int: ...


Given = TypeVar("Given", bound=Numbered)
Read = Callable[[Given, int], Row]
"""What was given as the row with this number. Raises BadLine."""


async def checked(
    lines: AsyncIterable[Given], read: Read[Given], max_rows: int, tally: Checked
) -> AsyncGenerator[Piece, None]:
    """Pieces of the file in its order. Raises FileRefused for an empty one and for one with more than max_rows."""
    rows: list[Row] = []
    bad: list[RowEnd] = []
    turn = time.monotonic()
    async for line in lines:
        if time.monotonic() - turn > BUSY_SECONDS:
            await asyncio.sleep(0)
            turn = time.monotonic()
        if tally.total >= max_rows:
            raise _too_many(max_rows)
        try:
            rows.append(read(line, tally.total))
            tally.good += 1
        except BadLine as error:
            bad.append(error.end(tally.total, line.number))
            _count(tally, error, line.number)
        if len(rows) + len(bad) >= AT_ONCE:
            yield Piece(tuple(rows), tuple(bad))
            rows.clear()
            bad.clear()
    if not tally.total:
        raise FileRefused(LineError("empty_file", "the file holds no request"))
    yield Piece(tuple(rows), tuple(bad))


def _too_many(max_rows: int) -> FileRefused:
    message = f"a batch may have {max_rows:,} requests; split the file"
    return FileRefused(LineError("too_many_tasks", message, max_rows + 1))


def _count(tally: Checked, error: BadLine, line: int) -> None:
    tally.bad += 1
    if len(tally.first_bad) < 100:
        tally.first_bad.append(LineError(error.code, error.message, line, error.param))
