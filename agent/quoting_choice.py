"""Which of the ranked units are quoted, and with which neighbours."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.fence import fence
from agent.quoting_ranking import Reading, Unit
from agent.quoting_terms import Sought
from tools.text import words

MAX_ANSWER_CHARACTERS = 1_300
MAX_SENTENCES = 6
MAX_QUOTE_CHARACTERS = 900
"""A longer unit is a listing or a broken page, not a sentence to quote."""
_FOLLOWERS = 5
_NEXT_QUOTE = 0.5
_SECOND_PAGE = 0.3
_NEXT_STEP = 0.3
_FURTHER_PAGE = 0.65
"""Share of the best score from which a further quote of a page that is quoted, the first quote of a second page, or
that of any page after it is worth reading: two pages that agree are wanted, a third only when it is as good. The listed
steps of one section belong together."""
_NEIGHBOUR, _BESIDE = 0.15, 2
"""Share of the best score from which a unit beside a quote goes with it, for the answer often stands in the next
sentence; and how many units away it may stand. Steps are told by their list, not by their neighbours."""
_STEP, _FAR_OFF, _AS_MUCH = 0.25, 0.5, 0.75
"""Share of the best coverage below which a unit is off the subject, however well it scores; the same for a
further step, and for the first quote of a further page when a fact is asked for."""
_OWN_WORDS = 0.6
"""Share of what the best quote says of the question by its own words, below which a sentence of another page says
something else."""
_SAME_PAGE_AGAIN = 0.9
"""Factor for each quote that the page already has."""
_SEQUEL = 1.6
"""Factor for a step that follows on one that is quoted."""
_SAME_TEXT = 0.6
_ANNOUNCES = re.compile(
    r"[:：]\s*$|\b(?:as follows|the following|like this)\b[^.]{0,40}[.:]?\s*$|(?:如下|下列|以下)[^。]{0,15}[。：:]?\s*$"
)
_REFERS_BACK = re.compile(
    r"(?:It|Its|They|Their|This|That|These|Those|He|She|Such|However|Then|Thus|Therefore|In this case"
    r"|Otherwise|To do (?:this|so))\b"
    "|[它他她其这那该此]|要做到这|因此|但是?|不过|否则|然而"
    r"|(?:All|Both|Each|Either|Many|Most|None|One|Some|Several) of (?:it|this|that|these|those|them|which)\b"
)
_NAMES_AGAIN = re.compile(
    r"\b(?:this|these|those|such)\s(?!page|chapter|section|document|manual|book|article|guide|time|day|year|week)[a-z]{3,}"
)
"""A thing that the sentence before has named."""
_MEANS_ABOVE = re.compile(r"\b(?:like this|the above|above)\b|如上|上面|上述")
_SEQUENCE = re.compile(
    r"(?:First|Second|Third|Then|Next|Once|Finally|Lastly|Afterwards?|After (?:that|this|you))\b"
    "|首先|然后|接着|接下来|随后|最后|完成(?:之?后|以后)|(?:在此|这)之后"
)
_COMMAND = re.compile(r"\s*(?:[`*\\]*[#$][`*]*\s|`[^`]+`\W*$|\*\*`)")


@dataclass(frozen=True, slots=True)
class Quote:
    """Units of one page in the page's order, to be shown together."""

    units: tuple[Unit, ...]

    @property
    def page(self) -> int:
        return self.units[0].page

    @property
    def characters(self) -> int:
        return sum(len(unit.text) for unit in self.units)


def choose(ranked: Sequence[Unit], reading: Reading, asked: Sought) -> list[Quote]:
    """The best quotes, the best first; for a "how do I" those of one page together."""
    choice = _Choice(reading, asked)
    for unit in choice.candidates(ranked):
        choice.offer(unit)
    return _ordered(choice.quotes) if asked.kind == "how_to" else choice.quotes


def _ordered(quotes: Sequence[Quote]) -> list[Quote]:
    """Steps in the order of their page, the page of the best quote first."""
    pages = list(dict.fromkeys(quote.page for quote in quotes))
    return sorted(quotes, key=lambda quote: (pages.index(quote.page), quote.units[0].at))


