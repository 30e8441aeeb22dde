"""How much a question may cost, by depth (decision 8). All of it comes from settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from agent.question import Depth


@dataclass(frozen=True, slots=True)
class DepthLimits:
    """seconds: from the question to the last event; pages: read at most; rounds: of planning; calls: of tools."""

    seconds: float
    pages: int
    rounds: int
    calls: int
    answer_tokens: int = 8_192


DEPTH_LIMITS: Mapping[Depth, DepthLimits] = MappingProxyType(
    {
        "quick": DepthLimits(30, 6, 0, 1),
        "normal": DepthLimits(120, 12, 2, 8),
        "research": DepthLimits(900, 40, 6, 40, 16_384),
    }
)


@dataclass(frozen=True, slots=True)
class Limits:
    """page_seconds and search_seconds: for one page and one query; grace_seconds: how long stragglers are waited for
    once most pages are there; page_tokens: for the texts of all pages in the prompt; context_tokens: of the model;
    thinking_share: of an answer's tokens and time that may pass before its first word."""

    depths: Mapping[Depth, DepthLimits] = field(default_factory=lambda: DEPTH_LIMITS)
    page_seconds: float = 15.0
    search_seconds: float = 10.0
    grace_seconds: float = 3.0
    page_tokens: int = 24_000
    context_tokens: int = 65_536
    results_per_query: int = 10
    parallel_pages: int = 12
    plan_tokens: int = 4_096
    thinking_share: float = 0.75


@dataclass(frozen=True, slots=True)
class Checking:
    """What is done about what the judge finds. repair_seconds, repair_tokens: of the one call that may mend sentences;
    insert_offers: put a citation behind a sentence that cites nothing and that a page supports."""

    repair_seconds: float = 60.0
    repair_tokens: int = 4_096
    insert_offers: bool = False
