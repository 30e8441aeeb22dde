"""Traces of questions for an OpenTelemetry collector: graph, tools and model, one span each.

    answer                      the question, from the door to its answer
    ├─ plan, search, read, write, verify     the steps of the graph
    │  ├─ query                 one query, until an engine has answered
    │  ├─ page                  one page, until its text was read
    │  ├─ chat                  one request to the model, by OpenTelemetry's names for generative models
    │  └─ judge                 the model's opinion of citations that the judge without a model is unsure of

Attributes are named one by one: figures, reasons and names of ours. Questions, queries and addresses stand there only
where the operator wants texts (`KAOZHENG_LOG_TEXTS`); answers, pages and prompts never do.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import requests
import structlog
from opentelemetry import context as contexts
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from agent.answer import Answer, Support
from agent.delta import Delta, Generate, Usage
from agent.errors import AgentError
from agent.events import Answered, Cancelled, Event, Failed
from agent.graph import ask
from agent.nodes.deps import Deps
from agent.prompt import Prompt
from agent.question import Question
from agent.second_opinion import Opinions, SecondOpinion
from tools.errors import ToolError
from tools.page import Webpage
from tools.search import SearchQuery, SearchResult
from workers.trace_context import HEADER

FIGURES = frozenset(
    "kaozheng.request_id kaozheng.answer_id kaozheng.depth kaozheng.language kaozheng.status kaozheng.degraded "
    "kaozheng.sources kaozheng.corrections kaozheng.results kaozheng.engine kaozheng.characters kaozheng.truncated "
    "kaozheng.reason kaozheng.purpose kaozheng.first_token_seconds error.type "
    "gen_ai.operation.name gen_ai.provider.name gen_ai.request.model gen_ai.request.max_tokens "
    "gen_ai.response.finish_reasons gen_ai.usage.input_tokens gen_ai.usage.output_tokens".split()
)
TEXTS = frozenset({"kaozheng.question", "kaozheng.query", "url.full"})
EXPORT_SECONDS = 5.0
MAX_WAITING_SPANS = 4_096  # what is beyond them is dropped: a collector that is down never holds a question up


@dataclass(frozen=True, slots=True)
class Collector:
    """Where spans go. url: /v1/traces is added unless it is there; headers: `name=value`, comma-separated."""

    url: str
    headers: str = ""
    version: str = ""

    @property
    def endpoint(self) -> str:
        base = self.url.rstrip("/")
        return base if base.endswith("/v1/traces") else f"{base}/v1/traces"

    @property
    def header_fields(self) -> dict[str, str]:
        pairs = (pair.partition("=") for pair in self.headers.split(",") if "=" in pair)
        return {name.strip().lower(): value.strip() for name, _, value in pairs}


@asynccontextmanager
async def open_tracing(collector: Collector, *, texts: bool = False) -> AsyncIterator["Tracing"]:
    """Spans are sent by a thread of their own while this is open, the last of them when it is closed."""
    session = requests.Session()
    session.trust_env = False  # neither proxies nor passwords of the environment (decision 2)
    exporter = OTLPSpanExporter(
        endpoint=collector.endpoint,
        headers=collector.header_fields,
        timeout=EXPORT_SECONDS,
        session=session,
    )
    about = {"service.name": "kaozheng", "service.version": collector.version}
    provider = TracerProvider(DEFAULT_ON, Resource(about), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, MAX_WAITING_SPANS, 1_000, 512, EXPORT_SECONDS * 1_000))
    try:
        yield Tracing(provider.get_tracer("kaozheng", collector.version), texts)
    finally:
        await asyncio.to_thread(provider.shutdown)
        session.close()


@dataclass(frozen=True, slots=True)
class Tracing:
    """ask: agent.graph.ask with a span for all that it does."""

    tracer: Tracer
    texts: bool = False

    async def ask(self, question: Question, deps: Deps) -> AsyncGenerator[Event, None]:
        """The same events. A caller who leaves ends the spans."""
        root = self._begun(question)
        try:
            traced = Traced(self.tracer, root, self.texts).around(deps)
            async with aclosing(ask(question, traced)) as events:
                async for event in events:
                    _note(root, event)
                    yield event
        finally:
            root.end()

    def _begun(self, question: Question) -> Span:
        root = self.tracer.start_span("answer", _caller_s(), SpanKind.SERVER)
        request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
        about = {"kaozheng.request_id": request_id, "kaozheng.question": question.text}
        about |= {"kaozheng.depth": question.depth, "kaozheng.language": question.language, "kaozheng.status": "left"}
        tell(root, about, self.texts)
        return root


def _caller_s() -> contexts.Context:
    """The trace that the caller named, for a row that of its batch; else an empty one, in which a trace begins."""
    known = structlog.contextvars.get_contextvars()
    batch = str(known.get("batch", "")).removeprefix("batch_")
    given = known.get(HEADER) or (f"00-{batch}-{batch[:16]}-01" if batch else "")
    return TraceContextTextMapPropagator().extract({HEADER: str(given)}, contexts.Context())


def _header_of(span: Span) -> str:
    about = span.get_span_context()
    return f"00-{about.trace_id:032x}-{about.span_id:016x}-{about.trace_flags:02x}"


@dataclass(frozen=True, slots=True)
class Traced:
    """The functions of one run, each with its span below the step that calls it."""

    tracer: Tracer
    root: Span
    texts: bool = False

    def around(self, deps: Deps) -> Deps:
        generate = self._generating(deps.generate, deps.model_name) if deps.generate else None
        judged = self._judging(deps.second_opinion) if deps.second_opinion else None
        outside = replace(deps, search=self._searching(deps), read=self._reading(deps))
        return replace(outside, generate=generate, second_opinion=judged, step=self.step)

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """A step of the graph, which runs in a task of its own: what it calls finds its span there."""
        span = self.tracer.start_span(name, set_span_in_context(self.root))
        token = contexts.attach(set_span_in_context(span))
        try:
            yield
        except BaseException as error:
            _failed(span, error)
            raise
        finally:
            contexts.detach(token)
            span.end()

    def _child(self, name: str, kind: SpanKind = SpanKind.INTERNAL) -> Span:
        current = get_current_span()
        parent = current if current.get_span_context().is_valid else self.root
        return self.tracer.start_span(name, set_span_in_context(parent), kind)

    def _searching(self, deps: Deps) -> Any:
        async def search(query: SearchQuery) -> list[SearchResult]:
            span = self._child("query", SpanKind.CLIENT)
            tell(span, {"kaozheng.query": query.text}, self.texts)
            try:
                found = list(await deps.search(query))
            except BaseException as error:
                _failed(span, error)
                raise
            else:
                engine = found[0].engine if found else ""
                tell(span, {"kaozheng.results": len(found), "kaozheng.engine": engine}, self.texts)
                return found
            finally:
                span.end()

        return search

    def _reading(self, deps: Deps) -> Any:
        async def read(url: str) -> Webpage:
            span = self._child("page", SpanKind.CLIENT)
            tell(span, {"url.full": url}, self.texts)
            try:
                page = await deps.read(url)
            except BaseException as error:
                _failed(span, error)
                raise
            else:
                tell(span, {"kaozheng.characters": len(page.text), "kaozheng.truncated": page.truncated}, self.texts)
                return page
            finally:
                span.end()

        return read

    def _judging(self, second_opinion: SecondOpinion) -> SecondOpinion:
        async def judged(text: str, pages: Sequence[Webpage], supports: Sequence[Support]) -> Opinions:
            span = self._child("judge", SpanKind.CLIENT)
            try:
                with structlog.contextvars.bound_contextvars(**{HEADER: _header_of(span)}):
                    return await second_opinion(text, pages, supports)
            finally:
                span.end()

        return judged

    def _generating(self, generate: Generate, model: str) -> Generate:
        async def traced(prompt: Prompt) -> AsyncGenerator[Delta, None]:
            span = self._child(f"chat {model}", SpanKind.CLIENT)
            asked: dict[str, Any] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": model}
            asked |= {"gen_ai.provider.name": "openai_compatible", "gen_ai.request.max_tokens": prompt.max_tokens}
            tell(span, {**asked, "kaozheng.purpose": _purpose(prompt)}, self.texts)
            reply = _Reply()
            try:
                async with aclosing(generate(replace(prompt, traceparent=_header_of(span)))) as deltas:
                    async for delta in deltas:
                        reply.note(delta)
                        yield delta
            except BaseException as error:
                _failed(span, error)
                raise
            finally:
                tell(span, reply.figures(), self.texts)
                span.end()

        return traced


@dataclass(slots=True)
class _Reply:
    began: float = field(default_factory=time.monotonic)
    first_token_seconds: float = 0.0
    finish: str = ""
    usage: Usage = field(default_factory=Usage)

    def note(self, delta: Delta) -> None:
        if not self.first_token_seconds and (delta.text or delta.thinking or delta.calls):
            self.first_token_seconds = time.monotonic() - self.began
        self.finish, self.usage = delta.finish or self.finish, delta.usage or self.usage

    def figures(self) -> dict[str, Any]:
        tokens = {
            "gen_ai.usage.input_tokens": self.usage.prompt_tokens,
            "gen_ai.usage.output_tokens": self.usage.completion_tokens,
        }
        ended = {"gen_ai.response.finish_reasons": [self.finish]} if self.finish else {}
        return {**tokens, **ended, "kaozheng.first_token_seconds": round(self.first_token_seconds, 3)}


def _purpose(prompt: Prompt) -> str:
    return "plan" if prompt.tools else "write"


def tell(span: Span, attributes: Mapping[str, Any], texts: bool) -> None:
    """Only what is named here, whatever is handed in; empty values are left out."""
    names = FIGURES | TEXTS if texts else FIGURES
    span.set_attributes({name: value for name, value in attributes.items() if name in names and value != ""})


def _failed(span: Span, error: BaseException) -> None:
    """Its kind and its reason; the message may hold anything."""
    reason = error.reason if isinstance(error, ToolError) else error.code if isinstance(error, AgentError) else ""
    tell(span, {"error.type": type(error).__qualname__, "kaozheng.reason": reason}, texts=False)
    if isinstance(error, Exception):
        span.set_status(Status(StatusCode.ERROR))


def _note(root: Span, event: Event) -> None:
    match event:
        case Answered():
            tell(root, _answered(event.answer), texts=False)
        case Failed():
            tell(root, {"kaozheng.status": "failed", "kaozheng.reason": event.code}, texts=False)
            root.set_status(Status(StatusCode.ERROR))
        case Cancelled():
            tell(root, {"kaozheng.status": "cancelled"}, texts=False)


def _answered(answer: Answer) -> dict[str, Any]:
    return {
        "kaozheng.status": answer.status,
        "kaozheng.degraded": answer.degraded.partition(":")[0],
        "kaozheng.sources": len(answer.sources),
        "kaozheng.corrections": len(answer.corrections),
        "gen_ai.usage.input_tokens": answer.usage.prompt_tokens,
        "gen_ai.usage.output_tokens": answer.usage.completion_tokens,
    }
