"""A row's end is what the endpoint would have said; and a row waits where a caller would be refused."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from agent.delta import Usage
from agent.errors import ModelDown
from agent.events import Answered, Event
from agent.question import Question
from tests.workers.batch.test_job_store import a_job
from tests.workers.serving import QUESTION, TAI, Endless, answer_to, service_of, serving
from workers.batch.records import Row
from workers.batch.row_work import Patience, error_body, run_row
from workers.quota import Prices

CHAT = {"model": "kaozheng-quick", "messages": [{"role": "user", "content": "How high is Mount Tai?"}]}
RESPONSE = {"model": "kaozheng-quick", "input": [{"role": "user", "content": "How high is Mount Tai?"}]}
QUICKLY = Patience(first_pause_seconds=0.001, longest_pause_seconds=0.001)


def row(body: object) -> Row:
    return Row(3, "c-3", json.dumps(body).encode())


def told_in(body: dict[str, Any]) -> list[Any]:
    """What a response says, without its items' own ids; or whatever else stands in its place."""
    items = body.get("output", [body.get("status", "a chat")])
    return [each if isinstance(each, str) else (each["type"], each.get("content")) for each in items]


class Away:
    """A model server that comes back after so many tries."""

    def __init__(self, failures: int) -> None:
        self.failures, self.tries = failures, 0

    async def __call__(self, question: Question) -> AsyncGenerator[Event, None]:
        self.tries += 1
        if self.tries <= self.failures:
            raise ModelDown("unreachable", "the model server http://sglang.internal:30000 does not answer")
        yield Answered(answer_to(question), (TAI,))


ASKED = [("/v1/answers", QUESTION), ("/v1/chat/completions", CHAT), ("/v1/responses", RESPONSE)]


@pytest.mark.parametrize(("endpoint", "body"), ASKED)
async def test_a_row_gets_what_a_caller_would_get(endpoint: str, body: dict[str, object]) -> None:
    service = service_of()
    async with serving(service) as client:
        asked = (await client.post(endpoint, json=body)).json()
    end = await run_row(a_job(endpoint=endpoint), row(body), service)
    assert (end.outcome, end.status_code, end.number, end.custom_id) == ("completed", 200, 3, "c-3")
    own = {"id", "thread", "created", "created_at", "output", "kaozheng"}
    assert {name: value for name, value in json.loads(end.body).items() if name not in own} == {
        name: value for name, value in asked.items() if name not in own
    }
    assert told_in(json.loads(end.body)) == told_in(asked) != []


@pytest.mark.parametrize(
    ("endpoint", "body", "status", "field"),
    [
        ("/v1/answers", {"question": ""}, 422, "question"),
        ("/v1/answers", {"question": "?", "depth": "deep"}, 422, "depth"),
        ("/v1/chat/completions", {**CHAT, "n": 2}, 400, "n"),
        ("/v1/chat/completions", {**CHAT, "model": "gpt-4o"}, 404, "model"),
        ("/v1/responses", {**RESPONSE, "model": "gpt-4o"}, 404, "model"),
        ("/v1/responses", {**RESPONSE, "previous_response_id": "resp_none"}, 400, "previous_response_id"),
    ],
)
async def test_a_row_that_cannot_be_answered_fails_as_its_endpoint_says(
    endpoint: str, body: object, status: int, field: str
) -> None:
    end = await run_row(a_job(endpoint=endpoint), row(body), service_of())
    assert (end.outcome, end.status_code) == ("failed", status)
    said = error_body(end)
    assert said.get("error", {}).get("param", said.get("field")) == field


async def test_a_row_waits_for_a_model_that_is_away() -> None:
    away = Away(5)
    end = await run_row(a_job(), row(QUESTION), service_of(ask=away), QUICKLY)
    assert (end.outcome, away.tries) == ("completed", 6)


async def test_a_row_that_has_waited_long_enough_fails_and_names_no_host() -> None:
    moments = iter(range(0, 10_000, 100))
    away = Away(1_000)
    end = await run_row(a_job(), row(QUESTION), service_of(ask=away), replace(QUICKLY, clock=lambda: next(moments)))
    assert (end.outcome, end.status_code, error_body(end)["code"]) == ("failed", 503, "model_down")
    assert b"sglang.internal" not in end.body
    assert away.tries == 9


async def test_a_row_that_is_stopped_stops_its_run() -> None:
    endless = Endless()
    task = asyncio.create_task(run_row(a_job(), row(QUESTION), service_of(ask=endless)))
    async with asyncio.timeout(30):
        await endless.started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await endless.ended.wait()
    assert task.cancelled()


@pytest.mark.parametrize(("endpoint", "body"), ASKED)
async def test_a_row_tells_what_it_took_of_the_model_and_what_its_prefix_cache_had(
    endpoint: str, body: dict[str, object]
) -> None:
    async def metered(question: Question) -> AsyncGenerator[Event, None]:
        yield Answered(replace(answer_to(question), usage=Usage(900, 40, 30, 600)), (TAI,))

    prices = Prices(prompt=1_000_000, completion=2_000_000, page=1_000)
    end = await run_row(a_job(endpoint=endpoint), row(body), service_of(ask=metered, prices=prices))
    assert (end.prompt_tokens, end.cached_tokens, end.completion_tokens) == (900, 600, 40)
    assert end.cost == 900 + 2 * 40 + 1
