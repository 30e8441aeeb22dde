"""`--strict`: only what a page supports is shown. Every sentence that goes is listed as a Correction."""

from collections.abc import Sequence

from agent.answer import Correction, Support
from agent.citations import MARKER
from agent.claims import claims_of

_NOTHING_LEFT = {
    "en": "No sentence of the answer is supported by the pages that were read.",
    "zh": "回答中没有任何一句话得到所读网页的支持。",
}


def only_supported(text: str, supports: Sequence[Support], language: str) -> tuple[str, tuple[Correction, ...]]:
    """The text without the sentences, items and rows that no cited page supports; headings and code stay.

    Returns the new text and what was taken out, one after the other.
    """
    proven = {support.claim_start for support in supports if support.verdict == "supported"}
    claims = [claim for claim in claims_of(text) if claim.kind in ("sentence", "item", "row")]
    unproven = [claim for claim in claims if claim.start not in proven]
    if not unproven:
        return text, ()
    if len(unproven) == len(claims):
        return _NOTHING_LEFT[language], (Correction(0, len(text), text, _NOTHING_LEFT[language], "unsupported"),)
    removed: list[Correction] = []
    for claim in reversed(unproven):  # from the end, so that the places before stay as they are
        removed.append(_removal(text, claim.start, claim.end))
        text = text[: removed[-1].start] + text[removed[-1].end :]
    return text, tuple(removed)


def _removal(text: str, start: int, end: int) -> Correction:
    """The claim with the markers right behind it."""
    while marker := MARKER.match(text, end):
        end = marker.end()
    return Correction(start, end, text[start:end], "", "unsupported")
