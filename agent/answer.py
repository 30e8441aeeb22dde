"""The answer: what was said, by which pages, how well they support it, and what could not be found or read."""

from dataclasses import dataclass, field
from typing import Literal

from agent.delta import Usage

Status = Literal["answered", "partial", "uncited", "no_sources"]
"""answered: complete, with citations (or from files alone, where none are asked for)
partial:    the model broke off or time ran out; what was written stands
uncited:    complete, but without a citation although pages were given
no_sources: nothing was found or nothing could be read; the text says so and cites nothing"""

Verdict = Literal["supported", "partial", "unsupported", "contradicted", "unavailable"]


@dataclass(frozen=True, slots=True)
class Source:
    """A page of the prompt; `number` is what [citation:N] means. sha256: of the page's text as it was read."""

    number: int
    url: str
    title: str
    site: str = ""
    date: str = ""
    sha256: str = ""
    truncated: str = ""
    cited: bool = False


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
    score: 0.0 to 1.0.
    """

    number: int
    verdict: Verdict
    score: float
    claim_start: int
    claim_end: int
    quote: str = ""
    quote_start: int = 0
    quote_end: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """One query that went out. failure: the reason word of a SearchDown, "" when the engine answered."""

    query: str
    results: int
    engine: str = ""
    failure: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A page that was found but not read. reason: a word for programs; detail: a clause for people."""

    url: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Flaw:
    """A rule of the template that the answer breaks; `rule` is a word, `detail` a sentence."""

    rule: str
    detail: str


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
class Answer:
    """text keeps its [citation:N] markers; every N in it has a Source. Offsets are code points.

    degraded: why the configured model did not write it ("" when it did, or when none is configured).
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
    dropped_markers: int = 0
    model: str = ""
    degraded: str = ""
    usage: Usage = field(default_factory=Usage)
    created: str = ""
    seconds: float = 0.0
