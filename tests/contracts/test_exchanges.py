"""What the running service sends in each dialect is what is documented; and what is not, would be found."""

import asyncio
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contracts.exchanges import (
    Fields,
    chunks_faults,
    completion_faults,
    concise_faults,
    events_faults,
    response_faults,
    shape_faults,
)
from tests.contracts.service import Running

pytestmark = pytest.mark.xdist_group("contracts")
CHAT, RESPONSES, ASYNC = "/v1/chat/completions", "/v1/responses", "/async/chat/completions"
CHAT_ASKED: Fields = {"model": "kaozheng", "messages": [{"role": "user", "content": "What causes tides?"}]}
RESPONSE_ASKED: Fields = {"model": "kaozheng", "input": "What causes tides?"}
SONAR = {"model": "sonar-pro", "search_domain_filter": ["-evil.example"], "return_related_questions": True}


async def posted(service: Running, path: str, asked: Fields) -> str:
    async with service.client() as client:
        response = await client.post(path, json=asked)
    assert response.status_code == 200, response.text
    return response.text


@pytest.mark.parametrize("more", [{}, {"model": "kaozheng-quick"}, SONAR, {"include_reasoning": False}])
async def test_a_completion_has_the_documented_shape(service: Running, more: Fields) -> None:
    assert completion_faults(json.loads(await posted(service, CHAT, CHAT_ASKED | more))) == []


@pytest.mark.parametrize("more", [{}, {"stream_options": {"include_usage": True}}, SONAR])
async def test_a_stream_of_chunks_has_the_documented_shape(service: Running, more: Fields) -> None:
    body = await posted(service, CHAT, {**CHAT_ASKED, **more, "stream": True})
    assert chunks_faults(body, include_usage="stream_options" in more) == []


CONCISE = {**SONAR, "stream": True, "stream_mode": "concise"}


@pytest.mark.parametrize("more", [{}, {"include_reasoning": False}])
async def test_a_concise_stream_has_the_documented_shape(service: Running, more: Fields) -> None:
    assert concise_faults(await posted(service, CHAT, {**CHAT_ASKED, **CONCISE, **more})) == []


async def test_an_asynchronous_request_has_the_documented_shape_from_its_making_to_its_end(service: Running) -> None:
    async with service.client() as client:
        made = (await client.post(ASYNC, json={"request": {**CHAT_ASKED, **SONAR}})).json()
        assert shape_faults("chat", "async_request", made) == []
        async with asyncio.timeout(60):
            while (found := (await client.get(f"{ASYNC}/{made['id']}")).json())["status"] == "IN_PROGRESS":
                assert shape_faults("chat", "async_request", found) == []
                await asyncio.sleep(0.05)
    assert (found["status"], shape_faults("chat", "async_request", found)) == ("COMPLETED", [])
    assert completion_faults(found["response"]) == []
    assert found["response"]["usage"]["citation_tokens"] > 0


@pytest.mark.parametrize("more", [{}, {"include": ["web_search_call.action.sources"]}, {"background": True}])
async def test_a_response_has_the_documented_shape(service: Running, more: Fields) -> None:
    assert response_faults(json.loads(await posted(service, RESPONSES, RESPONSE_ASKED | more))) == []


@pytest.mark.parametrize("more", [{}, {"background": True}])
async def test_a_stream_of_events_has_the_documented_shape(service: Running, more: Fields) -> None:
    assert events_faults(await posted(service, RESPONSES, {**RESPONSE_ASKED, **more, "stream": True})) == []


async def test_the_models_have_the_documented_shape(service: Running) -> None:
    async with service.client() as client:
        models = (await client.get("/v1/models")).json()
    assert shape_faults("chat", "models", models) == []


REFUSED: tuple[tuple[str, str, Any], ...] = (
    ("POST", CHAT, {}),
    ("POST", CHAT, CHAT_ASKED | {"model": "gpt-5"}),
    ("POST", CHAT, CHAT_ASKED | {"messages": "x"}),
    ("POST", CHAT, CHAT_ASKED | {"n": 3}),
    ("POST", RESPONSES, {}),
    ("POST", RESPONSES, RESPONSE_ASKED | {"tools": [{"type": "function"}]}),
    ("GET", f"{RESPONSES}/resp_none", None),
    ("DELETE", f"{RESPONSES}/resp_none", None),
    ("GET", "/v1/models/gpt-5", None),
    ("PUT", CHAT, CHAT_ASKED),
)


@pytest.mark.parametrize(("method", "path", "body"), REFUSED)
async def test_a_refusal_has_the_documented_shape(service: Running, method: str, path: str, body: Any) -> None:
    async with service.client() as client:
        response = await client.request(method, path, json=body)
    assert response.status_code >= 400
    assert shape_faults("chat", "error", response.json()) == []
    assert response.headers["x-request-id"]


async def test_a_stranger_s_refusal_has_the_documented_shape(service: Running) -> None:
    for key in ("", "kz_wrong"):
        async with service.client(key) as client:
            response = await client.post(CHAT, json=CHAT_ASKED)
        assert response.status_code == 401
        assert shape_faults("chat", "error", response.json()) == []


