"""Answers as a table for Excel and its like: CSV whose cells are never formulas, or Parquet."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.batch.answer_rows import AnswerRow
from workers.batch.journal import refusal_of, replaced
from workers.batch.lines import FileRefused
from workers.batch.records import LineError
from workers.batch.tables import NO_PARQUET

COLUMNS = ("custom_id", "question", "status", "answer", "sources", "sentences_cited", "sentences_supported", "error")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
MAX_CELL_CHARACTERS = 32_767
"""Of Excel; what is longer is cut, and says so."""
_CUT = " … (cut; the whole answer is in the .jsonl file)"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of answers."""

    path: Path

    @property
    def is_parquet(self) -> bool:
        return self.path.suffix.lower() == ".parquet"

    def write(self, rows: Iterable[AnswerRow]) -> None:
        """The whole file or none. Raises OutputRefused, FileRefused where the extra is missing."""
        try:
            with replaced(self.path) as made:
                if self.is_parquet:
                    _write_parquet(made, rows)
                else:
                    _write_csv(made, rows)
        except OSError as error:
            raise refusal_of(self.path, error) from None


def defused(text: str) -> str:
    """A cell that no program takes for a formula: OWASP's rule, a quotation mark before it."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def cells(row: AnswerRow) -> tuple[str, ...]:
    sources = "\n".join(f"[{each.number}] {each.url}" for each in row.sources)
    counts = (str(row.cited), str(row.supported)) if row.judged else ("", "")
    return (row.custom_id, row.question, row.status, row.text, sources, *counts, row.error)


def _write_csv(path: Path, rows: Iterable[AnswerRow]) -> None:
    """With UTF-8's mark, without which Excel shows Chinese as something else."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(csv_lines([COLUMNS]).decode())
        for row in rows:
            file.write(csv_lines([cells(row)]).decode())


def csv_lines(rows: Iterable[Iterable[str]]) -> bytes:
    """In UTF-8; no cell begins a formula."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_short(defused(cell)) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def _short(cell: str) -> str:
    return cell if len(cell) <= MAX_CELL_CHARACTERS else cell[: MAX_CELL_CHARACTERS - len(_CUT)] + _CUT


def _write_parquet(path: Path, rows: Iterable[AnswerRow]) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise FileRefused(LineError("extra_missing", NO_PARQUET)) from None
    schema = pyarrow.schema([(name, pyarrow.string()) for name in COLUMNS])
    with parquet.ParquetWriter(path, schema) as writer:
        for piece in _pieces(rows, 1_000):
            columns = zip(*(cells(row) for row in piece), strict=True)
            writer.write_table(pyarrow.table([list(column) for column in columns], schema=schema))


def _pieces(rows: Iterable[AnswerRow], size: int) -> Iterator[list[AnswerRow]]:
    piece: list[AnswerRow] = []
    for row in rows:
        piece.append(row)
        if len(piece) == size:
            yield piece
            piece = []
    if piece:
        yield piece
