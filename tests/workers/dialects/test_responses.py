"""OpenAI's Responses as the real openai client meets it, over a real socket and a real store."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest
from redis.asyncio import Redis

from agent.answer import Asked, Correction
from agent.events import Answered, Cited, Event, Failed, Packed, PageSkipped, Planned, Searched, SearchFailed, Text
from agent.events import Thinking as Thought
from agent.question import Question
from tests.workers.serving import TAI, Endless, answer_to, service_of, serving
from workers.keys import Keys, hashed
from workers.run_log import RunLog
from workers.store import Retention, Store

PATH = "/v1/responses"
ASKED: dict[str, Any] = {"model": "kaozheng", "input": "泰山有多高？"}
SOURCES: Any = ["web_search_call.action.sources"]
A, B = "https://a.example/", "https://b.example/"


async def two_pages(question: Question) -> AsyncGenerator[Event, None]:
    """Two queries, one of which fails, a page that is opened, reasoning, and two citations of two pages."""
    yield Planned(1, ("泰山 高度", "Mount Tai"), (A, "https://gone.example/"))
    yield Searched("泰山 高度", "library", 2, 0.1, (A, B))
    yield SearchFailed("Mount Tai", "timeout")
    yield PageSkipped("https://gone.example/", "unreachable")
    yield Packed((A, B), ("A", "B"), 200)
    yield Thought("Page 2 ")
    yield Thought("says it.")
    yield Text("泰山高")
    yield Cited(2, B, "B")
    yield Text("，1,545 米")
    yield Cited(1, A, "A")
    first, *_ = answer_to(question).sources
    sources = tuple(replace(first, number=n, url=url, title=title) for n, url, title in ((1, A, "A"), (2, B, "B")))
    text = "泰山高[citation:2]，1,545 米[citation:1]"
    asked = (Asked("泰山 高度", 2, "library", urls=(A, B)), Asked("Mount Tai", 0, "", "timeout"))
    answer = replace(answer_to(question), text=text, sources=sources, thinking="Page 2 says it.", asked=asked)
    yield Answered(answer, (TAI,))


@asynccontextmanager
async def replica(valkey: Redis, **changes: Any) -> AsyncIterator[openai.AsyncOpenAI]:
    """The real client of a service over this store; several of them are replicas of each other."""
    store, log = Store(valkey, Retention(1_000, 1_000, 0)), RunLog(valkey, lease_seconds=0.6)
    key = changes.pop("key", "none")
    service = service_of(**{"ask": two_pages, "store": store, "run_log": log, **changes})
    async with (
        serving(service) as client,
        openai.AsyncOpenAI(base_url=f"{client.base_url}/v1", api_key=key, max_retries=0) as asker,
    ):
        yield asker


async def ended(asker: openai.AsyncOpenAI, response_id: str) -> Any:
    """The response once it has an end."""
    async with asyncio.timeout(10):
        while True:
            response = await asker.responses.retrieve(response_id)
            if response.status not in ("queued", "in_progress"):
                return response
            await asyncio.sleep(0.02)


async def test_a_response_holds_its_searches_its_reasoning_and_its_message(valkey: Redis) -> None:
    async with replica(valkey) as asker:
        response = await asker.responses.create(**ASKED, include=SOURCES, instructions="Briefly.")
    kinds = [(item.type, getattr(item, "status", None)) for item in response.output]
    assert kinds == [
        ("web_search_call", "completed"),
        ("web_search_call", "failed"),
        ("web_search_call", "completed"),
        ("web_search_call", "failed"),
        ("reasoning", "completed"),
        ("message", "completed"),
    ]
    searched, _, opened, *_ = (item.model_dump() for item in response.output)
    assert searched["action"]["query"] == "泰山 高度"
    assert [source["url"] for source in searched["action"]["sources"]] == [A, B]
    assert opened["action"] == {"type": "open_page", "url": A}
    assert response.output_text == "泰山高[1]，1,545 米[2]"
    message: Any = response.output[-1]
    notes = message.content[0].annotations
    assert [response.output_text[note.start_index : note.end_index] for note in notes] == ["[1]", "[2]"]
    assert [note.url for note in notes] == [B, A]
    assert (response.status, response.instructions) == ("completed", "Briefly.")


async def test_sources_are_told_only_where_they_are_asked_for(valkey: Redis) -> None:
    async with replica(valkey) as asker:
        response: Any = await asker.responses.create(**ASKED)
    assert response.output[0].action.sources is None


async def test_the_events_are_numbered_without_gaps_and_build_the_response(valkey: Redis) -> None:
    async with replica(valkey) as asker:
        async with asker.responses.stream(**ASKED, include=SOURCES) as stream:
            events: list[Any] = [event async for event in stream]
            built = await stream.get_final_response()
        kept = await asker.responses.retrieve(built.id)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    names = [event.type for event in events]
    assert names[:2] == ["response.created", "response.in_progress"]
    assert names[-1] == "response.completed"
    assert names.count("response.output_item.added") == names.count("response.output_item.done") == 6
    assert names.count("response.output_text.annotation.added") == 2
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == built.output_text == kept.output_text
    thought = "".join(event.delta for event in events if event.type == "response.reasoning_text.delta")
    assert thought == "Page 2 says it."
    told = events[-1].response
    assert [item.id for item in told.output] == [item.id for item in kept.output]
    assert (told.usage.total_tokens, told.created_at) == (kept.usage.total_tokens, kept.created_at)


async def test_what_was_made_is_what_is_fetched_and_gone_when_it_is_deleted(valkey: Redis) -> None:
    async with replica(valkey) as asker, replica(valkey) as other:
        made = await asker.responses.create(**ASKED, metadata={"a": "b"}, include=SOURCES)
        assert (await other.responses.retrieve(made.id)).model_dump() == made.model_dump()
        await other.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            await asker.responses.retrieve(made.id)
    assert [key async for key in valkey.scan_iter(f"*{made.id.removeprefix('resp_')}*")] == []


async def test_a_response_outlives_its_events(valkey: Redis) -> None:
    async with replica(valkey) as asker:
        made = await asker.responses.create(**ASKED)
        run = made.id.removeprefix("resp_")
        await valkey.delete(f"kz:u:local:run:{run}", f"kz:u:local:events:{run}")
        kept = await asker.responses.retrieve(made.id)
    assert (kept.output_text, kept.model) == (made.output_text, made.model)


async def test_what_shall_not_be_stored_is_not(valkey: Redis) -> None:
    async with replica(valkey) as asker:
        made = await asker.responses.create(**ASKED, store=False)
        with pytest.raises(openai.NotFoundError):
            await asker.responses.retrieve(made.id)
    assert [key async for key in valkey.scan_iter("kz:u:*")] == []


async def test_a_response_in_the_background_is_fetched_when_it_is_there(valkey: Redis) -> None:
    async with replica(valkey) as asker, replica(valkey) as other:
        made = await asker.responses.create(**ASKED, background=True)
        assert made.status == "queued"
        response = await ended(other, made.id)
    assert (response.status, response.output_text) == ("completed", "泰山高[1]，1,545 米[2]")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
async def test_a_stream_that_breaks_anywhere_is_resumed_without_loss_or_doubling(valkey: Redis, share: float) -> None:
    async with replica(valkey, ask=wordy) as asker, replica(valkey) as other:
        whole = [event async for event in await asker.responses.create(**ASKED, background=True, stream=True)]
        before: list[Any] = []
        stream = await asker.responses.create(**ASKED, background=True, stream=True)
        async for event in stream:
            before.append(event)
            if len(before) > share * len(whole):
                break
        await stream.close()
        first: Any = before[0]
        last = before[-1].sequence_number
        resumed = await other.responses.retrieve(first.response.id, stream=True, starting_after=last)
        events = [*before, *[event async for event in resumed]]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == WORDS
    assert events[-1].type == "response.completed"


WORDS = "".join(f"{number} " for number in range(200))


async def wordy(question: Question) -> AsyncGenerator[Event, None]:
    """200 pieces of text, one each millisecond."""
    yield Planned(1, (question.text,))
    yield Searched(question.text, "library", 1, 0.1, (A,))
    for word in WORDS.split():
        yield Text(word + " ")
        await asyncio.sleep(0.001)
    yield Answered(replace(answer_to(question), text=WORDS), (TAI,))


async def test_a_response_in_the_background_is_cancelled_from_another_replica(valkey: Redis) -> None:
    run = Endless()
    async with replica(valkey, ask=run) as asker, replica(valkey) as other:
        made = await asker.responses.create(**ASKED, background=True, stream=False)
        await run.started.wait()
        cancelled = await other.responses.cancel(made.id)
        await asyncio.wait_for(run.ended.wait(), 3)
        assert cancelled.status == (await other.responses.retrieve(made.id)).status == "cancelled"
        whole = await asker.responses.create(**ASKED, background=True)
        assert (await other.responses.cancel(whole.id)).status == "cancelled"


async def test_only_what_runs_in_the_background_is_cancelled(valkey: Redis) -> None:
    async with replica(valkey) as asker:
        made = await asker.responses.create(**ASKED)
        with pytest.raises(openai.BadRequestError):
            await asker.responses.cancel(made.id)


async def test_a_caller_who_leaves_stops_a_run_that_is_not_in_the_background(valkey: Redis) -> None:
    run = Endless()
    async with replica(valkey, ask=run) as asker:
        stream = await asker.responses.create(**ASKED, stream=True)
        await anext(aiter(stream))
        await stream.close()
        await asyncio.wait_for(run.ended.wait(), 3)


async def test_an_earlier_response_is_the_history_of_the_next(valkey: Redis) -> None:
    seen: list[Question] = []

    async def noting(question: Question) -> AsyncGenerator[Event, None]:
        seen.append(question)
        async for event in two_pages(question):
            yield event

    async with replica(valkey, ask=noting) as asker:
        first = await asker.responses.create(**ASKED, instructions="Only once.")
        second = await asker.responses.create(model="kaozheng", input="Since when?", previous_response_id=first.id)
        await asker.responses.create(model="kaozheng", input="Another?", previous_response_id=first.id)
        with pytest.raises(openai.BadRequestError) as refused:
            await asker.responses.create(**ASKED, previous_response_id="resp_none")
    assert second.previous_response_id == first.id
    assert [[turn.question for turn in question.history] for question in seen] == [
        [],
        ["泰山有多高？"],
        ["泰山有多高？"],
    ]
    assert [question.instructions for question in seen] == ["Only once.", "", ""]
    assert refused.value.param == "previous_response_id"


async def test_items_tools_and_roles_become_a_question() -> None:
    seen: list[Question] = []

    async def noting(question: Question) -> AsyncGenerator[Event, None]:
        seen.append(question)
        yield Answered(answer_to(question))

    items = [
        {"role": "developer", "content": "In one line."},
        {"role": "user", "content": [{"type": "input_text", "text": "How high is it?"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "1,545 m[1].", "annotations": []}],
        },
        {"role": "user", "content": "Since when?"},
    ]
    tool = {"type": "web_search", "filters": {"allowed_domains": ["Debian.org"]}, "search_context_size": "low"}
    async with serving(service_of(ask=noting)) as client:
        response = await client.post(PATH, json={**ASKED, "input": items, "tools": [tool], "instructions": "Be kind."})
    assert response.status_code == 200, response.text
    (question,) = seen
    assert (question.text, question.depth, question.filters.include_domains) == (
        "Since when?",
        "quick",
        ("debian.org",),
    )
    assert question.instructions == "Be kind.\n\nIn one line."
    assert [(turn.question, turn.answer) for turn in question.history] == [("How high is it?", "1,545 m.")]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"input": ""}, "input"),
    ({"input": []}, "input"),
    ({"input": 3}, "input"),
    ({"input": [{"type": "function_call_output", "call_id": "x", "output": "y"}]}, "input.0.type"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input.0"),
    ({"tools": [{"type": "function", "name": "f"}]}, "tools.0.type"),
    ({"tools": [{"type": "web_search", "filters": {"allowed_domains": ["http://x/"]}}]}, "tools.0.filters"),
    ({"tool_choice": "none"}, "tool_choice"),
    ({"text": {"format": {"type": "json_object"}}}, "text.format"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"prompt": {"id": "x"}}, "prompt"),
    ({"background": True, "store": False}, "store"),
    ({"metadata": {"a": 1}}, "metadata"),
    ({"stream": "yes"}, "stream"),
    ({"model": "gpt-5"}, "model"),
]


@pytest.mark.parametrize(("wrong", "field"), REFUSED, ids=[field for _, field in REFUSED])
async def test_each_wrong_field_is_named_in_openai_s_form(wrong: dict[str, Any], field: str) -> None:
    async with serving(service_of()) as client:
        response = await client.post(PATH, json={**ASKED, **wrong})
    error = response.json()["error"]
    assert response.status_code == (404 if field == "model" else 400)
    assert error["param"].startswith(field)
    assert set(error) == {"message", "type", "param", "code"}


async def test_a_failure_is_a_refusal_or_the_last_event(valkey: Redis) -> None:
    async def failing(question: Question) -> AsyncGenerator[Event, None]:
        yield Planned(1, ("q",))
        yield Text("1,5")
        yield Failed("model_down", "http://sglang.internal:30000 does not answer")

    async with replica(valkey, ask=failing) as asker:
        with pytest.raises(openai.InternalServerError):
            await asker.responses.create(**ASKED)
        events: list[Any] = [event async for event in await asker.responses.create(**ASKED, stream=True)]
        kept = await asker.responses.retrieve(events[0].response.id)
    last = events[-1]
    assert (last.type, last.response.status, last.response.error.code) == ("response.failed", "failed", "server_error")
    assert "sglang.internal" not in json.dumps(last.model_dump(), default=str)
    assert kept.status == "failed"
    assert [item.status for item in last.response.output] == ["completed", "incomplete"]


async def test_a_correction_is_in_a_whole_response_and_a_note_in_a_streamed_one() -> None:
    async def corrected(question: Question) -> AsyncGenerator[Event, None]:
        change = Correction(0, 7, "1,545 m", "1,532.7 m", "page 1 says so")
        yield Packed((TAI.url,), (TAI.title,), 200)
        yield Text("1,545 m")
        yield Cited(1, TAI.url, TAI.title)
        yield Answered(replace(answer_to(question), text="1,532.7 m[citation:1]", corrections=(change,)), (TAI,))

    async with serving(service_of(ask=corrected)) as client:
        whole = (await client.post(PATH, json=ASKED)).json()
        streamed = last_of(await client.post(PATH, json={**ASKED, "stream": True}))
    assert text_of(whole) == "1,532.7 m[1]"
    assert text_of(streamed["response"]).startswith("1,545 m[1]\n\n---\n")
    assert "1,545 m → 1,532.7 m (page 1 says so)" in text_of(streamed["response"])


def text_of(response: dict[str, Any]) -> str:
    return str(response["output"][-1]["content"][0]["text"])


def last_of(response: httpx.Response) -> Any:
    return json.loads(response.text.rstrip("\n").rpartition("data: ")[2])


async def test_an_answer_that_broke_off_is_incomplete() -> None:
    async def partial(question: Question) -> AsyncGenerator[Event, None]:
        yield Answered(replace(answer_to(question), status="partial"))

    async with serving(service_of(ask=partial)) as client:
        last = last_of(await client.post(PATH, json={**ASKED, "stream": True}))
    assert (last["type"], last["response"]["status"]) == ("response.incomplete", "incomplete")
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


async def test_another_key_s_response_is_as_unknown_as_none(valkey: Redis) -> None:
    keys = Keys((hashed("mine"), hashed("yours")))
    async with replica(valkey, keys=keys, key="mine") as mine, replica(valkey, keys=keys, key="yours") as yours:
        made = await mine.responses.create(**ASKED)
        told = []
        for call in (yours.responses.retrieve, yours.responses.cancel, yours.responses.delete):
            for name in (made.id, "resp_none", "resp_" + "x" * 100):
                with pytest.raises(openai.NotFoundError) as refused:
                    await call(name)
                told.append(refused.value.message)
        assert (await mine.responses.retrieve(made.id)).id == made.id
    assert len(set(told)) == 1
