"""Answer rounds on the real SGLang: reasoning cut and continued, and generations that nobody waits for any more."""

import asyncio
import random
from contextlib import aclosing
from dataclasses import replace

import httpx
import pytest

from agent.model import ModelConfig, ModelServer
from agent.profile_files import profile_of
from agent.prompt import Due, Message, Prompt
from agent.question import Question

DISCONNECTS = 500
AT_ONCE = 4  # what the rig runs together; four more may wait


def prompt(case: str, max_tokens: int) -> Prompt:
    return Prompt(Question(f"case:{case}"), (Message("user", f"case:{case}"),), max_tokens=max_tokens)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_goes_on_behind_the_reasoning_that_was_cut(stream: bool, url: str, key: str) -> None:
    server = ModelServer(ModelConfig(url, api_key=key, profile=profile_of("r1-0528-sglang")))
    due = replace(prompt("thinks-on", 64), due=Due("hm, hm, ", "Answer now."), stream=stream)
    async with aclosing(server.generate(due)) as reply:
        found = [delta async for delta in reply]
    await server.aclose()
    assert "".join(delta.text for delta in found) == "It is the moon[citation:1]."
    assert "".join(delta.thinking for delta in found) == ""
    assert found[-1].finish == "stop"


async def running(url: str, key: str) -> int:
    """Generations that run or wait, as SGLang counts them."""
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {key}"}, trust_env=False) as client:
        loads = (await client.get(f"{url}/loads")).json()["loads"]
    return sum(int(load["num_running_reqs"]) + int(load["num_waiting_reqs"]) for load in loads)


async def test_after_500_callers_have_left_no_generation_is_left_running(
    model: ModelServer, url: str, key: str
) -> None:
    chance = random.Random(4)
    gate = asyncio.Semaphore(AT_ONCE)

    async def leave(number: int) -> None:
        """Some before the first token, some after a few, a tenth of them not streamed."""
        asked = replace(prompt("long", 4_000), stream=number % 10 != 0)
        async with gate:
            task = asyncio.create_task(read(asked, chance.randrange(4)))
            await asyncio.wait([task], timeout=chance.uniform(0.0, 0.3))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def read(asked: Prompt, most: int) -> None:
        async with aclosing(model.generate(asked)) as reply:
            async for _ in reply:
                if (most := most - 1) < 0:
                    return

    await asyncio.gather(*(leave(number) for number in range(DISCONNECTS)))
    async with asyncio.timeout(2.0):  # decision 10: 1 s streamed, 2 s not
        while await running(url, key):  # noqa: ASYNC110 - another machine's count
            await asyncio.sleep(0.05)
