"""One piece of work for all who want it, and it ends with the last of them."""

import asyncio

import pytest

from workers.flights import Flights


async def settled() -> None:
    """Everything that can run has run."""
    for _ in range(10):
        await asyncio.sleep(0)


class Work:
    """Waits to be let go; counts how often it was begun and broken off."""

    def __init__(self) -> None:
        self.begun = self.broken_off = 0
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> str:
        self.begun += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        if self.error:
            raise self.error
        return "done"


async def test_those_who_come_at_once_share_one_piece_of_work() -> None:
    work, flights = Work(), Flights[str]()
    waiting = [asyncio.ensure_future(flights.join("a", work)) for _ in range(20)]
    other = asyncio.ensure_future(flights.join("b", work))
    await settled()
    work.go.set()
    assert await asyncio.gather(*waiting, other) == ["done"] * 21
    assert work.begun == 2


async def test_who_leaves_takes_nothing_from_the_others() -> None:
    work, flights = Work(), Flights[str]()
    first, second = (asyncio.ensure_future(flights.join("a", work)) for _ in range(2))
    await settled()
    first.cancel()
    await settled()
    work.go.set()
    assert await second == "done"
    assert (work.begun, work.broken_off) == (1, 0)


async def test_work_ends_with_the_last_who_waits_and_the_next_begins_anew() -> None:
    work, flights = Work(), Flights[str]()
    waiting = [asyncio.ensure_future(flights.join("a", work)) for _ in range(3)]
    await settled()
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    late = asyncio.ensure_future(flights.join("a", work))
    await settled()
    assert (work.begun, work.broken_off) == (2, 1)
    work.go.set()
    assert await late == "done"


async def test_nobody_joins_work_that_is_being_broken_off() -> None:
    work, flights = Work(), Flights[str]()
    last = asyncio.ensure_future(flights.join("a", work))
    await settled()
    last.cancel()
    with pytest.raises(asyncio.CancelledError):
        await last
    work.go.set()
    assert await flights.join("a", work) == "done"


async def test_a_failure_reaches_all_and_is_not_kept() -> None:
    work, flights = Work(), Flights[str]()
    work.error = ValueError("no")
    work.go.set()
    outcomes = await asyncio.gather(*(flights.join("a", work) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError] * 3
    work.error = None
    assert await flights.join("a", work) == "done"
    assert work.begun == 2


async def test_a_deadline_of_one_is_no_deadline_of_the_others() -> None:
    work, flights = Work(), Flights[str]()
    patient = asyncio.ensure_future(flights.join("a", work))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await flights.join("a", work)
    work.go.set()
    assert await patient == "done"
    assert work.begun == 1
