"""What one passage says otherwise than a claim: one number, one date or one name, compared by value.

They differ where the passage says nearly all of the claim, but has one other value in the place of the claim's (万/亿,
Chinese numerals, dates, units, full-width forms, Hant/Hans). What is told of another year, or differs in more than one
thing, is told of something else.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from agent.numbers import Quantity, agree, missing, quantities
from agent.numbers_units import MONTHS, UNITS
from agent.support_wanted import Wanted, wanted
from agent.support_words import is_unit, rarity
from tools.text import content_words, fold, fold_each, sentences, words

_SAME_SUBJECT = 0.72  # share of the claim without its numbers that the other passage must hold
_SAME_SENTENCE = 0.7  # of its words in their order, where a name is another
_FEWEST_SAME = 5  # tokens
_FEWEST_WORDS = 2  # beside the value
_MOST_TOKENS = 300
_LONGEST_NAME = 6  # tokens
_RARE = 0.8
_MORE_UNITS = frozenset((*UNITS, "m"))
_DATES = frozenset(("year", "month", "month-day", "month-date"))
_NUMERAL = re.compile(r"\d.*|[零〇一二两三四五六七八九十百千万亿年月日号点]+")
_VALUE = re.compile(
    r"(?P<bare>(?:[$€£¥]\s?)?(?:\d[\d,.]*\d|\d|[零〇一二两三四五六七八九十百千万亿]+)"
    r"(?:\s?(?:[%‰℃°]|[十百千万亿]+|million|billion|thousand|trillion))?)"
    r"(?P<unit>\s?(?:[年月日号个人]|[A-Za-z]{1,12}|[\u3400-\u9fff]))?"
)
_HAN = re.compile("[\u3400-\u9fff]")
_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W_]+")

Kind = Literal["number", "date", "name"]


@dataclass(frozen=True, slots=True)
class Difference:
    """claimed and held: the values as they are written in the claim and on the page."""

    kind: Kind
    claimed: str
    held: str


def difference_between(claim: str, passage: str) -> Difference | None:
    """The one thing that the passage says otherwise; None where it says the same, more, or something else."""
    want = wanted(claim)
    if want is None:
        return None
    held = _NumbersOf(want, passage)
    return held.difference() if held.lacking else other_name(claim, passage)


class _NumbersOf:
    """What numbers and dates the claim has and the passage lacks, and what the passage has instead."""

    def __init__(self, want: Wanted, passage: str) -> None:
        self._want, self._passage = want, passage
        self._firm = tuple(one for one in want.numbers if one.firm)
        self._held = tuple(one for one in quantities(passage) if one.firm)
        self.lacking = missing(self._firm, self._held)

    def difference(self) -> Difference | None:
        measures = {_measure(one, self._want.text) for one in self.lacking}
        free = [one for one in self._held if not any(agree(other, one) for other in self._firm)]
        instead = [one for one in free if _comparable(_measure(one, self._passage), measures)]
        one_value = len(self.lacking) == 1 or measures <= _DATES
        if not one_value or not instead or self._told_of_another_year(measures, free):
            return None
        if _shared(self._want, self._passage) < _SAME_SUBJECT or not self._names_held():
            return None
        kind: Kind = "date" if measures <= _DATES else "number"
        return Difference(kind, _written(self._want.text, self.lacking[0]), _written(self._passage, instead[0]))

    def _names_held(self) -> bool:
        """2018 in Japan and 2014 in Brazil are two events, not a disagreement about the year."""
        held = {*words(self._passage)}
        return all(name in held for name in self._want.names if not _is_value(name))

    def _told_of_another_year(self, measures: set[str], free: Sequence[Quantity]) -> bool:
        return not measures & _DATES and any(_measure(one, self._passage) == "year" for one in free)


def _measure(quantity: Quantity, text: str) -> str:
    """`year`, `length`, `month-day`, `元` …; "" for a bare number, `literal` for versions and times."""
    if not quantity.values:
        return "literal"
    if quantity.unit:
        return UNITS[quantity.unit][0] if quantity.unit in UNITS else quantity.unit
    value = quantity.values[0]
    year = value.is_integer() and 1_000 <= value <= 2_100 and "," not in _written(text, quantity)
    return "year" if year else ""


def _comparable(measure: str, measures: set[str]) -> bool:
    """A number whose unit is not read may be of any measure, but is no date."""
    if measure in measures:
        return True
    return not ({measure, *measures} & _DATES) and (not measure or "" in measures)


def _is_value(term: str) -> bool:
    """A numeral, a unit, or the name of a month."""
    return bool(_NUMERAL.fullmatch(term)) or is_unit(term) or term in _MORE_UNITS or term[:3] in MONTHS


def _shared(want: Wanted, passage: str) -> float:
    """Share of the claim's words, its values apart, that the passage holds."""
    weights = {term: weight for term, weight in want.weights.items() if not _is_value(term)}
    whole, held = sum(weights.values()), {*content_words(passage), *words(passage)}
    if len(weights) < _FEWEST_WORDS:  # "Feb 26, 2017" alone is told of nothing
        return 0.0
    return sum(weight for term, weight in weights.items() if term in held) / whole


