"""Answer rounds on the real SGLang: reasoning cut and continued, and generations that nobody waits for any more."""

import asyncio
import json
import random
import time
from contextlib import aclosing
from dataclasses import replace

import pytest

from agent.model import ModelConfig, ModelServer
from agent.profile_files import profile_of
from agent.prompt import Due, Message, Prompt
from agent.question import Question
from tests.live.conftest import Kept
from tests.live.faults import STOP_SECONDS, running

DISCONNECTS = 500
WATCHED_SECONDS = 10.0
BUSY_SECONDS = 1.0  # SGLang looks for callers who left without a stream every 2 s, and then at its own pace
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


async def counts(url: str, key: str) -> list[tuple[float, int]]:
    """(seconds, generations) until none runs or waits, for WATCHED_SECONDS at most."""
    began, found = time.monotonic(), list[tuple[float, int]]()
    while not found or (found[-1][1] and found[-1][0] < WATCHED_SECONDS):
        left = await running(url, key)
        found.append((round(time.monotonic() - began, 2), left))
        await asyncio.sleep(0.05)
    return found


async def test_after_500_callers_have_left_no_generation_is_left_running(
    model: ModelServer, url: str, key: str, kept: Kept
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
    found = await counts(url, key)
    seconds, left = found[-1]
    row = {"case": "500 callers leave", "streamed": True, "interval": 1, "left_running": left}
    kept.rows.append({**row, "seconds_until_none_ran": seconds, "counts": found[:: max(1, len(found) // 10)]})
    print(json.dumps(kept.rows[-1]))
    assert left == 0
    assert seconds <= STOP_SECONDS[False] + BUSY_SECONDS