# Negative fixtures: an exchange as it was recorded, with one thing changed. Each must be found.
Change = Callable[[Any], object]
NOTE = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 1, "title": "", "url": "https://x/"}}
CALL = {"index": 0, "id": "call_0", "type": "function", "function": {"name": "web_search", "arguments": "{}"}}

WRONG_COMPLETIONS: dict[str, Change] = {
    "internal tool calls": lambda c: c["choices"][0]["message"].update(tool_calls=[CALL]),
    "an unknown field at the top": lambda c: c.update(prompt="secret"),
    "an unknown field of the message": lambda c: c["choices"][0]["message"].update(thinking="x"),
    "no id": lambda c: c.pop("id"),
    "the id of something else": lambda c: c.update(id="resp_1"),
    "the object of a chunk": lambda c: c.update(object="chat.completion.chunk"),
    "no usage": lambda c: c.pop("usage"),
    "a sum that is none": lambda c: c["usage"].update(total_tokens=1),
    "a cost that is no sum": lambda c: c["usage"]["cost"].update(total_cost=9.0),
    "a count that is a text": lambda c: c["usage"].update(prompt_tokens="12"),
    "a finish_reason of another house": lambda c: c["choices"][0].update(finish_reason="abort"),
    "two choices": lambda c: c["choices"].append(c["choices"][0]),
    "no annotations": lambda c: c["choices"][0]["message"].pop("annotations"),
    "one annotation too many": lambda c: c["choices"][0]["message"]["annotations"].append(NOTE),
    "an annotation beside its marker": lambda c: c["choices"][0]["message"]["annotations"][0]["url_citation"].update(
        start_index=0
    ),
    "an annotation without an address": lambda c: c["choices"][0]["message"]["annotations"][0]["url_citation"].pop(
        "url"
    ),
    "a marker that means nothing": lambda c: c["choices"][0]["message"].update(content="So it is[7]."),
    "a marker of ours": lambda c: c["choices"][0]["message"].update(content="So it is[citation:1]."),
    "a citation that nobody cites": lambda c: (c["citations"].append("u"), c["search_results"].append(_found("u"))),
    "lists that differ": lambda c: c["citations"].reverse() or c["citations"].append("https://x/"),
    "a result without a title": lambda c: c["search_results"][0].pop("title"),
    "a null content": lambda c: c["choices"][0]["message"].update(content=None),
}


def _found(url: str) -> Fields:
    return {"title": "x", "url": url}


@pytest.mark.parametrize("wrong", WRONG_COMPLETIONS)
async def test_a_completion_that_is_wrong_is_found(service: Running, wrong: str, recorded: dict[str, Any]) -> None:
    broken = copy.deepcopy(await kept(service, recorded, "completion"))
    WRONG_COMPLETIONS[wrong](broken)
    assert completion_faults(broken) != []


WRONG_CHUNKS: dict[str, Change] = {
    "tool calls in the stream": lambda cs: cs[3]["choices"][0]["delta"].update(tool_calls=[CALL]),
    "an error beside a choice": lambda cs: cs[2].update(error={"message": "x"}),
    "another id half-way": lambda cs: cs[4].update(id="chatcmpl-other"),
    "a role in the middle": lambda cs: cs[3]["choices"][0]["delta"].update(role="assistant"),
    "a finish in the middle": lambda cs: cs[3]["choices"][0].update(finish_reason="stop"),
    "a chunk that is lost": lambda cs: cs.pop(next(at for at, c in enumerate(cs) if _says(c, "["))),
    "a null content": lambda cs: cs[1]["choices"][0]["delta"].update(content=None),
    "usage that nobody asked for, alone": lambda cs: cs.append({**cs[-1], "choices": []}),
    "no lists at the end": lambda cs: cs[-1].pop("citations"),
}


def _says(chunk: Fields, text: str) -> bool:
    return text in chunk["choices"][0]["delta"].get("content", "")


@pytest.mark.parametrize("wrong", WRONG_CHUNKS)
async def test_a_stream_that_is_wrong_is_found(service: Running, wrong: str, recorded: dict[str, Any]) -> None:
    body = await kept(service, recorded, "chunks")
    chunks = [json.loads(line[6:]) for line in body.split("\n") if line.startswith("data: {")]
    assert chunks_faults(_stream(chunks), include_usage=False) == []
    WRONG_CHUNKS[wrong](chunks)
    assert chunks_faults(_stream(chunks), include_usage=False) != []


async def test_a_stream_without_its_end_is_found(service: Running, recorded: dict[str, Any]) -> None:
    body = await kept(service, recorded, "chunks")
    assert chunks_faults(body.replace("data: [DONE]", ""), include_usage=False) != []
    assert chunks_faults(body, include_usage=True) != []


def _stream(chunks: list[Fields]) -> str:
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


