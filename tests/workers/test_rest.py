"""The REST front door: what is answered, over a real socket, to good requests and to those who stay."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.errors import ModelDown, ModelMisbehaved
from agent.events import Answered, Cancelled, Event, Failed, Text
from agent.question import Question, Turn
from tests.workers.serving import (
    ASK,
    QUESTION,
    TAI,
    Endless,
    Shelf,
    answer_to,
    events_of,
    service_of,
    serving,
)
from workers.keys import Keys, hashed
from workers.service import Ask, Limits, Part
from workers.store import Retention, open_store
from workers.valkey import store_address

STREAM = {**QUESTION, "stream": True}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with serving(service_of()) as client:
        yield client


def ends_with(*events: Event, error: Exception | None = None) -> Ask:
    async def run(question: Question) -> AsyncGenerator[Event, None]:
        for event in events:
            yield event
        if error:
            raise error

    return run


async def test_a_method_that_is_not_there_says_which_are_and_health_may_be_asked_by_its_head() -> None:
    async with serving(service_of()) as client:
        refused = await client.delete(ASK)
        heads = [(await client.head(path)).status_code for path in ("/healthz", "/readyz")]
    assert (refused.status_code, refused.headers["allow"], heads) == (405, "POST", [200, 200])


async def test_a_question_is_answered_with_one_json_object(client: httpx.AsyncClient) -> None:
    response = await client.post(ASK, json=QUESTION)
    assert response.status_code == 200
    answer = response.json()
    assert answer["text"] == "1,545 m[citation:1]."
    assert answer["sources"][0]["url"] == "https://tai.example/height"
    assert answer["stored"] is True
    assert answer["thread"]


async def test_a_stream_is_one_event_each_in_their_order(client: httpx.AsyncClient) -> None:
    response = await client.post(ASK, json=STREAM)
    events = events_of(response.text)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert [event.name for event in events] == ["planned", "searched", "packed", "text", "answered"]
    assert events[1].fields["engine"] == "library"


async def test_each_event_has_the_id_of_its_run_and_its_number(client: httpx.AsyncClient) -> None:
    response = await client.post(ASK, json=STREAM)
    run = response.headers["x-request-id"]
    assert [event.id for event in events_of(response.text)] == [f"{run}:{number}" for number in range(1, 6)]


async def test_the_answered_event_is_the_same_object_as_without_a_stream(client: httpx.AsyncClient) -> None:
    whole = (await client.post(ASK, json=QUESTION)).json()
    last = events_of((await client.post(ASK, json=STREAM)).text)[-1].fields
    assert {**last, "thread": ""} == {**whole, "thread": ""}


async def test_reasoning_is_sent_to_those_who_want_it(client: httpx.AsyncClient) -> None:
    wanted = events_of((await client.post(ASK, json={**STREAM, "thinking": True})).text)
    assert "thinking" in [event.name for event in wanted]
    assert wanted[-1].fields["thinking"] == "Page 1 says it."
    unwanted = await client.post(ASK, json=QUESTION)
    assert unwanted.json()["thinking"] == ""


async def test_every_field_of_the_request_reaches_the_question() -> None:
    asked: list[Question] = []

    async def noting(question: Question) -> AsyncGenerator[Event, None]:
        asked.append(question)
        yield Answered(answer_to(question))

    body = {
        "question": "泰山有多高？",
        "depth": "research",
        "history": [{"question": "a", "answer": "b"}],
        "search": True,
        "strict": True,
        "include_domains": ["Debian.org"],
        "exclude_domains": ["spam.example"],
        "recency": "month",
    }
    async with serving(service_of(ask=noting)) as client:
        assert (await client.post(ASK, json=body)).status_code == 200
    (question,) = asked
    assert (question.text, question.depth, question.strict) == ("泰山有多高？", "research", True)
    assert (question.history[0].question, question.history[0].answer) == ("a", "b")
    assert question.filters.include_domains == ("debian.org",)
    assert question.filters.exclude_domains == ("spam.example",)
    assert question.filters.recency == "month"


async def test_a_question_without_a_depth_gets_the_depth_of_the_service() -> None:
    async with serving(service_of(default_depth="quick")) as client:
        answer = (await client.post(ASK, json={"question": "How high?"})).json()
    assert answer["depth"] == "quick"


async def test_a_thread_is_continued_with_its_earlier_turns() -> None:
    histories: list[int] = []

    async def noting(question: Question) -> AsyncGenerator[Event, None]:
        histories.append(len(question.history))
        yield Answered(answer_to(question))

    async with serving(service_of(ask=noting)) as client:
        thread = (await client.post(ASK, json=QUESTION)).json()["thread"]
        again = (await client.post(ASK, json={**QUESTION, "thread": thread})).json()
    assert histories == [0, 1]
    assert again["thread"] == thread


LAST = ("answered", "failed", "cancelled")
ENDS: list[tuple[Ask, str, str]] = [
    (ends_with(error=ModelDown("unreachable", "http://secret.host:30000 is down; start it")), "failed", "model_down"),
    (ends_with(Text("a"), error=ModelMisbehaved("it said nothing")), "failed", "model_misbehaved"),
    (ends_with(Text("a"), error=ZeroDivisionError("secret of the house")), "failed", "internal"),
    (ends_with(Text("a")), "failed", "internal"),
    (ends_with(Failed("model_down", "http://secret.host:30000 is down; start it")), "failed", "model_down"),
    (ends_with(Cancelled("by hand")), "cancelled", "cancelled"),
]


@pytest.mark.parametrize(("ask", "name", "code"), ENDS)
async def test_every_stream_has_exactly_one_last_event(ask: Ask, name: str, code: str) -> None:
    async with serving(service_of(ask=ask)) as client:
        response = await client.post(ASK, json=STREAM)
    events = events_of(response.text)
    assert [event.name for event in events if event.name in LAST] == [name]
    assert events[-1].name == name
    assert events[-1].fields.get("code", code) == code
    assert "secret" not in response.text


@pytest.mark.parametrize(("ask", "name", "code"), ENDS)
async def test_what_fails_without_a_stream_is_a_problem_of_its_status(ask: Ask, name: str, code: str) -> None:
    statuses = {"model_down": 503, "model_misbehaved": 502, "internal": 500, "cancelled": 503}
    async with serving(service_of(ask=ask)) as client:
        response = await client.post(ASK, json=QUESTION)
    assert response.status_code == response.json()["status"] == statuses[code]
    assert response.json()["code"] == code
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert "secret" not in response.text


async def test_nothing_follows_the_last_event() -> None:
    question = Question(QUESTION["question"])
    talkative = ends_with(Answered(answer_to(question)), Text("late"), Failed("model_down", "late"))
    async with serving(service_of(ask=talkative)) as client:
        events = events_of((await client.post(ASK, json=STREAM)).text)
    assert [event.name for event in events] == ["answered"]


async def test_a_silent_run_is_kept_alive_with_heartbeats() -> None:
    async def silent(question: Question) -> AsyncGenerator[Event, None]:
        await asyncio.sleep(0.35)
        yield Answered(answer_to(question))

    async with serving(service_of(ask=silent, limits=Limits(heartbeat_seconds=0.1))) as client:
        body = (await client.post(ASK, json=STREAM)).text
    assert 2 <= body.count(": heartbeat\n\n") <= 4
    assert [event.name for event in events_of(body)] == ["answered"]


@pytest.mark.parametrize("body", [QUESTION, STREAM], ids=["whole", "streamed"])
async def test_a_client_who_leaves_ends_the_run_within_a_second(body: dict[str, Any]) -> None:
    run = Endless()
    async with serving(service_of(ask=run)) as client:
        asking = asyncio.create_task(client.post(ASK, json=body))
        await asyncio.wait_for(run.started.wait(), 5)
        await asyncio.sleep(0.05)
        left = asyncio.get_running_loop().time()
        asking.cancel()
        await asyncio.wait_for(run.ended.wait(), 5)
    assert run.closed - left < 1


async def test_a_run_that_waits_is_ended_too_when_its_client_leaves() -> None:
    run = Endless(pause=60)
    async with serving(service_of(ask=run)) as client:
        asking = asyncio.create_task(client.post(ASK, json=STREAM))
        await asyncio.wait_for(run.started.wait(), 5)
        asking.cancel()
        await asyncio.wait_for(run.ended.wait(), 1)


@pytest.mark.parametrize(
    "limits",
    [Limits(max_unread_bytes=100_000), Limits(max_unread_bytes=1 << 40, slow_client_seconds=0.3)],
    ids=["too much unread", "too slow"],
)
async def test_a_client_who_does_not_read_is_cut_off(limits: Limits) -> None:
    run = Endless("x" * 20_000, pause=0.001)
    async with serving(service_of(ask=run, limits=limits)) as client:
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port, limit=1)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        body = json.dumps(STREAM).encode()
        head = f"POST {ASK} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await asyncio.wait_for(run.ended.wait(), 10)
        writer.transport.abort()
    assert reader is not None


async def test_too_many_questions_at_once_are_refused_and_places_are_given_back() -> None:
    run = Endless()
    async with serving(service_of(ask=run, limits=Limits(max_concurrent_answers=1))) as client:
        for body in (STREAM, QUESTION):
            run.started.clear()
            run.ended.clear()
            asking = asyncio.create_task(client.post(ASK, json=body))
            await asyncio.wait_for(run.started.wait(), 5)
            refused = await client.post(ASK, json=QUESTION)
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert int(refused.headers["retry-after"]) > 0
            asking.cancel()
            await asyncio.wait_for(run.ended.wait(), 5)
            await asyncio.sleep(0.05)


async def test_a_place_is_given_back_after_a_bad_question() -> None:
    async with serving(service_of(limits=Limits(max_concurrent_answers=1))) as client:
        for _ in range(3):
            assert (await client.post(ASK, json={"question": ""})).status_code == 422
        assert (await client.post(ASK, json=STREAM)).status_code == 200
        assert (await client.post(ASK, json=QUESTION)).status_code == 200


async def test_without_a_store_the_answer_is_delivered_and_says_so() -> None:
    async with serving(service_of(store=Shelf(down=True))) as client:
        whole = await client.post(ASK, json=QUESTION)
        streamed = events_of((await client.post(ASK, json=STREAM)).text)
    assert whole.json()["text"]
    assert whole.json()["stored"] is False
    assert streamed[-1].fields["stored"] is False


async def test_a_store_that_never_answers_does_not_hold_the_answer_back() -> None:
    class Stuck(Shelf):
        async def put_answer(self, *_: object) -> None:
            await asyncio.sleep(60)

    async with serving(service_of(store=Stuck(), limits=Limits(store_seconds=0.1))) as client:
        assert (await client.post(ASK, json=QUESTION)).json()["stored"] is False


async def test_a_thread_cannot_be_continued_without_the_store() -> None:
    async with serving(service_of(store=Shelf(down=True))) as client:
        response = await client.post(ASK, json={**QUESTION, "thread": "t1"})
    assert (response.status_code, response.json()["code"]) == (503, "store_down")


async def test_an_answer_is_kept_with_its_pages_and_they_are_not_sent() -> None:
    shelf = Shelf()
    async with serving(service_of(store=shelf)) as client:
        whole = await client.post(ASK, json=QUESTION)
        streamed = await client.post(ASK, json=STREAM)
    assert shelf.pages == [TAI, TAI]
    assert TAI.text not in whole.text + streamed.text


async def test_an_answer_is_found_again_until_it_is_forgotten(client: httpx.AsyncClient) -> None:
    answer = (await client.post(ASK, json=QUESTION)).json()
    found = await client.get(f"{ASK}/{answer['id']}")
    assert found.json()["text"] == answer["text"]
    assert (await client.delete(f"{ASK}/{answer['id']}")).status_code == 204
    assert (await client.get(f"{ASK}/{answer['id']}")).status_code == 404
    assert (await client.delete(f"{ASK}/{answer['id']}")).status_code == 404


@pytest.mark.parametrize("answer_id", ["..", "a%2Fb", "a%00", "x" * 65, "%F0%9F%98%80", "*"])
async def test_an_id_that_cannot_be_ours_never_reaches_the_store(answer_id: str) -> None:
    async with serving(service_of(store=Shelf(down=True))) as client:
        response = await client.get(f"{ASK}/{answer_id}")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


async def test_a_real_store_keeps_continues_and_forgets(tmp_path: Path) -> None:
    histories: list[tuple[Turn, ...]] = []

    async def noting(question: Question) -> AsyncGenerator[Event, None]:
        histories.append(question.history)
        yield Answered(answer_to(question), (TAI,))

    async with (
        store_address("", tmp_path) as address,
        open_store(address, Retention(60, 60, 60)) as store,
        serving(service_of(ask=noting, store=store)) as client,
    ):
        answer = (await client.post(ASK, json=QUESTION)).json()
        found = (await client.get(f"{ASK}/{answer['id']}")).json()
        await client.post(ASK, json={**QUESTION, "thread": answer["thread"]})
        forgotten = await client.delete(f"{ASK}/{answer['id']}")
        gone = await client.get(f"{ASK}/{answer['id']}")
    assert {**found, "thinking": ""} == answer
    assert histories == [(), (Turn(QUESTION["question"], answer["text"]),)]
    assert (forgotten.status_code, gone.status_code) == (204, 404)


async def test_another_users_answer_is_as_unknown_as_one_that_never_was() -> None:
    keys = Keys((hashed("kz_one"), hashed("kz_two")))
    one, two = ({"Authorization": f"Bearer kz_{name}"} for name in ("one", "two"))
    async with serving(service_of(keys=keys)) as client:
        answer = (await client.post(ASK, json=QUESTION, headers=one)).json()
        foreign = await client.get(f"{ASK}/{answer['id']}", headers=two)
        unknown = await client.get(f"{ASK}/never-was", headers=two)
        deleted = await client.delete(f"{ASK}/{answer['id']}", headers=two)
        own = await client.get(f"{ASK}/{answer['id']}", headers=one)
    assert foreign.status_code == unknown.status_code == deleted.status_code == 404
    assert {**foreign.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
    assert own.status_code == 200


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_store_that_is_down_is_said_so(method: str) -> None:
    async with serving(service_of(store=Shelf(down=True))) as client:
        response = await client.request(method, f"{ASK}/answer-1")
    assert (response.status_code, response.json()["code"]) == (503, "store_down")
    assert "valkey" not in response.text, "where the store is, is nobody's business"


async def test_the_service_says_whether_it_lives_and_what_works() -> None:
    parts = (Part("model", False, True, "the model server does not answer"), Part("search", True, True))

    async def half() -> tuple[Part, ...]:
        return parts

    async def other_half() -> tuple[Part, ...]:
        return (Part("store", False, needed=False), parts[1])

    async with serving(service_of(parts=half)) as client:
        assert (await client.get("/healthz")).status_code == 200
        unready = await client.get("/readyz")
    async with serving(service_of(parts=other_half)) as client:
        ready = await client.get("/readyz")
    assert (unready.status_code, unready.json()["ready"]) == (503, False)
    assert [part["works"] for part in unready.json()["parts"]] == [False, True]
    assert (ready.status_code, ready.json()["ready"]) == (200, True)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 200), ("GET", "/healthz", 200), ("GET", "/nowhere", 404), ("PUT", ASK, 405), ("POST", ASK, 415)],
)
async def test_every_response_has_a_request_id_and_guards_browsers(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await client.request(method, path)
    assert response.status_code == status
    assert len(response.headers["x-request-id"]) == 16
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["cache-control"] == "no-store"
    assert not [name for name in response.headers if name.startswith("access-control")]
    if status >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["request_id"] == response.headers["x-request-id"]


async def test_a_service_that_breaks_outside_a_run_answers_with_a_problem_too() -> None:
    async def broken() -> tuple[Part, ...]:
        raise ZeroDivisionError("secret of the house")

    async with serving(service_of(parts=broken)) as client:
        response = await client.get("/readyz")
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert response.headers["x-request-id"]
    assert "secret" not in response.text


def references(schema: object) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["$ref"]} if isinstance(schema.get("$ref"), str) else set()
        return own.union(*(references(value) for value in schema.values()))
    if isinstance(schema, list):
        return set().union(*(references(value) for value in schema))
    return set()


async def test_the_description_is_whole_and_names_every_route(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    runs = {f"{ASK}/{{answer_id}}/events", f"{ASK}/{{answer_id}}/cancel"}
    responses = {"/v1/responses", "/v1/responses/{response_id}", "/v1/responses/{response_id}/cancel"}
    dialects = {"/v1/chat/completions", "/v1/models", "/v1/models/{model}", *responses}
    files = {"/v1/files", "/v1/files/{file_id}", "/v1/files/{file_id}/content"}
    files |= {
        "/v1/batches",
        *(f"/v1/batches/{{batch_id}}{path}" for path in ("", "/cancel", "/retry", "/rows", "/table")),
    }
    answers = {ASK, *(f"{ASK}/{{answer_id}}{path}" for path in ("", "/sources", "/sources/{number}"))}
    links = {f"{ASK}/{{answer_id}}/shares", f"{ASK}/{{answer_id}}/shares/{{share}}"}
    links |= {"/v1/shared/{token}", "/v1/shared/{token}/sources/{number}"}
    answers |= {*links, "/v1/operator", "/v1/operator/doctor", "/v1/verify"}
    sonar = {"/async/chat/completions", "/async/chat/completions/{async_id}"}
    dialects = {*dialects, *sonar}
    assert set(schema["paths"]) == {*answers, "/healthz", "/readyz", "/metrics", *runs, *dialects, *files}
    models = {f"#/components/schemas/{name}" for name in schema["components"]["schemas"]}
    assert references(schema) <= models
    body = schema["paths"][ASK]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json", "multipart/form-data"}
    assert schema["components"]["schemas"]["AskBody"]["examples"]
