"""What the graph carries from step to step. Addresses and counts only: no page text, so a checkpoint stays small.

The order of the steps can be read off the types: search takes a Planned and returns a Found, and so on.
"""

from dataclasses import dataclass
from typing import TypedDict

from agent.answer import Answer, Asked, Skipped
from agent.prompt import ToolCall
from tools.search import Recency, SearchResult


@dataclass(frozen=True, slots=True)
class PlannedSearch:
    """One query of a plan; call: the id of the tool call that asked for it, "" when no model did."""

    query: str
    recency: Recency | None = None
    call: str = ""


@dataclass(frozen=True, slots=True)
class PlannedPage:
    """One page that the plan wants opened."""

    url: str
    call: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one planner round wants. calls: as the model wrote them, for the next round's history.

    outcome: how the calls were had (agent/planning.py), "" where no model was asked; refused: why others were not.
    """

    searches: tuple[PlannedSearch, ...] = ()
    pages: tuple[PlannedPage, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    fallback: str = ""
    outcome: str = ""
    refused: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.searches and not self.pages


@dataclass(frozen=True, slots=True)
class Round:
    """A plan and what came of it. results: in the order of plan.searches, without those that failed.

    failures: (call or query, what to tell the planner) of each search or page that came to nothing.
    """

    plan: Plan
    results: tuple[tuple[str, tuple[SearchResult, ...]], ...] = ()
    failures: tuple[tuple[str, str], ...] = ()


class Gathering(TypedDict):
    """From the first step on. read: addresses of the pages in Run.pages, in the order in which they were wanted."""

    rounds: tuple[Round, ...]
    asked: tuple[Asked, ...]
    skipped: tuple[Skipped, ...]
    read: tuple[str, ...]


class Planned(Gathering):
    plan: Plan


class Found(Planned):
    """wanted: the addresses that the read step opens, best first."""

    wanted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model wrote; an empty text without a break means that there was no page to write from.

    broken: the reason why it is not whole, "" when it is; degraded: why the quoting reader stood in;
    model: who wrote it.
    """

    text: str
    thinking: str = ""
    dropped_markers: int = 0
    broken: str = ""
    degraded: str = ""
    model: str = ""


class Written(Gathering):
    draft: Draft


class Verified(Written):
    answer: Answer


class Whole(Found, Verified):
    """All keys, for the graph's own schema; no step takes it."""
