"""Idempotency-Key: one run for one key, however often and wherever it is sent."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

import pytest
from redis.asyncio import Redis

from agent.events import Answered, Event, Text
from agent.question import Question
from tests.workers.serving import ASK, QUESTION, TAI, answer_to, events_of
from tests.workers.test_runs_in_background import replica
from workers.keys import Keys, hashed

KEY = {"Idempotency-Key": "order-66"}


class Counted:
    """A run of half a second; how many were begun."""

    def __init__(self) -> None:
        self.runs = 0

    async def __call__(self, question: Question) -> AsyncGenerator[Event, None]:
        self.runs += 1
        yield Text("1,545 m")
        await asyncio.sleep(0.3)
        yield Answered(answer_to(question), (TAI,))


async def test_the_same_question_at_once_and_later_at_two_replicas_runs_once(valkey: Redis) -> None:
    ask = Counted()
    async with replica(valkey, ask=ask) as one, replica(valkey, ask=ask) as other:
        clients = (one, other, one, other)
        answers = await asyncio.gather(*(client.post(ASK, json=QUESTION, headers=KEY) for client in clients))
        answers.append(await other.post(ASK, json=QUESTION, headers=KEY))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert ask.runs == 1


@pytest.mark.parametrize("change", [{"question": "How old?"}, {"strict": True}, {"stream": True}])
async def test_another_body_under_the_same_key_is_refused(valkey: Redis, change: dict[str, Any]) -> None:
    async with replica(valkey, ask=Counted()) as client:
        await client.post(ASK, json=QUESTION, headers=KEY)
        refused = await client.post(ASK, json={**QUESTION, **change}, headers=KEY)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")


async def test_keys_of_two_users_have_nothing_to_do_with_each_other(valkey: Redis) -> None:
    ask = Counted()
    async with replica(valkey, ask=ask, keys=Keys((hashed("kz_a"), hashed("kz_b")))) as client:
        for key in ("kz_a", "kz_b"):
            assert (await client.post(ASK, json=QUESTION, headers={**KEY, "X-API-Key": key})).status_code == 200
    assert ask.runs == 2


async def test_a_stream_is_replayed_and_a_background_run_is_named_again(valkey: Redis) -> None:
    ask = Counted()
    async with replica(valkey, ask=ask) as client:
        streams = [await client.post(ASK, json={**QUESTION, "stream": True}, headers=KEY) for _ in range(2)]
        other = {"Idempotency-Key": "b"}
        runs = [await client.post(ASK, json={**QUESTION, "background": True}, headers=other) for _ in range(2)]
    assert events_of(streams[0].text) == events_of(streams[1].text)
    assert events_of(streams[0].text)[-1].name == "answered"
    assert [run.status_code for run in runs] == [202, 202]
    assert runs[0].json()["id"] == runs[1].json()["id"]
    assert ask.runs == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
async def test_a_key_that_is_none_is_refused(valkey: Redis, key: str) -> None:
    async with replica(valkey, ask=Counted()) as client:
        refused = await client.post(ASK, json=QUESTION, headers={"Idempotency-Key": key.encode()})  # type: ignore[dict-item]
    assert (refused.status_code, refused.json()["field"]) == (422, "idempotency-key")


async def test_two_keys_of_one_question_are_refused(valkey: Redis) -> None:
    async with replica(valkey, ask=Counted()) as client:
        refused = await client.post(ASK, json=QUESTION, headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
    assert (refused.status_code, refused.json()["field"]) == (422, "idempotency-key")


CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
DIALECTS = [
    (CHAT, {"model": "kaozheng", "messages": [{"role": "user", "content": "How high is Mount Tai?"}]}),
    (RESPONSES, {"model": "kaozheng", "input": "How high is Mount Tai?"}),
]


@pytest.mark.parametrize(("path", "body"), DIALECTS)
@pytest.mark.parametrize("stream", [True, False])
async def test_the_dialects_run_once_for_a_key_and_tell_the_same(
    valkey: Redis, path: str, body: dict[str, Any], stream: bool
) -> None:
    ask = Counted()
    async with replica(valkey, ask=ask) as one, replica(valkey, ask=ask) as other:
        asked = {**body, "stream": stream}
        both = await asyncio.gather(*(client.post(path, json=asked, headers=KEY) for client in (one, other)))
        later = await other.post(path, json=asked, headers=KEY)
        changed = await one.post(path, json={**asked, "model": "kaozheng-research"}, headers=KEY)
    assert {response.status_code for response in (*both, later)} == {200}
    assert all(("1,545 m" in response.text) for response in (*both, later))
    assert ask.runs == 1
    assert (changed.status_code, changed.json()["error"]["code"]) == (400, "idempotency_key_reused")


async def test_a_run_in_the_background_says_when_it_was_begun(valkey: Redis) -> None:
    async with replica(valkey, ask=Counted()) as client:
        began = (await client.post(ASK, json={**QUESTION, "background": True}, headers=KEY)).json()
        again = (await client.post(ASK, json={**QUESTION, "background": True}, headers=KEY)).json()
    assert datetime.fromisoformat(began["created"]).tzinfo is not None
    assert again["created"] == began["created"]
