"""The words of the page that are shown beside a claim: the page's own, short enough to read."""

from agent.support_page import PageIndex
from agent.support_wanted import Wanted

LONGEST_QUOTE = 600
"""Characters."""


def quote_of(page: PageIndex, span: tuple[int, int], want: Wanted | None) -> tuple[int, int]:
    """The span without white space at its ends; a long one becomes the part of it with most of the claim's words."""
    start, end = span
    if end - start > LONGEST_QUOTE:
        start, end = _densest(page, start, end, want)
    text = page.page.text
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _densest(page: PageIndex, start: int, end: int, want: Wanted | None) -> tuple[int, int]:
    """Of all runs of whole stretches within the span that are short enough, the one that holds most; linear."""
    inside = [s for s in page.stretches if s.start >= start and s.end <= end]
    best, found = -1.0, (start, start + LONGEST_QUOTE)
    weights = want.weights if want else {}
    for at, first in enumerate(inside):
        held: set[str] = set()
        for stretch in inside[at : at + 4]:
            if stretch.end - first.start > LONGEST_QUOTE:
                break
            held |= weights.keys() & set(stretch.terms)
            if (weight := sum(weights[term] for term in held)) > best:
                best, found = weight, (first.start, stretch.end)
    return found
