"""Which sentences of the pages answer a question best, and how much of the question they cover."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from agent.quoting_cues import cue, wholeness
from agent.quoting_terms import Sought, Term
from tools.page import Webpage
from tools.text import Span, SpanKind, fold, sentences, words

_BOX_DEPTH = 7
_FEWEST_UNITS = 200  # in a few sentences every word is common, though it may be what is asked about
_LONGEST_TITLE = 12  # terms
_LONGEST_CODE = 1_200  # characters; a longer block with prose in it comes from a fence that never closed
_PROSE = re.compile(r"。|[a-z]\. [A-Z]")
_HAN = re.compile("[\u3400-\u9fff]")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_TELLING = 3  # letters that no stem loses
_CODE = re.compile(r"`[^`]*`")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(slots=True)
class Unit:
    """A sentence, heading, item, row or code block of one page.

    page: 0-based; span: into the page's text; at: place among the units of its page; heading: place of the heading
    above it, upper: of the one which that stands under, -1 without one; own: the asked forms in it, with their places
    among its terms; length: in terms; boxed: a heading in bold, as boxes have;
    score: how well it answers, only to be compared; coverage: 0.0 to 1.0, the share of the question it speaks of;
    alone: the same by its own words, without heading, title and neighbours.
    """

    page: int
    at: int
    span: Span
    text: str
    length: int
    own: dict[str, list[int]]
    heading: int
    upper: int
    chinese: bool
    boxed: bool = False
    score: float = 0.0
    coverage: float = 0.0
    alone: float = 0.0

    @property
    def kind(self) -> SpanKind:
        return self.span.kind


@dataclass(slots=True)
class Reading:
    """All units of all pages. idf: how rare each asked form is among the units; mean: terms per unit."""

    pages: Sequence[Webpage]
    units: list[list[Unit]]
    titles: list[frozenset[str]]
    idf: dict[str, float] = field(default_factory=dict)
    mean: float = 1.0

    def every(self) -> Iterator[Unit]:
        return (unit for units in self.units for unit in units)


def read(pages: Sequence[Webpage], asked: Sought) -> Reading:
    """Splits the pages and counts the asked forms. Time is linear in the text."""
    forms = asked.forms
    units = [list(_units(number, page.text, forms)) for number, page in enumerate(pages)]
    reading = Reading(pages, units, [_title(page.title, forms) for page in pages])
    frequency = Counter(form for unit in reading.every() for form in unit.own)
    total = sum(map(len, units))
    told = max(total, _FEWEST_UNITS)
    reading.idf = {form: math.log(1 + (told - frequency[form] + 0.5) / (frequency[form] + 0.5)) for form in forms}
    reading.mean = sum(unit.length for unit in reading.every()) / total if total else 1.0
    return reading


def _title(title: str, forms: frozenset[str]) -> frozenset[str]:
    """The asked forms in a title; one that lists many subjects stands for none of them."""
    terms = words(title)
    return frozenset(terms) & forms if len(terms) <= _LONGEST_TITLE else frozenset()


def _units(page: int, text: str, forms: frozenset[str]) -> Iterator[Unit]:
    headings: list[tuple[int, int]] = []  # depth and place of those that the next unit stands under
    heading, upper, at, boxed = -1, -1, 0, False
    starts = {form if _HAN.match(form) else form[:_TELLING] for form in forms}
    for span in map(partial(_visible, text), spans_of(text)):
        inside = text[span.start : span.end]
        if not _LETTER_OR_DIGIT.search(inside):
            continue
        if span.kind == "heading":
            depth = _depth(text, span)
            while headings and headings[-1][0] >= depth:
                headings.pop()
            heading, upper = at, headings[-1][1] if headings else -1
            headings.append((depth, at))
            boxed = depth == _BOX_DEPTH
        chinese = _is_chinese(inside)
        own, length = _own(inside, forms, starts, chinese)
        yield Unit(page, at, span, inside, length, own, heading, upper, chinese, span.kind == "heading" and boxed)
        at += 1


def _depth(text: str, heading: Span) -> int:
    """1 for a title; a line in bold, as boxes and notes begin with, stands under any."""
    return text.count("#", text.rfind("\n", 0, heading.start) + 1, heading.start) or _BOX_DEPTH


def _visible(text: str, span: Span) -> Span:
    """Without invisible characters at its beginning, such as the byte order mark that opens some files."""
    start = span.start
    while start < span.end and unicodedata.category(text[start]) == "Cf":
        start += 1
    return Span(start, span.end, span.kind)


def _own(text: str, forms: frozenset[str], starts: set[str], chinese: bool) -> tuple[dict[str, list[int]], int]:
    """The asked forms in a text with their places, and its length in terms. A text that holds the beginning of no
    form is not cut into terms at all (three quarters of the time): its length is guessed."""
    folded = fold(text)
    if not any(start in folded for start in starts):
        return {}, 1 + len(text) // (2 if chinese else 6)
    own: dict[str, list[int]] = {}
    terms = words(text)
    for place, term in enumerate(terms):
        if term in forms:
            own.setdefault(term, []).append(place)
    return own, max(1, len(terms))


def spans_of(text: str) -> list[Span]:
    """Like `sentences`, but prose that a stray fence turned into code is split as prose."""
    spans: list[Span] = []
    for span in sentences(text):
        inside = text[span.start : span.end]
        if span.kind == "code" and len(inside) > _LONGEST_CODE and len(_PROSE.findall(inside)) > 3:
            spans += [Span(span.start + s.start, span.start + s.end, s.kind) for s in sentences(inside)]
        else:
            spans.append(span)
    return spans


def _is_chinese(text: str) -> bool:
    """By its prose: a Chinese sentence on a command may have more Latin letters than others."""
    text = _CODE.sub(" ", text) if _HAN.search(text) else text
    letters = len(_LETTER.findall(text))
    return len(_HAN.findall(text)) * 4 > letters


_NEAR = {1: 0.55, 2: 0.35}
"""What a term is worth that stands one or two units away, against one in the unit itself."""
_HEADING, _TITLE, _SYNONYM = 0.65, 0.5, 0.8
_KINDS: dict[SpanKind, float] = {"sentence": 1.0, "item": 1.0, "heading": 0.0, "row": 0.85, "code": 0.5}
_UPPER_HEADING = 0.8  # what a heading is worth to a section within its section
_SECTION, _HOW_TO_SECTION = 0.4, 1.1
"""What a section is worth to each of its sentences whose heading holds all that is asked."""
_EXAMPLE = 1.5
"""A caption or a sentence with the commands right behind it is half an answer to "how do I"."""
_NAME = 1.3
"""A name is what the question is about, however often the pages speak of it."""
_ADJACENT, _NOT_IN_IT = 0.4, 0.6
_UNCOVERED = 0.6
"""What is left of a sentence's own worth when its place covers nothing else of the question."""
_NEXT_PAGE, _LAST_PAGES = 0.05, 0.7  # the pages come best first
_AROUND, _REACH = 0.5, 6
"""What is left of a sentence's worth when the units around it (so many on both sides, under the same heading) hold
nothing of the question."""
_WEAK, _WEAK_IN_COVERAGE = 0.35, 0.2
"""What a word of near meaning is worth against the asked one: in ranking sentences, and in telling whether the pages
answer at all."""
_K1, _B = 1.2, 0.35  # BM25 with a light hand on length: an answer may be long


