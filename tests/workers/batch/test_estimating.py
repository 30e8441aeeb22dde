"""A dry run never promises less than a question may take."""

from collections.abc import AsyncGenerator

import pytest

from agent.answer import Answer
from agent.delta import Delta, Usage
from agent.events import Answered
from agent.graph import ask
from agent.prompt import Prompt
from agent.question import DEPTHS, Depth, Question
from agent.second_opinion import ModelJudge
from agent.templates import Templates
from tests.fakes import CHAOXI, SUN, TIDES, FakeWeb, deps
from tools.page import Webpage
from workers.batch.estimating import Rates, at_most, likely
from workers.quota import Prices

LONG = tuple(
    Webpage(f"https://{name}.example/long", name, f"{page.text} " * 900) for name, page in (("a", TIDES), ("b", SUN))
)


class Wasteful:
    """Writes as much as it may in every call, thinks until it is told to answer, and cites pages that are not there."""

    def __init__(self) -> None:
        self.calls = 0

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        self.calls += 1
        shown = sum(len(message.content) // 3 for message in prompt.messages)
        told = prompt.due is not None or not prompt.pages
        text = "The moon is made of cheese[citation:9]. It pulls the sea 7 times a day[citation:1]. " * 9
        yield Delta(thinking="hm", text=text if told else "")
        yield Delta(finish="stop", usage=Usage(shown, prompt.max_tokens))


async def asked(depth: Depth) -> tuple[Answer, int, Rates]:
    model = Wasteful()
    judge = ModelJudge(model.generate, Templates.load())
    parts = deps(FakeWeb(*LONG, CHAOXI), None, generate=model.generate, second_opinion=judge.judged)
    events = [event async for event in ask(Question("Why are there tides?", depth), parts)]
    assert isinstance(events[-1], Answered)
    rates = Rates(parts.limits, Prices(1, 1, 1, 1), with_model=True)
    return events[-1].answer, model.calls, rates


@pytest.mark.parametrize("depth", DEPTHS)
async def test_no_question_takes_more_than_the_most_that_was_reckoned(depth: Depth) -> None:
    answer, calls, rates = await asked(depth)
    most = at_most(depth, 10, rates)
    assert calls > 2, "it was asked again, to be put right"
    assert answer.usage.prompt_tokens <= most.prompt_tokens
    assert answer.usage.completion_tokens <= most.completion_tokens
    assert len(answer.asked) <= most.searches
    assert len(answer.sources) <= most.pages


@pytest.mark.parametrize("depth", DEPTHS)
def test_what_is_likely_is_less_than_the_most(depth: Depth) -> None:
    rates = Rates(prices=Prices(1, 1, 1, 1), with_model=True)
    assert 0 < likely(depth, 10, rates).cost < at_most(depth, 10, rates).cost


def test_without_a_model_no_tokens_are_reckoned() -> None:
    most = at_most("research", 10, Rates(prices=Prices(1, 1, 1, 1)))
    assert (most.prompt_tokens, most.completion_tokens) == (0, 0)
    assert most.cost == Prices(1, 1, 1, 1).of_reading(most.searches, most.pages)
