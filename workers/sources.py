"""The evidence behind an answer: each cited page as it was read, with the quoted words, as JSON or as a plain page."""

from dataclasses import asdict, dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from agent.answer import Answer, Source, Support
from agent.links import text_link
from workers.problems import UNKNOWN_ANSWER, Problem
from workers.records import Evidence, StoredAnswer
from workers.service import Service
from workers.source_page import Highlight, page_of
from workers.store_errors import RecordPoisoned
from workers.store_keys import is_id


def known(answer_id: str) -> str:
    """An id that could be one of ours; anything else never reaches the store."""
    if not is_id(answer_id):
        raise Problem("not_found", UNKNOWN_ANSWER)
    return answer_id


async def stored_answer(request: Request, answer_id: str) -> StoredAnswer:
    """The user's own answer. Raises Problem, StoreError."""
    service: Service = request.state.service
    stored = await service.in_store_time(service.store.get_answer(known(answer_id), request.state.user))
    if stored is None:
        raise Problem("not_found", UNKNOWN_ANSWER)
    return stored


async def list_sources(request: Request, answer_id: str) -> Response:
    """What an answer cites: each page with its quotes, without its text."""
    answer = (await stored_answer(request, answer_id)).answer
    cited = [source for source in answer.sources if source.cited]
    rows = [{**asdict(source), "evidence": f"/v1/answers/{answer.id}/sources/{source.number}"} for source in cited]
    quotes = [[asdict(quote) for quote in _quotes(answer, source.number)] for source in cited]
    return JSONResponse({"sources": [{**row, "quotes": told} for row, told in zip(rows, quotes, strict=True)]})


async def get_source(request: Request, answer_id: str, number: str) -> Response:
    """A cited page as it was read, with the words that the answer's sentences rest on.

    JSON, or a page for people where `Accept` prefers text/html.
    """
    answer = (await stored_answer(request, answer_id)).answer
    return await shown_source(request, request.state.user, answer, cited_source(answer, number))


async def shown_source(request: Request, user: str, answer: Answer, source: Source) -> Response:
    """user: whose answer it is. Raises Problem, StoreError."""
    service: Service = request.state.service
    kept = await service.in_store_time(service.store.source(answer.id, user, source.number))
    if kept is None:
        raise Problem("evidence_gone", "the answer is kept, this page is not any more; open the live page instead")
    quotes = _checked(answer, source, kept)
    headers = {"Vary": "Accept"}
    if prefers_html(request.headers.get("accept", "")):
        highlights = [Highlight(quote.start, quote.end, quote.claim, quote.verdict) for quote in quotes]
        return HTMLResponse(page_of(kept, highlights, answer.language), headers=headers)
    return JSONResponse(_fields(source, kept, quotes), headers=headers)


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a page and the sentence that rests on them. start and end: into the page's text."""

    claim: str
    claim_start: int
    claim_end: int
    verdict: str
    score: float
    quote: str
    start: int
    end: int
    link: str


def _quotes(answer: Answer, number: int) -> list[Quote]:
    return [_quote(answer, one) for one in answer.supports if one.number == number and one.quote]


def _quote(answer: Answer, one: Support) -> Quote:
    claim = answer.text[one.claim_start : one.claim_end]
    place = (one.quote, one.quote_start, one.quote_end)
    return Quote(claim, one.claim_start, one.claim_end, one.verdict, one.score, *place, one.link)


def cited_source(answer: Answer, number: str) -> Source:
    """Raises Problem."""
    for source in answer.sources:
        if source.cited and str(source.number) == number:
            return source
    raise Problem("not_found", "this answer cites no page with this number", "number")


def _checked(answer: Answer, source: Source, kept: Evidence) -> list[Quote]:
    """Raises RecordPoisoned when the page is not the one that was cited, or its quotes do not stand there."""
    quotes = _quotes(answer, source.number)
    if kept.sha256 != source.sha256 or any(kept.text[quote.start : quote.end] != quote.quote for quote in quotes):
        raise RecordPoisoned("the kept page is not the one that the answer cites")
    return quotes


def _fields(source: Source, kept: Evidence, quotes: list[Quote]) -> dict[str, Any]:
    """site, date, truncated: of the source; the rest as it was kept; link: to the first quote on the live page."""
    first = quotes[0] if quotes else None
    link = text_link(kept.url, kept.text, first.start, first.end) if first else ""
    about = {"site": source.site, "date": source.date, "truncated": source.truncated, "link": link}
    return {**asdict(kept), **about, "quotes": [asdict(quote) for quote in quotes]}


def prefers_html(accept: str) -> bool:
    """Whether text/html is asked for by name, and not less than JSON (RFC 9110, section 12.5.1)."""
    weights: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        weights[kind.lower()] = _weight(parameters)
    html = weights.get("text/html", weights.get("application/xhtml+xml", 0.0))
    return html > 0 and html >= weights.get("application/json", 0.0)


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