def rank(reading: Reading, asked: Sought) -> list[Unit]:
    """The units that hold anything of what is asked, the best first, with score and coverage filled in."""
    worth = _worth(reading, asked)
    whole = amount(asked, worth, {})[1]
    for units, title in zip(reading.units, reading.titles, strict=True):
        headings: dict[int, float] = {}
        for unit in units:
            present = _presence(unit, units, title)
            if unit.heading not in headings:
                above = _above(unit, units)
                headings[unit.heading] = coverage(asked, worth, dict.fromkeys(title, 0.9) | above)
            unit.coverage = coverage(asked, worth, present)
            unit.alone = coverage(asked, worth, dict.fromkeys(unit.own, 1.0)) if unit.own else 0.0
            lexical = _relevance(unit, present, reading, asked, worth)
            unit.score = _weighed(unit, lexical, whole * headings[unit.heading], asked)
            if unit.score and asked.kind != "how_to":
                around = coverage(asked, worth, _around(unit, units, title))
                unit.score *= _AROUND + (1 - _AROUND) * around
            if asked.kind == "how_to" and _leads_to_code(unit, units):
                unit.score *= _EXAMPLE
    return sorted((unit for unit in reading.every() if unit.score > 0), key=lambda unit: -unit.score)


def _above(unit: Unit, units: list[Unit]) -> dict[str, float]:
    """The asked forms in the heading of a unit, and those in the headings that this one stands under."""
    above: dict[str, float] = {}
    worth, at = 1.0, unit.heading
    while at >= 0:
        above = dict.fromkeys(units[at].own, worth) | above
        worth *= 1.0 if units[at].boxed else _UPPER_HEADING
        at = units[at].upper
    return above


