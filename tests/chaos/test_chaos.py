"""The short form of `make chaos-model`: each fault once, a few callers who leave, a server that dies and comes back."""

import asyncio
import json
from contextlib import AsyncExitStack

import httpx
import pytest

from agent.delta import Delta
from agent.errors import ModelDown
from agent.prompt import Message, Prompt
from agent.question import Question
from agent.retries import Breaker
from tests.chaos.cases import CASES, Case
from tests.chaos.leaving import after_leaving, models_left
from tests.chaos.outage import MOST, REQUESTS, requests_in_an_outage
from tests.chaos.play import Mortal, Played, fake_upstream, model_at, patient, play
from tests.chaos.run import EVERYWHERE, FINISH, FIRST_TEXT, FIRST_THOUGHT, line, wrong

NO_CLOCK = 1_000.0  # make chaos-model looks at the clock; here a busy machine must not fail a test


def test_the_table_names_every_fault_but_the_callers() -> None:
    assert {case.id for case in CASES} == {f"R{number:02}" for number in range(1, 16)}


@pytest.mark.parametrize(("number", "case"), tuple(enumerate(CASES)), ids=[f"{case.id} {case.fault}" for case in CASES])
async def test_each_fault_ends_as_the_table_says(number: int, case: Case) -> None:
    degrade, stream = number % 2 == 0, number % 4 < 2
    async with fake_upstream() as upstream:
        played = await play(case, upstream, degrade, stream)
    assert wrong(case, degrade, played, NO_CLOCK) == ""


async def test_the_places_that_make_chaos_goes_through_are_those_of_the_fake_models_stream() -> None:
    body = {"messages": [{"role": "user", "content": "q?"}], "stream": True, "stream_options": {"include_usage": True}}
    async with fake_upstream() as upstream, httpx.AsyncClient(timeout=30) as client:
        told = (await client.post(f"{upstream.url}/chat/completions", json=body)).text
    events = [event.removeprefix("data: ") for event in told.split("\n\n") if event]
    choices = [(json.loads(event)["choices"] or [{"delta": {}}])[0] for event in events[:-1]]
    assert [bool(choice["delta"].get("reasoning_content")) for choice in choices].index(True) == FIRST_THOUGHT
    assert [bool(choice["delta"].get("content")) for choice in choices].index(True) == FIRST_TEXT
    assert [bool(choice.get("finish_reason")) for choice in choices].index(True) == FINISH
    assert events.index("[DONE]") == max(EVERYWHERE)


def test_an_outcome_that_differs_from_the_table_is_said() -> None:
    case = CASES[0]
    assert "answered" in wrong(case, True, Played("answered", "", 0.1), 0.0)
    assert "ended after" in wrong(case, True, Played("quoted", "unreachable: it is", 9.0), 0.5)
    assert "requests" in wrong(case, True, Played("quoted", "unreachable: it is", 0.1, requests=9), 0.5)
    assert not json.loads(line("R01", ["x"], [(Played("answered", "", 0.1), "no")]))["passed"]


async def test_when_callers_leave_their_generations_end() -> None:
    told = await after_leaving(60)
    assert (told["generations_left_running"], told["generations_begun"] > 5) == (0, True)


async def test_after_500_readers_have_left_the_model_none_of_its_replies_runs_on() -> None:
    begun, running = await models_left(500)
    assert (begun > 250, running) == (True, 0)


async def test_a_dead_server_is_asked_at_most_a_tenth_more_often_than_there_are_requests() -> None:
    assert REQUESTS < await requests_in_an_outage(Breaker(failures=10**9)) <= MOST * REQUESTS


async def test_a_server_that_was_killed_and_started_again_answers_the_next_question() -> None:
    asked = Prompt(Question("q?"), (Message("user", "q?"),))
    async with AsyncExitStack() as opened:
        mortal = await opened.enter_async_context(Mortal.running())
        asking = patient(await opened.enter_async_context(model_at(mortal.url)))
        found: list[Delta] = []
        deltas = asking.generate(asked)
        found.append(await anext(deltas))
        await mortal.kill()
        with pytest.raises(ModelDown):
            async with asyncio.timeout(5):
                found += [delta async for delta in deltas]
        assert not any(delta.finish for delta in found)
        await mortal.start()
        assert [delta.finish async for delta in asking.generate(asked)][-1] == "stop"
