"""What the judge finds in the final text: verdicts with their quotes, sentences to be marked, pages to be offered."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from agent.answer import Answer, Flaw, Offer, Quoted, Support
from agent.links import text_link
from agent.offers import offers_of
from agent.report import Judged, report_of
from agent.verdicts import Verdicts, faulty

_NOTICE = "\n---\n\n*"  # how the quoting reader sets off what it says of itself
_SHOWN_CHARACTERS = 80
_SAID = {
    "unsupported": "No page that it cites says this: “{}”",
    "contradicted": "A page that it cites says otherwise: “{}”",
}
QuoteOf = TypeVar("QuoteOf", Support, Offer, Quoted)


@dataclass(frozen=True, slots=True)
class Findings:
    """marks: one flaw for each sentence that cites pages, none of which says it."""

    supports: tuple[Support, ...] = ()
    marks: tuple[Flaw, ...] = ()
    offers: tuple[Offer, ...] = ()


def found_in(text: str, verdicts: Verdicts, model: str) -> Findings:
    """model: who wrote it; to the quoting reader's own words nothing is offered."""
    supports = tuple(_linked(one, verdicts) for one in verdicts.supports(text))
    marks = tuple(_marks(verdicts.judged(text)))
    offers = () if model == "quoting-reader" else offers_of(text, verdicts, len(text))
    return Findings(supports, marks, tuple(_linked(one, verdicts) for one in offers))


def reported(answer: Answer) -> Answer:
    """The answer with its report."""
    return replace(answer, report=report_of(answer, end_of_answer(answer.text, answer.model)))


def end_of_answer(text: str, model: str) -> int:
    """Where the quoting reader's words about itself begin; the end of the text for any other."""
    at = text.rfind(_NOTICE) if model == "quoting-reader" else -1
    return at if at >= 0 else len(text)


def _marks(claims: tuple[Judged, ...]) -> Iterator[Flaw]:
    for one in filter(faulty, claims):
        rule = "contradicted" if any(s.verdict == "contradicted" for s in one.supports) else "unsupported"
        line = " ".join(one.claim.text.split())
        shown = line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"
        yield Flaw(rule, _SAID[rule].format(shown), one.claim.start, one.claim.end)


def _linked(found: QuoteOf, verdicts: Verdicts) -> QuoteOf:
    """With the address of the quote on the live page."""
    if not found.quote:
        return found
    page = verdicts.pages[found.number - 1]
    return replace(found, link=text_link(page.url, page.text, found.quote_start, found.quote_end))
