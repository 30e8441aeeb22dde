"""A sentence that no page it cites supports, or that cites none, while a page of the prompt does: that page is offered.

An offer changes nothing; only where the operator wants it (insert_offers) the marker is put in, as a correction.
"""

from agent.answer import Offer
from agent.corrections import Editing
from agent.report import Judged
from agent.verdicts import SURE, Verdicts, extent

_FEWEST_CHARACTERS = 8  # "Yes." stands on many pages and is proven by none of them


def offers_of(text: str, verdicts: Verdicts, end: int) -> tuple[Offer, ...]:
    """At most one for each claim of text[:end]: the page that supports it best."""
    open_claims = [one for one in verdicts.judged(text) if not one.proven and one.claim.end <= end]
    offers = (_offer(one, verdicts) for one in open_claims if len(one.claim.text) >= _FEWEST_CHARACTERS)
    return tuple(offer for offer in offers if offer is not None)


def insert_offers(editing: Editing, verdicts: Verdicts, end: int) -> None:
    """Puts the offered citation behind each sentence that cites nothing."""
    uncited = {one.claim.start: one.claim for one in verdicts.judged(editing.text) if not one.supports}
    for offer in reversed(offers_of(editing.text, verdicts, end)):
        if offer.start in uncited:
            place = extent(editing.text, uncited[offer.start])[1]
            editing.replace(place, place, f"[citation:{offer.number}]", f"offered: page {offer.number} says this")


def _offer(judged: Judged, verdicts: Verdicts) -> Offer | None:
    supporting = (one for one in verdicts.elsewhere(judged.claim) if one.verdict == "supported" and one.score >= SURE)
    best = max(supporting, key=lambda one: one.score, default=None)
    if best is None:
        return None
    span = (judged.claim.start, judged.claim.end)
    return Offer(best.number, best.score, *span, best.quote, best.quote_start, best.quote_end)
