"""A cited page as the judge reads it: cut once into short stretches, with an index of where each term stands."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, count

from agent.numbers import Quantity, quantities
from agent.support_meaning import Vector, meaning_of, sum_of
from tools.page import Webpage
from tools.text import Span, content_words, fold, fold_each, sentences, words

STRETCH_CHARACTERS = 320
"""Longer sentences (navigation, texts without full stops) are cut, so that a quote stays short."""
_CUT = re.compile(r"[,，;；、:：。.!?！？\n|]\s*|\s")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A sentence, item, row, heading or code block of a page, or a part of a long one. terms: in their order."""

    start: int
    end: int
    terms: tuple[str, ...]


class PageIndex:
    """One page, cut when a claim first asks for more than its letters: verbatim quotes need no index."""

    def __init__(self, page: Webpage) -> None:
        self.page = page
        self._numbers: dict[int, tuple[Quantity, ...]] = {}
        self._meanings: dict[int, Vector] = {}

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """In the order of the page."""
        text = self.page.text
        return tuple(
            Stretch(start, end, tuple(content_words(text[start:end])))
            for span in sentences(text)
            for start, end in _short(text, span)
        )

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """For each term the stretches that hold it."""
        places: dict[str, list[int]] = {}
        for at, stretch in enumerate(self.stretches):
            for term in dict.fromkeys(stretch.terms):
                places.setdefault(term, []).append(at)
        return places

    @cached_property
    def kin(self) -> dict[str, list[str]]:
        """Latin terms by their first five letters."""
        return _kin(self.places)

    @cached_property
    def title(self) -> frozenset[str]:
        return frozenset(words(self.page.title))

    @cached_property
    def lettered(self) -> str:
        """The page's letters and digits, folded one by one, without the targets of links."""
        return "".join(filter(str.isalnum, self._folded))

    @cached_property
    def origins(self) -> tuple[int, ...]:
        """Where each character of `lettered` stands in the page's text; read only when a quote is found."""
        return tuple(compress(count(), map(str.isalnum, self._folded)))

    @cached_property
    def _folded(self) -> str:
        return _TARGET.sub(lambda link: " " * len(link[0]), fold_each(self.page.text))

    def text(self, first: int, last: int) -> str:
        return self.page.text[self.stretches[first].start : self.stretches[last].end]

    def around(self, first: int, last: int, more: int) -> str:
        """The text with `more` stretches on each side."""
        return self.text(max(first - more, 0), min(last + more, len(self.stretches) - 1))

    def terms(self, first: int, last: int) -> frozenset[str]:
        return frozenset(term for stretch in self.stretches[first : last + 1] for term in stretch.terms)

    def meaning(self, first: int, last: int) -> Vector:
        for at in range(first, last + 1):
            if at not in self._meanings:
                self._meanings[at] = meaning_of(self.stretches[at].terms)
        return sum_of(self._meanings[at] for at in range(first, last + 1))

    def numbers(self, stretch: int) -> tuple[Quantity, ...]:
        """Read when a window first asks for them: most of a page is never asked."""
        if stretch not in self._numbers:
            self._numbers[stretch] = quantities(self.text(stretch, stretch))
        return self._numbers[stretch]


def _kin(terms: Iterable[str]) -> dict[str, list[str]]:
    kin: dict[str, list[str]] = {}
    for term in terms:
        if len(term) >= 5 and term.isascii():
            kin.setdefault(term[:5], []).append(term)
    return kin


def squeezed(text: str) -> str:
    """Letters and digits only, folded: what stays the same when white space and Markdown's marks are lost."""
    return _NO_LETTER.sub("", fold(text))


def verbatim_span(claim: str, page: PageIndex) -> tuple[int, int] | None:
    """Where the claim stands on the page, white space, punctuation and Markdown's marks apart; whole words only.

    None when it does not, or is too short to be a quote.
    """
    letters = "".join(c for c in fold_each(_LINKED.sub(r"\1", claim)) if c.isalnum())
    if len(letters) < _SHORTEST_QUOTE:
        return None
    held = page.lettered
    at = held.find(letters)
    for _ in range(_MOST_PLACES):
        if at < 0:
            return None
        start, end = page.origins[at], page.origins[at + len(letters) - 1] + 1
        if not _inside_word(page.page.text, start) and not _inside_word(page.page.text, end):
            return (start, end) if _same_signs(claim, _TARGET.sub("", page.page.text[start:end])) else None
        at = held.find(letters, at + 1)
    return None


def _inside_word(text: str, at: int) -> bool:
    around = text[at - 1 : at + 1] if at else ""
    return len(around) == 2 and all(c.isascii() and c.isalnum() for c in around)


def _same_signs(claim: str, quote: str) -> bool:
    """The marks that carry a value must be the same: 1.5 is not 15, $5 not €5, 5 % not 5."""
    return _SIGNS.findall(fold(claim)) == _SIGNS.findall(fold(quote))


_SHORTEST_QUOTE = 4
_MOST_PLACES = 100  # where a short claim may stand inside other words
_LINKED = re.compile(r"!?\[([^\]\n]{0,500})\]\([^)\s]{0,2000}\)")  # bounded: linear on "[[[["
_TARGET = re.compile(r"(?<=\])\([^)\s]*\)")  # of a link: no words of the page
_SIGNS = re.compile(r"(?<=\d)[.:](?=\d)|[%‰$€£¥℃°]|(?<![\w.)-])-(?=\d)")
_NO_LETTER = re.compile(r"[\W_]+")


def _short(text: str, span: Span) -> Iterator[tuple[int, int]]:
    start = span.start
    while span.end - start > STRETCH_CHARACTERS:
        limit = start + STRETCH_CHARACTERS
        cuts = [found.end() for found in _CUT.finditer(text, start + STRETCH_CHARACTERS // 2, limit)]
        end = cuts[-1] if cuts else limit
        yield start, end
        start = end
    if start < span.end:
        yield start, span.end
