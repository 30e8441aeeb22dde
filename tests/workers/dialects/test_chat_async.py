"""Perplexity's asynchronous Sonar as its own client meets it: asked, left, and fetched when it is there."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import perplexity
import pytest
from redis.asyncio import Redis

from agent.events import Event, Failed
from agent.question import Question
from tests.workers.dialects.test_chat import cited_twice
from tests.workers.dialects.test_sonar import Model
from tests.workers.serving import Endless
from tests.workers.test_runs_in_background import replica
from workers.keys import Keys, hashed

ASKED: dict[str, Any] = {"model": "sonar-pro", "messages": [{"role": "user", "content": "How high is Mount Tai?"}]}
PATH = "/async/chat/completions"


@asynccontextmanager
async def asking(valkey: Redis, **changes: Any) -> AsyncIterator[Any]:
    """The real client's asynchronous completions."""
    key = changes.pop("key", "none")
    async with (
        replica(valkey, **{"ask": cited_twice, **changes}) as client,
        perplexity.AsyncPerplexity(base_url=str(client.base_url), api_key=key, max_retries=0) as asker,
    ):
        yield asker.async_.chat.completions


async def ended(asker: Any, async_id: str) -> Any:
    async with asyncio.timeout(30):
        while True:
            found = await asker.get(async_id)
            if found.status in ("COMPLETED", "FAILED"):
                return found
            await asyncio.sleep(0.02)


async def test_a_question_is_answered_while_nobody_waits_and_listed(valkey: Redis) -> None:
    async with asking(valkey) as asker:
        made = await asker.create(request=ASKED)
        done = await ended(asker, made.id)
        listed = (await asker.list()).requests
    assert (made.status, made.model, made.response) == ("CREATED", "sonar-pro", None)
    assert done.created_at == made.created_at > 1_700_000_000
    assert done.response.choices[0].message.content == "泰山[1]高[2]。[1]"
    assert done.response.citations == ["https://c.example/", "https://a.example/"]
    assert done.completed_at >= done.created_at
    assert [(each.id, each.status) for each in listed] == [(made.id, "COMPLETED")]


async def test_the_same_idempotency_key_is_the_same_request(valkey: Redis) -> None:
    async with asking(valkey) as asker:
        one, other = [await asker.create(request=ASKED, idempotency_key="k") for _ in range(2)]
        with pytest.raises(perplexity.BadRequestError):
            await asker.create(request={**ASKED, "search_recency_filter": "day"}, idempotency_key="k")
    assert one.id == other.id


async def test_a_run_that_goes_on_and_one_that_fails_say_so(valkey: Redis) -> None:
    async def failing(question: Question) -> AsyncGenerator[Event, None]:
        yield Failed("model_down", "the model server does not answer")

    run = Endless()
    async with asking(valkey, ask=run) as asker:
        made = await asker.create(request=ASKED)
        await run.started.wait()
        assert (await asker.get(made.id)).status == "IN_PROGRESS"
    async with asking(valkey, ask=failing) as asker:
        made = await asker.create(request=ASKED)
        done = await ended(asker, made.id)
    assert (done.status, done.error_message, done.response) == ("FAILED", "the model server does not answer", None)


async def test_related_questions_and_the_tokens_of_the_cited_pages_are_there_and_made_once(valkey: Redis) -> None:
    model = Model('["Who climbed it?"]')
    wanted = {**ASKED, "return_related_questions": True, "web_search_options": {"search_context_size": "high"}}
    chat = {**wanted, "model": "kaozheng"}
    async with replica(valkey, ask=cited_twice, **model.service()) as client:
        found = made = (await client.post(PATH, json={"request": wanted})).json()
        async with asyncio.timeout(30):
            while found["status"] not in ("COMPLETED", "FAILED"):
                await asyncio.sleep(0.02)
                found = (await client.get(f"{PATH}/{made['id']}")).json()
        again = (await client.get(f"{PATH}/{made['id']}")).json()
        key = {"Idempotency-Key": "k"}
        keyed = [(await client.post("/v1/chat/completions", json=chat, headers=key)).json() for _ in range(2)]
    assert again == found
    assert len(model.asked) == 2, "one for each of the two answers, however often they are read"
    for response in (found["response"], *keyed):
        assert response["related_questions"] == ["Who climbed it?"]
        assert response["usage"]["citation_tokens"] > 0
        assert response["usage"]["search_context_size"] == "high"


async def test_another_key_s_requests_are_as_unknown_as_none(valkey: Redis) -> None:
    keys = Keys((hashed("kz_a"), hashed("kz_b")))
    async with asking(valkey, keys=keys, key="kz_a") as one, asking(valkey, keys=keys, key="kz_b") as other:
        made = await one.create(request=ASKED)
        await ended(one, made.id)
        assert (await other.list()).requests == []
        for unknown in (made.id, "none", "listed"):
            with pytest.raises(perplexity.NotFoundError):
                await other.get(unknown)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "request"),
        ({"request": "x"}, "request"),
        ({"request": {**ASKED, "n": 2}}, "request.n"),
        ({"request": {**ASKED, "model": "gpt-5"}}, "request.model"),
        ({"request": {**ASKED, "disable_search": True}}, "request"),
        ({"request": ASKED, "idempotency_key": ""}, "idempotency_key"),
    ],
)
async def test_each_wrong_field_is_named(valkey: Redis, body: dict[str, Any], field: str) -> None:
    async with replica(valkey) as client:
        response = await client.post(PATH, json=body)
    assert response.json()["error"]["param"] == field
