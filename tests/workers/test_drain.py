"""A stop, as an orchestrator does it to a real process: SIGTERM while questions run."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.fake_model import Reply, fake_model
from tests.workers.serving import ASK, events_of

ROOT = Path(__file__).parents[2]
SLOW = Reply("The moon pulls the sea[citation:1]. " * 200, cut=4, pause=0.02)
ENDING = Reply("The moon pulls the sea[citation:1].", cut=1, pause=0.04)
ASKED = {"question": "What causes tides?", "depth": "quick"}


@dataclass(frozen=True)
class Serving:
    """`kaozheng serve` in a process of its own, and a client of it."""

    process: "subprocess.Popen[str]"
    client: httpx.AsyncClient

    async def ended(self, within: float) -> int:
        return await asyncio.wait_for(asyncio.to_thread(self.process.wait), within)


@asynccontextmanager
async def served(folder: Path, model: str, **more: str) -> AsyncIterator[Serving]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KAOZHENG_")}
    (folder / "pages").mkdir()
    (folder / "pages" / "tides.md").write_text("# Tides\n\nTides are caused by the moon, which pulls the sea.\n")
    own = {
        "KAOZHENG_DATA_DIR": str(folder / "data"),
        "KAOZHENG_LIBRARY": str(folder / "pages"),
        "KAOZHENG_MODEL_URL": model,
    }
    command = [sys.executable, "-m", "workers.cli", "serve", "--port", "0"]
    environment = {**kept, **own, **more}
    process = await asyncio.to_thread(
        subprocess.Popen, command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        lines = process.stderr
        said = await asyncio.to_thread(lambda: next(line for line in lines if line.startswith("kaozheng: http")))
        reading = asyncio.create_task(asyncio.to_thread(lines.read))
        async with httpx.AsyncClient(base_url=said.split()[1].removesuffix(ASK), timeout=40, trust_env=False) as client:
            yield Serving(process, client)
        process.kill()
        await reading
    finally:
        process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()


async def until_text(response: httpx.Response, stop: "Serving") -> str:
    """The whole stream; the service is told to stop when the first text has come."""
    body, told = b"", False
    async for piece in response.aiter_bytes():
        body += piece
        if b"event: text" in body and not told:
            stop.process.send_signal(signal.SIGTERM)
            told = True
    return body.decode()


async def refusals(service: Serving) -> tuple[httpx.Response, httpx.Response]:
    """What /readyz and a new question get, as soon as the service has heard that it is to stop."""
    for _ in range(500):
        ready = await service.client.get("/readyz")
        if ready.status_code == 503:
            return ready, await service.client.post(ASK, json=ASKED)
        await asyncio.sleep(0.01)
    raise AssertionError("the service never said that it stops")


async def test_what_runs_ends_with_its_answer_while_new_questions_are_refused(tmp_path: Path) -> None:
    async with fake_model(ENDING) as model, served(tmp_path, model.url) as service:
        async with service.client.stream("POST", ASK, json={**ASKED, "stream": True}) as response:
            refusing = asyncio.create_task(refusals(service))
            events = events_of(await until_text(response, service))
        ready, refused = await refusing
        assert await service.ended(30) == 0
    assert events[-1].name == "answered"
    assert ready.json()["parts"][0]["name"] == "stopping"
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "stopping", "5")
    assert refused.headers["connection"] == "close"


async def test_what_takes_too_long_is_cancelled_in_its_stream_and_in_the_store(tmp_path: Path) -> None:
    async with fake_model(SLOW) as model, served(tmp_path, model.url, KAOZHENG_DRAIN_SECONDS="0.5") as service:
        run = (await service.client.post(ASK, json={**ASKED, "background": True})).json()["id"]
        waiting = asyncio.create_task(service.client.post(ASK, json=ASKED))
        following = asyncio.create_task(service.client.get(f"{ASK}/{run}/events"))
        async with service.client.stream("POST", ASK, json={**ASKED, "stream": True}) as response:
            events = events_of(await until_text(response, service))
        whole, followed = await waiting, await following
        assert await service.ended(30) == 0
    assert events[-1].name == "cancelled"
    assert (whole.status_code, whole.json()["code"]) == (503, "cancelled")
    assert events_of(followed.text)[-1].name == "cancelled"


async def test_an_idle_service_stops_at_once(tmp_path: Path) -> None:
    async with fake_model(ENDING) as model, served(tmp_path, model.url) as service:
        assert (await service.client.get("/readyz")).status_code == 200
        service.process.send_signal(signal.SIGINT)
        assert await service.ended(30) == 0
