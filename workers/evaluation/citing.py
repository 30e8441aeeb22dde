"""Precision and recall of an answer's citations, by ALCE's definitions, from the verdicts that the answer carries.

Recall: the share of claims that a page they cite supports. Precision: the share of citations whose page supports its
claim; the judge holds each page against the claim by itself, so a part of a claim counts as neither.
"""

from dataclasses import dataclass

from agent.answer import Answer, Support
from agent.claims import claims_of

_TOLD = ("sentence", "item", "row")
_RULE = "\n---\n"


@dataclass(frozen=True, slots=True)
class Cited:
    """claims: sentences, items and rows; supported: those whose cited pages support them. precise: of the citations."""

    claims: int
    supported: int
    citations: int
    precise: int

    @property
    def recall(self) -> float | None:
        return self.supported / self.claims if self.claims else None

    @property
    def precision(self) -> float | None:
        return self.precise / self.citations if self.citations else None


def said_of(answer: Answer) -> str:
    """The answer without the quoting reader's last line, which speaks of the reader and not of the question."""
    return (
        answer.text.rpartition(_RULE)[0] if answer.model == "quoting-reader" and _RULE in answer.text else answer.text
    )


def cited_of(answer: Answer) -> Cited:
    """What cannot be judged (`unavailable`) counts neither for nor against."""
    if answer.status == "no_sources":
        return Cited(0, 0, 0, 0)
    by_claim: dict[int, list[Support]] = {}
    for support in answer.supports:
        by_claim.setdefault(support.claim_start, []).append(support)
    claims = [
        claim for claim in claims_of(said_of(answer)) if claim.kind in _TOLD and _judged(by_claim.get(claim.start))
    ]
    held = [by_claim.get(claim.start, []) for claim in claims]
    judged = [[one for one in supports if one.verdict != "unavailable"] for supports in held]
    return Cited(
        len(claims),
        sum(_holds(supports) for supports in judged),
        sum(map(len, judged)),
        sum(map(_precise, judged)),
    )


def _judged(supports: list[Support] | None) -> bool:
    return not supports or any(one.verdict != "unavailable" for one in supports)


def _holds(supports: list[Support]) -> bool:
    return any(one.verdict == "supported" for one in supports)


def _precise(supports: list[Support]) -> int:
    return sum(one.verdict == "supported" for one in supports)