WRONG_CONCISE: dict[str, Change] = {
    "lists before the end": lambda cs: cs[0].update(citations=[]),
    "a kind of another house": lambda cs: cs[0].update(object="chat.thinking"),
    "an unknown field": lambda cs: cs[-1].update(secret="x"),
    "a step with more": lambda cs: _stepped(cs)["web_search"].update(query="x"),
    "two ends of the reasoning": lambda cs: cs.insert(0, next(c for c in cs if c["object"] == "chat.reasoning.done")),
    "text after the end": lambda cs: cs.append(cs[-2]),
    "no usage": lambda cs: cs[-1].pop("usage"),
    "another whole": lambda cs: cs[-1]["choices"][0]["message"].update(content="Nothing[1]."),
    "no message at the end": lambda cs: cs[-1]["choices"][0].pop("message"),
    "internal tool calls": lambda cs: cs[0]["choices"][0]["delta"].update(tool_calls=[CALL]),
}


def _stepped(chunks: list[Fields]) -> Fields:
    deltas = (chunk["choices"][0]["delta"] for chunk in chunks)
    step: Fields = next(delta["reasoning_steps"][0] for delta in deltas if "reasoning_steps" in delta)
    return step


@pytest.mark.parametrize("wrong", WRONG_CONCISE)
async def test_a_concise_stream_that_is_wrong_is_found(service: Running, wrong: str, recorded: dict[str, Any]) -> None:
    if "concise" not in recorded:
        recorded["concise"] = await posted(service, CHAT, CHAT_ASKED | CONCISE)
    chunks = [json.loads(line[6:]) for line in recorded["concise"].split("\n") if line.startswith("data: {")]
    assert concise_faults(_stream(chunks)) == []
    WRONG_CONCISE[wrong](chunks)
    assert concise_faults(_stream(chunks)) != []


WRONG_EVENTS: dict[str, Change] = {
    "a number twice": lambda es: es[3].update(sequence_number=2),
    "an event that is lost": lambda es: es.pop(4),
    "an unknown event": lambda es: es[3].update(type="response.thinking"),
    "a function call": lambda es: _item(es).update(type="function_call", name="web_search", arguments="{}"),
    "an item with more": lambda es: _item(es).update(secret="x"),
    "a delta too many": lambda es: es.insert(-1, {**_first(es, "output_text.delta"), "delta": "more"}),
    "no last event": lambda es: es.pop(),
    "a last event that is not the last": lambda es: es.append(es[0]),
    "an annotation of the chat dialect": lambda es: _first(es, "annotation.added").update(annotation=NOTE),
    "an output that was not told": lambda es: es[-1]["response"]["output"].pop(0),
    "a status of another house": lambda es: es[-1]["response"].update(status="done"),
    "a usage without its details": lambda es: es[-1]["response"]["usage"].pop("input_tokens_details"),
}


def _item(events: list[Fields]) -> Fields:
    item: Fields = _first(events, "output_item.done")["item"]
    return item


def _first(events: list[Fields], kind: str) -> Fields:
    return next(event for event in events if event["type"].endswith(kind))


@pytest.mark.parametrize("wrong", WRONG_EVENTS)
async def test_events_that_are_wrong_are_found(service: Running, wrong: str, recorded: dict[str, Any]) -> None:
    body = await kept(service, recorded, "events")
    events = [json.loads(line[6:]) for line in body.split("\n") if line.startswith("data: {")]
    WRONG_EVENTS[wrong](events)
    written = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    assert faults_or_none(written) != []


def faults_or_none(body: str) -> list[str]:
    """A stream without any last event has none to find, which is a fault as well."""
    try:
        return events_faults(body)
    except ValueError as missing:
        return [str(missing)]


WRONG_ERRORS: tuple[Fields, ...] = (
    {"detail": "Not Found"},
    {"error": "x"},
    {"error": {"message": "x", "type": "invalid_request_error", "code": None}},
    {"error": {"message": "", "type": "invalid_request_error", "param": None, "code": None}},
    {"error": {"message": "x", "type": "oops", "param": None, "code": None}},
    {"error": {"message": "x", "type": "server_error", "param": None, "code": None, "stack": "File …"}},
    {"error": {"message": "x", "type": "server_error", "param": None, "code": "503 at 10.0.0.1"}},
)


@pytest.mark.parametrize("wrong", WRONG_ERRORS)
def test_an_error_that_is_wrong_is_found(wrong: Fields) -> None:
    assert shape_faults("chat", "error", wrong) != []


@pytest.fixture(scope="session")
def recorded() -> dict[str, Any]:
    """What was recorded once, for all negative fixtures."""
    return {}


async def kept(service: Running, recorded: dict[str, Any], name: str) -> Any:
    if name not in recorded:
        path, asked = (RESPONSES, RESPONSE_ASKED) if name == "events" else (CHAT, CHAT_ASKED)
        body = await posted(service, path, {**asked, "stream": name != "completion"})
        recorded[name] = json.loads(body) if name == "completion" else body
    return recorded[name]
