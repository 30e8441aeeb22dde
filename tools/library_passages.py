"""Cuts a page into the passages that are indexed: parts of sections, about 1,200 characters each."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tools.text import Span, sentences

PASSAGE_CHARACTERS = 1_200
MIN_PASSAGE_CHARACTERS = 300
MAX_PASSAGE_CHARACTERS = 1_600
CONTENTS_SHARE = 0.5
"""Share of headings in a passage from which it is a table of contents."""

_HASHES = re.compile(r"(#{1,6})[ \t]+$")


@dataclass(frozen=True, slots=True)
class Passage:
    """text[start:end] of the page, under these headings (outermost first); is_contents: a list of headings only,
    which names what is told elsewhere."""

    start: int
    end: int
    headings: tuple[str, ...] = ()
    is_contents: bool = False


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
    path = _Path()
    spans: list[Span] = []
    for span in _pieces(text):
        heading = span.kind == "heading" and not text.endswith("**", 0, span.start)  # a bold line is a caption
        if spans and _is_full(spans, span, before_heading=heading):
            found.append(_passage(spans, path))
            spans = []
        if heading:
            path.enter(_level(text, span), text[span.start : span.end])
        spans.append(span)
    if spans:
        found.append(_passage(spans, path))
    return _with_short_tail(found)


def _is_full(spans: Sequence[Span], following: Span, before_heading: bool) -> bool:
    first = spans[0].start
    enough = MIN_PASSAGE_CHARACTERS if before_heading else PASSAGE_CHARACTERS
    return following.start - first >= enough or following.end - first > MAX_PASSAGE_CHARACTERS


def _passage(spans: Sequence[Span], path: _Path) -> Passage:
    start, end = spans[0].start, spans[-1].end
    headings = sum(span.end - span.start for span in spans if span.kind == "heading")
    return Passage(start, end, path.headings(), len(spans) > 3 and headings > CONTENTS_SHARE * (end - start))


def _with_short_tail(found: list[Passage]) -> list[Passage]:
    """The last words of a page go with the passage before them when they are too few to be judged alone."""
    if len(found) > 1 and found[-1].end - found[-1].start < MIN_PASSAGE_CHARACTERS // 2:
        before = found[-2]
        return [*found[:-2], replace(before, end=found[-1].end)]
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
