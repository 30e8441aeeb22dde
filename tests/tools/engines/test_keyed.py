"""The engines with a key, over HTTP on loopback. Their samples follow the public documentation; none is recorded."""

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from tests.tools.engines.replay import Replay, replaying
from tools.engines.bocha import Bocha
from tools.engines.brave import Brave
from tools.engines.client import EngineAsksToWait, EngineLimits, engine_client
from tools.engines.exa import Exa
from tools.engines.keyed import KEYED
from tools.engines.serper import Serper
from tools.engines.tavily import Tavily
from tools.errors import SearchDown
from tools.search import Recency, SearchQuery, SearchResult

ENGINES = {"bocha": Bocha, "brave": Brave, "exa": Exa, "serper": Serper, "tavily": Tavily}
KEY = "k3y-that-nobody-may-see"
QUERY = SearchQuery("debian")


@pytest.fixture(params=sorted(ENGINES))
def replay(request: pytest.FixtureRequest) -> Iterator[Replay]:
    with replaying(request.param) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with engine_client(None, 5.0) as client:
        yield client


async def found_by(
    replay: Replay, http: httpx.AsyncClient, query: SearchQuery = QUERY, limits: EngineLimits | None = None
) -> list[SearchResult]:
    return await ENGINES[replay.engine](http, KEY, limits, replay.url + "/x").search(query)


async def failure_of(replay: Replay, http: httpx.AsyncClient, limits: EngineLimits | None = None) -> SearchDown:
    with pytest.raises(SearchDown) as down:
        await found_by(replay, http, limits=limits)
    assert down.value.subject == replay.engine
    assert down.value.detail
    return down.value


FOUND = {
    "brave": [
        ("https://brave.com/search/api/", "Brave Search API | Brave", "Power your search & AI apps", "2023-06-05"),
        ("https://search.brave.com/help/goggles", "Brave Search 'Goggles'", "Goggles re-rank", ""),
    ],
    "tavily": [
        ("https://www.britannica.com/facts/Lionel-Messi", "Lionel Messi Facts | Britannica", "Lionel Messi, an", "")
    ],
    "exa": [
        (
            "https://arxiv.org/pdf/2307.06435.pdf",
            "A Comprehensive Overview of Large Language Models",
            "Such requirements have limited their adoption... … Open models",
            "2023-11-16",
        ),
        ("https://example.org/survey", "LLM survey", "Abstract Large", ""),
    ],
    "serper": [
        ("https://www.apple.com/", "Apple", "Discover the", ""),
        ("https://en.wikipedia.org/wiki/Apple_Inc.", "Apple Inc. - Wikipedia", "Apple Inc. is", "2024-01-05"),
        ("https://finance.example.com/aapl", "Apple (AAPL)", "Stock price.", ""),
    ],
    "bocha": [
        (
            "https://www.alibabagroup.com/document-1752073403914780672",
            "阿里巴巴发布2024年ESG报告 持续推进减碳举措",
            "阿里巴巴集团发布",
            "2024-07-22",
        )
    ],
}


def test_every_engine_with_a_key_has_its_name() -> None:
    assert dict(KEYED) == ENGINES


async def test_results_come_in_the_engines_order(replay: Replay, http: httpx.AsyncClient) -> None:
    replay.recorded("ok")
    found = await found_by(replay, http)
    expected = FOUND[replay.engine]
    assert [(result.url, result.title, result.date) for result in found] == [(u, t, d) for u, t, _, d in expected]
    for result, (_, _, snippet, _) in zip(found, expected, strict=True):
        assert result.snippet.startswith(snippet)
        assert result.engine == replay.engine


async def test_nothing_found_is_an_empty_list(replay: Replay, http: httpx.AsyncClient) -> None:
    replay.recorded("no-results")
    assert await found_by(replay, http) == []


NOTHING = {
    "bocha": [{"code": 200, "data": {"webPages": None}}, {"code": "200", "data": {"webPages": {"value": None}}}],
    "brave": [{"type": "search", "web": None}],
    "exa": [{"results": None}],
    "serper": [{"searchParameters": {"q": "debian"}}],
    "tavily": [{"results": None}],
}


async def test_nothing_found_may_be_said_in_other_ways(replay: Replay, http: httpx.AsyncClient) -> None:
    for answer in NOTHING[replay.engine]:
        replay.body = json.dumps(answer).encode()
        assert await found_by(replay, http) == []


async def test_the_key_goes_into_its_header_only(replay: Replay, http: httpx.AsyncClient) -> None:
    replay.recorded("ok")
    await found_by(replay, http)
    headers = {
        "bocha": ("authorization", f"Bearer {KEY}"),
        "brave": ("x-subscription-token", KEY),
        "exa": ("x-api-key", KEY),
        "serper": ("x-api-key", KEY),
        "tavily": ("authorization", f"Bearer {KEY}"),
    }
    name, value = headers[replay.engine]
    assert replay.headers_sent[0][name] == value
    assert KEY not in json.dumps([replay.asked, replay.sent])


