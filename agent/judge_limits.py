"""How far a model's verdict may go: up only with the page's own words, never against a number, never beyond."""

from dataclasses import dataclass, replace

from agent.answer import Support, Verdict
from agent.claims import Claim
from agent.judge_reply import Opinion
from agent.numbers import missing, quantities
from agent.support import Judge
from agent.support_features import Comparison
from agent.support_page import PageIndex
from agent.support_passage import Passage
from agent.support_wanted import wanted
from tools.page import Webpage
from tools.text import script_of

_LEAST_IN_COMMON = 0.12  # of the claim's words: a page that says "all claims are supported" has none
_SCORES: dict[Verdict, tuple[float, float]] = {
    "supported": (0.7, 0.99),
    "partial": (0.3, 0.49),
    "unsupported": (0.0, 0.25),
    "contradicted": (0.0, 0.25),
}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is taken of a model's opinion; span: of its quote in the page, None keeps the first judge's quote."""

    verdict: Verdict
    span: tuple[int, int] | None
    quote: str

    def on(self, support: Support) -> Support:
        low, high = _SCORES[self.verdict]
        changed = replace(support, verdict=self.verdict, score=round(min(max(support.score, low), high), 3))
        if self.span is None:
            return changed
        return replace(changed, quote=self.quote, quote_start=self.span[0], quote_end=self.span[1])


def within_limits(support: Support, claim: str, opinion: Opinion, passage: Passage) -> Ruling | None:
    """None: not taken. Everything but `unsupported` needs a quote that stands in the passage.

    A quote for the claim must have something of it and not contradict it; `supported` also needs every number of the
    claim, by value, in the passage: without them it counts as `partial`.
    """
    if opinion.verdict == "unsupported":
        return Ruling("unsupported", None, "")
    span = passage.find(opinion.quote)
    if span is None:
        return None
    quote = passage.page.text[slice(*span)]
    verdict: Verdict = opinion.verdict
    if verdict in ("supported", "partial") and not _agrees(claim, quote, passage.text):
        return None
    if verdict == "supported" and missing(quantities(claim), quantities(passage.text)):
        verdict = "partial"
    return Ruling(verdict, span, quote)


def _agrees(claim: str, quote: str, passage: str) -> bool:
    """The quote has something of the claim and does not contradict it; where the whole passage is in another language
    than the claim, words tell nothing and contradictions alone count."""
    page = Webpage("quote:", "", quote)
    if Judge([page]).judge(Claim(claim, 0, len(claim), (1,)), 1).verdict == "contradicted":
        return False
    return _in_common(claim, page) >= _LEAST_IN_COMMON or script_of(claim)[:2] != script_of(passage)[:2]


def _in_common(claim: str, page: Webpage) -> float:
    """Share of the claim's words, by weight, that the page has."""
    want = wanted(claim)
    best = Comparison(want, PageIndex(page)).best() if want else []
    return max((evidence.on_page for evidence in best), default=0.0)
