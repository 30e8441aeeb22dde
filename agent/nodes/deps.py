"""All that the agent needs from outside, as functions, and what one run holds beside its state."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from agent.delta import Generate, Usage
from agent.limits import Checking, DepthLimits, Limits
from agent.packing import Shown
from agent.prompt import Message, Prompt
from agent.question import Question
from agent.second_opinion import SecondOpinion
from agent.templates import Templates
from agent.verdicts import Verdicts
from tools.page import Webpage
from tools.search import Search

Read = Callable[[str], Awaitable[Webpage]]
"""Raises a ToolError; a page that it returns has text."""

Arrange = Callable[[Question, Sequence[Shown]], Awaitable[Sequence[Shown]]]
"""The same pages in the order in which the model is to be shown them."""

WhyQuoted = Literal["no_model", "model_down"]


@dataclass(frozen=True, slots=True)
class Deps:
    """A fake of any of these is a four-line function; a cache is a wrapper added in workers/build.py.

    generate: the model server, None when none is configured
    quote: the quoting reader, told why it is asked
    second_opinion: the model as judge of what the judge without a model is unsure of, None when none is configured
    arrange: another order of the pages of a search than the best first; None: that
    degrade: whether the quoting reader may stand in when the model is down (decision 7)
    step: held open while a step of the graph runs, in its task; called with the step's name, for traces
    """

    search: Search
    read: Read
    quote: Callable[[WhyQuoted], Generate]
    templates: Templates
    today: Callable[[], date]
    count_tokens: Callable[[str], int]
    new_id: Callable[[], str]
    generate: Generate | None = None
    model_name: str = ""
    second_opinion: SecondOpinion | None = None
    arrange: Arrange | None = None
    degrade: bool = True
    limits: Limits = field(default_factory=Limits)
    checking: Checking = field(default_factory=Checking)
    step: Callable[[str], AbstractAsyncContextManager[object]] = nullcontext


@dataclass(slots=True)
class Run:
    """One question on its way. Page texts live here and not in the state, so that no checkpoint holds them.

    told: what the planner was told of each round, as it stood then: what was said once stays in the server's cache.
    verdicts: of the sentences that were judged as they were written; nobody else uses it any more.
    """

    question: Question
    deps: Deps
    started: float = field(default_factory=time.monotonic)
    pages: dict[str, Webpage] = field(default_factory=dict)
    known_urls: set[str] = field(default_factory=set)
    prompt: Prompt | None = None
    usage: Usage = field(default_factory=Usage)
    told: list[tuple[Message, ...]] = field(default_factory=list)
    verdicts: Verdicts | None = None

    @property
    def limits(self) -> DepthLimits:
        return self.deps.limits.depths[self.question.depth]

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.started + self.limits.seconds - self.question.waited_seconds - time.monotonic())

    @property
    def seconds_for_sources(self) -> float:
        """What searching and reading may still take: two fifths of the whole time are kept for the answer."""
        return max(0.5, self.seconds_left - 0.4 * self.limits.seconds)

    def until(self, seconds: float) -> asyncio.Timeout:
        """A deadline for one step: its own limit or what the run has left, whichever is nearer."""
        return asyncio.timeout(min(seconds, self.seconds_left))
