"""Holds what somebody has claimed against pages that were found for it: each claim with the page that says most of
it."""

from collections.abc import Sequence
from dataclasses import replace

from agent.answer import Answer, Support, sources_of
from agent.citations import MARKER
from agent.claims import Claim, claims_of
from agent.rejudging import Given, rejudged
from agent.verdicts import Verdicts
from tools.page import Webpage

MOST_CLAIMS = 30
_SIGNS = {"supported": "✓", "partial": "~", "unsupported": "✗", "contradicted": "✗", "unavailable": "?"}
_BEST_FIRST = ("supported", "contradicted", "partial", "unsupported", "unavailable")
_TOLD = ("sentence", "item", "row")


def checked_answer(text: str, pages: Sequence[Webpage], found: Answer) -> Answer:
    """The claims of `text` as an answer: one line each, with a sign and a citation, judged like any other's.

    found: the answer from which the pages come; its id, question and what was searched are kept.
    """
    verdicts = Verdicts(pages)
    lines = [_line(claim, verdicts) for claim in claims_of(MARKER.sub("", text)) if claim.kind in _TOLD][:MOST_CLAIMS]
    judged = rejudged(Given("\n".join(lines) or "?", sources_of(pages), tuple(pages), found.id, found.question))
    return replace(
        judged,
        language=found.language,
        depth=found.depth,
        asked=found.asked,
        skipped=found.skipped,
        model=found.model,
        degraded=found.degraded,
        usage=found.usage,
        created=found.created,
        seconds=found.seconds,
        status=judged.status if pages else "no_sources",
    )


def _line(claim: Claim, verdicts: Verdicts) -> str:
    words = " ".join(claim.text.split())
    best = min(verdicts.elsewhere(replace(claim, numbers=())), key=_rank, default=None)
    if best is None or best.verdict in ("unsupported", "unavailable"):
        return f"- ? {words}"
    return f"- {_SIGNS[best.verdict]} {words}[citation:{best.number}]"


def _rank(support: Support) -> tuple[int, float]:
    return _BEST_FIRST.index(support.verdict), -support.score
