"""Traces as a collector gets them: over real HTTP, by OpenTelemetry's own exporter, into a collector of ours."""

import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from agent.errors import ModelDown
from agent.events import Answered, Text
from agent.question import Question
from tests.fakes import SUN, TIDES, FakeModel, FakeWeb, deps
from workers.tracing import FIGURES, TEXTS, Collector, Tracing, open_tracing

ROOT = Path(__file__).parents[2]
SECRET = "xylophone"
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER_S = f"00-{TRACE}-b7ad6b7169203331-01"
QUESTION = Question(f"Why are there tides, {SECRET}?", "normal")


@dataclass
class Taken:
    """What a collector took."""

    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def spans(self) -> list[Any]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [span for one in requests for each in one.resource_spans for s in each.scope_spans for span in s.spans]


@contextmanager
def collector(status: int = 200) -> Iterator[Taken]:
    taken = Taken()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.headers.append({name.lower(): value for name, value in self.headers.items()})
            taken.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status if self.path == "/v1/traces" else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        taken.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield taken
        finally:
            server.shutdown()
            thread.join()


@asynccontextmanager
async def tracing(taken: Taken, *, texts: bool = False, headers: str = "") -> AsyncIterator[Tracing]:
    async with open_tracing(Collector(taken.url, headers, "0.1"), texts=texts) as opened:
        yield opened


def model() -> FakeModel:
    turns = [[("web_search", f'{{"query": "tides {SECRET}"}}')], []]
    return FakeModel(answers=[["The moon pulls the sea twice a day[citation:1]."]], turns=turns)


def below(spans: list[Any], name: str) -> set[str]:
    """The names of the spans whose parent has this name."""
    ids = {span.span_id for span in spans if span.name == name}
    return {span.name for span in spans if span.parent_span_id in ids}


def attributes(span: Any) -> dict[str, Any]:
    return {each.key: next(iter(each.value.ListFields()))[1] for each in span.attributes}


async def asked(tracing: Tracing, web: FakeWeb, model: FakeModel | None) -> Any:
    async with aclosing(tracing.ask(QUESTION, deps(web, model))) as events:
        return [event async for event in events][-1]


async def test_one_trace_goes_through_the_graph_the_tools_and_the_model() -> None:
    with collector() as taken:
        async with tracing(taken, headers="Authorization=Bearer k, X-Scope = a") as traced:
            last = await asked(traced, FakeWeb(TIDES, SUN, dead=["https://dead.example/"]), model())
        spans = taken.spans()
    assert isinstance(last, Answered)
    assert len({span.trace_id for span in spans}) == 1
    assert below(spans, "answer") == {"plan", "search", "read", "write", "verify"}
    assert below(spans, "plan") == below(spans, "write") == {"chat fake-r1"}
    assert (below(spans, "search"), below(spans, "read")) == ({"query"}, {"page"})
    (root,) = (span for span in spans if not span.parent_span_id)
    about = attributes(root)
    assert (about["kaozheng.status"], about["kaozheng.depth"], about["kaozheng.language"]) == (
        "answered",
        "normal",
        "en",
    )
    reasons = {attributes(span).get("kaozheng.reason") for span in spans if span.name == "page"}
    assert reasons == {None, "dns"}
    assert (taken.headers[0]["authorization"], taken.headers[0]["x-scope"]) == ("Bearer k", "a")


async def test_only_what_is_named_stands_in_a_span_and_no_text_of_anybody() -> None:
    with collector() as taken:
        async with tracing(taken) as traced:
            await asked(traced, FakeWeb(TIDES, SUN), model())
        spans, wire = taken.spans(), b"".join(taken.bodies)
    assert {name for span in spans for name in attributes(span)} <= FIGURES
    for text in (SECRET, "a.example", "moon pulls", "Tides"):
        assert text.encode() not in wire


