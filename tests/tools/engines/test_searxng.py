"""What a real SearXNG answered (tests/samples/searxng), replayed over HTTP: every failure is a typed one."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.tools.engines.replay import Replay, replaying
from tools.engines.client import EngineLimits
from tools.engines.searxng import SearXNG
from tools.errors import SearchDown
from tools.search import SearchQuery

DOWN = ("badjson", "dead", "e403", "e429", "e429-again-suspended", "e500", "slow")


@pytest.fixture
def replay() -> Iterator[Replay]:
    with replaying("searxng") as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


async def reason_of(engine: SearXNG) -> str:
    with pytest.raises(SearchDown) as down:
        await engine.search(SearchQuery("debian"))
    assert down.value.detail
    return down.value.reason


async def test_results_come_in_the_engines_order(replay: Replay, http: httpx.AsyncClient) -> None:
    replay.recorded("ok-zh")
    found = await SearXNG(http, replay.url).search(SearchQuery("古典学实验班", language="zh", recency="month"))
    rows = json.loads(replay.body)["results"]
    assert [result.url for result in found] == [row["url"] for row in rows]
    assert found[0].title == "文学院"
    assert found[0].engine == "searxng"
    asked = replay.asked[0]
    assert (asked["path"], asked["q"], asked["format"]) == (["/search"], ["古典学实验班"], ["json"])
    assert (asked["language"], asked["time_range"]) == (["zh-CN"], ["month"])


async def test_domains_are_asked_for_and_checked(replay: Replay, http: httpx.AsyncClient) -> None:
    replay.recorded("ok-en")
    query = SearchQuery("Super Bowl", include_domains=("news-0.rgb-lab.test",))
    found = await SearXNG(http, replay.url + "/search").search(query)
    assert found
    assert all("news-0.rgb-lab.test" in result.url for result in found)
    assert replay.asked[0]["q"] == ["Super Bowl site:news-0.rgb-lab.test"]


async def test_nothing_found_is_an_empty_list(replay: Replay, http: httpx.AsyncClient) -> None:
    replay.recorded("no-results")
    assert await SearXNG(http, replay.url).search(SearchQuery("zzzzqqqqxxxx")) == []


@pytest.mark.parametrize("name", DOWN)
async def test_an_empty_list_of_silent_engines_is_a_failure(name: str, replay: Replay, http: httpx.AsyncClient) -> None:
    replay.recorded(f"engine-{name}")
    assert await reason_of(SearXNG(http, replay.url)) == "engines_down"


async def test_results_of_some_engines_are_results(replay: Replay, http: httpx.AsyncClient) -> None:
    replay.recorded("partial-lab+slow")
    assert len(await SearXNG(http, replay.url).search(SearchQuery("debian"))) == 10


@pytest.mark.parametrize("name", ["empty-query", "bad-pageno"])
async def test_a_refused_query_is_a_failure(name: str, replay: Replay, http: httpx.AsyncClient) -> None:
    replay.recorded(name)
    assert await reason_of(SearXNG(http, replay.url)) == "bad_request"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (403, b"<html>Forbidden</html>", "json_disabled"),
        (429, b"", "rate_limited"),
        (500, b"", "http_error"),
        (302, b"", "http_error"),
        (200, b"<html>SearXNG</html>", "bad_answer"),
        (200, b"[" * 100_000, "bad_answer"),
        (200, b"[]", "bad_answer"),
        (200, b'{"results": {}}', "bad_answer"),
        (200, b'{"results": [' + b" " * 70_000 + b"]}", "bad_answer"),
    ],
)
async def test_every_other_answer_is_a_typed_failure(
    status: int, body: bytes, reason: str, replay: Replay, http: httpx.AsyncClient
) -> None:
    replay.status, replay.body = status, body
    assert await reason_of(SearXNG(http, replay.url, EngineLimits(max_bytes=60_000))) == reason


async def test_the_remedy_for_disabled_json_is_named(replay: Replay, http: httpx.AsyncClient) -> None:
    replay.status = 403
    with pytest.raises(SearchDown, match=r"search\.formats"):
        await SearXNG(http, replay.url).search(SearchQuery("debian"))


async def test_a_silent_or_absent_server_is_a_failure_in_time(replay: Replay, http: httpx.AsyncClient) -> None:
    replay.wait_seconds = 1.0
    assert await reason_of(SearXNG(http, replay.url, EngineLimits(seconds=0.3))) == "timeout"
    assert await reason_of(SearXNG(http, "http://127.0.0.1:9")) == "unreachable"
    await asyncio.sleep(0)


async def test_odd_rows_do_not_spoil_the_others(replay: Replay, http: httpx.AsyncClient) -> None:
    rows: list[object] = [None, 3, {"url": None}, {"url": "https://a.example/", "title": None, "content": 7}]
    rows.append({"url": "https://b.example/", "title": "b", "publishedDate": "2024-05-06T07:08:09"})
    replay.body = json.dumps({"results": rows, "unresponsive_engines": "odd"}).encode()
    found = await SearXNG(http, replay.url).search(SearchQuery("x"))
    assert [(result.url, result.title, result.date) for result in found] == [
        ("https://a.example/", "", ""),
        ("https://b.example/", "b", "2024-05-06"),
    ]
