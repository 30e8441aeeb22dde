"""Whether a window denies what a claim affirms, or the other way round, or says the opposite word: clause by clause.

A "not" tells something only about its own clause: the clause must hold much of the claim, or the denial is about
something else.
"""

import re
from collections.abc import Collection

from agent.support_wanted import Wanted
from agent.support_words import NEGATION, opposites, without_double_denials
from tools.text import content_words, fold

_CLAUSE = re.compile(r"[，；。！？：,;!?:\n]|\.(?=\s|$)")
_OF_CLAIM = 0.5  # share of the claim's weight that a clause with a denial must hold
_BEHIND = 24  # characters behind a negation in which its word stands


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
