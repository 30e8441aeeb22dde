"""Where the sentences of Chinese and English text begin and end, and what else stands on a page."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tools.stop_words import ABBREVIATIONS_EN, STOP_WORDS_EN

SpanKind = Literal["sentence", "heading", "item", "code", "row"]
_LOOK_BACK_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Span:
    """Code points [start, end) of a text. An item may hold several sentences and is then several spans."""

    start: int
    end: int
    kind: SpanKind = "sentence"


_FENCE = re.compile(r"[ \t]*(```+|~~~+)")
_HEADING = re.compile(r"[ ]{0,3}#{1,6}[ \t]+(?P<text>\S.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r"[ ]{0,3}(=+|-{3,})[ \t]*$")
_RULE = re.compile(r"[ \t]*([-*_=])([ \t]*\1){2,}[ \t]*$")
_ITEM = re.compile(r"[ \t]*(?:[-*+•·‣]|\(?\d{1,3}[.)]|\d{1,3}、|（\d{1,3}）)[ \t]*(?<=[ \t、）])(?P<text>\S)")
_ROW = re.compile(r"[ \t]*\|.*\|[ \t]*$")
_ROW_RULE = re.compile(r"[ \t|:-]+$")
_BOLD_LINE = re.compile(r"\*\*([^*\n]+)\*\*")
_BOLD_LINES = re.compile(r"\*\*[^*\n]+\*\*[ \t]*(?:\n[ \t]*\*\*[^*\n]+\*\*[ \t]*)*")
_INDENTED = re.compile(r"(?: {4}|\t)[ \t]*\S")


def sentences(text: str) -> list[Span]:
    """The sentences, headings, list items, table rows and code blocks of plain or Markdown text, in order.

    A paragraph of bold lines only is headings. Markers (`#`, `-`, fences) lie outside the spans. A line end
    inside a paragraph ends no sentence, a blank line does.
    """
    return list(_Blocks(text).spans())


class _Blocks:
    """Walks the lines of a text once; `_open` is the paragraph or list item that is still growing."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._open: tuple[int, int, SpanKind] | None = None
        self._code: tuple[int, int] | None = None
        self._after_blank, self._in_list = True, False

    def spans(self) -> Iterator[Span]:
        fence, start = "", 0
        for line in self._text.splitlines(keepends=True):
            end, bare = start + len(line), line.rstrip("\r\n")
            mark = _FENCE.match(bare)
            if fence:
                if mark and mark[1].startswith(fence) and not bare[mark.end() :].strip():
                    fence = ""
                    yield from self._close()
                else:
                    self._grow_code(start, start + len(bare))
            elif mark:
                yield from self._close()
                fence = mark[1]
            else:
                yield from self._line(start, bare)
            start = end
        yield from self._close()

    def _line(self, start: int, line: str) -> Iterator[Span]:
        blank = not line.strip()
        if blank:
            if not self._code:
                yield from self._close()
        elif self._code_line(line):
            self._grow_code(start, start + len(line))
        else:
            if self._code:
                yield from self._close()
            yield from self._structure(start, line)
            self._in_list = bool(_ITEM.match(line)) or (self._in_list and line[0] in " \t")
        self._after_blank = blank

    def _code_line(self, line: str) -> bool:
        """Indented by four after a blank line, outside a list: code, as CommonMark has it."""
        opened = self._code is not None or (self._after_blank and not self._in_list)
        return opened and bool(_INDENTED.match(line)) and self._open is None

    def _structure(self, start: int, line: str) -> Iterator[Span]:
        end = start + len(line.rstrip())
        if heading := _HEADING.match(line):
            yield from self._close()
            yield Span(start + heading.start("text"), start + heading.end("text"), "heading")
        elif _UNDERLINE.match(line) and self._open and self._is_one_line():
            yield Span(self._open[0], self._open[1], "heading")
            self._open = None
        elif _ROW.match(line):
            yield from self._close()
            if not _ROW_RULE.match(line):
                yield Span(start + len(line) - len(line.lstrip()), end, "row")
        elif _RULE.match(line):
            yield from self._close()
        elif item := _ITEM.match(line):
            yield from self._close()
            self._open = (start + item.start("text"), end, "item")
        elif self._open:
            self._open = (self._open[0], end, self._open[2])
        else:
            self._open = (start + len(line) - len(line.lstrip(" \t>")), end, "sentence")

    def _is_one_line(self) -> bool:
        return self._open is not None and self._open[2] == "sentence" and "\n" not in self._text[slice(*self._open[:2])]

    def _grow_code(self, start: int, end: int) -> None:
        if end > start:
            self._code = (self._code[0] if self._code else start, end)

    def _close(self) -> Iterator[Span]:
        if self._code:
            yield Span(*self._code, "code")
        if self._open and self._open[0] < self._open[1]:
            start, end, kind = self._open
            if kind == "sentence" and _BOLD_LINES.fullmatch(self._text, start, end):
                for line in _BOLD_LINE.finditer(self._text, start, end):
                    yield Span(line.start(1), line.end(1), "heading")
            else:
                for first, last in _split(self._text, start, end):
                    yield Span(first, last, kind)
        self._open = self._code = None


