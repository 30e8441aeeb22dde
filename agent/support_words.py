"""What the judge knows of words: how rare they are, which mean nearly the same, which the opposite, which deny.

English from WordNet 3.0 and the order of R1's vocabulary (scripts/lexicon, agent/lexicon); Chinese by hand.
"""

import math
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from agent.numbers_units import UNITS
from agent.support_tables import ALIKE_EN, ALIKE_ZH, OPPOSITE_EN, OPPOSITE_ZH
from tools.text import words

_UNKNOWN_RANK = 30_000
_UNKNOWN_HAN_RANK = 12_000  # a pair of characters that is no word of the vocabulary is mostly the seam of two words


@cache
def _ranks(language: str) -> Mapping[str, int]:
    text = (files("agent") / "lexicon" / f"common-{language}.txt").read_text(encoding="utf-8")
    return {term: rank for rank, term in enumerate(text.split(), 1)}


def is_han(term: str) -> bool:
    return "\u3400" <= term[0] <= "\u9fff"


@cache
def _largest() -> float:
    return math.log(_UNKNOWN_RANK + 200)


def rarity(term: str) -> float:
    """0.0 to 1.0 and a little: log of the rank, a stand-in for the inverse document frequency of a large corpus."""
    if is_han(term):
        rank = _ranks("zh").get(term, _UNKNOWN_HAN_RANK)
    elif term[0].isdigit():
        rank = _UNKNOWN_RANK
    else:
        rank = _ranks("en").get(term, _UNKNOWN_RANK)
    return math.log(rank + 200) / _largest()


def rank_of(term: str) -> int | None:
    """1 for the most frequent word of its language; None for what is not among the frequent ones."""
    return _ranks("zh" if is_han(term) else "en").get(term)


def is_common(stem: str) -> bool:
    """Whether an English stem is an everyday word, so that a capital at the start of a sentence makes no name of it."""
    return _ranks("en").get(stem, _UNKNOWN_RANK) < 9_000


@cache
def _alike() -> Mapping[str, tuple[str, ...]]:
    text = (files("agent") / "lexicon" / "synonyms-en.txt").read_text(encoding="utf-8")
    table: dict[str, set[str]] = {}
    for line in text.splitlines():
        first, *others = line.split()
        table.setdefault(first, set()).update(others)
        for other in others:
            table.setdefault(other, set()).add(first)
    for line in (*ALIKE_EN, *ALIKE_ZH):
        group = {terms[0] for word in line.split() if len(terms := words(word)) == 1}
        for term in group:
            table.setdefault(term, set()).update(group - {term})
    return {term: tuple(sorted(others)) for term, others in table.items()}


def alike(term: str) -> tuple[str, ...]:
    """Terms that may stand for this one, in some of its senses."""
    return _alike().get(term, ())


@cache
def _opposites() -> Mapping[str, frozenset[str]]:
    text = (files("agent") / "lexicon" / "antonyms-en.txt").read_text(encoding="utf-8")
    table: dict[str, set[str]] = {}
    for line in (*text.splitlines(), *OPPOSITE_EN, *OPPOSITE_ZH):
        one, other = (words(word) for word in line.split())
        if one[0] != other[0]:
            table.setdefault(one[0], set()).add(other[0])
            table.setdefault(other[0], set()).add(one[0])
    return {term: frozenset(others) for term, others in table.items()}


@cache
def _units() -> frozenset[str]:
    return frozenset(term for unit in UNITS for term in words(unit))


def is_unit(term: str) -> bool:
    """Whether it names a unit, which is judged with its number."""
    return term in _units()


def opposites(term: str) -> frozenset[str]:
    return _opposites().get(term, frozenset())


NEGATION = re.compile(
    r"(?P<en>\b(?:not|no|never|none|neither|nor|without|cannot|unable|nobody|nothing|hardly|fails? to|failed to)\b"
    r"|n['’]t\b)"
    r"|(?P<zh>不(?![仅但断同管过少料论足妨乏久外])|没有?|未(?![来])|(?<!南)无(?![论法线疑数非穷])|并非|从不|从未|毫无|无法|禁止|拒绝)"
)


def without_double_denials(folded: str) -> str:
    """ "not unsafe" as "safe", 不是不可以 as 可以: what two denials leave."""
    return _TWICE_ZH.sub("", _TWICE_EN.sub(lambda match: match["rest"], folded))


_TWICE_EN = re.compile(
    r"\bnot (?:un(?=safe|common|usual|likely|able|happy|fair|clear|known|certain|aware|reasonable|successful|necessary"
    r"|important|related|like|healthy|friendly|acceptable)|in(?=correct|accurate|effective|complete|significant|frequent"
    r"|expensive|sufficient|appropriate|consistent)|im(?=possible|proper|probable)|ir(?=relevant|regular|responsible)"
    r"|il(?=legal|logical))(?P<rest>[a-z]+)"
)
_TWICE_ZH = re.compile(r"(?:不是|并不是|并非|不会|不能说)(?:不|没有?)(?!同|仅|但|过|少|断)|没有不|无不")
