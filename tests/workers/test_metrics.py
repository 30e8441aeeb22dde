"""What operators count: fed by events, written as Prometheus reads it, guarded as every path, documented whole."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import pytest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from agent.answer import Support
from agent.delta import Usage
from agent.events import Answered, Event, Failed, PageRead, PageSkipped, Planned, Searched, SearchFailed, Text
from agent.question import Question
from tests.workers.serving import ASK, QUESTION, answer_to, service_of, serving
from workers.keys import Keys, hashed
from workers.metrics import Metrics
from workers.metrics_table import DOCUMENT, table

ANSWER = replace(
    answer_to(Question("Why?")),
    usage=Usage(1_000, 200, 150, 900),
    supports=(Support(1, "supported", 1.0, 0, 5), Support(1, "unsupported", 0.1, 6, 9)),
    degraded="unreachable: the model server does not answer",
)
RUN: tuple[Event, ...] = (
    Planned(1, ("q",), outcome="rescued", refused=("bad_json", "duplicate")),
    Planned(2, outcome="enough"),
    Planned(1, ("q",), fallback="quick"),
    Searched("q", "library", 8, 0.2),
    SearchFailed("q", "timeout"),
    PageRead("https://a.example", "A", 100, 0.3),
    PageSkipped("https://b.example", "http_404"),
    PageSkipped("https://c.example", "Not a word: https://c.example"),
    Text("x"),
    Answered(ANSWER),
)


async def run(*events: Event) -> AsyncGenerator[Event, None]:
    for event in events:
        yield event


def values(written: bytes) -> dict[tuple[str, ...], float]:
    """By name and labels, without the histograms' buckets and without creation times."""
    families = text_string_to_metric_families(written.decode())
    samples = [sample for family in families for sample in family.samples]
    kept = [s for s in samples if not s.name.endswith(("_bucket", "_created"))]
    return {(s.name.removeprefix("kaozheng_"), *s.labels.values()): s.value for s in kept if s.value}


async def counted(*events: Event) -> dict[tuple[str, ...], float]:
    metrics = Metrics()
    assert [event async for event in metrics.counted(run(*events))] == list(events)
    timed = {("answer_seconds_sum",), ("first_text_seconds_sum",)}
    return {key: value for key, value in values(metrics.written()).items() if key not in timed}


async def test_each_event_is_counted_once() -> None:
    assert await counted(*RUN) == {
        ("questions_total", "answered"): 1,
        ("answers_degraded_total", "unreachable"): 1,
        ("answer_seconds_count",): 1,
        ("planner_rounds_total", "rescued"): 1,
        ("planner_rounds_total", "enough"): 1,
        ("planner_calls_refused_total", "bad_json"): 1,
        ("planner_calls_refused_total", "duplicate"): 1,
        ("model_prompt_tokens_total",): 1_000,
        ("model_cached_prompt_tokens_total",): 900,
        ("model_completion_tokens_total",): 200,
        ("model_reasoning_tokens_total",): 150,
        ("searches_total", "answered"): 1,
        ("searches_total", "timeout"): 1,
        ("first_text_seconds_count",): 1,
        ("search_seconds_count",): 1,
        ("search_seconds_sum",): 0.2,
        ("pages_total", "read"): 1,
        ("pages_total", "http_404"): 1,
        ("pages_total", "other"): 1,
        ("page_seconds_count",): 1,
        ("page_seconds_sum",): 0.3,
        ("citations_total", "supported"): 1,
        ("citations_total", "unsupported"): 1,
    }


async def test_a_failure_is_counted_by_its_code() -> None:
    found = await counted(Failed("model_down", "…"))
    assert found == {("questions_total", "failed"): 1, ("question_failures_total", "model_down"): 1}


async def test_a_caller_who_leaves_is_counted_and_nothing_is_left_running() -> None:
    metrics = Metrics()
    async with aclosing(metrics.counted(run(*RUN))) as events:
        async for _ in events:
            assert values(metrics.written())["questions_running",] == 1
            break
    found = values(metrics.written())
    assert found["questions_total", "left"] == 1
    assert ("questions_running",) not in found


async def test_the_service_counts_what_its_callers_ask() -> None:
    async with serving(service_of()) as client:
        for body in (QUESTION, {**QUESTION, "stream": True}):
            assert (await client.post(ASK, json=body)).status_code == 200
        response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert values(response.content)["questions_total", "answered"] == 2


async def test_refusals_are_counted_by_their_code_wherever_they_are_made() -> None:
    service = service_of()
    async with serving(service) as client:
        await client.post(ASK, json={"question": ""})
        await client.post(ASK, content=b"{", headers={"content-type": "application/json"})
        await client.get("/v1/answers/none", headers={"Origin": "https://elsewhere.example"})
    found = values(service.metrics.written())
    refused = {key[1]: count for key, count in found.items() if key[0] == "requests_refused_total"}
    assert refused == {"bad_question": 1, "malformed_body": 1, "cross_origin": 1}


async def test_metrics_ask_for_a_key_where_one_is_set() -> None:
    async with serving(service_of(keys=Keys((hashed(KEY),)))) as client:
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers={"authorization": f"Bearer {KEY}"})).status_code == 200


KEY = "kz_a"


@pytest.mark.parametrize("metric", Metrics().all(), ids=lambda metric: next(iter(metric.describe())).name)
def test_each_name_has_our_prefix_and_a_unit(metric: MetricWrapperBase) -> None:
    described = next(iter(metric.describe()))
    assert described.name.startswith("kaozheng_")
    assert described.type in ("counter", "gauge") or described.name.endswith(("_seconds", "_bytes"))
    assert described.documentation


def test_the_document_lists_every_metric() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == table()
