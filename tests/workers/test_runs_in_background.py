"""Runs that live in the store: left, resumed, joined, cancelled, and ended when their replica dies."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from agent.events import Answered, Event, Text, Thinking
from agent.question import Question
from tests.workers.serving import ASK, QUESTION, TAI, Endless, Seen, answer_to, events_of, service_of, serving
from workers.keys import Keys, hashed
from workers.run_log import RunEnded, RunLog
from workers.service import Limits
from workers.sse import Message
from workers.store import Retention, Store

BACKGROUND = {**QUESTION, "background": True}
WORDS = [f"{number} " for number in range(200)]


async def wordy(question: Question) -> AsyncGenerator[Event, None]:
    """200 pieces of text, one each millisecond."""
    for word in WORDS:
        yield Text(word)
        await asyncio.sleep(0.001)
    yield Answered(answer_to(question), (TAI,))


@asynccontextmanager
async def replica(valkey: Redis, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A service over this store; several of them are replicas of each other."""
    store = Store(valkey, Retention(1_000, 1_000, 0))
    log = RunLog(valkey, lease_seconds=0.6)
    async with serving(service_of(**{"ask": wordy, "store": store, "run_log": log, **changes})) as client:
        yield client


async def followed(client: httpx.AsyncClient, run: str, last_event_id: str = "", most: int = 10**6) -> list[Seen]:
    """The events, cut off by closing the connection once `most` bytes have come."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    async with client.stream("GET", f"{ASK}/{run}/events", headers=headers) as response:
        assert response.status_code == 200
        body = b""
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) >= most:
                break
    whole, _, _ = body.decode().rpartition("\n\n")
    return events_of(whole)


def text_of(events: list[Seen]) -> str:
    return "".join(event.fields["text"] for event in events if event.name == "text")


async def test_a_background_run_is_accepted_at_once_and_answered_without_its_caller(valkey: Redis) -> None:
    async with replica(valkey) as client:
        accepted = await client.post(ASK, json=BACKGROUND)
        assert accepted.status_code == 202
        run = accepted.json()
        assert run["status"] == "running"
        assert accepted.headers["location"] == f"{ASK}/{run['id']}"
        running = await client.get(f"{ASK}/{run['id']}")
        assert (running.status_code, running.json()["status"]) == (202, "running")
        await followed(client, run["id"])
        answer = (await client.get(f"{ASK}/{run['id']}")).json()
    assert (answer["id"], answer["status"], answer["thread"]) == (run["id"], "answered", run["thread"])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
async def test_a_stream_that_breaks_anywhere_is_resumed_without_loss_or_doubling(valkey: Redis, share: float) -> None:
    async with replica(valkey) as client:
        first = (await client.post(ASK, json=BACKGROUND)).json()["id"]
        whole = sum(len(json.dumps(event.fields)) for event in await followed(client, first))
        run = (await client.post(ASK, json=BACKGROUND)).json()["id"]
        before = await followed(client, run, most=int(share * whole) + 1)
        after = await followed(client, run, before[-1].id if before else "")
    events = before + after
    assert text_of(events) == "".join(WORDS)
    assert [event.id for event in events] == [f"{run}:{number}" for number in range(1, len(events) + 1)]
    assert events[-1].name == "answered"


async def test_a_caller_who_leaves_a_background_stream_leaves_the_run_running(valkey: Redis) -> None:
    async with replica(valkey) as client:
        async with client.stream("POST", ASK, json={**BACKGROUND, "stream": True}) as response:
            piece = await anext(response.aiter_bytes())
        run = events_of(piece.decode().rpartition("\n\n")[0])[0].id.partition(":")[0]
        assert text_of(await followed(client, run)) == "".join(WORDS)


async def test_another_replica_serves_the_same_run_to_a_second_reader(valkey: Redis) -> None:
    async with replica(valkey) as one, replica(valkey) as other:
        run = (await one.post(ASK, json=BACKGROUND)).json()["id"]
        here, there = await asyncio.gather(followed(one, run), followed(other, run))
    assert text_of(here) == text_of(there) == "".join(WORDS)


async def test_a_run_is_cancelled_from_any_replica(valkey: Redis) -> None:
    endless = Endless()
    async with replica(valkey, ask=endless) as one, replica(valkey) as other:
        run = (await one.post(ASK, json=BACKGROUND)).json()["id"]
        await endless.started.wait()
        cancelled = await other.post(f"{ASK}/{run}/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelling")
        async with asyncio.timeout(20):
            await endless.ended.wait()
        events = await followed(other, run)
        assert (events[-1].name, events[-1].fields["reason"]) == ("cancelled", "cancelled by the caller")
        assert (await other.get(f"{ASK}/{run}")).json()["status"] == "cancelled"
        assert (await other.post(f"{ASK}/{run}/cancel")).json()["status"] == "cancelled"


async def test_a_run_whose_replica_died_ends_as_failed_exactly_once(valkey: Redis) -> None:
    log = RunLog(valkey, lease_seconds=0.3)
    await log.begin("local", "dead", "thread")
    await log.append("local", "dead", [(1, Message("text", {"text": "half"}))])
    async with replica(valkey) as one, replica(valkey) as other:
        here, there = await asyncio.gather(followed(one, "dead"), followed(other, "dead"))
    assert [event.name for event in here] == [event.name for event in there] == ["text", "failed"]
    assert here[-1].fields["code"] == "replica_lost"


async def test_nothing_is_written_behind_the_last_event(valkey: Redis) -> None:
    log = RunLog(valkey)
    await log.begin("local", "done", "thread")
    last = Message("answered", {}, last=True)
    await log.append("local", "done", [(1, last)])
    with pytest.raises(RunEnded):
        await log.append("local", "done", [(2, Message("text", {"text": "late"}))])
    assert [message.name async for _, message in log.read("local", "done")] == ["answered"]


async def test_events_that_the_store_no_longer_holds_are_a_gap(valkey: Redis) -> None:
    log = RunLog(valkey, max_events=5)
    await log.begin("local", "long", "thread")
    for number in range(1, 21):
        await log.append("local", "long", [(number, Message("text", {"text": str(number)}))])
    await log.append("local", "long", [(21, Message("answered", {}, last=True))])
    async with replica(valkey) as client:
        events = await followed(client, "long", "long:3")
    assert events[0].name == "gap"
    assert events[0].fields == {"from": 4, "to": 16}
    assert events[0].id == "long:16"
    assert [event.fields.get("text") for event in events[1:]] == ["17", "18", "19", "20", None]


async def test_a_service_that_stops_ends_its_runs(valkey: Redis) -> None:
    async with replica(valkey, ask=Endless()) as client:
        run = (await client.post(ASK, json=BACKGROUND)).json()["id"]
    async with replica(valkey) as client:
        events = await followed(client, run)
    assert events[-1].name == "cancelled"
    assert "stopped" in events[-1].fields["reason"]


async def test_the_slots_are_held_by_the_run_and_not_by_its_caller(valkey: Redis) -> None:
    endless = Endless()
    async with replica(valkey, ask=endless, limits=Limits(max_concurrent_answers=1)) as client:
        run = (await client.post(ASK, json=BACKGROUND)).json()["id"]
        assert (await client.post(ASK, json=BACKGROUND)).json()["code"] == "overloaded"
        await client.post(f"{ASK}/{run}/cancel")
        await followed(client, run)
        assert (await client.post(ASK, json=BACKGROUND)).status_code == 202


async def test_reasoning_stays_out_of_the_store_where_nobody_wants_it(valkey: Redis) -> None:
    async def thoughtful(question: Question) -> AsyncGenerator[Event, None]:
        yield Thinking("secret thought")
        yield Answered(answer_to(question), (TAI,))

    async with replica(valkey, ask=thoughtful) as client:
        run = (await client.post(ASK, json=BACKGROUND)).json()["id"]
        assert [event.name for event in await followed(client, run)] == ["answered"]


@pytest.mark.parametrize(("method", "end"), [("GET", "/events"), ("POST", "/cancel"), ("GET", "")])
async def test_unknown_and_foreign_runs_are_alike_not_there(valkey: Redis, method: str, end: str) -> None:
    keys = Keys((hashed("ann"), hashed("bob")))
    async with replica(valkey, keys=keys) as client:
        ann, bob = ({"Authorization": f"Bearer {name}"} for name in ("ann", "bob"))
        run = (await client.post(ASK, json=BACKGROUND, headers=ann)).json()["id"]
        foreign = await client.request(method, f"{ASK}/{run}{end}", headers=bob)
        unknown = await client.request(method, f"{ASK}/{'0' * 32}{end}", headers=bob)
        malformed = await client.request(method, f"{ASK}/a.b{end}", headers=bob)
    assert [response.status_code for response in (foreign, unknown, malformed)] == [404, 404, 404]
    assert foreign.json()["detail"] == unknown.json()["detail"]


@pytest.mark.parametrize("wrong", ["x", "other:1", "1:1:1", "-1", "9999999999"])
async def test_a_last_event_id_that_is_none_is_refused(valkey: Redis, wrong: str) -> None:
    async with replica(valkey) as client:
        run = (await client.post(ASK, json=BACKGROUND)).json()["id"]
        refused = await client.get(f"{ASK}/{run}/events", headers={"Last-Event-ID": wrong})
    assert (refused.status_code, refused.json()["field"]) == (422, "last-event-id")


async def test_an_event_that_never_was_is_not_waited_behind(valkey: Redis) -> None:
    run = Endless()
    async with replica(valkey, ask=run) as client:
        begun = (await client.post(ASK, json=BACKGROUND)).json()
        await run.started.wait()
        beyond = await client.get(begun["events"], headers={"Last-Event-ID": f"{begun['id']}:999999999"})
        two = [("Last-Event-ID", f"{begun['id']}:1"), ("Last-Event-ID", f"{begun['id']}:2")]
        doubled = await client.get(begun["events"], headers=two)
    for refused in (beyond, doubled):
        assert (refused.status_code, refused.json()["field"]) == (422, "last-event-id")


async def test_a_damaged_event_ends_the_stream_and_not_the_service(valkey: Redis) -> None:
    log = RunLog(valkey)
    await log.begin("local", "bad", "thread")
    await valkey.xadd("kz:u:local:events:bad", {"name": "text", "data": "{"}, id="0-1")
    async with replica(valkey) as client:
        assert await followed(client, "bad") == []
        assert (await client.get("/healthz")).status_code == 200
