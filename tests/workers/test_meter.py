"""A run's tokens are counted while they come, and its ceiling holds."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from agent.delta import Delta, Generate, Usage
from agent.errors import ModelDown
from agent.prompt import Message, Prompt
from agent.question import Question
from workers.meter import Meter
from workers.quota import Prices

PROMPT = Prompt(Question("?"), (Message("user", "a b c d"),))


def words(text: str) -> int:
    return len(text.split())


def writing(pieces: int, usage: Usage | None) -> Generate:
    async def generate(prompt: Prompt) -> AsyncGenerator[Delta, None]:
        for _ in range(pieces):
            yield Delta(text="word ")
        yield Delta(finish="stop", usage=usage)

    return generate


async def read(generate: Generate, most: int = 10**6) -> list[Delta]:
    deltas: list[Delta] = []
    async with aclosing(generate(PROMPT)) as stream:
        async for delta in stream:
            deltas.append(delta)
            if len(deltas) == most:
                break
    return deltas


async def test_what_the_server_counted_is_what_counts() -> None:
    meter = Meter(Prices(1e6, 2e6))
    await read(meter.around(writing(5, Usage(40, 50)), words))
    assert (meter.usage, meter.cost) == (Usage(40, 50), 140.0)


async def test_a_reply_that_its_reader_left_is_counted_as_far_as_it_came() -> None:
    meter = Meter()
    await read(meter.around(writing(100, Usage(4, 100)), words), most=10)
    assert meter.usage == Usage(4, 10)


async def test_the_model_is_stopped_at_the_ceiling_and_begins_nothing_beyond_it() -> None:
    meter = Meter(Prices(1e6, 1e6), max_cost=20.0)
    generate = meter.around(writing(100, None), words)
    deltas = await read(generate)
    assert deltas[-1].finish == "length"
    assert 20 <= meter.cost <= 21
    with pytest.raises(ModelDown, match="ceiling"):
        await read(generate)


async def test_without_a_ceiling_nothing_is_stopped() -> None:
    deltas = await read(Meter(Prices(1e6, 1e6)).around(writing(100, None), words))
    assert (len(deltas), deltas[-1].finish) == (101, "stop")
