"""Dead names never hold up living ones."""

import asyncio
import ipaddress
import threading

import pytest

from tools.errors import PageUnreachable
from tools.resolver import MAX_LOOKUPS, Resolver, is_own_address


class NameServer:
    """Answers `good.test`; knows nothing of `unknown.test`; is silent about every other name until closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.asked: list[str] = []

    def __call__(self, name: str) -> list[str]:
        self.asked.append(name)
        if name == "unknown.test":
            raise OSError("no such name")
        if name != "good.test":
            self.closed.wait(10)
        return ["93.184.215.14", "2606:4700::1111", "93.184.215.14"]


async def test_a_name_gives_each_of_its_addresses_once_in_order() -> None:
    addresses = await Resolver(lookup=NameServer()).resolve("good.test")
    assert [str(address) for address in addresses] == ["93.184.215.14", "2606:4700::1111"]


async def test_twenty_dead_names_do_not_delay_a_living_one() -> None:
    server = NameServer()
    resolver = Resolver(dns_seconds=10, lookup=server)
    dead = [asyncio.ensure_future(resolver.resolve(f"dead{number}.test")) for number in range(20)]
    await asyncio.sleep(0.05)
    assert await resolver.resolve("good.test")
    assert not any(look_up.done() for look_up in dead)
    server.closed.set()
    await asyncio.gather(*dead)


async def test_a_dead_name_is_given_up_at_the_limit() -> None:
    server = NameServer()
    with pytest.raises(PageUnreachable) as raised:
        await Resolver(dns_seconds=0.1, lookup=server).resolve("dead.test")
    server.closed.set()
    assert raised.value.reason == "dns"


async def test_more_dead_names_than_threads_wait_no_longer_than_the_limit() -> None:
    server = NameServer()
    resolver = Resolver(dns_seconds=0.2, lookup=server)
    names = [f"dead{number}.test" for number in range(MAX_LOOKUPS + 10)]
    failures = await asyncio.gather(*map(resolver.resolve, names), return_exceptions=True)
    assert len(server.asked) == MAX_LOOKUPS
    assert all(isinstance(failure, PageUnreachable) for failure in failures)
    server.closed.set()
    assert await Resolver(dns_seconds=10, lookup=server).resolve("good.test")


@pytest.mark.parametrize("lookup", [NameServer(), lambda _: []])
async def test_a_name_without_an_address_is_unreachable(lookup: NameServer) -> None:
    with pytest.raises(PageUnreachable) as raised:
        await Resolver(lookup=lookup).resolve("unknown.test")
    assert raised.value.reason == "dns"


def test_this_machine_knows_its_own_addresses() -> None:
    assert is_own_address(ipaddress.ip_address("127.0.0.1"))
    assert not is_own_address(ipaddress.ip_address("8.8.8.8"))