def _leads_to_code(unit: Unit, units: list[Unit]) -> bool:
    following = units[unit.at + 1 : unit.at + 2]
    return unit.kind in ("sentence", "item") and any(one.kind == "code" for one in following)


def _weighed(unit: Unit, lexical: float, section: float, asked: Sought) -> float:
    """A sentence counts by its own words and by the section it stands in."""
    if not _KINDS[unit.kind] or not (unit.own or (section and asked.kind == "how_to")):
        return 0.0
    share = _HOW_TO_SECTION if asked.kind == "how_to" else _SECTION
    total = lexical * (_UNCOVERED + (1 - _UNCOVERED) * unit.coverage) + share * section
    earlier = max(_LAST_PAGES, 1 - _NEXT_PAGE * unit.page)
    return (
        total
        * earlier
        * _KINDS[unit.kind]
        * cue(unit.text, unit.own, asked)
        * wholeness(unit.text, unit.kind, unit.chinese)
    )


def spoken_of(reading: Reading, asked: Sought, unit: Unit) -> float:
    """How many of the question's words the place of a unit speaks of, generic ones counted less."""
    present = _presence(unit, reading.units[unit.page], reading.titles[unit.page])
    return amount(asked, [term.weight for term in asked.terms], present)[0]


def missing_names(reading: Reading, asked: Sought) -> int:
    """Names ("Photoshop") that no page has, and numbered names ("Windows 11") that no page has side by side."""
    found = dict.fromkeys((form for unit in reading.every() for form in unit.own), 1.0)
    alone = sum(term.name and not _strength(term, found) for term in asked.terms)
    return alone + sum(not _stand_together(reading, asked, *pair) for pair in asked.numbered)


def _stand_together(reading: Reading, asked: Sought, name: int, number: int) -> bool:
    first, second = asked.terms[name].forms[0], asked.terms[number].forms[0]
    return any(place + 1 in unit.own.get(second, ()) for unit in reading.every() for place in unit.own.get(first, ()))


def _worth(reading: Reading, asked: Sought) -> list[float]:
    """Each term's weight times its rarity; what no page has is the rarest."""
    return [term.weight * _rarity(term, reading.idf) * (_NAME if term.name else 1.0) for term in asked.terms]


def _rarity(term: Term, idf: dict[str, float]) -> float:
    whole = min(idf[form] for form in term.forms)
    return min(whole, max(idf[part] for part in term.parts)) if term.parts else whole