async def test_texts_stand_there_only_where_they_are_wanted_and_pages_and_answers_never() -> None:
    with collector() as taken:
        async with tracing(taken, texts=True) as traced:
            await asked(traced, FakeWeb(TIDES, SUN), model())
        spans, wire = taken.spans(), b"".join(taken.bodies)
    names = {name for span in spans for name in attributes(span)}
    assert names >= TEXTS
    assert names <= FIGURES | TEXTS
    assert SECRET.encode() in wire
    assert b"moon pulls" not in wire


async def test_a_failure_is_told_by_its_kind_and_never_by_its_message() -> None:
    broken = FakeModel(answers=[[ModelDown("unreachable", f"nobody at http://{SECRET}/")]], turns=[[]])
    with collector() as taken:
        async with tracing(taken) as traced:
            await asked(traced, FakeWeb(TIDES), broken)
        spans, wire = taken.spans(), b"".join(taken.bodies)
    kinds = {attributes(span).get("error.type") for span in spans if span.name == "chat fake-r1"}
    assert "ModelDown" in kinds
    assert SECRET.encode() not in wire


async def test_a_caller_who_leaves_ends_every_span() -> None:
    hanging = FakeModel(answers=[["The moon", None]], turns=[[]])
    with collector() as taken:
        async with tracing(taken) as traced, aclosing(traced.ask(QUESTION, deps(FakeWeb(TIDES), hanging))) as events:
            async for event in events:
                if isinstance(event, Text):
                    break
        spans = taken.spans()
    (root,) = (span for span in spans if span.name == "answer")
    assert attributes(root)["kaozheng.status"] == "left"
    assert {"write", "chat fake-r1"} <= {span.name for span in spans}
    assert all(span.end_time_unix_nano for span in spans)


@pytest.mark.parametrize("status", [500, 400])
async def test_a_collector_that_refuses_changes_no_answer(status: int) -> None:
    with collector(status) as taken:
        async with tracing(taken) as traced:
            last = await asked(traced, FakeWeb(TIDES, SUN), model())
    assert isinstance(last, Answered)


@pytest.mark.parametrize("known", [{"traceparent": CALLER_S}, {"batch": f"batch_{TRACE}"}])
async def test_a_question_belongs_to_its_caller_s_trace_and_a_row_to_its_batch_s(known: dict[str, str]) -> None:
    with collector() as taken, structlog.contextvars.bound_contextvars(**known):
        async with tracing(taken) as traced:
            asking = model()
            await asked(traced, FakeWeb(TIDES, SUN), asking)
        spans = taken.spans()
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    (root,) = (span for span in spans if span.name == "answer")
    assert root.parent_span_id.hex() == (TRACE[:16] if "batch" in known else CALLER_S[36:52])
    chats = {f"00-{TRACE}-{span.span_id.hex()}-01" for span in spans if span.name == "chat fake-r1"}
    assert {prompt.traceparent for prompt in asking.prompts} == chats


async def test_what_its_caller_does_not_record_is_not_recorded() -> None:
    with collector() as taken, structlog.contextvars.bound_contextvars(traceparent=CALLER_S[:-1] + "0"):
        async with tracing(taken) as traced:
            await asked(traced, FakeWeb(TIDES, SUN), model())
    assert taken.spans() == []


def test_a_question_on_the_command_line_is_traced_too(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "tides.md").write_text("# Tides\n\nTides are caused by the moon.\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KAOZHENG_")}
    with collector() as taken:
        own = {"KAOZHENG_DATA_DIR": str(tmp_path / "data"), "KAOZHENG_OTLP_URL": taken.url}
        command = [
            sys.executable,
            "-m",
            "workers.cli",
            "ask",
            "--library",
            str(tmp_path / "pages"),
            "What causes tides?",
        ]
        done = subprocess.run(command, cwd=ROOT, env={**kept, **own}, capture_output=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert {"answer", "search", "read", "write", "verify"} <= {span.name for span in taken.spans()}


def test_the_endpoint_is_completed_once() -> None:
    assert Collector("http://c:4318").endpoint == Collector("http://c:4318/v1/traces").endpoint
