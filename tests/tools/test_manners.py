"""One host sees few requests at once, spaced, and none while it asks us to stay away."""

import asyncio
import itertools
import time

import pytest

from tools import manners
from tools.address import AddressPolicy, Target, parse_target
from tools.errors import PageUnreachable
from tools.manners import Hosts, Manners


def target(url: str) -> Target:
    return parse_target(url, AddressPolicy())


async def starts(hosts: Hosts, names: list[str], crawl_delay_seconds: float = 0.0) -> list[float]:
    """When each visit began, in seconds from now."""
    began = time.monotonic()

    async def visit(name: str) -> float:
        async with hosts.visit(target(f"http://{name}/"), crawl_delay_seconds):
            return time.monotonic() - began

    return sorted(await asyncio.gather(*map(visit, names)))


async def test_requests_to_one_host_are_spaced() -> None:
    times = await starts(Hosts(Manners(spacing_seconds=0.1)), ["pub.test"] * 4)
    assert all(later - earlier > 0.09 for earlier, later in itertools.pairwise(times))


async def test_requests_to_different_hosts_do_not_wait_for_each_other() -> None:
    times = await starts(Hosts(Manners(spacing_seconds=60.0)), [f"pub{number}.test" for number in range(20)])
    assert times[-1] < 30


async def test_a_crawl_delay_is_kept_up_to_a_bound() -> None:
    hosts = Hosts(Manners(spacing_seconds=0.0, max_spacing_seconds=0.2))
    times = await starts(hosts, ["pub.test"] * 2, crawl_delay_seconds=3_600)
    assert 0.19 < times[1] - times[0] < 30


async def test_two_requests_at_once_and_not_three() -> None:
    hosts = Hosts(Manners(requests_per_host=2, spacing_seconds=0.0))
    inside, most = 0, 0

    async def visit() -> None:
        nonlocal inside, most
        async with hosts.visit(target("http://pub.test/")):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(visit() for _ in range(9)))
    assert most == 2


async def test_a_host_that_asks_us_to_wait_is_left_alone_until_then() -> None:
    now = 1_000.0
    hosts = Hosts(Manners(max_wait_seconds=300), clock=lambda: now)
    hosts.stay_away("pub.test", 1e9)
    with pytest.raises(PageUnreachable) as raised:
        async with hosts.visit(target("http://pub.test/")):
            pass
    assert raised.value.reason == "asked_to_wait"
    now += 301
    async with hosts.visit(target("http://pub.test/")):
        pass


async def test_a_failed_visit_gives_its_place_back() -> None:
    hosts = Hosts(Manners(requests_per_host=1, spacing_seconds=0.0))
    for _ in range(3):
        with pytest.raises(ValueError, match="page"):
            async with hosts.visit(target("http://pub.test/")):
                raise ValueError("page")


async def test_idle_hosts_are_forgotten_before_the_bound_is_passed() -> None:
    hosts = Hosts(Manners(spacing_seconds=0.0))
    for number in range(manners.MAX_HOSTS + 10):
        async with hosts.visit(target(f"http://pub{number}.test/")):
            pass
    assert len(hosts._hosts) <= manners.MAX_HOSTS
