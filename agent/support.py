"""Does the cited page say what the sentence says? A judge without a model, a few milliseconds a claim.

It looks for the one to three sentences of the page that hold most of the claim, weighs what they share with it (rare
words more, synonyms a little less, runs of letters), and what they lack: numbers by value, names, denials, opposites.
The weights are fitted on labelled citations (docs/evaluation.md). Time is linear in the page and in the claim.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.answer import Support, Verdict
from agent.claims import Claim, claims_of
from agent.support_alignment import aligned, in_order
from agent.support_denial import is_undenied
from agent.support_features import Comparison, Evidence
from agent.support_page import PageIndex, verbatim_span
from agent.support_quote import quote_of
from agent.support_wanted import Wanted, wanted
from agent.support_weights import IN_ORDER, OUT_OF_ORDER, PARTIAL, SUPPORTED, WEIGHTS_EN, WEIGHTS_ZH
from tools.page import Webpage

_JUDGED = ("sentence", "item", "row")
_NEARLY_COPIED = 0.45
_AROUND = 2  # stretches on each side of a window in which a denial may stand
_LONGEST_CLAIM = 4_000
"""Characters; what is longer is no sentence but a text without full stops."""


@dataclass(frozen=True, slots=True)
class _Judged:
    score: float
    evidence: Evidence


class Judge:
    """Holds the pages of one prompt, each indexed once. judge() may be called for every sentence of a stream."""

    def __init__(self, pages: Sequence[Webpage]) -> None:
        self._pages = pages
        self._indexed: dict[int, PageIndex] = {}

    def judge(self, claim: Claim, number: int) -> Support:
        """`claim` against the page [citation:number]. The quote is empty when no window holds any word of the claim.

        `unavailable`: code or a heading that the page does not hold word by word, no words, too long, or no such page.
        """
        nothing = Support(number, "unavailable", 0.0, claim.start, claim.end)
        if len(claim.text) > _LONGEST_CLAIM or not 1 <= number <= len(self._pages):
            return nothing
        page, want = self._page(number), wanted(claim.text)
        if span := verbatim_span(claim.text, page):
            return self._support(claim, number, ("supported", 1.0), quote_of(page, span, want))
        if want is None or claim.kind not in _JUDGED:
            return nothing
        best = max((_weighed(want, one) for one in Comparison(want, page).best()), key=_by_score, default=None)
        if best is None:
            return Support(number, "unsupported", 0.0, claim.start, claim.end)
        best = _looked_at(best, want, page)
        stretches = page.stretches[best.evidence.first], page.stretches[best.evidence.last]
        span = quote_of(page, (stretches[0].start, stretches[1].end), want)
        return self._support(claim, number, (_verdict(best), best.score), span)

    def _page(self, number: int) -> PageIndex:
        if number not in self._indexed:
            self._indexed[number] = PageIndex(self._pages[number - 1])
        return self._indexed[number]

    def _support(self, claim: Claim, number: int, found: tuple[Verdict, float], span: tuple[int, int]) -> Support:
        quote = self._pages[number - 1].text[slice(*span)]
        return Support(number, found[0], round(found[1], 3), claim.start, claim.end, quote, *span)


def supports_of(text: str, pages: Sequence[Webpage]) -> tuple[Support, ...]:
    """One Support for each pair of a claim and a page that it cites, in the order of the text."""
    judge = Judge(pages)
    return tuple(judge.judge(claim, number) for claim in claims_of(text) for number in claim.numbers)


def _weighed(want: Wanted, evidence: Evidence) -> _Judged:
    weights = WEIGHTS_ZH if want.chinese else WEIGHTS_EN
    total = sum(a * b for a, b in zip(weights, evidence.vector(), strict=True))
    return _Judged(1 / (1 + math.exp(-total)), evidence)


def _looked_at(judged: _Judged, want: Wanted, page: PageIndex) -> _Judged:
    """The best window with what takes longer to see: a denial that only the claim has, and the places of the words."""
    evidence = judged.evidence
    if want.chinese and not evidence.has_tail:
        share = in_order(want.text, page.text(evidence.first, evidence.last))
        judged = replace(judged, score=_moved(judged.score, IN_ORDER * share + OUT_OF_ORDER))
    if judged.score >= SUPPORTED:
        around = page.around(evidence.first, evidence.last, _AROUND)
        judged = replace(judged, evidence=replace(evidence, undenied=is_undenied(want, around)))
    return _aligned(judged, want, page)


def _aligned(judged: _Judged, want: Wanted, page: PageIndex) -> _Judged:
    """With what the places of the words tell, where the claim is nearly a copy of the window."""
    evidence = judged.evidence
    if evidence.covered < _NEARLY_COPIED or evidence.has_tail:  # a question and its answer are no sentence of a page
        return judged
    found = aligned(want.text, page.text(evidence.first, evidence.last))
    terms = page.terms(evidence.first, evidence.last)
    changed = replace(
        evidence,
        flipped=evidence.flipped or found.denies,
        substituted=found.substitutes(terms),
        copied=found.copied,
    )
    return _Judged(judged.score, changed)


def _moved(score: float, more: float) -> float:
    """The score after `more` evidence, in logits."""
    return score / (score + (1 - score) * math.exp(-more)) if score < 1 else score


def _by_score(judged: _Judged) -> tuple[float, int]:
    return judged.score, judged.evidence.first - judged.evidence.last


def _verdict(judged: _Judged) -> Verdict:
    evidence = judged.evidence
    if evidence.conflict:
        return "contradicted"
    if judged.score >= SUPPORTED:
        return "partial" if evidence.lacks_a_fact else "supported"
    return "partial" if judged.score >= PARTIAL else "unsupported"
