"""A sentence that cites the wrong page of the prompt, while another one says it: the citation is corrected."""

from bisect import bisect_left

from agent.answer import Support
from agent.citations import MARKER
from agent.claims import claims_of
from agent.corrections import Editing
from agent.report import Judged
from agent.verdicts import SURE, Verdicts, faulty


def correct_citations(editing: Editing, verdicts: Verdicts) -> None:
    """Each changed marker is a correction of its own; a sentence that no page supports keeps what it cites."""
    claims = verdicts.judged(editing.text)
    right = {one.claim.start: page for one in claims if (page := _right_page(one, verdicts))}
    starts = [claim.start for claim in claims_of(editing.text)] if right else []
    markers = list(MARKER.finditer(editing.text)) if right else []
    for marker in reversed(markers):  # from the end: the places before stay as they are
        owner = starts[max(bisect_left(starts, marker.start()) - 1, 0)]
        if owner in right:
            # The sentence's first marker takes the right number, the others go.
            first = MARKER.search(editing.text, owner, marker.start()) is None
            number = right[owner].number
            after = f"[citation:{number}]" if first else ""
            editing.replace(*marker.span(), after, f"citation: page {marker[1]} does not say this, page {number} does")


def _right_page(judged: Judged, verdicts: Verdicts) -> Support | None:
    if not faulty(judged):
        return None
    supporting = [one for one in verdicts.elsewhere(judged.claim) if one.verdict == "supported" and one.score >= SURE]
    return max(supporting, key=lambda one: one.score, default=None)
