"""Planted secrets: none of them comes out anywhere, whether all goes well, everything fails, or the store is gone.

What is planted is looked for in all that leaves the service or stays in it (its lines, its spans, its refusals,
its metrics, what it keeps, what the model is shown). Question and files of course reach the model and the store.
"""

import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.contracts.service import ROOT, Running, r1, running
from tests.fake_model import Body, Fault, Reply
from tests.fake_web import FakeWeb, Page
from tests.workers.test_tracing import Taken, collector
from workers.settings import NAMES
from workers.valkey import server_binary

CREDENTIALS = {
    "model key": "sk-model-6f1a9c",
    "key of a search engine": "brave-7d20be",
    "key of another engine": "tavily-11fa3e",
    "key of a caller": "kz_caller-5e8b21aa90",
    "password of the store": "redis-90ac1d",
    "password of the search proxy": "searchproxy-3bd7",
    "password of the page proxy": "pageproxy-8c41",
    "token of the collector": "otlp-62ee07",
    "token of Slack": "xoxb-4410-slack",
    "cookie of another site": "session-c00c1e77",
    "another Authorization": "basic-hunter2",
    "a key that is not accepted": "kz_stranger-7a7a7a",
}
TEXTS = {"question": "pomegranate", "file": "quincebush", "query of an address": "persimmontoken"}


@dataclass
class Leaving:
    """All that left the service, by where it was found."""

    found: dict[str, bytes] = field(default_factory=dict)

    def take(self, place: str, content: bytes) -> None:
        self.found[place] = self.found.get(place, b"") + content + b"\n"

    async def answer(self, response: httpx.Response) -> None:
        place = "answers" if response.status_code < 400 else "errors"
        self.take(place, await response.aread())
        self.take("errors", repr(response.headers).encode())

    def holding(self, places: set[str], planted: dict[str, str]) -> list[str]:
        """What is where it must not be, in any of the ways in which it may be written."""
        return [
            f"{name} in {place}"
            for place in places
            for name, secret in planted.items()
            for form in (secret.encode(), base64.b64encode(secret.encode()).rstrip(b"=")[1:-2])
            if form in self.found.get(place, b"")
        ]