def _presence(unit: Unit, units: list[Unit], title: frozenset[str]) -> dict[str, float]:
    """How near each asked form stands: 1.0 in the unit itself."""
    present = dict.fromkeys(title, _TITLE)
    for form, worth in _above(unit, units).items():
        present[form] = max(present.get(form, 0.0), _HEADING * worth)
    for step in (2, 1):
        for at in (unit.at - step, unit.at + step):
            if 0 <= at < len(units) and units[at].heading == unit.heading:
                for form in units[at].own:
                    present[form] = max(present.get(form, 0.0), _NEAR[step])
    present |= dict.fromkeys(unit.own, 1.0)
    return present


def _around(unit: Unit, units: list[Unit], title: frozenset[str]) -> dict[str, float]:
    """The asked forms in the passage of a unit, however near they stand to it."""
    present = dict.fromkeys(title, _TITLE)
    if unit.heading >= 0:
        present |= dict.fromkeys(units[unit.heading].own, 1.0)
    for one in units[max(0, unit.at - _REACH) : unit.at + _REACH + 1]:
        if one.heading == unit.heading:
            present |= dict.fromkeys(one.own, 1.0)
    return present


def _strength(term: Term, present: dict[str, float], near_meaning: float = _WEAK_IN_COVERAGE) -> float:
    others = max((present.get(form, 0.0) for form in term.forms[1:]), default=0.0)
    parts = min((present.get(part, 0.0) for part in term.parts), default=0.0)
    joined = max((present.get(form, 0.0) for form in term.joined), default=0.0)
    weak = max((present.get(form, 0.0) for form in term.weak), default=0.0)
    return max(present.get(term.forms[0], 0.0), joined, _SYNONYM * max(others, parts), near_meaning * weak)


def _relevance(unit: Unit, present: dict[str, float], reading: Reading, asked: Sought, worth: list[float]) -> float:
    """BM25 over the terms in the unit, less for those that stand only near it, more for neighbours of the question."""
    if not unit.own:
        return 0.0
    norm = (_K1 + 1) / (_K1 * (1 - _B + _B * min(4.0, unit.length / reading.mean)) + 1)
    total = 0.0
    for term, value in zip(asked.terms, worth, strict=True):
        strength = _strength(term, present, _WEAK)
        total += value * strength * (norm if strength >= _SYNONYM else _NOT_IN_IT)
    return total + _ADJACENT * sum(_side_by_side(unit, asked.terms, worth))


def _side_by_side(unit: Unit, terms: tuple[Term, ...], worth: list[float]) -> Iterator[float]:
    """The lesser worth of each pair of neighbours in the question that are neighbours in the unit as well."""
    for at in range(len(terms) - 1):
        first = [place for form in terms[at].forms[:3] for place in unit.own.get(form, ())]
        second = [place for form in terms[at + 1].forms[:3] for place in unit.own.get(form, ())]
        joined = any(form in unit.own for form in terms[at].joined if form in terms[at + 1].joined)
        if joined or any(0 < abs(a - b) <= 2 for a in first[:8] for b in second[:8]):
            yield min(worth[at], worth[at + 1])


def coverage(asked: Sought, worth: list[float], present: dict[str, float]) -> float:
    """Share (0.0 to 1.0) of the question's worth that is present."""
    have, total = amount(asked, worth, present)
    return have / total if total else 0.0


def amount(asked: Sought, worth: Sequence[float], present: dict[str, float]) -> tuple[float, float]:
    """How much of the question's worth is present, and all of it. Chinese runs are counted by characters: a bigram
    across two words may be missing as long as each of its characters stands in another that is there."""
    in_runs = {at for run in asked.runs for at in run}
    have = total = 0.0
    for at, (term, value) in enumerate(zip(asked.terms, worth, strict=True)):
        if at not in in_runs:
            total += value
            have += value * _strength(term, present)
    for run in asked.runs:
        here = [_strength(asked.terms[at], present) for at in run]
        for place in range(len(run) + 1):
            around = [at for at in (place - 1, place) if 0 <= at < len(run)]
            weight = min(worth[run[at]] for at in around) / 2
            total += weight
            have += weight * max(here[at] for at in around)
    return have, total
