"""A cited page as the judge reads it: cut once into short stretches, with an index of where each term stands."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.numbers import Quantity, quantities
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


@dataclass(slots=True)
class PageIndex:
    """stretches: in the order of the page; places: for each term the stretches that hold it; kin: Latin terms by
    their first five letters; title: its terms; letters: of the page, folded, and in origins where each stands."""

    page: Webpage
    stretches: tuple[Stretch, ...]
    places: dict[str, list[int]]
    kin: dict[str, list[str]]
    title: frozenset[str]
    letters: str
    origins: tuple[int, ...]
    _numbers: dict[int, tuple[Quantity, ...]] = field(default_factory=dict)

    def text(self, first: int, last: int) -> str:
        return self.page.text[self.stretches[first].start : self.stretches[last].end]

    def terms(self, first: int, last: int) -> frozenset[str]:
        return frozenset(term for stretch in self.stretches[first : last + 1] for term in stretch.terms)

    def numbers(self, stretch: int) -> tuple[Quantity, ...]:
        """Read when a window first asks for them: most of a page is never asked."""
        if stretch not in self._numbers:
            self._numbers[stretch] = quantities(self.text(stretch, stretch))
        return self._numbers[stretch]


def indexed(page: Webpage) -> PageIndex:
    stretches = tuple(
        Stretch(start, end, tuple(content_words(page.text[start:end])))
        for span in sentences(page.text)
        for start, end in _short(page.text, span)
    )
    places: dict[str, list[int]] = {}
    for at, stretch in enumerate(stretches):
        for term in dict.fromkeys(stretch.terms):
            places.setdefault(term, []).append(at)
    return PageIndex(page, stretches, places, _kin(places), frozenset(words(page.title)), *_letters(page.text))


def _kin(terms: Iterable[str]) -> dict[str, list[str]]:
    kin: dict[str, list[str]] = {}
    for term in terms:
        if len(term) >= 5 and term.isascii():
            kin.setdefault(term[:5], []).append(term)
    return kin


def squeezed(text: str) -> str:
    """Letters and digits only, folded: what stays the same when white space and Markdown's marks are lost."""
    return _NO_LETTER.sub("", fold(text))


def _letters(text: str) -> tuple[str, tuple[int, ...]]:
    """The page's letters and digits, folded one by one, and where each of them stands."""
    folded = fold_each(text)
    places = tuple(at for at, character in enumerate(folded) if character.isalnum())
    return "".join(folded[at] for at in places), places


def verbatim_span(claim: str, page: PageIndex) -> tuple[int, int] | None:
    """Where the claim stands on the page, white space, punctuation and Markdown's marks apart; whole words only.

    None when it does not, or is too short to be a quote.
    """
    letters = "".join(c for c in fold_each(_LINKED.sub(r"\1", claim)) if c.isalnum())
    if len(letters) < _SHORTEST_QUOTE:
        return None
    at = page.letters.find(letters)
    while at >= 0:
        start, end = page.origins[at], page.origins[at + len(letters) - 1] + 1
        if not _inside_word(page.page.text, start) and not _inside_word(page.page.text, end):
            return (start, end) if _same_signs(claim, page.page.text[start:end]) else None
        at = page.letters.find(letters, at + 1)
    return None


def _inside_word(text: str, at: int) -> bool:
    around = text[at - 1 : at + 1] if at else ""
    return len(around) == 2 and all(c.isascii() and c.isalnum() for c in around)


def _same_signs(claim: str, quote: str) -> bool:
    """The marks that carry a value must be the same: 1.5 is not 15, $5 not €5, 5 % not 5."""
    return _SIGNS.findall(fold(claim)) == _SIGNS.findall(fold(quote))


_SHORTEST_QUOTE = 4
_LINKED = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*\)")
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
