"""An uploaded file as rows: OpenAI's batch lines, or a table of questions in UTF-8, UTF-16 or GBK."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass

from workers.batch.checking import Checked, Piece, checked
from workers.batch.lines import FileRefused, lines_of
from workers.batch.questions import Asking, RecordReader
from workers.batch.records import LineError
from workers.batch.request_lines import LineReader
from workers.batch.tables import Record, csv_records, text_of

TABLES = (".csv", ".tsv")
MAX_TABLE_BYTES = 32 * 1024 * 1024
"""A table is read whole: its encoding is that of all of it."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that lies in the store. name: its ending says whether it is a table, unless its content says otherwise;
    content: its bytes, to be read once."""

    name: str
    content: AsyncGenerator[bytes, None]

    async def pieces(self, reader: LineReader, max_rows: int, tally: Checked) -> AsyncGenerator[Piece, None]:
        """Raises FileRefused, StoreError."""
        async with aclosing(self.content) as content:
            head = await anext(content, b"")
            if self.name.lower().endswith(TABLES) and not _is_json(head):
                records = await asyncio.to_thread(_records, head + await _rest(content, len(head)))
                rows = checked(_each(records), RecordReader(reader, Asking()).row, max_rows, tally)
            else:
                rows = checked(lines_of(_again(head, content), reader.max_line_bytes), reader.row, max_rows, tally)
            async with aclosing(rows):
                async for piece in rows:
                    yield piece


def _is_json(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


async def _rest(content: AsyncGenerator[bytes, None], size: int) -> bytes:
    rest = bytearray()
    async for piece in content:
        rest += piece
        if size + len(rest) > MAX_TABLE_BYTES:
            message = f"a table may have {MAX_TABLE_BYTES:,} bytes; send JSON lines, or split it"
            raise FileRefused(LineError("file_too_large", message))
    return bytes(rest)


def _records(content: bytes) -> list[Record]:
    return list(csv_records(text_of(content).text))


async def _each(records: Iterable[Record]) -> AsyncGenerator[Record, None]:
    for record in records:
        yield record


async def _again(head: bytes, content: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield head
    async for piece in content:
        yield piece
