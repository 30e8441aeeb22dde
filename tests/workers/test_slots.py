"""The line for a place: short, fair, and left by whoever leaves."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from redis.asyncio import Redis

from agent.events import Event
from agent.question import Question
from tests.workers.serving import ASK, QUESTION, Endless, events_of, quick, service_of, serving
from workers.problems import Problem
from workers.run_log import RunLog
from workers.service import Limits
from workers.slots import Room, Slots, Ticket
from workers.store_keys import LOCAL_USER

ONE = Limits(max_concurrent_answers=1, max_waiting_answers=2)
PATIENCE = 30


def entered(slots: Slots, held: ExitStack, user: str = LOCAL_USER) -> Ticket:
    ticket = held.enter_context(slots.enter(user))
    ticket.line_up(60)
    return ticket


def refusal(slots: Slots, user: str = LOCAL_USER) -> str:
    try:
        slots.check(user)
    except Problem as problem:
        return problem.code
    return ""


async def test_places_are_given_in_turn_and_the_line_moves_up() -> None:
    slots, stacks = Slots(Room(1, 3)), [ExitStack() for _ in range(3)]
    tickets = [entered(slots, held) for held in stacks]
    assert [ticket.position for ticket in tickets] == [0, 1, 2]
    stacks[0].close()
    assert [(ticket.placed is not None, ticket.position) for ticket in tickets[1:]] == [(True, 0), (False, 1)]
    for held in stacks[1:]:
        held.close()
    assert (slots.running, slots.waiting, await slots.emptied(PATIENCE)) == (0, 0, True)


def test_the_next_place_goes_to_the_key_that_has_the_fewest() -> None:
    slots, first, rest = Slots(Room(2, 4)), ExitStack(), ExitStack()
    with rest, first:
        entered(slots, first, "greedy")
        entered(slots, rest, "greedy")
        greedy, modest = entered(slots, rest, "greedy"), entered(slots, rest, "modest")
        first.close()
        assert (greedy.placed, modest.placed is not None) == (None, True)


def test_one_key_cannot_fill_the_line() -> None:
    slots = Slots(Room(1, 4))
    with ExitStack() as held:
        for _ in range(3):
            entered(slots, held, "greedy")
        assert (refusal(slots, "greedy"), refusal(slots, "modest")) == ("overloaded", "")
        for _ in range(2):
            entered(slots, held, "modest")
        assert refusal(slots, "third") == "overloaded"


def test_where_no_keys_are_set_the_whole_line_is_one_users() -> None:
    slots = Slots(Room(1, 2))
    with ExitStack() as held:
        for _ in range(3):
            assert refusal(slots) == ""
            entered(slots, held)
        assert refusal(slots) == "overloaded"


async def test_who_would_wait_too_long_by_what_answers_take_is_refused_at_once() -> None:
    slots = Slots(Room(1, 10, wait_seconds=0.1))
    with ExitStack() as held:
        entered(slots, held)
        await asyncio.sleep(0.2)
    with ExitStack() as held:
        entered(slots, held)
        with pytest.raises(Problem) as refused:
            slots.check(LOCAL_USER)
    assert (refused.value.code, refused.value.retry_seconds >= 0.2) == ("overloaded", True)


async def test_half_of_the_time_for_an_answer_is_the_longest_wait() -> None:
    slots = Slots(Room(1, 10))
    with ExitStack() as held:
        entered(slots, held)
        await asyncio.sleep(0.2)
    with ExitStack() as held:
        entered(slots, held)
        ticket = held.enter_context(slots.enter(LOCAL_USER))
        with pytest.raises(Problem):
            ticket.line_up(0.3)
        ticket.line_up(60)


async def test_a_wait_ends_with_a_refusal() -> None:
    slots = Slots(Room(1, 1, wait_seconds=0.05))
    with ExitStack() as held:
        entered(slots, held)
        waiting = entered(slots, held)
        with pytest.raises(Problem) as refused:
            await waiting.place()
    assert refused.value.code == "overloaded"


async def test_whoever_waits_when_the_service_stops_is_told_so_at_once() -> None:
    slots = Slots(Room(1, 1, wait_seconds=PATIENCE))
    with ExitStack() as held:
        entered(slots, held)
        waiting = asyncio.create_task(entered(slots, held).place())
        await asyncio.sleep(0)
        slots.close()
        with pytest.raises(Problem) as refused:
            await asyncio.wait_for(waiting, PATIENCE)
    assert refused.value.code == "stopping"


@asynccontextmanager
async def taken(client: httpx.AsyncClient, first: Endless) -> AsyncIterator[httpx.Response]:
    """The one place is taken as long as this is open."""
    async with client.stream("POST", ASK, json={**QUESTION, "stream": True}) as response:
        await asyncio.wait_for(first.started.wait(), PATIENCE)
        yield response


async def until_waiting(client: httpx.AsyncClient, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while f"kaozheng_questions_waiting {count}.0" not in (await client.get("/metrics")).text:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_question_that_waits_says_where_it_stands_and_is_answered_in_its_turn() -> None:
    first, asked = Endless(), list[Question]()

    async def run(question: Question) -> AsyncGenerator[Event, None]:
        asked.append(question)
        async for event in first(question) if len(asked) == 1 else quick(question):
            yield event

    chat = {"model": "kaozheng-quick", "messages": [{"role": "user", "content": "Why?"}], "stream": True}
    async with serving(service_of(ask=run, limits=ONE)) as client:
        async with taken(client, first):
            native = asyncio.create_task(client.post(ASK, json={**QUESTION, "stream": True}))
            await until_waiting(client, 1)
            openai = asyncio.create_task(client.post("/v1/chat/completions", json=chat))
            await until_waiting(client, 2)
            full = await client.post(ASK, json=QUESTION)
        events, chunks = events_of((await native).text), (await openai).text
    assert (full.status_code, full.json()["code"], "retry-after" in full.headers) == (503, "overloaded", True)
    assert (events[0].name, events[0].fields) == ("queued", {"position": 1})
    assert events[-1].name == "answered"
    assert ": queued, number 2 in the line\n\n" in chunks
    assert chunks.endswith("data: [DONE]\n\n")
    assert asked[1].waited_seconds > 0


async def test_who_leaves_while_waiting_leaves_the_line() -> None:
    first = Endless()
    async with serving(service_of(ask=first, limits=ONE)) as client, taken(client, first):
        waiting = asyncio.create_task(client.post(ASK, json=QUESTION))
        await until_waiting(client, 1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await until_waiting(client, 0)


async def test_who_waited_in_vain_may_ask_again_with_the_same_key(valkey: Redis) -> None:
    first, asked = Endless(), list[Question]()

    async def run(question: Question) -> AsyncGenerator[Event, None]:
        asked.append(question)
        async for event in first(question) if len(asked) == 1 else quick(question):
            yield event

    limits = replace(ONE, max_wait_seconds=0.1)
    key = {"Idempotency-Key": "k"}
    async with serving(service_of(ask=run, limits=limits, run_log=RunLog(valkey))) as client:
        async with taken(client, first):
            refused = await client.post(ASK, json=QUESTION, headers=key)
        async with asyncio.timeout(PATIENCE):
            while (answered := await client.post(ASK, json=QUESTION, headers=key)).status_code == 503:
                assert answered.json()["code"] == "overloaded"
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert (answered.status_code, len(asked)) == (200, 2)


async def test_a_run_that_waits_is_cancelled_from_another_replica(valkey: Redis) -> None:
    first, log = Endless(), RunLog(valkey, lease_seconds=0.6)
    async with (
        serving(service_of(ask=first, limits=ONE, run_log=log)) as client,
        serving(service_of(run_log=log)) as other,
        taken(client, first),
    ):
        begun = (await client.post(ASK, json={**QUESTION, "background": True})).json()
        await until_waiting(client, 1)
        assert (await other.post(f"{begun['events'].removesuffix('/events')}/cancel")).status_code == 202
        events = events_of((await other.get(begun["events"])).text)
        await until_waiting(client, 0)
    assert [event.name for event in events] == ["queued", "cancelled"]
