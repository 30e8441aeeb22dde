"""Generated hostile URLs never reach an address that is not public."""

import random
import shutil
import subprocess
import sys

import pytest

from tests.cases.hostile_urls import REACHABLE, urls
from tests.cases.run_canaries import NoGuard, hostile_lookup
from tools.address import Address, AddressPolicy
from tools.dialling import Network
from tools.errors import ToolError
from tools.http import Fetcher, FetchParts
from tools.resolver import Resolver


async def dialled(policy: AddressPolicy, count: int) -> set[str]:
    """Every address that a fetch of `count` generated URLs wanted to connect to; all of them refuse."""
    reached: set[str] = set()

    async def dial(address: Address, _port: int) -> object:
        reached.add(str(address))
        raise ConnectionRefusedError

    draw = random.Random(5)
    resolver = Resolver(lookup=lambda name: hostile_lookup(draw, name))
    network = Network(policy, resolver.resolve, dial, lambda _: False)  # type: ignore[arg-type]
    fetcher = Fetcher(FetchParts(network, "kaozheng/1"))
    for url in urls(4, count):
        with pytest.raises(ToolError):
            await fetcher.fetch(url)
    return reached


async def test_no_generated_url_leads_to_a_private_address() -> None:
    reached = await dialled(AddressPolicy(), 2_000)
    assert reached
    assert reached <= REACHABLE


async def test_without_the_guard_they_would() -> None:
    assert len(await dialled(NoGuard(), 1_000) - REACHABLE) >= 20


def test_in_a_namespace_where_every_address_answers_no_canary_is_reached() -> None:
    probe = ["unshare", "-rn", "ip", "link"]
    possible = shutil.which("unshare") and subprocess.run(probe, capture_output=True, check=False).returncode == 0
    if not possible:
        pytest.skip("no network namespaces here")
    run = [sys.executable, "-m", "tests.cases.run_canaries", "400"]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1].split(" (")[0]) == (0, "canaries: 0 hits in 400 URLs")
