"""The lines of a file, from its pieces as they come. No line, however long, is ever held whole beyond its bound."""

import codecs
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from dataclasses import dataclass, field

from workers.batch.records import LineError

WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MAX_SHOWN_ERRORS = 100


class FileRefused(Exception):
    """A file of which nothing is run. errors: with their lines, the first hundred at most."""

    def __init__(self, *errors: LineError) -> None:
        super().__init__(errors[0].message)
        self.errors = errors[:MAX_SHOWN_ERRORS]


@dataclass(frozen=True, slots=True)
class Line:
    """number: from 1; content: without its line end; cut: it was longer than allowed, and the rest was passed over."""

    number: int
    content: bytes
    cut: bool = False


@dataclass(slots=True)
class Splitter:
    """Bytes in, lines out. max_bytes: of one line; the rest of a longer one is passed over."""

    max_bytes: int
    number: int = 0
    _waiting: bytearray = field(default_factory=bytearray)
    _cut: bool = False

    def fed(self, piece: bytes) -> Iterator[Line]:
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            self._take(piece[start:end])
            yield self.line()
            start = end + 1
        self._take(piece[start:])

    def _take(self, part: bytes) -> None:
        room = self.max_bytes - len(self._waiting)
        self._cut = self._cut or len(part) > room
        self._waiting += part[:room]

    @property
    def begun(self) -> bool:
        return bool(self._waiting) or self._cut

    def line(self) -> Line:
        self.number += 1
        made = Line(self.number, bytes(self._waiting).removesuffix(b"\r"), self._cut)
        self._waiting.clear()
        self._cut = False
        return made


async def lines_of(pieces: AsyncIterable[bytes], max_bytes: int) -> AsyncGenerator[Line, None]:
    """Every line that is not blank. A UTF-8 mark at the beginning is passed over. Raises FileRefused for UTF-16."""
    splitter = Splitter(max_bytes)
    async for piece in without_mark(pieces):
        for line in splitter.fed(piece):
            if line.content.strip():
                yield line
    if splitter.begun and (line := splitter.line()).content.strip():
        yield line


async def without_mark(pieces: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """The same bytes without UTF-8's mark. Raises FileRefused for UTF-16, of which no line could be read."""
    head = b""
    begun = False
    async for piece in pieces:
        if begun:
            yield piece
            continue
        head += piece
        if len(head) >= len(codecs.BOM_UTF8):
            begun = True
            yield _checked(head)
    if not begun and head:
        yield _checked(head)


def _checked(head: bytes) -> bytes:
    if head.startswith(WIDE_MARKS):
        raise FileRefused(LineError("wrong_encoding", "the file is in UTF-16; save it in UTF-8 and send it again"))
    return head.removeprefix(codecs.BOM_UTF8)
