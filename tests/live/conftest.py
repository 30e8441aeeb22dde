"""The real server's address comes from tests/live/run; the last line of the run is `live: PASSED/ALL`."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from agent.model import ModelConfig, ModelServer

_results: dict[str, bool] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--live-url", required=False, default="")
    parser.addoption("--live-key", default="")
    parser.addoption("--live-interval", type=int, default=1, help="the server's --stream-interval")


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("--live-url"))


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("--live-key"))


@pytest.fixture
def interval(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--live-interval"))


@pytest_asyncio.fixture
async def model(url: str, key: str) -> AsyncIterator[ModelServer]:
    server = ModelServer(ModelConfig(url, api_key=key))
    yield server
    await server.aclose()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test counts as passed when none of its three phases failed."""
    if not report.skipped and (report.when == "call" or report.failed):
        _results[report.nodeid] = _results.get(report.nodeid, True) and report.passed


def pytest_unconfigure() -> None:
    print(f"live: {sum(_results.values())}/{len(_results)}")
