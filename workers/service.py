"""What a front door needs of the rest, handed in by workers/build.py as functions and plain values."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from agent.alone import Complete
from agent.answer import Answer
from agent.events import Event
from agent.limits import DEPTH_LIMITS, DepthLimits
from agent.nodes.deps import Read
from agent.question import Depth, Question, Turn
from tools.page import Webpage
from tools.search import Search
from workers.keys import Keys
from workers.meter import Meter
from workers.metrics import Metrics
from workers.quota import Prices
from workers.records import Evidence, StoredAnswer
from workers.store_errors import StoreDown
from workers.store_keys import Owner

if TYPE_CHECKING:  # which need us, or the store's client
    from redis.asyncio import Redis

    from workers.batch.estimating import Rates
    from workers.batch.files import FileStore
    from workers.batch.filling import FillRules
    from workers.batch.job_store import JobStore
    from workers.overview import Overview
    from workers.quota_store import Quotas
    from workers.run_log import RunLog
    from workers.shares import Shares

MIB = 1024 * 1024
Kept = TypeVar("Kept")

Ask = Callable[[Question], AsyncGenerator[Event, None]]
"""agent.graph.ask with its Deps bound; closing the generator stops the model."""

ReadUpload = Callable[[str, bytes], Awaitable[Webpage]]
"""The text of a file (name, bytes) as a page. Raises ToolError."""


class Removed(Protocol):
    """What forgetting has removed."""

    @property
    def answers(self) -> int: ...


class AnswerStore(Protocol):
    """workers.store.Store, as far as a door needs it. What is another user's is as unknown as what never was.

    Every method raises StoreError.
    """

    async def put_answer(self, answer: Answer, pages: Sequence[Webpage], owner: Owner) -> None: ...

    async def get_answer(self, answer_id: str, user: str) -> StoredAnswer | None: ...

    async def list_answers(self, user: str, after: str, limit: int) -> tuple[StoredAnswer, ...] | None: ...

    async def source(self, answer_id: str, user: str, number: int) -> Evidence | None: ...

    async def forget_answer(self, user: str, answer_id: str) -> Removed: ...

    async def thread(self, user: str, thread_id: str) -> tuple[Turn, ...]: ...


@dataclass(frozen=True, slots=True)
class Part:
    """A line of /readyz. needed: without it no question can be answered; detail: no host, no path."""

    name: str
    works: bool
    needed: bool = False
    detail: str = ""


async def no_parts() -> tuple[Part, ...]:
    """For a service that depends on nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class Limits:
    """max_request_bytes: of the JSON; max_unread_bytes: what a slow client may leave before it is cut off;
    slow_client_seconds: the longest wait for a client to take one write."""

    max_request_bytes: int = 256 * 1024
    max_file_bytes: int = 20 * MIB
    max_files: int = 10
    max_concurrent_answers: int = 8
    max_waiting_answers: int = 0
    max_wait_seconds: float = 15.0
    body_seconds: float = 60.0
    heartbeat_seconds: float = 15.0
    max_unread_bytes: int = MIB
    slow_client_seconds: float = 30.0
    store_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Service:
    """default_depth: of a question that names none; parts: what works right now, for /readyz; complete: the model
    without any search, None where none is configured; completing: the same with a meter around it; related: questions
    that may follow an answer; run_log: where runs live that go on without their caller;
    files: what is uploaded to be kept; jobs: batches made of them; fill_rules, rates: how
    those are read and reckoned; queue: the jobs' store, for tasks that somebody waits for; for_rows: the same service
    for rows of batches, which wait for a model that is away."""

    ask: Ask
    read_upload: ReadUpload
    store: AnswerStore
    keys: Keys = field(default_factory=Keys)
    limits: Limits = field(default_factory=Limits)
    default_depth: Depth = "normal"
    depths: Mapping[Depth, DepthLimits] = field(default_factory=lambda: DEPTH_LIMITS)
    parts: Callable[[], Awaitable[tuple[Part, ...]]] = no_parts
    complete: Complete | None = None
    metrics: Metrics = field(default_factory=Metrics)
    run_log: "RunLog | None" = None
    search: Search | None = None
    read: Read | None = None
    completing: Callable[[Meter], Complete] | None = None
    related: Callable[[Answer, Meter], Awaitable[tuple[str, ...]]] | None = None
    metered: Callable[[Question, Meter], AsyncGenerator[Event, None]] | None = None
    prices: Prices = field(default_factory=Prices)
    quotas: "Quotas | None" = None
    files: "FileStore | None" = None
    jobs: "JobStore | None" = None
    fill_rules: "FillRules | None" = None
    rates: "Rates | None" = None
    queue: "Redis | None" = None
    for_rows: "Service | None" = None
    shares: "Shares | None" = None
    overview: "Overview | None" = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def seconds_for(self, depth: Depth) -> float:
        """The time for an answer."""
        return self.depths[depth].seconds

    def meter_of(self, user: str) -> Meter:
        """For one run of this user."""
        if self.quotas is None:
            return Meter(self.prices)
        return Meter(self.prices, self.quotas.usual.but(self.keys.limits_of(user)).cost_per_answer)

    async def in_store_time(self, wanted: Awaitable[Kept]) -> Kept:
        """What the store answers in time. Raises StoreError, StoreDown too when it does not."""
        try:
            async with asyncio.timeout(self.limits.store_seconds):
                return await wanted
        except TimeoutError:
            raise StoreDown("the store does not answer in time; try again in a few seconds") from None
