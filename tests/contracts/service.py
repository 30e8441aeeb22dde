"""The service as a user starts it, in a process of its own, for clients that know nothing of us: an R1-shaped model
server behind it, pages of its own, and a key before it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.fake_model import Body, FakeModel, Reply, Script, running_fake_model

ROOT = Path(__file__).parents[2]
KEY = "kz_contract-key-0123456789"
ANSWER = "The moon pulls the sea[citation:1]. Tides are caused by the moon[citation:1]."
TASK = '{"title": "Tides"}'
PAGE = "# Tides\n\nTides are caused by the moon, which pulls the sea. The moon pulls the sea.\n"


def r1(request: Body) -> Reply:
    """Plans one search, then writes with reasoning; a client's own task is answered at once."""
    if request.get("tools"):
        planned = any(message["role"] == "tool" for message in request["messages"])
        query = json.dumps({"query": "tides moon"})
        return Reply("", calls=() if planned else (("web_search", query),))
    if "### Task:" in str(request["messages"][-1]["content"]):
        return Reply(TASK)
    return Reply(ANSWER, "Page 1 says what the moon does.", cached_tokens=64)


@dataclass(frozen=True)
class Running:
    """url: without a slash at its end; log: all that the service has said."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path
    model: FakeModel

    def client(self, key: str = KEY) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60, trust_env=False)


@contextmanager
def running(folder: Path, script: Script = r1, **settings: str) -> Iterator[Running]:
    """settings: by their names in the environment; they win over what is set here."""
    (folder / "pages").mkdir(parents=True)
    (folder / "pages" / "tides.md").write_text(PAGE)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KAOZHENG_")}
    with running_fake_model(script) as model:
        own = {
            "KAOZHENG_DATA_DIR": str(folder / "data"),
            "KAOZHENG_LIBRARY": str(folder / "pages"),
            "KAOZHENG_MODEL_URL": model.url,
            "KAOZHENG_API_KEYS": KEY,
        }
        log = folder / "log"
        command = [sys.executable, "-m", "workers.cli", "serve", "--port", "0"]
        with log.open("wb") as written:
            process = subprocess.Popen(command, cwd=ROOT, env={**kept, **own, **settings}, stderr=written)
        try:
            yield Running(_address(log, process), process, log, model)
        finally:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(log: Path, process: "subprocess.Popen[bytes]") -> str:
    """Where it listens, once it says so."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("kaozheng: http"):
                return line.split()[1].rstrip("/")
        time.sleep(0.05)
    raise AssertionError(f"the service did not start: {log.read_text(errors='replace')}")
