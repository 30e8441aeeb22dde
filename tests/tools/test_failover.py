"""Engines are asked in the operator's order; one that is down is passed over, and said to be."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tools.engines.client import EngineAsksToWait
from tools.errors import SearchDown
from tools.failover import Failover, FailoverSettings
from tools.search import Search, SearchQuery, SearchResult

QUERY = SearchQuery("debian")


def working(*urls: str, asked: list[str] | None = None) -> Search:
    async def search(query: SearchQuery) -> list[SearchResult]:
        (asked if asked is not None else []).append(query.text)
        return [SearchResult(url, "title\nof two lines") for url in urls]

    return search


def broken(asked: list[str] | None = None, detail: str = "no connection") -> Search:
    async def search(query: SearchQuery) -> list[SearchResult]:
        (asked if asked is not None else []).append(query.text)
        raise SearchDown("engine", "unreachable", detail)

    return search


def hanging() -> Search:
    async def search(_: SearchQuery) -> list[SearchResult]:
        await asyncio.sleep(60)
        return []

    return search


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def urls_of(failover: Failover) -> list[str]:
    return [result.url for result in await failover.search(QUERY)]


async def test_the_first_engine_that_finds_something_answers() -> None:
    asked: list[str] = []
    failover = Failover([("a", working("https://a.example/")), ("b", working("https://b.example/", asked=asked))])
    assert await urls_of(failover) == ["https://a.example/"]
    assert asked == []


async def test_an_engine_that_is_down_is_passed_over() -> None:
    failover = Failover([("a", broken()), ("b", working("https://b.example/"))])
    found = await failover.search(QUERY)
    assert [(result.url, result.title, result.engine) for result in found] == [
        ("https://b.example/", "title of two lines", "b")
    ]


async def test_nothing_found_is_asked_of_the_next_engine_if_so_wanted() -> None:
    engines = [("a", working()), ("b", working("https://b.example/"))]
    assert await urls_of(Failover(engines)) == ["https://b.example/"]
    assert await urls_of(Failover(engines, FailoverSettings(ask_next_when_empty=False))) == []


async def test_nothing_found_by_one_engine_is_an_answer_though_the_others_are_down() -> None:
    assert await Failover([("a", broken()), ("b", working()), ("c", broken())]).search(QUERY) == []


async def test_all_down_names_each_with_its_reason() -> None:
    failover = Failover([("a", broken(detail="no route")), ("b", hanging())], FailoverSettings(engine_seconds=0.05))
    with pytest.raises(SearchDown) as down:
        await failover.search(QUERY)
    assert down.value.reason == "all_down"
    assert "a: no route" in down.value.detail
    assert "b: it did not answer within 0.05 s" in down.value.detail


async def test_a_slow_engine_is_left_behind() -> None:
    start = time.monotonic()
    failover = Failover([("a", hanging()), ("b", working("https://b.example/"))], FailoverSettings(engine_seconds=0.1))
    assert await urls_of(failover) == ["https://b.example/"]
    assert time.monotonic() - start < 20


def circuit(asked: list[str], clock: Clock, make: Callable[[list[str]], Search] = broken) -> Failover:
    settings = FailoverSettings(failures=2, pause_seconds=30)
    return Failover([("a", make(asked)), ("b", working("https://b.example/"))], settings, clock)


async def test_an_engine_that_keeps_failing_is_not_asked_for_a_while_and_then_tried_once() -> None:
    asked: list[str] = []
    clock = Clock()
    failover = circuit(asked, clock)
    for _ in range(5):
        await failover.search(QUERY)
    assert len(asked) == 2
    clock.now = 29.9
    await failover.search(QUERY)
    assert len(asked) == 2
    clock.now = 30.1
    await asyncio.gather(*(failover.search(QUERY) for _ in range(5)))
    assert len(asked) == 3
    clock.now = 59.9
    await failover.search(QUERY)
    assert len(asked) == 3


async def test_an_engine_that_is_back_is_asked_as_before() -> None:
    clock = Clock()
    down = True

    async def mended(_: SearchQuery) -> list[SearchResult]:
        if down:
            raise SearchDown("a", "unreachable")
        return [SearchResult("https://a.example/", "t")]

    failover = circuit([], clock, lambda _: mended)
    for _ in range(3):
        assert await urls_of(failover) == ["https://b.example/"]
    down = False
    clock.now = 31
    assert await urls_of(failover) == ["https://a.example/"]
    assert await urls_of(failover) == ["https://a.example/"]


async def test_a_paused_engine_still_gives_its_reason_when_all_are_down() -> None:
    failover = Failover([("a", broken(detail="no route"))], FailoverSettings(failures=1), Clock())
    for _ in range(2):
        with pytest.raises(SearchDown, match="no route"):
            await failover.search(QUERY)


def test_no_engine_at_all_is_a_mistake_of_the_operator() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Failover([])


def asking_to_wait(seconds: float, asked: list[str]) -> Search:
    async def search(query: SearchQuery) -> list[SearchResult]:
        asked.append(query.text)
        down = EngineAsksToWait("a", "rate_limited")
        down.wait_seconds = seconds
        raise down

    return search


@pytest.mark.parametrize(("seconds", "kept_away"), [(40.0, 40.0), (86_400.0, 900.0)])
async def test_an_engine_that_asks_to_wait_is_not_asked_until_then(seconds: float, kept_away: float) -> None:
    asked: list[str] = []
    clock = Clock()
    failover = Failover([("a", asking_to_wait(seconds, asked)), ("b", working("https://b.example/"))], clock=clock)
    await failover.search(QUERY)
    clock.now = kept_away - 0.1
    await failover.search(QUERY)
    assert len(asked) == 1
    clock.now = kept_away + 0.1
    await failover.search(QUERY)
    assert len(asked) == 2


@pytest.mark.parametrize("reason", ["bad_request", "busy"])
async def test_a_refused_query_does_not_close_the_engine_to_the_next(reason: str) -> None:
    asked: list[str] = []

    async def choosy(query: SearchQuery) -> list[SearchResult]:
        asked.append(query.text)
        raise SearchDown("a", reason)

    failover = Failover([("a", choosy), ("b", working("https://b.example/"))], FailoverSettings(failures=1), Clock())
    for _ in range(5):
        assert await urls_of(failover) == ["https://b.example/"]
    assert len(asked) == 5


async def test_results_older_than_asked_for_are_left_out_and_undated_ones_stay() -> None:
    async def dated(_: SearchQuery) -> list[SearchResult]:
        days = {"old": "2001-02-03", "new": datetime.now(UTC).date().isoformat(), "undated": ""}
        return [SearchResult(f"https://{name}.example/", "t", date=day) for name, day in days.items()]

    found = await Failover([("a", dated)]).search(SearchQuery("debian", recency="year"))
    assert [result.url for result in found] == ["https://new.example/", "https://undated.example/"]
