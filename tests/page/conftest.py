"""One browser, one store and one service for each file of tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.page.browsing import CHROMIUM, FLAGS, Stage, staged
from workers.valkey import EmbeddedValkey

expect.set_options(timeout=30_000)  # a loaded machine is no fault of the page


@pytest.fixture(scope="session")
def valkey_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running server, as redis-py takes it."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    yield server.start()
    server.stop()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium: scripts/debian-packages could not install it")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(valkey_address: str) -> AsyncIterator[Stage]:
    """One service for a whole file of tests."""
    async with staged(valkey_address) as running:
        yield running
