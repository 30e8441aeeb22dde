"""Plays one case: a question to the real service over HTTP, whose model server stands behind the proxy."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from agent.graph import ask
from agent.limits import DepthLimits, Limits
from agent.model import ModelConfig, ModelServer
from agent.nodes.deps import Deps
from agent.profile import GENERIC, Profile
from agent.question import Question
from agent.retries import Breaker, PatientModel, RetryBudget, RetryRules
from tests.chaos.cases import FIRST_TOKEN_SECONDS, QUESTION_SECONDS, RETRY_SECONDS, SILENT_SECONDS, Case
from tests.chaos.proxy import ChaosProxy
from tests.chaos.server import script
from tests.fake_model import fake_model
from tests.fakes import SUN, TIDES, FakeWeb, deps
from tests.workers.serving import ASK, Shelf, events_of, read_text, serving
from workers.service import Limits as DoorLimits
from workers.service import Service

TERMINAL = ("answered", "failed", "cancelled")
LIMITS = Limits(depths={"quick": DepthLimits(QUESTION_SECONDS, 6, 0, 1, 2_000)}, thinking_share=0.25)
_NAP_SECONDS = 0.02
RULES = RetryRules(3, RETRY_SECONDS, 0.02, 0.05)


@dataclass(frozen=True)
class Upstream:
    """The model server behind the proxy. url: as its clients write it; question: what makes it answer at length."""

    url: str
    key: str = ""
    question: str = "Why are there tides?"
    endless: str = "Why are there tides, endlessly?"
    profile: Profile = GENERIC


@dataclass
class Played:
    """What became of one question. outcome: as in the table; detail: status, code or what was wrong with the end.
    late_seconds: of its seconds, those in which a busy machine did not run us at all; again: how often it was played
    before, for that reason."""

    outcome: str
    detail: str
    seconds: float
    requests: int = 0
    late_seconds: float = 0.0
    again: int = 0
    text: str = field(default="", repr=False)


@asynccontextmanager
async def model_at(url: str, upstream: Upstream = Upstream("")) -> AsyncIterator[ModelServer]:
    model = ModelServer(
        ModelConfig(
            url,
            api_key=upstream.key,
            name="deepseek-r1-0528",
            profile=upstream.profile,
            connect_seconds=3.0,
            first_token_seconds=FIRST_TOKEN_SECONDS,
            silent_seconds=SILENT_SECONDS,
        )
    )
    try:
        yield model
    finally:
        await model.aclose()


def patient(model: ModelServer, breaker: Breaker | None = None, budget: RetryBudget | None = None) -> PatientModel:
    return PatientModel(model.generate, RULES, breaker or Breaker(), budget or RetryBudget())


@asynccontextmanager
async def service_with(given: Deps) -> AsyncIterator[httpx.AsyncClient]:
    def run(question: Question) -> Any:
        return ask(question, given)

    async with serving(Service(run, read_text, Shelf(), limits=DoorLimits(max_concurrent_answers=100))) as client:
        yield client


async def post(client: httpx.AsyncClient, question: str, stream: bool) -> Played:
    """One question, to its end; a stream has exactly one terminal event, the last."""
    began = time.monotonic()
    body = {"question": question, "depth": "quick", "stream": stream}
    async with asyncio.timeout(QUESTION_SECONDS + 5):
        response = await client.post(ASK, json=body)
    seconds = time.monotonic() - began
    if not stream:
        return _judged(response.status_code == 200, response.json(), seconds)
    found = events_of(response.text)
    names = [event.name for event in found]
    if [name in TERMINAL for name in names] != [False] * (len(names) - 1) + [True]:
        return Played("wrong", f"terminal events: {names}", seconds)
    return _judged(names[-1] == "answered", found[-1].fields, seconds)


def _judged(answered: bool, fields: dict[str, Any], seconds: float) -> Played:
    if not answered:
        return Played("failed", str(fields.get("code")), seconds)
    text, cut = fields["text"], [flaw for flaw in fields["flaws"] if flaw["rule"] == "truncated"]
    if fields["degraded"]:
        return Played("quoted", fields["degraded"], seconds, text=text)
    if fields["status"] == "partial":
        return Played("partial" if text and cut else "wrong", str(cut), seconds, text=text)
    return Played("answered" if not cut else "wrong", fields["status"], seconds, text=text)


async def play(case: Case, upstream: Upstream, degrade: bool, stream: bool) -> Played:
    async with AsyncExitStack() as opened:
        proxy = await opened.enter_async_context(_proxy(case, upstream))
        model = await opened.enter_async_context(model_at(_address(case, proxy), upstream))
        given = deps(
            FakeWeb(TIDES, SUN),
            generate=patient(model).generate,
            model_name="r1",
            degrade=degrade,
            limits=LIMITS,
        )
        client = await opened.enter_async_context(service_with(given))
        late = await opened.enter_async_context(lateness())
        played = await post(client, upstream.endless if case.endless_reasoning else upstream.question, stream)
        played.requests, played.late_seconds = proxy.asked, sum(late)
    return played


@asynccontextmanager
async def lateness() -> AsyncIterator[list[float]]:
    """By how many seconds each of many short sleeps was too long, less what this process worked in them."""
    found: list[float] = []

    async def sleep() -> None:
        while True:
            began, worked = time.monotonic(), time.process_time()
            await asyncio.sleep(_NAP_SECONDS)
            took, worked = time.monotonic() - began, time.process_time() - worked
            found.append(max(0.0, took - _NAP_SECONDS - worked))

    sleeping = asyncio.create_task(sleep())
    try:
        yield found
    finally:
        sleeping.cancel()


def _address(case: Case, proxy: ChaosProxy) -> str:
    if case.where == "refused":
        return f"http://127.0.0.1:{free_port()}/v1"
    return proxy.url.replace("http:", "https:") if case.where == "tls" else proxy.url


@asynccontextmanager
async def _proxy(case: Case, upstream: Upstream) -> AsyncIterator[ChaosProxy]:
    async with AsyncExitStack() as opened:
        url, kill = upstream.url, None
        if case.mischief.act == "kill":
            mortal = await opened.enter_async_context(Mortal.running())
            url, kill = mortal.url, mortal.kill
        yield await opened.enter_async_context(ChaosProxy(url, case.mischief, kill).listening())


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class Mortal:
    """A model server in a process of its own, which SIGKILL ends and which can be started again on its port."""

    def __init__(self) -> None:
        self._port = free_port()
        self._running: asyncio.subprocess.Process | None = None
        self.url = f"http://127.0.0.1:{self._port}/v1"

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["Mortal"]:
        mortal = cls()
        await mortal.start()
        try:
            yield mortal
        finally:
            await mortal.kill()

    async def start(self) -> None:
        self._running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.server", str(self._port)), stdout=asyncio.subprocess.PIPE
        )
        assert self._running.stdout is not None
        await self._running.stdout.readline()

    async def kill(self) -> None:
        if self._running is not None and self._running.returncode is None:
            self._running.send_signal(signal.SIGKILL)
            await self._running.wait()


@asynccontextmanager
async def fake_upstream() -> AsyncIterator[Upstream]:
    async with fake_model(script) as server:
        yield Upstream(server.url)