def _written(text: str, value: Quantity) -> str:
    """How the value is written in the text, with its unit; "" where it cannot be told."""
    for match in _VALUE.finditer(text):
        read = quantities(match[0].strip())
        if any(agree(value, one) for one in read):
            measured = any(one.unit for one in read) or fold(match["unit"] or "").strip() in _MORE_UNITS
            return match[0].strip() if measured else match["bare"]
    return ""


def other_name(claim: str, passage: str) -> Difference | None:
    """One name in the place of another in what is else the same sentence."""
    ours = _TOKEN.findall(fold(claim))[:_MOST_TOKENS]
    for span in sentences(passage):
        theirs = _TOKEN.findall(fold(passage[span.start : span.end]))[:_MOST_TOKENS]
        change = _only_change(ours, theirs)
        if change and _stands_for_another(change, claim, passage):
            return Difference("name", _as_written(change[1], claim), _as_written(change[0], passage))
    return None


def _only_change(ours: list[str], theirs: list[str]) -> tuple[list[str], list[str]] | None:
    """(theirs, ours): the one run of tokens that differs, wherever it stands; None when the sentences differ more."""
    codes = SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes()
    same = sum(end - start for tag, start, end, _, _ in codes if tag == "equal")
    if same < _FEWEST_SAME:
        return None
    changes = {
        (" ".join(theirs[a:b]), " ".join(ours[c:d])) for tag, a, b, c, d in codes if tag == "replace" if b - a and d - c
    }
    if len(changes) != 1:
        return None
    _, a, b, c, d = next(code for code in codes if code[0] == "replace")
    if same < _SAME_SENTENCE * max(len(ours) - (d - c), min(len(theirs), len(ours)) - (b - a)):
        return None
    wide = int(min(b - a, d - c) == 1 and min(a, c) > 0 and bool(_HAN.fullmatch(theirs[a]) and _HAN.fullmatch(ours[c])))
    return theirs[a - wide : b], ours[c - wide : d]


def _stands_for_another(change: tuple[list[str], list[str]], claim: str, passage: str) -> bool:
    """Whether a name stands in the place of another, and neither text holds both."""
    before, after = ("".join(side) if _HAN.match(side[0]) else " ".join(side) for side in change)
    if max(map(len, change)) > _LONGEST_NAME or _squeezed(after) in _squeezed(passage):
        return False
    if _squeezed(before) in _squeezed(claim):
        return False
    return _is_name(before, passage) and _is_name(after, claim)


def _squeezed(text: str) -> str:
    return "".join(_TOKEN.findall(fold(text)))


def _is_name(words_of_change: str, text: str) -> bool:
    latin = re.findall(r"[^\W\d_\u3400-\u9fff]+", words_of_change)
    if latin:  # by its capital, also amid Chinese, where no space is
        found = (re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text, re.IGNORECASE) for word in latin)
        return any(match is not None and match[0][0].isupper() for match in found)
    return any(rarity(term) >= _RARE for term in content_words(words_of_change) if len(term) > 1)


def _as_written(tokens: list[str], text: str) -> str:
    """The words with the capitals and the script that they have in the text."""
    match = re.search(r"\W*".join(map(re.escape, tokens)), fold_each(text))
    return text[slice(*match.span())] if match else " ".join(tokens)
