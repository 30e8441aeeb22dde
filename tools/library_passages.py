"""Cuts a page into the passages that are indexed: parts of sections, about 1,200 characters each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.text import Span, sentences

PASSAGE_CHARACTERS = 1_200
MIN_PASSAGE_CHARACTERS = 300
MAX_PASSAGE_CHARACTERS = 1_600

_HASHES = re.compile(r"(#{1,6})[ \t]+$")


@dataclass(frozen=True, slots=True)
class Passage:
    """text[start:end] of the page, under these headings (outermost first)."""

    start: int
    end: int
    headings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Path:
    """The headings that hold at one place of the page."""

    levels: list[tuple[int, str]] = field(default_factory=list)

    def enter(self, level: int, heading: str) -> None:
        self.levels = [pair for pair in self.levels if pair[0] < level] + [(level, heading)]

    def headings(self) -> tuple[str, ...]:
        return tuple(heading for _, heading in self.levels)


def passages(text: str) -> list[Passage]:
    """In the order of the text. A section starts a passage unless the one before is still short."""
    found: list[Passage] = []
    path, first, last = _Path(), -1, 0
    for span in _pieces(text):
        heading = span.kind == "heading"
        length = span.start - first if first >= 0 else 0
        full = length >= (MIN_PASSAGE_CHARACTERS if heading else PASSAGE_CHARACTERS)
        if first >= 0 and (full or span.end - first > MAX_PASSAGE_CHARACTERS):
            found.append(Passage(first, last, path.headings()))
            first = -1
        if heading:
            path.enter(_level(text, span), text[span.start : span.end])
        if first < 0:
            first = span.start
        last = span.end
    if first >= 0:
        found.append(Passage(first, last, path.headings()))
    return found


def _level(text: str, heading: Span) -> int:
    hashes = _HASHES.search(text, max(0, heading.start - 8), heading.start)
    return len(hashes[1]) if hashes else 1


def _pieces(text: str) -> Iterator[Span]:
    """The spans of the text, those that are too long for one passage cut at line ends, or anywhere."""
    for span in sentences(text):
        start = span.start
        while span.end - start > MAX_PASSAGE_CHARACTERS:
            cut = text.rfind("\n", start + MIN_PASSAGE_CHARACTERS, start + PASSAGE_CHARACTERS) + 1
            cut = cut or start + PASSAGE_CHARACTERS
            yield Span(start, cut, span.kind)
            start = cut
        if start < span.end:
            yield Span(start, span.end, span.kind)