@contextmanager
def guarded_store() -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A Valkey that wants a password, on a socket."""
    password = CREDENTIALS["password of the store"]
    folder = Path(tempfile.mkdtemp())
    command = [str(server_binary()), "--port", "0", "--unixsocket", str(folder / "s"), "--requirepass", password]
    server = subprocess.Popen([*command, "--dir", str(folder), "--save", ""], stdout=subprocess.DEVNULL)
    try:
        yield f"unix://{folder}/s?password={password}", server
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder)


def failing(request: Body) -> Reply:
    """A model server that breaks at the word `broken`, and repeats what it was sent; else R1."""
    if "broken" in json.dumps(request["messages"]):
        return Reply("", fault=Fault(status=500, body={"error": json.dumps(request)}))
    if request.get("tools"):
        address = f"http://pages.example/a?token={TEXTS['query of an address']}"
        return Reply("", calls=(("open_page", json.dumps({"url": address})), ("web_search", '{"query": "tides"}')))
    return r1(request)


def settings(store: str, proxy: int, taken: Taken) -> dict[str, str]:
    proxies = {
        "KAOZHENG_SEARCH_PROXY": f"http://u:{CREDENTIALS['password of the search proxy']}@127.0.0.1:{proxy}",
        "KAOZHENG_PAGE_PROXY": f"http://u:{CREDENTIALS['password of the page proxy']}@127.0.0.1:{proxy}",
    }
    slack = {f"KAOZHENG_{name.upper()}": CREDENTIALS["token of Slack"] for name in NAMES if name == "slack_bot_token"}
    return {
        **proxies,
        **slack,
        "SLACK_BOT_TOKEN": CREDENTIALS["token of Slack"],
        "KAOZHENG_MODEL_KEY": CREDENTIALS["model key"],
        "KAOZHENG_BRAVE_KEY": CREDENTIALS["key of a search engine"],
        "KAOZHENG_TAVILY_KEY": CREDENTIALS["key of another engine"],
        "KAOZHENG_SEARCH_ENGINES": "brave,tavily,library",
        "KAOZHENG_REDIS_URL": store,
        "KAOZHENG_API_KEYS": CREDENTIALS["key of a caller"],
        "KAOZHENG_OTLP_URL": taken.url,
        "KAOZHENG_OTLP_HEADERS": f"authorization=Bearer {CREDENTIALS['token of the collector']}",
        "KAOZHENG_LOG_LEVEL": "debug",
        "KAOZHENG_LOG_FORMAT": "json",
        "KAOZHENG_RETRY_ATTEMPTS": "1",
    }


async def ask_in_every_way(service: Running, leaving: Leaving) -> None:
    """Each dialect, streamed and not, well and broken, with a file, a cookie, and credentials that are not ours."""
    own = {"Cookie": f"session={CREDENTIALS['cookie of another site']}"}
    stranger = {"Authorization": f"Bearer {CREDENTIALS['a key that is not accepted']}"}
    basic = {"Authorization": f"Basic {CREDENTIALS['another Authorization']}"}
    cookie = {"Cookie": f"kaozheng_key={CREDENTIALS['key of a caller']}"}
    async with service.client(CREDENTIALS["key of a caller"]) as client:
        for text in (f"What causes tides, {TEXTS['question']}?", f"broken: what causes tides, {TEXTS['question']}?"):
            for path, body in bodies(text):
                await leaving.answer(await client.post(path, json=body, headers=own))
        upload = {"files": ("quince.txt", f"The {TEXTS['file']} grows.".encode())}
        form = {"request": json.dumps({"question": f"What grows, {TEXTS['question']}?", "depth": "quick"})}
        await leaving.answer(await client.post("/v1/answers", data=form, files=upload))
        await ask_of_files(client, leaving)
        for path, wrong in bodies(TEXTS["question"]):
            await leaving.answer(await client.post(path, json=wrong | {"model": 7, "question": [TEXTS["question"]]}))
        for path in ("/readyz", "/healthz", "/v1/models", "/openapi.json", "/v1/answers/none"):
            await leaving.answer(await client.get(path, params={"token": TEXTS["query of an address"]}))
        leaving.take("metrics", (await client.get("/metrics")).content)
    async with service.client("") as client:
        for headers in (stranger, basic, cookie):
            await leaving.answer(await client.post("/v1/answers", json={"question": "x"}, headers=headers))
        await leaving.answer(await client.post("/login", json={"key": CREDENTIALS["a key that is not accepted"]}))


async def ask_of_files(client: httpx.AsyncClient, leaving: Leaving) -> None:
    """Kept ones, in base64, of nobody, and one that cannot be read; with a header that is no trace."""
    content = f"The {TEXTS['file']} grows.".encode()
    made = await client.post("/v1/files", data={"purpose": "user_data"}, files={"file": ("q.txt", content)})
    inline = {"file_data": base64.b64encode(content).decode(), "filename": "q.txt"}
    broken = {"file_data": base64.b64encode(b"%PDF-1.7 " + content).decode(), "filename": "q.pdf"}
    files: list[dict[str, Any]] = [inline, broken, {"file_id": TEXTS["query of an address"]}]
    files += [{"file_id": made.json()["id"]}] if made.status_code == 200 else []
    for file in files:
        part = {"type": "file", "file": file}
        said = [{"role": "user", "content": [{"type": "text", "text": f"What grows, {TEXTS['question']}?"}, part]}]
        asked = {"model": "kaozheng-quick", "messages": said}
        junk = {"traceparent": f"00-{CREDENTIALS['another Authorization']}"}
        await leaving.answer(await client.post("/v1/chat/completions", json=asked, headers=junk))
        await leaving.answer(await client.post("/async/chat/completions", json={"request": asked}))


async def ask_in_a_batch(service: Running, leaving: Leaving) -> None:
    """One row that is answered and one whose model server breaks, to the end of both."""
    rows = [
        {
            "custom_id": each,
            "method": "POST",
            "url": "/v1/answers",
            "body": {"question": f"{each} {TEXTS['question']}?"},
        }
        for each in ("tides", "broken")
    ]
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    async with service.client(CREDENTIALS["key of a caller"]) as client:
        file = {"file": ("rows.jsonl", lines)}
        kept_file = (await client.post("/v1/files", data={"purpose": "batch"}, files=file)).json()
        wanted = {"input_file_id": kept_file["id"], "endpoint": "/v1/answers", "completion_window": "24h"}
        made = (await client.post("/v1/batches", json=wanted)).json()
        async with asyncio.timeout(100):
            while made["status"] not in ("completed", "failed"):
                await asyncio.sleep(0.2)
                made = (await client.get(f"/v1/batches/{made['id']}")).json()
        assert made["request_counts"]["total"] == 2
        leaving.take("errors", json.dumps(made).encode())


@contextmanager
def working(folder: Path, service: Running, own: dict[str, str]) -> Iterator[Path]:
    """`kaozheng worker` beside the service; its log."""
    log = folder / "worker.log"
    kept_names = {name: value for name, value in os.environ.items() if not name.startswith("KAOZHENG_")}
    more = {"KAOZHENG_DATA_DIR": str(folder / "worker"), "KAOZHENG_MODEL_URL": service.model.url}
    more |= {"KAOZHENG_LIBRARY": str(folder / "pages"), "KAOZHENG_ROW_PATIENCE_SECONDS": "1"}
    with log.open("wb") as written:
        command = [sys.executable, "-m", "workers.cli", "worker"]
        worker = subprocess.Popen(command, cwd=ROOT, env={**kept_names, **own, **more}, stderr=written)
    try:
        yield log
    finally:
        worker.terminate()
        try:
            worker.wait(60)
        finally:
            worker.kill()


def bodies(text: str) -> list[tuple[str, dict[str, Any]]]:
    said = [{"role": "user", "content": text}]
    asked = [
        ("/v1/answers", {"question": text, "depth": "normal"}),
        ("/v1/chat/completions", {"model": "kaozheng", "messages": said}),
        ("/v1/responses", {"model": "kaozheng", "input": text}),
    ]
    return [(path, {**body, "stream": stream}) for path, body in asked for stream in (False, True)]


def kept(store: str) -> bytes:
    """Every key and every value of the store."""
    with Redis.from_url(store) as client:
        readers: dict[bytes, Any] = {
            b"string": client.get,
            b"hash": client.hgetall,
            b"stream": client.xrange,
            b"set": client.smembers,
            b"zset": lambda key: client.zrange(key, 0, -1),
            b"list": lambda key: client.lrange(key, 0, -1),
        }
        return b"\n".join(key + repr(readers[client.type(key)](key)).encode() for key in client.scan_iter("*"))


@pytest.mark.timeout(240)
async def test_no_planted_secret_comes_out_anywhere(tmp_path: Path) -> None:
    leaving = Leaving()
    async with FakeWeb() as web:
        web.put("http://pages.example/a", Page("not here", status=500))
        with collector() as taken, guarded_store() as (store, server):
            with running(tmp_path, failing, **settings(store, web.port, taken)) as service:
                await ask_in_every_way(service, leaving)
                with working(tmp_path, service, settings(store, web.port, taken)) as log:
                    await ask_in_a_batch(service, leaving)
                leaving.take("logs", log.read_bytes())
                leaving.take("store", kept(store))
                server.kill()
                await ask_in_every_way(service, leaving)
                service.process.terminate()
                await asyncio.to_thread(service.process.wait, 60)
                leaving.take("prompts", json.dumps(service.model.requests, ensure_ascii=False).encode())
            leaving.take("logs", service.log.read_bytes())
            leaving.take("traces", b"".join(taken.bodies))
    assert {place for place, content in leaving.found.items() if content.strip()} == EVERYWHERE
    assert leaving.holding(EVERYWHERE, CREDENTIALS) == []
    assert leaving.holding({"logs", "traces", "metrics", "errors"}, TEXTS) == []
    assert leaving.holding({"prompts", "store"}, TEXTS) != []  # the search itself works
    lines = [json.loads(line) for line in leaving.found["logs"].splitlines() if line.startswith(b"{")]
    assert {"question_ended", "store_error"} <= {line["event"] for line in lines}
    assert {line["status"] for line in lines if line["event"] == "question_ended"} >= {"answered"}


EVERYWHERE = {"logs", "traces", "errors", "answers", "metrics", "store", "prompts"}
