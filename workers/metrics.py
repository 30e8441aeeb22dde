"""What operators count: every metric of this project is defined here, and fed by the events of each question.

Names begin with `kaozheng_` and end in their unit; a label's values are few and never a query, an address or a user.
docs/metrics.md is written from this file (`python -m workers.metrics_table`).
"""

import re
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from agent.answer import Answer
from agent.events import (
    Answered,
    Cancelled,
    Event,
    Failed,
    PageRead,
    PageSkipped,
    Planned,
    Searched,
    SearchFailed,
    Text,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST
_ANSWER_SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900)
_WAIT_SECONDS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 20, 30, 60)
_OUTSIDE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30)
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Metrics:
    """One service's counts, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()

        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(f"kaozheng_{name}", help_text, labels, registry=registry)

        def seconds(name: str, help_text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"kaozheng_{name}_seconds", help_text, buckets=buckets, registry=registry)

        self.running = Gauge("kaozheng_questions_running", "Questions being answered now", registry=registry)
        self.waiting = Gauge("kaozheng_questions_waiting", "Questions waiting for a place now", registry=registry)
        self.waits = counter("waits_total", "Questions that had to wait, by what came of it", "end")
        self.wait_seconds = seconds("wait", "From a question to its place, of those that had to wait", _WAIT_SECONDS)
        self.questions = counter(
            "questions_total", "Questions that ended, by their answer's status, failed, cancelled or left", "end"
        )
        self.refusals = counter("requests_refused_total", "Requests that were refused, by the problem's code", "code")
        self.first_text_seconds = seconds(
            "first_text", "From a question to the first text of its answer", _ANSWER_SECONDS
        )
        self.failures = counter("question_failures_total", "Questions that failed, by code", "code")
        self.degraded = counter("answers_degraded_total", "Answers that the quoting reader wrote, by why", "reason")
        self.answer_seconds = seconds("answer", "From a question to its answer", _ANSWER_SECONDS)
        self.rounds = counter("planner_rounds_total", "Planner rounds, by how their calls were had", "outcome")
        self.refused = counter("planner_calls_refused_total", "Calls of the planner that were not taken", "reason")
        self.prompt_tokens = counter("model_prompt_tokens_total", "Prompt tokens, as the server counts them")
        self.cached_tokens = counter("model_cached_prompt_tokens_total", "Prompt tokens from the server's prefix cache")
        self.completion_tokens = counter("model_completion_tokens_total", "Tokens written, reasoning included")
        self.reasoning_tokens = counter("model_reasoning_tokens_total", "Tokens of reasoning")
        self.searches = counter("searches_total", "Queries, by what came of them: answered or a reason", "outcome")
        self.search_seconds = seconds("search", "One query, until an engine answered", _OUTSIDE_SECONDS)
        self.pages = counter("pages_total", "Pages, by what came of them: read or a reason", "outcome")
        self.page_seconds = seconds("page", "One page, until its text was read", _OUTSIDE_SECONDS)
        self.citations = counter("citations_total", "Judged citations of answers, by verdict", "verdict")
        self.corrections = counter("corrections_total", "Changes made to an answer after it was streamed")

    def written(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self.registry)

    def all(self) -> tuple[MetricWrapperBase, ...]:
        """Every metric, for the table in docs/metrics.md."""
        return tuple(metric for metric in vars(self).values() if isinstance(metric, MetricWrapperBase))

    def waited(self, end: str, seconds: float) -> None:
        """A question's wait is over. end: placed, refused or left."""
        self.waits.labels(end).inc()
        self.wait_seconds.observe(seconds)

    async def counted(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The same events; what they say is counted. A caller who leaves is counted, too."""
        started, end, said = time.monotonic(), "left", False
        self.running.inc()
        try:
            async with aclosing(events):
                async for event in events:
                    end = self._count(event) or end
                    if isinstance(event, Text) and not said:
                        said = True
                        self.first_text_seconds.observe(time.monotonic() - started)
                    if isinstance(event, Answered):
                        self.answer_seconds.observe(time.monotonic() - started)
                    yield event
        finally:
            self.running.dec()
            self.questions.labels(end).inc()

    def _count(self, event: Event) -> str:
        """How the question ended, "" when it goes on."""
        match event:
            case Planned():
                self._planned(event)
            case Searched():
                self.searches.labels("answered").inc()
                self.search_seconds.observe(event.seconds)
            case SearchFailed():
                self.searches.labels(_word(event.reason)).inc()
            case PageRead():
                self.pages.labels("read").inc()
                self.page_seconds.observe(event.seconds)
            case PageSkipped():
                self.pages.labels(_word(event.reason)).inc()
            case Answered():
                return self._answered(event.answer)
            case Failed():
                self.failures.labels(_word(event.code)).inc()
                return "failed"
            case Cancelled():
                return "cancelled"
        return ""

    def _planned(self, event: Planned) -> None:
        if event.outcome:
            self.rounds.labels(_word(event.outcome)).inc()
        for reason in event.refused:
            self.refused.labels(_word(reason)).inc()

    def _answered(self, answer: Answer) -> str:
        usage = answer.usage
        self.prompt_tokens.inc(usage.prompt_tokens)
        self.cached_tokens.inc(usage.cached_tokens)
        self.completion_tokens.inc(usage.completion_tokens)
        self.reasoning_tokens.inc(usage.reasoning_tokens)
        for support in answer.supports:
            self.citations.labels(support.verdict).inc()
        self.corrections.inc(len(answer.corrections))
        if answer.degraded:
            self.degraded.labels(_word(answer.degraded.partition(":")[0])).inc()
        return answer.status


def _word(reason: str) -> str:
    """A reason as a label: one of ours is a snake_case word; anything else must not make a new time series."""
    return reason if _WORD.fullmatch(reason) else "other"
