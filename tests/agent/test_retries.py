"""When the model server is asked again, and when it is left alone."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.delta import Delta
from agent.errors import ModelDown
from agent.prompt import Message, Prompt
from agent.question import Question
from agent.retries import Breaker, PatientModel, RetryBudget, RetryRules

PROMPT = Prompt(Question("q?"), (Message("user", "q?"),))
AT_ONCE = RetryRules(first_pause_seconds=0.0, longest_pause_seconds=0.0)


class Scripted:
    """Each call plays the next list: texts are delivered, exceptions raised, None hangs."""

    def __init__(self, *calls: Sequence[str | ModelDown | None]) -> None:
        self.calls = list(calls)
        self.asked = self.closed = 0

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        self.asked += 1
        try:
            for piece in self.calls.pop(0) if len(self.calls) > 1 else self.calls[0]:
                if isinstance(piece, ModelDown):
                    raise ModelDown(piece.reason, str(piece), piece.retry_after)
                if piece is None:
                    await asyncio.Event().wait()
                yield Delta(text=str(piece))
            yield Delta(finish="stop")
        finally:
            self.closed += 1


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def down(reason: str = "unreachable", retry_after: float = 0.0) -> ModelDown:
    return ModelDown(reason, "the model server does not answer", retry_after)


def patient(model: Scripted, **given: object) -> PatientModel:
    parts: dict[str, object] = {"rules": AT_ONCE, "breaker": Breaker(), "budget": RetryBudget()}
    return PatientModel(model.generate, **{**parts, **given})  # type: ignore[arg-type]


async def said(model: PatientModel, prompt: Prompt = PROMPT) -> str:
    async with aclosing(model.generate(prompt)) as deltas:
        return "".join([delta.text async for delta in deltas])


async def failure(model: PatientModel, prompt: Prompt = PROMPT) -> str:
    with pytest.raises(ModelDown) as caught:
        await said(model, prompt)
    return caught.value.reason


# What is asked again


@pytest.mark.parametrize(
    "reason", ["unreachable", "timeout", "http_429", "http_500", "http_502", "http_503", "http_504", "broken_stream"]
)
async def test_a_fault_before_the_first_delta_is_asked_again(reason: str) -> None:
    model = Scripted([down(reason)], [down(reason)], ["Yes."])
    assert await said(patient(model)) == "Yes."
    assert (model.asked, model.closed) == (3, 3)


@pytest.mark.parametrize(
    "reason",
    ["context_overflow", "http_400", "unauthorized", "not_found", "not_openai", "aborted", "stalled", "runaway"],
)
async def test_what_a_second_try_cannot_mend_is_asked_once(reason: str) -> None:
    model = Scripted([down(reason)])
    assert await failure(patient(model)) == reason
    assert model.asked == 1


async def test_nothing_is_asked_again_after_the_first_delta() -> None:
    model = Scripted(["Half", down("broken_stream")], ["Whole."])
    async with aclosing(patient(model).generate(PROMPT)) as deltas:
        assert (await anext(deltas)).text == "Half"
        with pytest.raises(ModelDown):
            await anext(deltas)
    assert model.asked == 1


async def test_the_last_attempts_fault_is_said() -> None:
    model = Scripted([down("http_503")], [down("http_503")], [down("timeout")])
    assert await failure(patient(model)) == "timeout"
    assert model.asked == 3


async def test_one_attempt_means_that_nothing_is_repeated() -> None:
    model = Scripted([down()], ["Yes."])
    assert await failure(patient(model, rules=replace(AT_ONCE, attempts=1))) == "unreachable"


# How long it waits


async def test_the_pause_that_a_server_names_is_kept() -> None:
    model = Scripted([down("http_503", 0.3)], ["Yes."])
    began = time.monotonic()
    assert await said(patient(model)) == "Yes."
    assert time.monotonic() - began >= 0.3


async def test_a_server_that_names_a_longer_pause_than_the_rules_allow_is_not_waited_for() -> None:
    model = Scripted([down("http_503", 11)], ["Yes."])
    assert await failure(patient(model)) == "http_503"


async def test_no_pause_goes_beyond_the_questions_deadline() -> None:
    model = Scripted([down("http_503", 5)], ["Yes."])
    assert await failure(patient(model), replace(PROMPT, deadline=time.monotonic() + 4)) == "http_503"
    late = Scripted([down()], ["Yes."])
    assert await failure(patient(late), replace(PROMPT, deadline=time.monotonic() - 1)) == "unreachable"
    assert (model.asked, late.asked) == (1, 1)


async def test_those_who_failed_together_do_not_come_back_together() -> None:
    rules = RetryRules(first_pause_seconds=0.2, longest_pause_seconds=0.2)
    models = [Scripted([down()], ["Yes."]) for _ in range(8)]
    ended: list[float] = []

    async def ask(model: Scripted) -> None:
        await said(patient(model, rules=rules))
        ended.append(time.monotonic())

    await asyncio.gather(*map(ask, models))
    assert max(ended) - min(ended) > 0.03  # eight draws of 0 to 0.2 s; all within 0.03 s: 1 in 80,000


# The caller leaves


async def test_a_caller_who_leaves_closes_the_attempt() -> None:
    model = Scripted(["One", None])
    async with aclosing(patient(model).generate(PROMPT)) as deltas:
        await anext(deltas)
    assert model.closed == 1


@pytest.mark.parametrize("call", [[None], [down("http_503", 5)]])
async def test_a_caller_whose_task_is_cancelled_is_not_asked_for_again(call: list[ModelDown | None]) -> None:
    model = Scripted(call)
    task = asyncio.create_task(said(patient(model)))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (model.asked, model.closed) == (1, 1)


# The budget


async def test_a_dead_server_gets_at_most_a_tenth_more_requests_than_there_are_questions() -> None:
    """Without the breaker, which would keep nearly all of them away."""
    model, budget = Scripted([down()]), RetryBudget()
    asking = patient(model, budget=budget, breaker=Breaker(failures=10**9))
    for _ in range(1_000):
        await failure(asking)
    assert 1_000 < model.asked <= 1_100


async def test_questions_that_come_at_once_share_the_budget() -> None:
    model = Scripted([down()])
    asking = patient(model, breaker=Breaker(failures=10**9))
    await asyncio.gather(*(failure(asking) for _ in range(1_000)))
    assert model.asked <= 1_100


@given(st.lists(st.booleans(), max_size=400))
def test_retries_are_never_more_than_the_reserve_and_a_tenth_of_the_answers(came: list[bool]) -> None:
    budget, retries = RetryBudget(0.1, 5), 0
    for answered in came:
        if answered:
            budget.earn()
        else:
            retries += budget.spend()
    assert retries <= 5 + 0.1 * sum(came) + 1e-6


def test_ten_answers_earn_one_retry_and_no_more_than_the_reserve_is_saved() -> None:
    budget = RetryBudget(0.1, 2)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    for _ in range(10):
        budget.earn()
    assert [budget.spend() for _ in range(2)] == [True, False]
    for _ in range(1_000):
        budget.earn()
    assert [budget.spend() for _ in range(3)] == [True, True, False]


def test_a_share_of_nothing_allows_no_retry() -> None:
    assert not RetryBudget(0.0).spend()


# The breaker


async def test_after_failures_in_a_row_the_server_is_left_alone_and_then_probed_by_one() -> None:
    clock = Clock()
    breaker = Breaker(5, 15.0, clock)
    model = Scripted(*[[down()]] * 5, ["One", None], ["Yes."])
    asking = patient(model, breaker=breaker, rules=replace(AT_ONCE, attempts=1))
    for _ in range(5):
        assert await failure(asking) == "unreachable"
    assert (await failure(asking), model.asked, breaker.state) == ("circuit_open", 5, "open")
    clock.now += 15
    assert breaker.state == "half_open"
    probe = asyncio.create_task(said(asking))
    while model.asked < 6:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert breaker.state == "closed"  # its first delta came
    assert await said(asking) == "Yes."
    probe.cancel()


async def test_while_the_probe_is_out_the_others_are_refused() -> None:
    clock = Clock()
    breaker = Breaker(1, 15.0, clock)
    model = Scripted([down()], [None], ["Yes."])
    asking = patient(model, breaker=breaker, rules=replace(AT_ONCE, attempts=1))
    await failure(asking)
    clock.now += 15
    probe = asyncio.create_task(said(asking))
    await asyncio.sleep(0.01)
    assert [await failure(asking) for _ in range(3)] == ["circuit_open"] * 3
    assert model.asked == 2
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    assert await said(asking) == "Yes."  # a probe whose caller left has shown nothing: the next one is let through


async def test_a_probe_that_fails_opens_the_breaker_for_the_whole_time_again() -> None:
    clock = Clock()
    breaker = Breaker(3, 15.0, clock)
    model = Scripted([down()])
    asking = patient(model, breaker=breaker, rules=replace(AT_ONCE, attempts=1))
    for _ in range(3):
        await failure(asking)
    clock.now += 15
    assert await failure(asking) == "unreachable"
    clock.now += 14
    assert (await failure(asking), model.asked) == ("circuit_open", 4)


async def test_the_reason_says_what_failed_and_when_it_is_tried_again() -> None:
    breaker = Breaker(1, 15.0, Clock())
    asking = patient(Scripted([down("http_503")]), breaker=breaker, rules=replace(AT_ONCE, attempts=1))
    await failure(asking)
    with pytest.raises(ModelDown, match=r"1 times in a row \(last: http_503\); it is tried again in 15 s"):
        await said(asking)


@pytest.mark.parametrize("reason", ["context_overflow", "unauthorized", "http_400", "aborted"])
async def test_a_request_that_was_wrong_says_nothing_against_the_server(reason: str) -> None:
    breaker = Breaker(1)
    await failure(patient(Scripted([down(reason)]), breaker=breaker))
    assert breaker.state == "closed"


@pytest.mark.parametrize("reason", ["stalled", "broken_stream", "server_error"])
async def test_a_server_that_breaks_off_half_way_again_and_again_is_left_alone(reason: str) -> None:
    breaker = Breaker(3)
    model = Scripted(["Half", down(reason)])
    assert [await failure(patient(model, breaker=breaker)) for _ in range(4)] == [reason] * 3 + ["circuit_open"]


async def test_an_answer_makes_the_failures_before_it_forgotten() -> None:
    breaker = Breaker(3)
    model = Scripted([down()], [down()], ["Yes."], [down()], [down()], ["Yes."])
    asking = patient(model, breaker=breaker)
    assert (await said(asking), await said(asking), breaker.state) == ("Yes.", "Yes.", "closed")


def test_an_endless_deadline_is_the_default() -> None:
    assert PROMPT.deadline == math.inf