@pytest.mark.parametrize(
    ("name", "reason"),
    [("bad-key", "unauthorized"), ("bad-query", "bad_request"), ("too-many", "rate_limited")],
)
async def test_a_refusal_says_whose_fault_it_is(
    name: str, reason: str, replay: Replay, http: httpx.AsyncClient
) -> None:
    replay.recorded(name)
    assert (await failure_of(replay, http)).reason == reason


NO_CREDIT = [
    ("bocha", "no-credit"),
    ("bocha", "no-credit-in-200"),
    ("exa", "no-credit"),
    ("serper", "no-credit"),
    ("tavily", "no-credit"),
    ("tavily", "no-credit-payg"),
]


@pytest.mark.parametrize(("engine", "name"), NO_CREDIT)
async def test_an_account_without_credit_is_no_wrong_key(engine: str, name: str, http: httpx.AsyncClient) -> None:
    with replaying(engine) as replay:
        replay.recorded(name)
        assert (await failure_of(replay, http)).reason == "out_of_credit"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, b"", "http_error"),
        (302, b"", "http_error"),
        (200, b"<html>hello</html>", "bad_answer"),
        (200, b"[" * 100_000, "bad_answer"),
        (200, b"[]", "bad_answer"),
        (200, b"{}", "bad_answer"),
        (200, b'{"results": 3, "web": {"results": {}}, "organic": 1, "data": {"webPages": 1}}', "bad_answer"),
        (200, b'{"results": [' + b" " * 70_000 + b"]}", "bad_answer"),
    ],
)
async def test_every_other_answer_is_a_typed_failure(
    status: int, body: bytes, reason: str, replay: Replay, http: httpx.AsyncClient
) -> None:
    replay.status, replay.body = status, body
    limits = EngineLimits(max_bytes=60_000 if len(body) < 80_000 else 200_000)
    assert (await failure_of(replay, http, limits)).reason == reason


async def test_odd_rows_do_not_spoil_the_others(replay: Replay, http: httpx.AsyncClient) -> None:
    good = {"url": "https://a.example/", "link": "https://a.example/", "title": None, "name": 7, "highlights": "odd"}
    rows: list[object] = [None, 3, [], {"url": None}, good]
    answer = {"results": rows, "web": {"results": rows}, "organic": rows, "data": {"webPages": {"value": rows}}}
    replay.body = json.dumps(answer).encode()
    assert [result.url for result in await found_by(replay, http)] == ["https://a.example/"]


async def test_a_silent_or_absent_engine_is_a_failure_in_time(replay: Replay, http: httpx.AsyncClient) -> None:
    replay.wait_seconds = 0.4
    assert (await failure_of(replay, http, EngineLimits(seconds=0.1))).reason == "timeout"
    replay.url = "http://127.0.0.1:9"
    assert (await failure_of(replay, http)).reason == "unreachable"


async def test_no_failure_shows_the_key(
    replay: Replay, http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    replay.status, replay.body = 401, f"no such key: {KEY}".encode()
    error = await failure_of(replay, http)
    assert KEY not in "".join(traceback.format_exception(error))
    assert KEY not in caplog.text


@pytest.mark.parametrize("odd", ["\n", "\r\nX: y", "\u00e9", "钥"])
def test_a_key_that_no_header_can_hold_is_refused_unseen(odd: str) -> None:
    for engine in ENGINES.values():
        with pytest.raises(ValueError, match="the key of") as refused:
            engine(engine_client(None, 1.0), KEY + odd)
        assert KEY not in "".join(traceback.format_exception(refused.value))


def _ago(days: int) -> date:
    return datetime.now(UTC).date() - timedelta(days=days)


DAYS: list[tuple[Recency, int]] = [("day", 1), ("week", 7), ("month", 31), ("year", 366)]


@pytest.mark.parametrize(("recency", "days"), DAYS)
async def test_recency_is_asked_for_in_the_engines_words(
    recency: Recency, days: int, replay: Replay, http: httpx.AsyncClient
) -> None:
    replay.recorded("no-results")
    await found_by(replay, http, SearchQuery("x", recency=recency))
    first = (datetime.now(UTC).date() - timedelta(days=days + 1)).isoformat()
    asked = {
        "bocha": lambda: replay.sent[0]["freshness"] == f"one{recency.capitalize()}",
        "brave": lambda: replay.asked[0]["freshness"] == [f"p{recency[0]}"],
        "exa": lambda: replay.sent[0]["startPublishedDate"].startswith(first),
        "serper": lambda: replay.sent[0]["tbs"] == f"qdr:{recency[0]}",
        "tavily": lambda: replay.sent[0]["time_range"] == recency,
    }
    assert asked[replay.engine]()


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        (SearchQuery("x", after="2025-03-01", before="2025-12-31"), date(2025, 3, 1), date(2025, 12, 31)),
        (SearchQuery("x", before="2024-02-29"), date(1990, 1, 1), date(2024, 2, 29)),
        (SearchQuery("x", recency="week", after="2020-01-01"), _ago(8), _ago(-1)),
    ],
)
async def test_days_are_asked_for_in_the_engines_words(
    query: SearchQuery, first: date, last: date, replay: Replay, http: httpx.AsyncClient
) -> None:
    replay.recorded("no-results")
    await found_by(replay, http, query)
    asked = {
        "bocha": lambda: replay.sent[0]["freshness"] == f"{first}..{last}",
        "brave": lambda: replay.asked[0]["freshness"] == [f"{first}to{last}"],
        "exa": lambda: (
            (replay.sent[0]["startPublishedDate"][:10], replay.sent[0]["endPublishedDate"][:10])
            == (str(first), str(last + timedelta(days=1)))
        ),
        "serper": lambda: (
            replay.sent[0]["tbs"]
            == f"cdr:1,cd_min:{first.month}/{first.day}/{first.year},cd_max:{last.month}/{last.day}/{last.year}"
        ),
        "tavily": lambda: (replay.sent[0]["start_date"], replay.sent[0]["end_date"]) == (str(first), str(last)),
    }
    assert asked[replay.engine]()