_CLOSERS = "”’」』）)】》〉\\]"
_EITHER = "\"'*_`"  # closes or opens
_END = re.compile(
    rf"(?:[。！？；｡]+|…+)[{_CLOSERS}{_EITHER}。！？；…]*"
    rf"|[!?]+[{_CLOSERS}{_EITHER}]*(?=\s|$|[\u3400-\u9fff])"
    rf"|[.]+[{_CLOSERS}{_EITHER}]*(?=\s|$)"
)
_OPENING = re.compile(r"([\"'*_`])\1*$")
_LAST_WORD = re.compile(r"[^\s(（\[\"“]*$")
_NEXT_WORD = re.compile(r"\s*(\S[\w'’]*)")
_NUMBER = re.compile(
    r"[*_]*(?:(?i:table|figure|fig|example|chapter|section|appendix|part|step|[表图例]) ?)?[A-Z]?\d*(?:\.\d+)*"
)


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    first = start
    for found in _END.finditer(text, start, end):
        last = _without_opening(text, found, first)
        if last < end and _ends_here(text, found, first, end):
            yield first, last
            first = last
            while first < end and text[first].isspace():
                first += 1
    if first < end:
        yield first, end


def _without_opening(text: str, found: re.Match[str], first: int) -> int:
    """The end of the sentence: a quote or mark that opens the next one does not belong to it (`停。**注意**`)."""
    mark = _OPENING.search(text, found.start(), found.end())
    if mark is None or text[found.end() : found.end() + 1].strip() == "":
        return found.end()
    before = text.count(mark[0], max(first, found.start() - _LOOK_BACK_CHARACTERS), mark.start())
    return found.end() if before % 2 else mark.start()


def _ends_here(text: str, found: re.Match[str], first: int, end: int) -> bool:
    mark = text[found.start()]
    if mark in "。！？；｡" or (mark == "…" and found.group().startswith("……")):
        return True
    following = _NEXT_WORD.match(text, found.end(), min(end, found.end() + 40))
    word = following[1] if following else ""
    if word[:1].islower():
        return False
    return mark != "." or not _is_abbreviation(text, found.start(), first, word)


def _is_abbreviation(text: str, stop: int, first: int, following: str) -> bool:
    """Whether the full stop at `stop` ends a shortened word, an initial or the number of a heading."""
    found = _LAST_WORD.search(text, max(first, stop - 24), stop)
    last = found[0] if found else ""
    if last.lower() in ABBREVIATIONS_EN or (last.lower() in ("no", "nr") and following[:1].isdigit()):
        return True
    if stop - first <= 24 and _NUMBER.fullmatch(text, first, stop):
        return True
    initials = re.fullmatch(r"(?:[A-Za-z]\.)*[A-Za-z]", last) is not None
    return initials and following.lower() not in STOP_WORDS_EN
