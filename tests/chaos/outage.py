"""A server that is dead, asked by many: how many connections it sees, and how soon the questions end."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from agent.errors import ModelDown
from agent.prompt import Message, Prompt
from agent.question import Question
from agent.retries import Breaker, RetryBudget
from tests.chaos.play import model_at, patient

REQUESTS = 1_000
MOST = 1.1


class DeadServer:
    """Accepts and hangs up at once. asked: connections it saw."""

    def __init__(self) -> None:
        self.asked = 0

    async def hang_up(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        writer.close()


async def requests_in_an_outage(breaker: Breaker) -> int:
    """Connections that 1,000 requests make to a dead server, 20 at a time."""
    dead, gate = DeadServer(), asyncio.Semaphore(20)
    async with AsyncExitStack() as opened:
        server = await opened.enter_async_context(await asyncio.start_server(dead.hang_up, "127.0.0.1", 0))
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        model = await opened.enter_async_context(model_at(url))
        asking = patient(model, breaker, RetryBudget())

        async def one() -> None:
            async with gate:
                try:
                    async for _ in asking.generate(Prompt(Question("q?"), (Message("user", "q?"),))):
                        pass
                except ModelDown:
                    return

        await asyncio.gather(*(one() for _ in range(REQUESTS)))
    return dead.asked


async def after_outage() -> dict[str, Any]:
    began = time.monotonic()
    unbroken = await requests_in_an_outage(Breaker(failures=10**9))
    broken = await requests_in_an_outage(Breaker(failures=5, seconds=60))
    return {
        "id": "outage",
        "requests": REQUESTS,
        "sent_without_breaker": unbroken,
        "sent_with_breaker": broken,
        "seconds": round(time.monotonic() - began, 2),
        "passed": REQUESTS < unbroken <= MOST * REQUESTS and broken <= 30,
    }
