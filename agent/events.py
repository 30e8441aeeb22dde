"""What a caller sees while an answer is made, in past participles.

Order: Queued where a door lets questions wait, Planned, Searched and SearchFailed, PageRead and PageSkipped (these may
repeat, round by round), Packed, Thinking and Text and Cited and Judged as the model writes, Corrected, Verified; and
exactly one last event: Answered, Failed or Cancelled. Text is provisional; only Answered is authoritative.
"""

import re
from dataclasses import dataclass

from agent.answer import Answer, Correction, Flaw, Support
from tools.page import Webpage


@dataclass(frozen=True, slots=True)
class Queued:
    """A door's event: the question waits until others are answered. position: in the line, from 1."""

    position: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A planner's round, from 1. queries and urls: what will be searched and opened next; both empty: go and write.

    fallback: why the plan is not the model's own (`no_model`, `quick`, `no_call`, `model_down` …), "" when it is.
    outcome: how the model's calls were had (`parsed`, `rescued`, `repeated`, `json_plan`, `enough`, `fallback`),
    "" where no model was asked; refused: why each call that was not taken was not.
    """

    round: int
    queries: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    fallback: str = ""
    outcome: str = ""
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Searched:
    """An engine answered. results may be 0: it works and found nothing; urls: of the results, in the engine's order."""

    query: str
    engine: str
    results: int
    seconds: float = 0.0
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchFailed:
    """No engine answered this query."""

    query: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PageRead:
    url: str
    title: str
    characters: int
    seconds: float = 0.0
    truncated: str = ""


@dataclass(frozen=True, slots=True)
class PageSkipped:
    """A page that will not be in the prompt: refused, unreachable, unreadable, too slow, or a duplicate."""

    url: str
    reason: str
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Packed:
    """The prompt is made; a second time, smaller, where the server found it too long.

    pages: addresses, that of [citation:1] first; tokens: of the whole prompt.
    """

    pages: tuple[str, ...]
    titles: tuple[str, ...]
    tokens: int
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Thinking:
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """Provisional: shown at once, authoritative only as Answered repeats it."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A valid marker, at this place of the streamed text; it stands in the answer as [citation:number]."""

    number: int
    url: str
    title: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A finished piece of the streamed text (Text and Cited put together), once the judge without a model has seen it.

    text: from start to end of the streamed text, with [citation:N]; the pieces follow each other without a gap, and all
    of them are the streamed text, unless the judge was too slow: then the last ones are missing. supports: one for each
    page that the piece cites, places in the streamed text. What changes afterwards is Corrected.
    """

    text: str
    start: int
    end: int
    supports: tuple[Support, ...] = ()


@dataclass(frozen=True, slots=True)
class Corrected:
    correction: Correction


@dataclass(frozen=True, slots=True)
class Verified:
    """All supports and the broken rules, for the final text."""

    supports: tuple[Support, ...]
    flaws: tuple[Flaw, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """The last event of a question that has an answer, whatever its status.

    pages: those of the prompt, whole, pages[0] is [citation:1]; for whoever keeps the evidence, not for the wire.
    """

    answer: Answer
    pages: tuple[Webpage, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The last event of a question without an answer. code: of the AgentError, or `internal`; message: what to do."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The last event of a question that somebody cancelled. A caller who simply leaves sees no event at all."""

    reason: str


Event = (
    Queued
    | Planned
    | Searched
    | SearchFailed
    | PageRead
    | PageSkipped
    | Packed
    | Thinking
    | Text
    | Cited
    | Judged
    | Corrected
    | Verified
    | Answered
    | Failed
    | Cancelled
)
LAST = (Answered, Failed, Cancelled)


def event_name(event: Event) -> str:
    """As doors write it: PageRead is `page_read`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
