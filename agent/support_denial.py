"""Whether a window denies what a claim affirms, or the other way round, or says the opposite word: clause by clause.

A "not" tells something only about its own clause: the clause must hold much of the claim, or the denial is about
something else.
"""

import re
from collections.abc import Collection

from agent.support_wanted import Wanted
from agent.support_words import NEGATION, alike, opposites, without_double_denials
from tools.text import content_words, fold

_CLAUSE = re.compile(r"[，；。！？：,;!?:\n]|\.(?=\s|$)")
_OF_CLAIM = 0.5  # share of the claim's weight that a clause with a denial must hold
_BEHIND = 24  # characters behind a negation in which its word stands
_PART = re.compile(rf"{_CLAUSE.pattern}|、")
_DENIES = re.compile(  # more than NEGATION: what a writer may put a plain denial for
    r"不|没|未|无|非|否|难以|难于|很难|缺乏|缺少|失去|停止|避免|防止|免|除|别|勿|禁|拒|错|反|驳回|罕|忌"
    r"|\b(?:lack\w*|without|avoid\w*|prevent\w*|stop\w*|refus\w*|den(?:y|ie)\w*|reject\w*|fail\w*|instead|rather|only"
    r"|hard\w*|difficult\w*|less|absen\w+|neither|nor|none|no|not|never|cannot|nothing|nobody|unable|unless|except|few"
    r"|little|rarely|prohibit\w*|forbid\w*|un[a-z]{4,}|in(?:correct|accurate|effective|complete|sufficient|appropriate)\w*"
    r"|dis[a-z]{4,}|illegal\w*|impossible)\b|n['’]t\b"
)
_NOT_YET = re.compile("[尚暂]|目前还|并不意味|(?:not|n['’]t) (?:necessarily|always|only|just)")
"""What a writer says of a page that is silent, or of its limits."""
_HAN = re.compile("[\u3400-\u9fff]")
_TOO_COMMON = frozenset(
    "的了是在和与及或也都就而被把对从到这那其之于以为有等中上下一个不能会可要将由很更最还并又没无未非"
)
_IN_COMMON = 2  # characters of meaning that two Chinese clauses about one thing share


def is_flipped(want: Wanted, window: str) -> bool:
    """Of a window that holds most of the claim."""
    claim = without_double_denials(fold(want.text))
    window = without_double_denials(fold(window))
    claimed = denied(claim) - denied(window)
    for clause in _CLAUSE.split(window):
        terms = frozenset(content_words(clause))
        if sum(want.weights[term] for term in terms & want.weights.keys()) < _OF_CLAIM:
            continue
        held = denied(clause)
        if any(_opposed(term, terms, want.weights) for term in want.weights):
            return True
        if claimed and any(term in terms and not _denies(clause) for term in claimed):
            return True
        if not _denies(claim) and held & want.weights.keys():
            return True
    return False


def is_undenied(want: Wanted, around: str) -> bool:
    """Whether a clause of the claim denies, and no clause around its window that shares a word with it does."""
    claim = without_double_denials(fold(want.text))
    denying = [part for part in _PART.split(claim) if NEGATION.search(part) and not _NOT_YET.search(part)]
    if not denying:
        return False
    theirs = [_said(part) for part in _PART.split(without_double_denials(fold(around))) if _DENIES.search(part)]
    return any(said and not any(_about(said, other) for other in theirs) for said in map(_said, denying))


def _said(clause: str) -> frozenset[str]:
    """Its characters and its Latin words of meaning, with what may stand for them."""
    words = [term for term in content_words(clause) if not _HAN.match(term)]
    return frozenset((*_HAN.findall(clause), *words, *(other for word in words for other in alike(word)))) - _TOO_COMMON


def _about(said: frozenset[str], other: frozenset[str]) -> bool:
    shared = said & other
    return len(shared) >= min(_IN_COMMON, (len(said) + 1) // 2) or any(not _HAN.match(term) for term in shared)


def _opposed(term: str, terms: Collection[str], claim: Collection[str]) -> bool:
    return term not in terms and any(other in terms and other not in claim for other in opposites(term))


def _denies(text: str) -> bool:
    return NEGATION.search(text) is not None


def denied(folded: str) -> frozenset[str]:
    """The first content term right behind each negation."""
    found: list[str] = []
    for match in NEGATION.finditer(folded):
        found += content_words(folded[match.end() : match.end() + _BEHIND])[:1]
    return frozenset(found)
