"""The answer: what was said, by which pages, how well they support it, and what could not be found or read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agent.delta import Usage
from tools.page import Webpage

Status = Literal["answered", "partial", "uncited", "no_sources"]
"""answered: complete, with citations (or from files alone, where none are asked for)
partial:    the model broke off or time ran out; what was written stands
uncited:    complete, but without a citation although pages were given
no_sources: nothing was found or nothing could be read; the text says so and cites nothing"""

Verdict = Literal["supported", "partial", "unsupported", "contradicted", "unavailable"]


@dataclass(frozen=True, slots=True)
class Source:
    """A page of the prompt; `number` is what [citation:N] means. sha256: of the page's text as it was read; read: when
    that was, ISO 8601 in UTC, "" when nobody noted it: a page out of the cache was read before the question came."""

    number: int
    url: str
    title: str
    site: str = ""
    date: str = ""
    sha256: str = ""
    truncated: str = ""
    cited: bool = False
    read: str = ""


def sources_of(pages: Sequence[Webpage], cited: Collection[int] = ()) -> tuple[Source, ...]:
    """The pages of a prompt by their numbers, from 1. cited: the numbers that the answer cites."""
    return tuple(_source(number, page, number in cited) for number, page in enumerate(pages, 1))


def _source(number: int, page: Webpage, cited: bool) -> Source:
    return Source(number, page.url, page.title, page.site, page.date, page.sha256, page.truncated, cited, page.read)


@dataclass(frozen=True, slots=True)
class Citation:
    """A marker in the answer. start and end: code points into Answer.text, the marker itself included."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Support:
    """What one cited page says about one claim. claim_start and claim_end: into Answer.text, without markers.

    quote: the page's own words, character for character; quote_start and quote_end: into the page's text.
    score: 0.0 to 1.0; link: to the quote on the live page (`#:~:text=`), "" where the page is not on the web.
    """

    number: int
    verdict: Verdict
    score: float
    claim_start: int
    claim_end: int
    quote: str = ""
    quote_start: int = 0
    quote_end: int = 0
    link: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A page that supports a claim which does not cite it and which no page it cites supports. Not in the text.

    start and end: the claim, in Answer.text; the others as in Support.
    """

    number: int
    score: float
    start: int
    end: int
    quote: str
    quote_start: int
    quote_end: int
    link: str = ""


@dataclass(frozen=True, slots=True)
class Quoted:
    """What one page says: its words, where they stand in its text, and the value in question as it is written."""

    number: int
    value: str
    quote: str
    quote_start: int
    quote_end: int
    link: str = ""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two pages that say different things of one claim. start and end: the claim, in Answer.text.

    says: the page on the claim's side; against: the other one.
    """

    kind: Literal["number", "date", "name"]
    start: int
    end: int
    says: Quoted
    against: Quoted


@dataclass(frozen=True, slots=True)
class Asked:
    """One query that went out. failure: the reason word of a SearchDown, "" when the engine answered; urls: of the
    results, in the engine's order."""

    query: str
    results: int
    engine: str = ""
    failure: str = ""
    detail: str = ""
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A page that was found but not read. reason: a word for programs; detail: a clause for people."""

    url: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Flaw:
    """A rule of the template that the answer breaks; `rule` is a word, `detail` a sentence.

    start and end: the sentence at fault, in Answer.text; both 0 when it is the whole answer.
    """

    rule: str
    detail: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Correction:
    """One change made after the text was streamed. They apply one after the other, the first to the streamed text.

    start and end: the range that is replaced, in the text as it stands before this change.
    """

    start: int
    end: int
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """How well an answer is proven. Shares are 0.0 to 1.0, None where there is nothing to count.

    claims: sentences, items and rows; cited: those with a citation; supported: those that their pages support together
    citations: pairs of a claim and a page that it cites; effective_citations: pairs where the page supports the claim
    citation_precision, citation_recall: as ALCE (Gao et al. 2023) defines them, our judge in place of its model
    supported_share: of the claims that cite a page; sources and sources_cited: pages given and pages cited
    rules_kept: of the template's rules, how many of `rules`; rules_broken: the words of the others
    """

    claims: int = 0
    cited: int = 0
    supported: int = 0
    citations: int = 0
    effective_citations: int = 0
    citation_precision: float | None = None
    citation_recall: float | None = None
    supported_share: float | None = None
    sources: int = 0
    sources_cited: int = 0
    rules: int = 0
    rules_kept: int = 0
    rules_broken: tuple[str, ...] = ()
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """text keeps its [citation:N] markers; every N in it has a Source. Offsets are code points.

    degraded: why the configured model did not write it, as `reason: words for people` ("" when it did, or when none is
    configured).
    model: the name of the model, or `quoting-reader`.
    """

    id: str
    question: str
    language: Literal["zh", "en"]
    depth: str
    status: Status
    text: str
    thinking: str = ""
    sources: tuple[Source, ...] = ()
    citations: tuple[Citation, ...] = ()
    supports: tuple[Support, ...] = ()
    asked: tuple[Asked, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    corrections: tuple[Correction, ...] = ()
    offers: tuple[Offer, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    report: Report = field(default_factory=Report)
    dropped_markers: int = 0
    model: str = ""
    degraded: str = ""
    usage: Usage = field(default_factory=Usage)
    created: str = ""
    seconds: float = 0.0
