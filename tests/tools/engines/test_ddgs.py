"""The ddgs library without a network: its rows, its failures, and what happens when it hangs."""

import asyncio
import socket
import time

import pytest
from ddgs.exceptions import DDGSException, RatelimitException, TimeoutException

from tools.engines.ddgs import Ddgs, DdgsLimits, failure, results_of
from tools.errors import SearchDown
from tools.search import SearchQuery

QUERY = SearchQuery("debian")


def test_its_rows_become_results() -> None:
    rows = [
        {"title": "Debian", "href": "https://www.debian.org/", "body": "The universal\noperating system"},
        {"title": "odd", "href": "javascript:alert(1)", "body": ""},
        {"title": None},
    ]
    made = results_of(rows, QUERY)
    assert [(result.url, result.title, result.snippet, result.engine) for result in made] == [
        ("https://www.debian.org/", "Debian", "The universal operating system", "ddgs")
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RatelimitException("202 Ratelimit"), "rate_limited"),
        (TimeoutException("timed out"), "timeout"),
        (DDGSException("x" * 5000), "failed"),
    ],
)
def test_its_failures_are_ours(error: DDGSException, reason: str) -> None:
    made = failure(error)
    assert (made.subject, made.reason) == ("ddgs", reason)
    assert len(made.detail) <= 200


async def test_engines_out_of_reach_are_a_failure_and_not_an_empty_list() -> None:
    engine = Ddgs(proxy="http://127.0.0.1:9", limits=DdgsLimits(seconds=20, request_seconds=2, backends="mojeek"))
    with pytest.raises(SearchDown) as down:
        await engine.search(QUERY)
    assert down.value.reason in ("failed", "timeout")
    await engine.aclose()


async def test_a_hanging_engine_is_left_behind_and_the_line_is_bounded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        limits = DdgsLimits(seconds=0.4, request_seconds=15, threads=1, waiting=1, backends="mojeek")
        engine = Ddgs(proxy=f"http://127.0.0.1:{silent.getsockname()[1]}", limits=limits)
        start = time.monotonic()
        made = await asyncio.gather(*(engine.search(QUERY) for _ in range(3)), return_exceptions=True)
        assert time.monotonic() - start < 12
        assert sorted(error.reason for error in made if isinstance(error, SearchDown)) == ["busy", "timeout", "timeout"]
        await engine.aclose()
