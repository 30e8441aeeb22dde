"""What a claim and a page have in common, as a few numbers with a meaning: the judge's evidence."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import nlargest
from itertools import pairwise

from agent.numbers import Quantity, agree, clash, is_year, missing
from agent.support_denial import is_flipped
from agent.support_meaning import likeness, meaning_of
from agent.support_page import PageIndex, squeezed
from agent.support_wanted import NUMERAL, Clause, Wanted
from agent.support_words import alike, is_han, is_unit, rarity

WINDOW_STRETCHES = 3
_AROUND = 4  # stretches before and behind a window that its letters are looked for in
_WINDOWS = 5  # the best by words, looked at closely
_EVERYWHERE = 150  # stretches of a page
_DENIABLE = 0.8  # share of the claim that a window must hold to deny it
_ALIKE, _KIN = 0.6, 0.7  # credit of a synonym, of a word with the same root
_WITH_NUMERAL = re.compile(rf"{NUMERAL.pattern}|[\u3400-\u9fff]?[零〇一二两三四五六七八九十百千万亿][\u3400-\u9fff]?")
_ANSWERED = 0.8  # an answer stands nearly where most of its question's words stand
_MOST_NAMES = 0.99  # share of a claim's names that no page may lack
_NUMBERED = 200  # stretches with a word of the claim whose numbers are read
_OF_CLAUSE = 0.4  # share of a clause that must stand by its number
_SHORTEST_PART = 3  # letters of a name looked for inside other words
_SAME_SUBJECT = 0.65  # share of the claim without its numerals that a page must hold to contradict it


@dataclass(frozen=True, slots=True)
class Evidence:
    """One window against a claim; shares are 0.0 to 1.0. See `vector` for what the judge weighs."""

    first: int
    last: int
    covered: float = 0.0
    exact: float = 0.0
    rest: float = 0.0
    alone: float = 0.0
    on_page: float = 0.0
    phrases: float = 0.0
    letters: float = 0.0
    runs: float = 0.0
    rarest_missing: float = 0.0
    names_missing: float = 0.0
    names_off_page: float = 0.0
    numbers_missing: float = 0.0
    numbers_off_page: float = 0.0
    has_numbers: bool = False
    has_tail: bool = False
    tail: float = 1.0
    answered: float = 1.0
    meaning: float = 0.0
    ending: float = 0.0
    pointing: bool = False
    flipped: bool = False
    undenied: bool = False
    clashing: bool = False
    substituted: bool = False
    copied: float = 0.0

    @property
    def conflict(self) -> bool:
        """Nearly all of the claim stands there, but another number, another name, a denial or the opposite word."""
        named = self.substituted and self.names_off_page > 0
        clashing = self.clashing and not (self.has_tail and self.tail >= 1)
        return self.rest >= _SAME_SUBJECT and (self.flipped or clashing or named)

    @property
    def lacks_a_fact(self) -> bool:
        """A number of the claim does not stand there by value; or all of it does but a name or the word of a place."""
        foreign = self.names_off_page >= _MOST_NAMES and not self.has_tail
        named = foreign or (self.names_off_page > 0 and self.copied >= 0.78)
        numbered = self.numbers_off_page > 0 or (self.numbers_missing > 0 and (self.clashing or self.copied >= 0.6))
        numbered = numbered and not (self.has_tail and self.tail >= 1)  # of a question: what counts is the answer's
        return numbered or named or self.tail < 0.5 or self.flipped or self.undenied or self.substituted

    def vector(self) -> tuple[float, ...]:
        return (
            1.0,
            self.covered,
            self.on_page,
            self.alone,
            self.exact,
            self.phrases,
            self.letters,
            self.runs,
            self.rarest_missing,
            self.names_missing,
            self.names_off_page,
            self.numbers_missing,
            self.numbers_off_page,
            float(self.has_numbers),
            1 - self.tail,
            float(self.flipped),
            1 - self.answered,
            float(self.answered >= _ANSWERED) if self.has_tail else 0.0,
            self.meaning,
            self.ending,
            float(self.pointing),
        )


class Comparison:
    """One claim on one page: the windows that hold most of its words, and what each of them lacks."""

    def __init__(self, want: Wanted, page: PageIndex) -> None:
        self._want, self._page = want, page
        self._credits = self._credit_by_stretch()

    def best(self) -> list[Evidence]:
        """The windows with most of the claim, looked at closely; none when the page holds no word of it."""
        return [self._evidence(first, last) for _, first, last in self._rough]

    @cached_property
    def _rough(self) -> list[tuple[float, int, int]]:
        return nlargest(_WINDOWS, self._windows())

    def _credit_by_stretch(self) -> dict[int, dict[str, float]]:
        credits: dict[int, dict[str, float]] = {}
        places = self._page.places
        for term in sorted(self._want.weights, key=lambda term: len(places.get(term, ()))):
            for form, credit in self._forms(term):
                for at in self._where(places.get(form, ()), credits):
                    held = credits.setdefault(at, {})
                    held[term] = max(held.get(term, 0.0), credit)
        return credits

    def _where(self, places: Sequence[int], credits: dict[int, dict[str, float]]) -> Iterable[int]:
        """All places of a term; of one that is everywhere on a long page, those beside rarer terms and the first."""
        if len(places) <= _EVERYWHERE:
            return places
        return {*places[:_EVERYWHERE], *(credits.keys() & set(places))}

    def _forms(self, term: str) -> list[tuple[str, float]]:
        forms = [(term, 1.0)]
        if term not in self._want.names:
            forms += [(other, _ALIKE) for other in alike(term)]
            if not is_han(term) and len(term) >= 5:
                forms += [(other, _KIN) for other in self._page.kin.get(term[:5], ()) if _related(term, other)]
        return forms

    def _windows(self) -> list[tuple[float, int, int]]:
        found: list[tuple[float, int, int]] = []
        for first in self._credits:
            held: dict[str, float] = {}
            for last in range(first, min(first + WINDOW_STRETCHES, len(self._page.stretches))):
                more = self._credits.get(last)
                if last > first and not more:
                    continue
                for term, credit in (more or {}).items():
                    held[term] = max(held.get(term, 0.0), credit)
                found.append((self._share(held) - 0.03 * (last - first), first, last))
        return found

    def _share(self, held: dict[str, float]) -> float:
        return sum(self._want.weights[term] * credit for term, credit in held.items())

    @cached_property
    def _anywhere(self) -> dict[str, float]:
        held = {term: 0.9 for term in self._want.weights if term in self._page.title}
        for credits in self._credits.values():
            for term, credit in credits.items():
                held[term] = max(held.get(term, 0.0), credit)
        return held

    def _evidence(self, first: int, last: int) -> Evidence:
        want = self._want
        held: dict[str, float] = {}
        for at in range(first, last + 1):
            for term, credit in self._credits.get(at, {}).items():
                held[term] = max(held.get(term, 0.0), credit)
        by_value = self._credit_numbers(held, first, last)
        evidence = Evidence(
            first,
            last,
            covered=self._share(held),
            rest=self._rest(held),
            exact=sum(want.weights[term] for term, credit in held.items() if credit == 1.0),
            alone=max(self._share(self._credits.get(at, {})) for at in range(first, last + 1)) + by_value,
            on_page=max(self._share(self._anywhere), self._share(held)),
            rarest_missing=max((rarity(t) ** 2 for t in want.weights if held.get(t, 0.0) < 0.5), default=0.0),
        )
        return self._with_order(self._with_numbers(self._with_names(evidence, held)), held)

    def _credit_numbers(self, held: dict[str, float], first: int, last: int) -> float:
        """Numerals of the claim count as held when all its numbers stand in the window by value; their weight."""
        want = self._want
        if not any(one.firm for one in want.numbers) or missing(want.numbers, self.numbers(first, last)):
            return 0.0
        written = [term for term in want.weights if held.get(term, 0.0) < 1 and _WITH_NUMERAL.fullmatch(term)]
        held.update(dict.fromkeys(written, 1.0))
        return sum(want.weights[term] for term in written)

    def _rest(self, held: dict[str, float]) -> float:
        """Share of the claim without its numerals and units."""
        own = self._want.weights.items()
        weights = {term: weight for term, weight in own if not (NUMERAL.fullmatch(term) or is_unit(term))}
        whole = sum(weights.values())
        return sum(weight * held.get(term, 0.0) for term, weight in weights.items()) / whole if whole else 0.0

    def _with_names(self, evidence: Evidence, held: dict[str, float]) -> Evidence:
        weights, names = self._want.weights, self._want.names & self._want.weights.keys()
        whole = sum(weights[name] for name in names)
        if not whole:
            return evidence
        anywhere = self._anywhere
        return replace(
            evidence,
            names_missing=sum(weights[n] for n in names if n not in held) / whole,
            names_off_page=sum(weights[n] for n in names if n not in anywhere and not self._spelled(n)) / whole,
        )

    def _spelled(self, name: str) -> bool:
        """Inside another word of the page: HBOMax for HBO Max."""
        return len(name) >= _SHORTEST_PART and name in self._page.lettered

    def _with_numbers(self, evidence: Evidence) -> Evidence:
        wanted_numbers = [one for one in self._want.numbers if one.firm]
        if not wanted_numbers:
            return evidence
        held = self.numbers(evidence.first, evidence.last)
        lacking = tuple(one for one in missing(wanted_numbers, held) if not self._elsewhere(one))
        clashing = bool(lacking) and clash(lacking, wanted_numbers, held)
        if not clashing:  # a small count in words ("four minerals") may be the writer's own; a year, the question's
            lacking = tuple(one for one in lacking if not (one.counts or self._known_year(one, held)))
        off_page = missing(lacking, self._all_numbers) if lacking else ()
        return replace(
            evidence,
            has_numbers=True,
            numbers_missing=len(lacking) / len(wanted_numbers),
            numbers_off_page=len(off_page) / len(wanted_numbers),
            clashing=clashing,
        )

    def _known_year(self, lacking: Quantity, held: Sequence[Quantity]) -> bool:
        """A year that stands by a day which the window has, on a page that names no year at all."""
        if not is_year(lacking) or any(is_year(one) for one in self._all_numbers):
            return False
        days = [one for one in self._want.numbers if one.unit == "month-day"]
        return bool(days) and not missing(days, self._all_numbers)

    def _elsewhere(self, lacking: Quantity) -> bool:
        """Whether another stretch has the number together with most of the clause of the claim that it stands in: one
        sentence may gather several of a page."""
        for part in self._want.clauses:
            if any(agree(lacking, one) for one in part.numbers):
                return any(
                    self._holds(at, part) and not missing((lacking,), self._page.numbers(at)) for at in self._numbered
                )
        return False

    def _holds(self, at: int, part: Clause) -> bool:
        held = self._credits[at]
        whole = sum(self._want.weights[term] for term in part.terms)
        return sum(self._want.weights[term] * held.get(term, 0.0) for term in part.terms) >= _OF_CLAUSE * whole

    def numbers(self, first: int, last: int) -> list[Quantity]:
        return [one for at in range(first, last + 1) for one in self._page.numbers(at)]

    @cached_property
    def _all_numbers(self) -> list[Quantity]:
        """Of the stretches that share a word with the claim; a page may be long."""
        return [one for at in self._numbered for one in self._page.numbers(at)]

    @cached_property
    def _numbered(self) -> Sequence[int]:
        return sorted(self._credits)[:_NUMBERED]

    def _with_order(self, evidence: Evidence, held: dict[str, float]) -> Evidence:
        terms = [t for at in range(evidence.first, evidence.last + 1) for t in self._page.stretches[at].terms]
        near = {pair for step in (1, 2, 3) for pair in zip(terms, terms[step:], strict=False)}
        pairs = list(pairwise(self._want.order))
        text = self._page.text(evidence.first, evidence.last)
        letters, runs = self._letters
        return replace(
            evidence,
            phrases=sum(pair in near for pair in pairs) / len(pairs) if pairs else evidence.exact,
            flipped=evidence.covered >= _DENIABLE and is_flipped(self._want, text),
            tail=self._tail(held, evidence),
            letters=letters,
            runs=runs,
            meaning=self._meaning if not self._want.chinese else 0.0,
            ending=self._ending,
            pointing=self._want.pointing,
            has_tail=bool(self._want.tail),
            answered=self._answered if self._want.tail else 1.0,
        )

    @property
    def _ending(self) -> float:
        held, terms = self._anywhere, self._want.ending
        return sum(held.get(term, 0.0) for term in terms) / len(terms)

    @cached_property
    def _meaning(self) -> float:
        """How near the best windows and each of their stretches come to the claim in what their words mean."""
        page, own = self._page, meaning_of(self._want.order)
        spans = {(first, last) for _, first, last in self._rough}
        spans |= {(at, at) for _, first, last in self._rough for at in range(first, last + 1)}
        return max(likeness(own, page.meaning(first, last)) for first, last in spans)

    @cached_property
    def _answered(self) -> float:
        """How much of the question stands where its short answer stands, beside where most of it does."""
        want, best, near = self._want, 0.0, 0.0
        numbers = [one for one in want.tail_numbers if one.firm]
        asked = {term: weight for term, weight in want.weights.items() if term not in want.tail}
        for at in sorted(self._credits)[:_EVERYWHERE]:
            held = self._credits[at]
            question = sum(asked.get(term, 0.0) * credit for term, credit in held.items())
            best = max(best, question)
            near = max(near, question * self._tail_in(held, numbers, (at, at)))
        return near / best if best else 1.0

    @cached_property
    def _letters(self) -> tuple[float, float]:
        """Shares of the claim's short and long runs of letters around its best window by words."""
        _, first, last = self._rough[0]
        around = squeezed(self._page.around(first, last, _AROUND))
        short, long = (2, 4) if self._want.chinese else (3, 8)
        letters = self._want.letters
        return _shared_letters(letters, around, short), _shared_letters(letters, around, long)

    def _tail(self, held: dict[str, float], evidence: Evidence) -> float:
        numbers = [one for one in self._want.tail_numbers if one.firm]
        return self._tail_in(held, numbers, (evidence.first, evidence.last))

    def _tail_in(self, held: dict[str, float], numbers: Sequence[Quantity], span: tuple[int, int]) -> float:
        want = self._want
        if numbers:
            return 1 - len(missing(numbers, self.numbers(*span))) / len(numbers)
        whole = sum(want.weights.get(term, 0.0) for term in want.tail)
        return sum(want.weights.get(t, 0.0) * held.get(t, 0.0) for t in want.tail) / whole if whole else 1.0


def _shared_letters(letters: str, text: str, length: int) -> float:
    """Share of the claim's runs of `length` letters that stand in the text; blind to the seams of words."""
    if len(letters) < length:
        return float(letters in text)
    held = {text[at : at + length] for at in range(len(text) - length + 1)}
    runs = [letters[at : at + length] for at in range(len(letters) - length + 1)]
    return sum(run in held for run in runs) / len(runs)


def _related(one: str, other: str) -> bool:
    """The same beginning and endings of at most four letters: resolut and resolv, politician and polit."""
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    return max(len(one), len(other)) - shared <= 4
