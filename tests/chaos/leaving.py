"""Callers who leave (R16): at the start, amid the stream, near its end, while queued, while pages are fetched."""

import asyncio
import random
import time
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Any

import httpx

from agent.model import ModelServer
from agent.profile import GENERIC
from agent.prompt import Message, Prompt
from agent.question import Question
from tests.chaos.play import LIMITS, Upstream, model_at, patient, service_with
from tests.fake_model import FakeModel, Reply, fake_model
from tests.fakes import SUN, TIDES, FakeWeb, deps
from tests.workers.serving import ASK

DISCONNECTS = 500
AT_ONCE = 20


PIECES = 200


def long_reply(_body: dict[str, Any]) -> Reply:
    return Reply(("It is so. ",) * PIECES, "Two pages say so.", pause=0.003)


async def _leave(client: httpx.AsyncClient, number: int, chance: random.Random) -> None:
    """Every second caller streams, and leaves at 0, 1, 50 or 99 % of the text; the others leave at any time."""
    stream = number % 2 == 0
    body = {"question": f"Why are there tides ({number})?", "depth": "quick", "stream": stream}
    most = int(chance.choice((0.0, 0.01, 0.5, 0.99)) * PIECES)
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(5.0 if stream else chance.uniform(0.0, 1.5)):
            async with client.stream("POST", ASK, json=body) as answer:
                async for line in answer.aiter_lines():
                    most -= line == "event: text"
                    if most < 0:
                        return


async def _seconds_until_idle(server: FakeModel, most: float) -> float:
    began = time.monotonic()
    while server.running and time.monotonic() - began < most:  # noqa: ASYNC110 - counted in another thread
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def after_leaving(callers: int) -> dict[str, Any]:
    """How long generations ran on for nobody, in seconds; decision 10 allows 1 streamed and 2 not."""
    chance, gate = random.Random(16), asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as opened:
        server = await opened.enter_async_context(fake_model(long_reply))
        model = await opened.enter_async_context(model_at(server.url, Upstream("", profile=GENERIC)))
        web = FakeWeb(TIDES, SUN)
        given = deps(web, generate=patient(model).generate, model_name="r1", limits=LIMITS)
        client = await opened.enter_async_context(service_with(given))

        async def one(number: int) -> None:
            async with gate:
                await _leave(client, number, chance)

        await asyncio.gather(*(one(number) for number in range(callers)))
        seconds = await _seconds_until_idle(server, 5.0)
        running, asked = server.running, len(server.requests)
    return {
        "id": "R16",
        "faults": ["caller leaves at 0, 1, 50, 99 %", "while queued", "streamed and not"],
        "callers": callers,
        "generations_begun": asked,
        "generations_left_running": running,
        "seconds_until_none_ran": round(seconds, 3),
        "passed": running == 0 and seconds <= 1.0 and asked > callers / 4,
    }


async def models_left(readers: int) -> tuple[int, int]:
    """The same without a service: readers of the client leave at any piece, or before the first. (begun, running)"""
    chance, gate = random.Random(17), asyncio.Semaphore(AT_ONCE)
    asked = Prompt(Question("q?"), (Message("user", "q?"),))
    async with AsyncExitStack() as opened:
        server = await opened.enter_async_context(fake_model(long_reply))
        model = await opened.enter_async_context(model_at(server.url))

        async def one() -> None:
            async with gate:
                reading = asyncio.create_task(_read(model, asked, chance.randrange(6)))
                await asyncio.wait([reading], timeout=chance.choice((0.0, 5.0, 5.0)))
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

        await asyncio.gather(*(one() for _ in range(readers)))
        await _seconds_until_idle(server, 2.0)
        return len(server.requests), server.running


async def _read(model: ModelServer, asked: Prompt, most: int) -> None:
    async with aclosing(model.generate(asked)) as deltas:
        async for _ in deltas:
            if (most := most - 1) < 0:
                return
