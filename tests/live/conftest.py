"""The real servers' addresses come from tests/live/run; the last line of the run is `live: PASSED/ALL`."""

import fcntl
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent.model import ModelConfig, ModelServer
from tests.live import samples

TABLE = Path(__file__).parents[2] / "docs" / "live.json"
INTERVALS = (1, 4, 64)


@dataclass
class Kept:
    """results: by test; rows: of the table of cases; streams and faults: what SGLang sent, for tests without it."""

    results: dict[str, bool] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    streams: list[samples.Sample] = field(default_factory=list)
    faults: list[samples.Sample] = field(default_factory=list)


_kept = Kept()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--live-server", action="append", default=[], help="INTERVAL=URL, of each server")
    parser.addoption("--live-sick", default="", help="URL of the server that is set up wrong")
    parser.addoption("--live-key", default="")
    parser.addoption("--live-keep", action="store_true", help="write docs/live.json and the samples")


@pytest.fixture
def servers(request: pytest.FixtureRequest) -> dict[int, str]:
    """The address of each server, by its --stream-interval."""
    pairs = (each.partition("=") for each in request.config.getoption("--live-server"))
    return {int(interval): url for interval, _, url in pairs}


@pytest.fixture
def url(servers: dict[int, str]) -> str:
    return servers[1]


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("--live-key"))


@pytest.fixture
def kept() -> Kept:
    return _kept


@pytest_asyncio.fixture
async def model(url: str, key: str) -> AsyncIterator[ModelServer]:
    server = ModelServer(ModelConfig(url, api_key=key))
    yield server
    await server.aclose()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test counts as passed when none of its three phases failed."""
    if not report.skipped and (report.when == "call" or report.failed):
        _kept.results[report.nodeid] = _kept.results.get(report.nodeid, True) and report.passed


def _table(rows: list[dict[str, Any]]) -> str:
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"


def _keep_table(rows: list[dict[str, Any]]) -> None:
    """New rows in the place of the old ones; the others stay."""
    with samples.FILE.with_suffix(".lock.tmp").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        old = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.is_file() else []
        merged = {(row["case"], row["streamed"], row["interval"]): row for row in (*old, *rows)}
        TABLE.write_text(_table(list(merged.values())), encoding="utf-8")


def pytest_unconfigure(config: pytest.Config) -> None:
    print(_table(_kept.rows), end="")
    if config.getoption("--live-keep"):
        samples.write(_kept.streams)
        samples.write(_kept.faults, samples.FAULTS)
        _keep_table(_kept.rows)
    print(f"live: {sum(_kept.results.values())}/{len(_kept.results)}")
