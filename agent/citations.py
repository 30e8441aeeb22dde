"""Reads R1's citations out of a stream of text. No I/O: feed it deltas, send on what it returns, close it at the end.

What counts as a marker: [citation:3] · [citation:3,5] · [citation: 3] · ［citation：３］ · 【citation:3】 ·
[webpage 3] · [citation:2-4].
What does not: anything inside a fenced code block, and anything that names no number.
"""

import re
import unicodedata
from collections.abc import Iterable

_OPENING = "[［【〔"
_CLOSING = "]］】〕"
_LONGEST_MARKER = 80  # characters; a longer run of numbers is text
_LONGEST_RANGE = 20  # pages in [citation:2-9]; more is a slip of the pen, not a citation
_WORDS = ("citations", "citation", "webpages", "webpage")
_NUMBERS = re.compile(r"(citations?|webpages?)[ \t]*:?[ \t]*(?:#?[0-9,;、~\- \t–—]|and|citations?[ \t]*:|webpages?)*")
_NUMBER_OR_RANGE = re.compile(r"([0-9]+)(?:[ \t]*[-~–—][ \t]*([0-9]+))?")
MARKER = re.compile(r"\[citation:([0-9]+)\]")
"""The one form that leaves this file."""


def in_our_form(pieces: Iterable[str | int]) -> str:
    """What a CitationReader gave, as text."""
    return "".join(piece if isinstance(piece, str) else f"[citation:{piece}]" for piece in pieces)


def normalised(text: str, pages: int) -> str:
    """A whole text with its markers in our form; those that name no page are gone."""
    reader = CitationReader(pages)
    return in_our_form([*reader.feed(text), *reader.close()])


class CitationReader:
    """Splits text into plain text (str) and citations (int, 1 to `pages`), however the stream is cut.

    A number that no page has is dropped from the text and counted in `dropped`. At most one unfinished marker is held
    back.
    """

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._held = ""
        self._code = _CodeFence()
        self.dropped = 0

    def feed(self, delta: str) -> list[str | int]:
        pieces: list[str | int] = []
        for character in delta:
            for piece in self._step(character):
                if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
                    pieces[-1] += piece
                elif piece != "":
                    pieces.append(piece)
        return pieces

    def close(self) -> list[str | int]:
        """What was held back comes out as text: a marker that never ends is none."""
        held, self._held = self._held, ""
        return [held] if held else []

    def _step(self, character: str) -> list[str | int]:
        in_code = self._code.step(character)
        if self._held:
            return self._continue(character)
        if character in _OPENING and not in_code:
            self._held = character
            return []
        return [character]

    def _continue(self, character: str) -> list[str | int]:
        if character in _CLOSING:
            held, self._held = self._held, ""
            numbers = _numbers(held[1:])
            return [held + character] if numbers is None else self._valid(numbers)
        if len(self._held) < _LONGEST_MARKER and _may_become_marker(self._held[1:] + character):
            self._held += character
            return []
        held, self._held = self._held, ""
        if character in _OPENING:
            self._held = character
            return [held]
        return [held + character]

    def _valid(self, numbers: list[int]) -> list[str | int]:
        valid = [number for number in dict.fromkeys(numbers) if 1 <= number <= self._pages]
        self.dropped += len(set(numbers)) - len(valid) if numbers else 1
        return [*valid]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower().lstrip(" \t")


def _may_become_marker(inside: str) -> bool:
    folded = _folded(inside)
    return any(word.startswith(folded) for word in _WORDS) or _unfinished(folded)


def _unfinished(folded: str) -> bool:
    match = _NUMBERS.match(folded)
    if match is None:
        return False
    rest = folded[match.end() :]
    return any(word.startswith(rest) for word in (*_WORDS, "and"))


def _numbers(inside: str) -> list[int] | None:
    """The numbers between the brackets; [] for a marker without any; None when it is no marker at all."""
    folded = _folded(inside)
    match = _NUMBERS.fullmatch(folded)
    if match is None:
        return None
    found: list[int] = []
    for first, last in _NUMBER_OR_RANGE.findall(folded[len(match.group(1)) :]):
        start, end = int(first), int(last or first)
        found += range(start, end + 1) if 0 <= end - start < _LONGEST_RANGE else [start, end]
    return found


class _CodeFence:
    """Whether a character stands inside a fenced code block (CommonMark's ``` and ~~~), one character at a time."""

    def __init__(self) -> None:
        self._line_start = True
        self._run = ""  # fence characters at the start of this line
        self._after = ""  # what followed the run on this line: nothing, "space" or "text"
        self._fence = ""  # the run that opened the block we are in
        self._opening = False  # still on the line that opened it

    def step(self, character: str) -> bool:
        inside = bool(self._fence)
        if character == "\n":
            self._end_line()
        elif self._line_start and character in " \t>":
            pass
        elif character in "`~" and not self._after and (self._line_start or self._run[:1] == character):
            self._extend_run(character)
        else:
            self._leave_run(character)
        return inside or bool(self._fence)

    def _extend_run(self, character: str) -> None:
        self._line_start = False
        self._run += character
        if self._opening or (not self._fence and len(self._run) == 3):
            self._fence, self._opening = self._run, True

    def _leave_run(self, character: str) -> None:
        self._line_start = False
        if character != " " or self._after == "text":
            self._after = "text"
        else:
            self._after = "space"
        if self._opening and character == "`" and self._fence[0] == "`":  # ```x``` on one line is inline code
            self._fence, self._opening = "", False

    def _end_line(self) -> None:
        if self._opening:
            self._opening = False
        elif self._fence and self._run.startswith(self._fence) and self._after != "text":
            self._fence = ""
        self._run, self._after, self._line_start = "", "", True
