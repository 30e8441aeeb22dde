"""How well a whole answer is proven: citation precision and recall, and what else a reader wants to know in one line.

Recall and precision are ALCE's (Gao et al. 2023, section 4): a sentence is recalled when the pages that it cites
support it together; a citation is precise when its sentence is recalled, and the page supports it alone or the others
do not without it. Effective citations are those of DeepResearch Bench (FACT): pairs of a claim and a page that
supports it. Our judge stands in the place of their models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.answer import Answer, Report, Support
from agent.checks import CHECKS
from agent.claims import Claim, claims_of
from agent.support import Judge
from tools.page import Webpage

_RULES = frozenset(check.__name__.lstrip("_") for check in CHECKS)
TOLD = ("sentence", "item", "row")
_MOST_TOGETHER = 8  # pages of one claim that are judged together; a claim that cites more is judged page by page


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim with what the pages that it cites say of it."""

    claim: Claim
    supports: tuple[Support, ...] = ()

    @property
    def proven(self) -> bool:
        """By one of its pages alone."""
        return any(support.verdict == "supported" for support in self.supports)


def judged_claims(text: str, supports: Sequence[Support], end: int | None = None) -> tuple[Judged, ...]:
    """The claims of text[:end] that can be judged, in their order. supports: of this text."""
    by_start: dict[int, list[Support]] = {}
    for support in supports:
        by_start.setdefault(support.claim_start, []).append(support)
    told = [claim for claim in claims_of(text) if claim.kind in TOLD and (end is None or claim.end <= end)]
    return tuple(Judged(claim, tuple(by_start.get(claim.start, ()))) for claim in told)


def report_of(answer: Answer, end: int | None = None) -> Report:
    """end: where the answer proper ends in Answer.text; what follows is ours and claims nothing."""
    claims = judged_claims(answer.text, answer.supports, end)
    told = [(_together(one), one) for one in claims]
    pairs = [(recalled, one, support) for recalled, one in told for support in one.supports]
    precise = sum(recalled and _needed(one, support) for recalled, one, support in pairs)
    cited = sum(bool(one.supports) for one in claims)
    supported = sum(recalled for recalled, _ in told)
    broken = tuple(dict.fromkeys(flaw.rule for flaw in answer.flaws if flaw.rule in _RULES and not flaw.end))
    return Report(
        claims=len(claims),
        cited=cited,
        supported=supported,
        citations=len(pairs),
        effective_citations=sum(support.verdict == "supported" for _, _, support in pairs),
        citation_precision=_share(precise, len(pairs)),
        citation_recall=_share(supported, len(claims)),
        supported_share=_share(supported, cited),
        sources=len(answer.sources),
        sources_cited=sum(source.cited for source in answer.sources),
        rules=len(_RULES),
        rules_kept=len(_RULES) - len(broken),
        rules_broken=broken,
        conflicts=len(answer.conflicts),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def _together(judged: Judged) -> bool:
    """Whether the cited pages support the claim: one of them alone, or their best passages as one text."""
    return judged.proven or _entailed(judged.claim, judged.supports)


def _needed(judged: Judged, support: Support) -> bool:
    """Whether a citation of a recalled claim is not idle: it supports alone, or the others do not without it."""
    if support.verdict == "supported":
        return True
    others = tuple(other for other in judged.supports if other is not support)
    return not (any(other.verdict == "supported" for other in others) or _entailed(judged.claim, others))


def _entailed(claim: Claim, supports: Sequence[Support]) -> bool:
    quotes = [support.quote for support in supports if support.quote]
    if len(quotes) < 2 or len(supports) > _MOST_TOGETHER:
        return False
    joint = Webpage("joint:", "", "\n".join(quotes))
    return Judge([joint]).judge(claim, 1).verdict == "supported"
