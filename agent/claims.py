"""Cuts an answer into claims: sentences and list items, each with the numbers that it cites.

A marker belongs to the claim before it, wherever the full stop stands.
"""

from bisect import bisect_right
from dataclasses import dataclass

from agent.answer import Citation
from agent.citations import MARKER
from tools.text import SpanKind, sentences


@dataclass(frozen=True, slots=True)
class Claim:
    """text: without markers; start and end: into the answer as it stands, markers behind the claim not included."""

    text: str
    start: int
    end: int
    numbers: tuple[int, ...] = ()
    kind: SpanKind = "sentence"


def citations_of(text: str) -> tuple[Citation, ...]:
    """Every marker of a text whose markers the citation reader has already normalised."""
    return tuple(Citation(int(m.group(1)), m.start(), m.end()) for m in MARKER.finditer(text))


def claims_of(text: str) -> tuple[Claim, ...]:
    """In the order of the text; headings, rows and code are claims too, by their kind."""
    bare, origin, marks = _without_markers(text)
    spans = [span for span in sentences(bare) if bare[span.start : span.end].strip()]
    starts = [span.start for span in spans]
    numbers: list[list[int]] = [[] for _ in spans]
    for place, number in marks:
        owner = max(bisect_right(starts, max(place - 1, 0)) - 1, 0)  # before all claims: it means the first
        if spans and number not in numbers[owner]:
            numbers[owner].append(number)
    return tuple(
        Claim(bare[s.start : s.end], origin[s.start], origin[s.end - 1] + 1, tuple(cited), s.kind)
        for s, cited in zip(spans, numbers, strict=True)
    )


def _without_markers(text: str) -> tuple[str, list[int], list[tuple[int, int]]]:
    """The text without markers, where each of its characters comes from, and (place in it, number) of each marker."""
    bare: list[str] = []
    origin: list[int] = []
    marks: list[tuple[int, int]] = []
    last = 0
    for match in MARKER.finditer(text):
        bare.append(text[last : match.start()])
        origin.extend(range(last, match.start()))
        marks.append((len(origin), int(match.group(1))))
        last = match.end()
    bare.append(text[last:])
    origin.extend(range(last, len(text)))
    return "".join(bare), origin, marks