async def test_domains_are_asked_for_and_checked(replay: Replay, http: httpx.AsyncClient) -> None:
    replay.recorded("ok")
    query = SearchQuery("x", include_domains=("a.example", "b.example"), exclude_domains=("c.example",))
    assert await found_by(replay, http, query) == []
    operators = "x site:a.example OR site:b.example -site:c.example"
    asked = {
        "bocha": lambda: (replay.sent[0]["include"], replay.sent[0]["exclude"]) == ("a.example|b.example", "c.example"),
        "brave": lambda: replay.asked[0]["q"] == [operators],
        "exa": lambda: (
            (replay.sent[0]["includeDomains"], replay.sent[0]["excludeDomains"])
            == (["a.example", "b.example"], ["c.example"])
        ),
        "serper": lambda: replay.sent[0]["q"] == operators,
        "tavily": lambda: (
            (replay.sent[0]["include_domains"], replay.sent[0]["exclude_domains"])
            == (["a.example", "b.example"], ["c.example"])
        ),
    }
    assert asked[replay.engine]()


async def test_no_more_results_are_asked_for_than_the_engine_gives(replay: Replay, http: httpx.AsyncClient) -> None:
    replay.recorded("no-results")
    await found_by(replay, http, SearchQuery("x", limit=1_000))
    counts = {"bocha": ("count", 50), "exa": ("numResults", 100), "serper": ("num", 100), "tavily": ("max_results", 20)}
    if replay.engine == "brave":
        assert replay.asked[0]["count"] == ["20"]
    else:
        name, most = counts[replay.engine]
        assert replay.sent[0][name] == most


async def test_chinese_questions_ask_for_chinese_results(http: httpx.AsyncClient) -> None:
    with replaying("brave") as brave, replaying("serper") as serper:
        for replay in (brave, serper):
            replay.recorded("no-results")
            await found_by(replay, http, SearchQuery("潮汐", language="zh"))
    assert brave.asked[0]["search_lang"] == ["zh-hans"]
    assert (serper.sent[0]["gl"], serper.sent[0]["hl"]) == ("cn", "zh-cn")


async def test_a_long_query_stays_within_what_brave_takes(http: httpx.AsyncClient) -> None:
    with replaying("brave") as replay:
        replay.recorded("no-results")
        domains = tuple(f"site{number}.example" for number in range(60))
        await found_by(replay, http, SearchQuery("a b", include_domains=domains))
        await found_by(replay, http, SearchQuery("w " * 200))
    assert replay.asked[0]["q"] == ["a b"]
    assert len(replay.asked[1]["q"][0].split()) == 50


async def test_a_long_wait_is_passed_on_and_a_short_one_is_waited_for(replay: Replay, http: httpx.AsyncClient) -> None:
    replay.recorded("too-many")
    asked = await failure_of(replay, http)
    assert isinstance(asked, EngineAsksToWait)
    assert asked.wait_seconds >= 10
    assert len(replay.asked) == 1


async def test_queries_that_arrive_at_once_wait_for_their_second(http: httpx.AsyncClient) -> None:
    """Brave's smallest plan takes one query a second; the agent asks several at once."""
    with replaying("brave") as replay:
        replay.recorded("ok")
        windows = {"X-RateLimit-Remaining": "0, 1000", "X-RateLimit-Reset": "1, 1419704"}
        replay.first = [(429, windows), (429, windows)]
        found = await asyncio.gather(*(found_by(replay, http) for _ in range(2)))
    assert all(found)
    assert len(replay.asked) == 4
