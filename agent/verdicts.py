"""The judge's word on an answer's claims, each claim and page judged once, and which other page helps a claim."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from heapq import nlargest

from agent.answer import Support
from agent.citations import MARKER
from agent.claims import Claim, claims_of
from agent.differences import difference_between
from agent.report import TOLD, Judged
from agent.support import Judge
from agent.support_words import rarity
from tools.page import Webpage
from tools.text import content_words

SURE = 0.6
"""Score from which a page that a sentence does not cite may take the place of the one it does."""
FAULTY = frozenset({"unsupported", "contradicted"})
_PAGES_TRIED = 3
_MOST_TRIED = 600  # pairs of a claim and a page that it does not cite, for one answer: a second or so


class Verdicts:
    """The judge's word on the pages of one prompt. Not for two threads at once."""

    def __init__(self, pages: Sequence[Webpage]) -> None:
        self.pages = pages
        self._judge = Judge(pages)
        self._known: dict[tuple[str, str, int], Support] = {}
        self._tried = 0

    def of(self, claim: Claim, number: int) -> Support:
        """With the place of this claim, wherever the same words were judged before."""
        key = (claim.text, claim.kind, number)
        if key not in self._known:
            self._known[key] = by_value(claim, self._judge.judge(claim, number))
        known = self._known[key]
        if (known.claim_start, known.claim_end) == (claim.start, claim.end):
            return known
        return replace(known, claim_start=claim.start, claim_end=claim.end)

    def overrule(self, text: str, supports: Sequence[Support]) -> None:
        """Takes over other verdicts on the claims of a text, from whoever knows better. supports: as of supports()."""
        claims = {claim.start: claim for claim in claims_of(text)}
        for support in supports:
            if claim := claims.get(support.claim_start):
                self._known[claim.text, claim.kind, support.number] = support

    def judged(self, text: str) -> tuple[Judged, ...]:
        """Every claim that can be judged, with a support for each page that it cites."""
        return tuple(
            Judged(claim, tuple(self.of(claim, number) for number in claim.numbers))
            for claim in claims_of(text)
            if claim.kind in TOLD
        )

    def supports(self, text: str) -> tuple[Support, ...]:
        """One for each pair of a claim (of any kind) and a page that it cites, in the order of the text."""
        return tuple(self.of(claim, number) for claim in claims_of(text) for number in claim.numbers)

    def elsewhere(self, claim: Claim) -> Iterator[Support]:
        """What the pages say that the claim does not cite: those that share most with it, first; a few only."""
        terms = {term: rarity(term) for term in content_words(claim.text)}
        shared = {
            number: sum(terms[term] for term in terms.keys() & held)
            for number, held in enumerate(self._vocabularies, 1)
            if number not in claim.numbers
        }
        for number in nlargest(_PAGES_TRIED, shared, key=lambda number: (shared[number], -number)):
            if not shared[number] or self._tried >= _MOST_TRIED:
                return
            self._tried += 1
            yield self.of(claim, number)

    @cached_property
    def _vocabularies(self) -> tuple[frozenset[str], ...]:
        return tuple(frozenset(content_words(page.text)) for page in self.pages)


def by_value(claim: Claim, support: Support) -> Support:
    """A page that says all of a claim but for a number or a date contradicts it."""
    if support.verdict != "partial":
        return support
    found = difference_between(claim.text, support.quote)
    return replace(support, verdict="contradicted") if found and found.kind != "name" else support


def faulty(judged: Judged) -> bool:
    """A claim that cites pages, none of which says it, not even in part."""
    return bool(judged.supports) and all(support.verdict in FAULTY for support in judged.supports)


def extent(text: str, claim: Claim) -> tuple[int, int]:
    """The claim with the markers right behind it."""
    end = claim.end
    while marker := MARKER.match(text, _after_spaces(text, end)):
        end = marker.end()
    return claim.start, end


def _after_spaces(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    return at
