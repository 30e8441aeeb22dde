"""The errors of SGLang's HTTP layer and scheduler (facts B3), how each is provoked, and what our client says of it.

A new error is a new row. The scripted model answers each as the row of cases.py that its prompt names.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

import httpx

from agent.errors import ModelDown
from agent.model import ModelConfig, ModelServer
from agent.profile_files import profile_of
from agent.prompt import Due, Message, Prompt
from agent.question import Question

SGLANG = profile_of("r1-0528-sglang")
RUNNING, QUEUED = 4, 4  # what tests/live/run lets each server run, and queue
_MOST_SECONDS = 90.0  # for one row, on a busy machine
STOP_SECONDS = {True: 1.0, False: 2.0}  # streamed, not streamed: decision 10


@dataclass(frozen=True)
class Fault:
    """ended: the reason of the failure, the finish where there is none, `left`, or `apart` (caches of two tenants).

    case: what the model would say; words: what the prompt is made longer by; filled: generations that run or wait
    before it is asked; then: `abort` and `leave` as soon as it runs; says: a part of the message
    interval: of the server that it needs; replayed: whether its bytes alone bring the same end
    """

    name: str
    fact: str
    ended: str
    case: str = "plain"
    words: int = 0
    max_tokens: int = 512
    filled: int = 0
    then: str = ""
    says: str = ""
    key: str = ""
    tenants: tuple[str, ...] = ("",)
    due: bool = False
    interval: int = 1
    replayed: bool = True

    def prompt(self, stream: bool, tenant: str = "") -> Prompt:
        question = Question(f"case:{self.case}", tenant=tenant)
        messages = (Message("user", f"case:{self.case} " + "word " * self.words),)
        due = Due("hm, hm, ", "Answer now.") if self.due else None
        return Prompt(question, messages, max_tokens=self.max_tokens, stream=stream, due=due)


FAULTS = (
    Fault("prompt-beyond-the-context", "B3 input > context", "context_overflow", words=170_000, says="163840"),
    Fault("reply-beyond-the-context", "B3 max_tokens > context", "context_overflow", max_tokens=200_000, says="163840"),
    Fault("prompt-beyond-the-memory", "B3 input > KV pool", "context_overflow", words=70_000),
    Fault("queue-full", "B3 queue full", "http_503", filled=RUNNING + QUEUED),
    Fault("waited-too-long", "B3 waiting timeout", "http_503", filled=RUNNING, interval=64),
    Fault("aborted", "B3 abort", "aborted", "long", max_tokens=8_000, then="abort"),
    Fault("caller-leaves", "B3 disconnect", "left", "long", max_tokens=8_000, then="leave", replayed=False),
    Fault("wrong-key", "B2 401", "unauthorized", key="wrong", replayed=False),
    Fault("cache-apart", "B3 cache_salt", "apart", words=300, tenants=("one", "two", "one"), replayed=False),
    Fault("reasoning-continued", "B3 continue_final_message", "stop", "thinks-on", max_tokens=64, due=True),
)


async def running(url: str, key: str) -> int:
    """Generations that run or wait, as SGLang counts them."""
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {key}"}, trust_env=False, timeout=30) as client:
        loads = (await client.get(f"{url}/loads")).json()["loads"]
    return sum(int(load["num_running_reqs"]) + int(load["num_waiting_reqs"]) for load in loads)


async def end_of(fault: Fault, url: str, direct: str, key: str, stream: bool) -> str:
    """Provoke it. url: of the relay, or of a replay; direct: of the server itself, "" in a replay."""
    server = ModelServer(ModelConfig(url, api_key=fault.key or key, profile=SGLANG))
    salts = [tenant and f"{tenant}-{uuid4()}" for tenant in fault.tenants[:2]]
    tenants = [salts[fault.tenants.index(tenant)] for tenant in fault.tenants]  # none has asked before
    try:
        async with asyncio.timeout(_MOST_SECONDS), _full(direct, key, fault.filled if direct else 0):
            if fault.then and direct:
                return await _interrupted(fault, server, direct, key, stream)
            ends = [await _end(server, fault.prompt(stream, tenant), fault.says) for tenant in tenants]
        return ends[0][0] if len(ends) == 1 else _apart([cached for _, cached in ends])
    finally:
        await server.aclose()


async def _end(server: ModelServer, asked: Prompt, says: str = "") -> tuple[str, int]:
    """(how it ended, cached tokens)"""
    try:
        async with aclosing(server.generate(asked)) as reply:
            deltas = [delta async for delta in reply]
    except ModelDown as down:
        return down.reason if says in str(down) else f"{down.reason} without {says}: {down}", 0
    usage = deltas[-1].usage
    return deltas[-1].finish, usage.cached_tokens if usage else 0


def _apart(cached: list[int]) -> str:
    """One tenant's prompt, another's, the first one's again: only the last finds it in the cache."""
    other, own = cached[1], cached[2]
    return "apart" if other < 50 < 200 <= own else f"cached: {cached}"


async def _interrupted(fault: Fault, server: ModelServer, direct: str, key: str, stream: bool) -> str:
    asking = asyncio.create_task(_end(server, fault.prompt(stream)))
    while not await running(direct, key):  # noqa: ASYNC110 - another machine's count
        await asyncio.sleep(0.05)
    if fault.then == "abort":
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=30) as client:
            await client.post(f"{direct.removesuffix('/v1')}/abort_request", json={"rid": "", "abort_all": True})
        return (await asking)[0]
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return "left" if await idle(direct, key, STOP_SECONDS[stream]) else "runs on"


async def idle(url: str, key: str, seconds: float) -> bool:
    """Whether nothing runs or waits on the server within these seconds."""
    try:
        async with asyncio.timeout(seconds):
            while await running(url, key):  # noqa: ASYNC110 - another machine's count
                await asyncio.sleep(0.05)
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def _full(url: str, key: str, generations: int) -> AsyncIterator[None]:
    """So many long generations run or wait while the body runs."""
    if not generations:
        yield
        return
    server = ModelServer(ModelConfig(url, api_key=key, profile=SGLANG))
    asked = replace(FAULTS[0], case="long", words=0, max_tokens=8_000).prompt(stream=True)
    others: list[asyncio.Task[tuple[str, int]]] = []
    try:
        for number in range(generations):  # all at once, the queue would refuse some before the first runs
            others.append(asyncio.create_task(_end(server, asked)))
            while await running(url, key) <= number:  # noqa: ASYNC110 - another machine's count
                await asyncio.sleep(0.05)
        yield
    finally:
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await server.aclose()
        await idle(url, key, 10.0)
