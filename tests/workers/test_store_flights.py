"""Work that many processes want is done once, and no more at the same time than may be."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript

from tests.fakes import TIDES, FakeModel, FakeWeb
from tools.errors import SearchDown
from tools.search import SearchQuery, SearchResult
from workers.store_flights import (
    _KEEP,
    LEASE_SECONDS,
    SEARCHED,
    Kept,
    StoreFlights,
    limited_model,
    shared_read,
    shared_search,
)

FOUND = (SearchResult("https://a.example/", "A"),)


class Work:
    """Counts how often it is done, and how many are at it at the same time."""

    def __init__(self, seconds: float = 0.1, failing: bool = False) -> None:
        self.done = self.running = self.most = 0
        self._seconds, self._failing = seconds, failing

    async def __call__(self) -> tuple[SearchResult, ...]:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(self._seconds)
        self.running -= 1
        self.done += 1
        if self._failing:
            raise SearchDown("fake", "down", "the engine is down")
        return FOUND


async def many(count: int, work: Callable[[], Awaitable[object]]) -> list[object]:
    return await asyncio.gather(*(work() for _ in range(count)), return_exceptions=True)


async def test_what_many_want_is_done_once(valkey: Redis) -> None:
    work, processes = Work(), [StoreFlights(valkey) for _ in range(5)]
    kept = Kept(SEARCHED, 60)
    found = await asyncio.gather(*(each.join("x", kept, work) for each in processes for _ in range(4)))
    assert set(found) == {FOUND}
    assert work.done == 1


async def test_a_failure_is_nobody_elses(valkey: Redis) -> None:
    failing, flights = Work(0.01, failing=True), StoreFlights(valkey)
    outcomes = await many(3, lambda: flights.join("x", Kept(SEARCHED, 60), failing))
    assert all(isinstance(each, SearchDown) for each in outcomes)
    assert failing.done == 3
    assert await flights.join("x", Kept(SEARCHED, 60), Work()) == FOUND


async def test_what_is_not_fit_to_be_shared_is_not(valkey: Redis) -> None:
    work, flights = Work(0.01), StoreFlights(valkey)
    kept = Kept(SEARCHED, 60, fit=lambda found: False)
    await many(3, lambda: flights.join("x", kept, work))
    assert (work.done, work.most) == (3, 1)


async def test_a_poisoned_outcome_is_worked_for_anew(valkey: Redis) -> None:
    work, flights = Work(0.01), StoreFlights(valkey)
    await flights.join("x", Kept(SEARCHED, 60), work)
    (key,) = [key async for key in valkey.scan_iter("*:outcome")]
    await valkey.set(key, b'{"schema":1,"kind":"searched","value":[{"url":1}]}')
    assert await flights.join("x", Kept(SEARCHED, 60), work) == FOUND
    assert work.done == 2


async def test_a_store_that_is_away_shares_nothing_and_stops_nobody() -> None:
    work, flights = Work(0.01), StoreFlights(Redis(port=1, retry=Retry(NoBackoff(), 0)))
    assert await flights.join("x", Kept(SEARCHED, 60), work) == FOUND
    async with flights.place("model", 1), flights.place("model", 1):
        pass


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_hold_a_place_than_there_are(valkey: Redis, limit: int) -> None:
    work, processes = Work(0.05), [StoreFlights(valkey) for _ in range(4)]

    async def placed(flights: StoreFlights) -> None:
        async with flights.place("model", limit):
            await work()

    await asyncio.gather(*(placed(each) for each in processes for _ in range(2)))
    assert (work.done, work.most) == (8, limit)


async def test_a_place_whose_holder_was_killed_is_free_after_its_lease(valkey: Redis) -> None:
    await valkey.zadd("kz:q:{limit:model}:held", {"dead": 1})
    async with asyncio.timeout(30), StoreFlights(valkey).place("model", 1):
        pass


async def test_one_search_and_one_page_serve_all_rows(valkey: Redis) -> None:
    web = FakeWeb(TIDES)
    search, read = shared_search(web.search, StoreFlights(valkey)), shared_read(web.read, StoreFlights(valkey))
    found = await asyncio.gather(*(search(SearchQuery("tides")) for _ in range(5)))
    assert [each == found[0] for each in found] == [True] * 5
    assert len(web.queries) == 1
    await search(SearchQuery("tides", recency="day"))
    assert len(web.queries) == 2
    assert await read(TIDES.url) == TIDES


async def test_a_model_with_a_limit_says_the_same(valkey: Redis) -> None:
    from agent.prompt import Message, Prompt

    model = FakeModel([["a", "b"], ["a", "b"]])
    prompt = Prompt((Message("user", "?"),), ())
    plain = [delta async for delta in model.generate(prompt)]
    limited = [delta async for delta in limited_model(model.generate, StoreFlights(valkey), 1)(prompt)]
    assert limited == plain


class LosesOneCancel(Redis):
    """A client that swallows the first cancel of what renews, as redis-py may while it loses its connection."""

    lost = False

    def register_script(self, script: str | bytes) -> AsyncScript:
        registered = super().register_script(script)
        return registered if script != _KEEP else Swallowing(self, script)


class Swallowing(AsyncScript):
    async def __call__(self, *arguments: object, **named: object) -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert isinstance(self.registered_client, LosesOneCancel)
            if self.registered_client.lost:
                raise
            self.registered_client.lost = True
        return 1


async def test_work_ends_also_when_the_cancel_of_what_renews_its_turn_is_lost(empty_valkey: str) -> None:
    async with LosesOneCancel.from_url(empty_valkey) as client:
        work = Work(LEASE_SECONDS / 3 + 0.3)
        async with asyncio.timeout(60):
            assert await StoreFlights(client).join("x", Kept(SEARCHED, 60), work) == FOUND
        assert client.lost
        assert await client.keys("*lock*") == []