class _Choice:
    """The quotes taken so far, and which units and texts are in them."""

    def __init__(self, reading: Reading, asked: Sought) -> None:
        self._reading, self._asked = reading, asked
        self.quotes: list[Quote] = []
        self._seen: list[frozenset[str]] = []
        self._used: set[tuple[int, int]] = set()

    def candidates(self, ranked: Sequence[Unit]) -> Iterator[Unit]:
        """One by one the best that is left, pages that have been quoted put back; stops when the rest is too poor."""
        left = [unit for unit in ranked[:200] if fit(unit)]
        best = left[0].score if left else 0.0
        most = max((unit.coverage for unit in left), default=0.0)
        alone = max((unit.alone for unit in left), default=0.0)
        while left and self._room():
            pages = [quote.page for quote in self.quotes]
            worth, unit = max(((self._worth(unit, pages), unit) for unit in left), key=lambda pair: pair[0])
            left.remove(unit)
            if worth < self._floor(unit, pages) * best or unit.coverage < self._least(unit, pages) * most:
                continue
            if unit.alone >= self._own_share(unit, pages) * alone:
                yield unit

    def _worth(self, unit: Unit, pages: Sequence[int]) -> float:
        """What is left of a unit's score when its page has been quoted; the next step comes before another page."""
        if unit.kind == "sentence" and self._is_next_step(unit):
            return unit.score * _SEQUEL
        return unit.score * _SAME_PAGE_AGAIN ** pages.count(unit.page)

    def _floor(self, unit: Unit, pages: Sequence[int]) -> float:
        if unit.page not in pages:
            return _SECOND_PAGE if len(set(pages)) < 2 else _FURTHER_PAGE
        if self._is_next_step(unit):
            return _NEXT_STEP
        return _NEIGHBOUR if self._asked.kind != "how_to" and self._beside_a_quote(unit) else _NEXT_QUOTE

    def _is_next_step(self, unit: Unit) -> bool:
        """Of a "how do I": an item of a list that is quoted, or a sentence that says its place in a sequence, of a
        section that is."""
        if self._asked.kind != "how_to" or (unit.kind != "item" and not _in_sequence(unit)):
            return False
        quoted = (quote.units[-1] for quote in self.quotes if quote.page == unit.page)
        if unit.kind == "item":
            return any(one.heading == unit.heading for one in quoted)
        return any(self._section(one) == self._section(unit) for one in quoted)

    def _section(self, unit: Unit) -> int:
        """Place of its heading; a box within a section is part of it."""
        above = self._reading.units[unit.page][unit.heading] if unit.heading >= 0 else unit
        return above.upper if above.boxed else unit.heading

    def _beside_a_quote(self, unit: Unit) -> bool:
        quoted = [one.at for quote in self.quotes if quote.page == unit.page for one in quote.units]
        return any(abs(unit.at - at) <= _BESIDE and self._one_paragraph(unit, at) for at in quoted)

    def _one_paragraph(self, unit: Unit, at: int) -> bool:
        first, last = sorted((at, unit.at))
        units = self._reading.units[unit.page]
        return unit.kind == "sentence" and self._joined(units[first], units[last])

    def _least(self, unit: Unit, pages: Sequence[int]) -> float:
        """A fact stands on a page that speaks of all that is asked; steps may stand on several that each tell some, and
        the steps beside one that is quoted need not repeat the question."""
        if self._is_next_step(unit):
            return _STEP
        alone = self._asked.kind != "how_to" and pages and unit.page not in pages
        return _AS_MUCH if alone else _FAR_OFF

    def _own_share(self, unit: Unit, pages: Sequence[int]) -> float:
        """The title of a page about everything makes none of its sentences an answer."""
        return _OWN_WORDS if self._asked.kind != "how_to" and pages and unit.page != pages[0] else 0.0

    def _room(self) -> bool:
        units = [unit for quote in self.quotes for unit in quote.units]
        return (
            sum(unit.kind != "code" for unit in units) < MAX_SENTENCES
            and sum(len(unit.text) for unit in units) < 0.7 * MAX_ANSWER_CHARACTERS
        )

    def offer(self, unit: Unit) -> None:
        units = [one for one in self._with_neighbours(unit) if one is unit or not self._known(one)]
        room = MAX_ANSWER_CHARACTERS - sum(quote.characters for quote in self.quotes)
        while units and sum(len(one.text) for one in units) > room:
            units.pop()
        if unit not in units or self._known(unit):
            return
        self._used |= {(one.page, one.at) for one in units}
        self._seen += [frozenset(words(one.text)) for one in units]
        self.quotes.append(Quote(tuple(units)))

    def _known(self, unit: Unit) -> bool:
        terms = frozenset(words(unit.text))
        return (unit.page, unit.at) in self._used or any(_same(terms, seen) for seen in self._seen)

    def _with_neighbours(self, unit: Unit) -> list[Unit]:
        units = self._reading.units[unit.page]
        before = [one for one in units[max(0, unit.at - 1) : unit.at] if self._leads_to(one, unit) and fit(one)]
        return [*before, unit, *self._followers(unit, units)]

    def _leads_to(self, before: Unit, unit: Unit) -> bool:
        """The sentence that "it" stands for, or the code that "like this" means."""
        if before.kind == "code":
            return _MEANS_ABOVE.search(unit.text) is not None
        both = before.kind == "sentence" == unit.kind and before.chinese == unit.chinese
        refers = _REFERS_BACK.match(unit.text) or _NAMES_AGAIN.search(unit.text)
        return both and refers is not None and self._joined(before, unit)

    def _joined(self, first: Unit, second: Unit) -> bool:
        between = self._reading.pages[first.page].text[first.span.end : second.span.start]
        return "\n\n" not in between

    def _followers(self, unit: Unit, units: Sequence[Unit]) -> Iterator[Unit]:
        """What the unit announces: the code, list or commands right behind it."""
        announced = _ANNOUNCES.search(unit.text) is not None
        if not announced and self._asked.kind != "how_to":
            return
        taken = 0
        for one in units[unit.at + 1 : unit.at + 1 + _FOLLOWERS]:
            listed = one.kind in ("code", "item") or _COMMAND.match(one.text)
            if one.kind == "item" and (not announced or unit.kind == "item"):
                return
            if not listed or one.heading != unit.heading or not fit(one) or taken > 500:
                return
            taken += len(one.text)
            yield one


def _in_sequence(unit: Unit) -> bool:
    return unit.kind == "sentence" and _SEQUENCE.match(unit.text) is not None


def fit(unit: Unit) -> bool:
    """Whether the unit may be shown: whole, of a readable length, without a mark that could be taken for ours."""
    if unit.kind == "heading" or len(unit.text) > MAX_QUOTE_CHARACTERS:
        return False
    if unit.kind != "code" and "```" in unit.text:
        return False
    shown = unit.text if unit.kind == "code" else " ".join(unit.text.split())
    return fence(shown) == shown


def _same(one: Iterable[str], other: Iterable[str]) -> bool:
    """Near-duplicates: most terms of the shorter stand in the other."""
    first, second = frozenset(one), frozenset(other)
    shorter = min(len(first), len(second))
    return shorter > 0 and len(first & second) > (0.8 if shorter < 6 else _SAME_TEXT) * shorter
