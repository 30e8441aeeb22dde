"""What the judge finds in the final text: verdicts with their quotes, sentences to be marked, pages to be offered."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from agent.answer import Answer, Conflict, Flaw, Offer, Quoted, Support
from agent.conflicts import conflicts_of, told
from agent.corrections import Editing
from agent.links import text_link
from agent.offers import offers_of
from agent.report import Judged, report_of
from agent.verdicts import Verdicts, faulty
from tools.text import Script

DISAGREE = "pages disagree"
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
    conflicts: tuple[Conflict, ...] = ()


def found_in(text: str, verdicts: Verdicts, model: str) -> Findings:
    """model: who wrote it; to the quoting reader's own words nothing is offered."""
    supports = tuple(linked(one, verdicts) for one in verdicts.supports(text))
    marks = tuple(_marks(verdicts.judged(text)))
    end = end_of_answer(text, model)
    offers = () if model == "quoting-reader" else offers_of(text, verdicts, end)
    conflicts = (_both_linked(one, verdicts) for one in conflicts_of(text, verdicts, end))
    return Findings(supports, marks, tuple(linked(one, verdicts) for one in offers), tuple(conflicts))


def reported(answer: Answer) -> Answer:
    """The answer with its report."""
    return replace(answer, report=report_of(answer, end_of_answer(answer.text, answer.model)))


def end_of_answer(text: str, model: str) -> int:
    """Where the quoting reader's words about itself begin; the end of the text for any other."""
    at = text.rfind(_NOTICE) if model == "quoting-reader" else -1
    return at if at >= 0 else len(text)


def tell_conflicts(editing: Editing, found: Findings, script: Script) -> None:
    """Under the quoting reader's quotations: it does not reason, so it cannot have said that its pages disagree."""
    at = editing.text.rfind(_NOTICE)
    if found.conflicts and at >= 0:
        place = at + len(_NOTICE) - 1
        editing.replace(place, place, told(found.conflicts, script) + "\n\n", DISAGREE)


def _marks(claims: tuple[Judged, ...]) -> Iterator[Flaw]:
    for one in filter(faulty, claims):
        rule = "contradicted" if any(s.verdict == "contradicted" for s in one.supports) else "unsupported"
        line = " ".join(one.claim.text.split())
        shown = line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"
        yield Flaw(rule, _SAID[rule].format(shown), one.claim.start, one.claim.end)


def _both_linked(conflict: Conflict, verdicts: Verdicts) -> Conflict:
    return replace(conflict, says=linked(conflict.says, verdicts), against=linked(conflict.against, verdicts))


def linked(found: QuoteOf, verdicts: Verdicts) -> QuoteOf:
    """With the address of the quote on the live page."""
    if not found.quote:
        return found
    page = verdicts.pages[found.number - 1]
    return replace(found, link=text_link(page.url, page.text, found.quote_start, found.quote_end))
