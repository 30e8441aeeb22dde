"""A link to an answer, from the button that makes it to the reader who is told that it has ended."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from redis.asyncio import Redis

from tests.page.browsing import Stage, Watched, staged, tab
from tests.page.test_access import serious
from workers.keys import Keys, Wish, create_key
from workers.shares import Shares

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser")]


@dataclass
class House:
    """A service with two keys, and the clock of its links."""

    stage: Stage
    keys: list[str]
    ahead: timedelta = field(default_factory=timedelta)


@asynccontextmanager
async def opened(valkey_address: str, folder: Path) -> AsyncIterator[House]:
    file = folder / "keys"
    house = House(Stage(), [create_key(file, Wish(name)) for name in ("owner", "other")])
    async with Redis.from_url(valkey_address, socket_timeout=5) as valkey:
        shares = Shares(valkey, now=lambda: datetime.now(UTC) + house.ahead)
        async with staged(valkey_address, keys=Keys(file=file), shares=shares) as stage:
            house.stage = stage
            yield house


async def log_in(walk: Watched, key: str) -> None:
    await walk.page.fill("#key", key)
    await walk.page.press("#key", "Enter")
    await expect(walk.page.locator("#login")).to_be_hidden()


async def made_link(walk: Watched, anybody: bool) -> str:
    """The address, from the page."""
    if not await walk.page.locator("form.share").count():
        await walk.page.get_by_role("button", name="Share").click()
    await walk.page.get_by_label("readable without a key").set_checked(anybody)
    before = await walk.page.locator(".links li").count()
    await walk.page.get_by_role("button", name="Make a link").click()
    await expect(walk.page.locator(".links li")).to_have_count(before + 1)
    return await walk.page.get_by_label("The link").input_value()


async def test_an_answer_is_shared_read_and_taken_back(browser: Browser, valkey_address: str, tmp_path: Path) -> None:
    async with opened(valkey_address, tmp_path) as house, tab(browser, house.stage.url) as walk:
        await log_in(walk, house.keys[0])
        await walk.ask("How high is Mount Tai?")
        await walk.answered()
        link = await made_link(walk, anybody=True)
        assert re.fullmatch(re.escape(house.stage.url) + "/shared#[A-Za-z0-9_-]{43}", link)
        assert await serious(walk.page) == []
        async with tab(browser, link) as reader:
            await reader.answered()
            await expect(reader.page.locator(".turn h2")).to_have_text("How high is Mount Tai?")
            await reader.page.locator(".answer .chip").first.click()
            await expect(reader.page.locator("#card mark")).to_have_text("Mount Tai is 1,545 m high.")
            await expect(reader.page.locator("#card")).to_contain_text("A page about mountains.")
            for hidden in ("#ask", "#history", "#new", "#login", "#logout"):
                await expect(reader.page.locator(hidden)).to_be_hidden()
            assert await reader.page.get_by_role("button", name="Share").count() == 0
            await expect(reader.page.locator("#welcome")).to_contain_text("This link is good until")
            assert await reader.page.evaluate("localStorage.getItem('kaozheng.past')") is None
            assert await serious(reader.page) == []
            assert reader.abroad(house.stage.url) == []
            token = link.partition("#")[2]
            assert [url for url in reader.requested if token in url and "/v1/shared/" not in url] == []
        await walk.page.get_by_role("button", name="Take back").click()
        await expect(walk.page.locator(".links li")).to_contain_text("taken back")
        for locale, words in (("en-GB", "This link was taken back"), ("zh-CN", "分享者已收回此链接。")):
            async with tab(browser, "", locale=locale) as late:
                await late.page.goto(link)
                await expect(late.page.get_by_role("alert").filter(has_text=words)).to_be_visible()
                assert await late.page.locator(".turn").count() == 0


async def test_a_link_for_keys_only_asks_for_one_and_an_expired_link_says_so(
    browser: Browser, valkey_address: str, tmp_path: Path
) -> None:
    async with opened(valkey_address, tmp_path) as house, tab(browser, house.stage.url) as walk:
        await log_in(walk, house.keys[0])
        await walk.ask("How high is Mount Tai?")
        await walk.answered()
        link = await made_link(walk, anybody=False)
        async with tab(browser, link) as reader:
            await expect(reader.page.get_by_role("alert").filter(has_text="Log in with your key.")).to_be_visible()
            assert await reader.page.locator(".turn").count() == 0
            await log_in(reader, house.keys[1])
            await reader.answered()
        house.ahead = timedelta(days=8)
        for locale, words in (("en-GB", "This link has expired."), ("zh-CN", "此链接已过期")):
            async with tab(browser, "", locale=locale) as late:
                await late.page.goto(link)
                await expect(late.page.get_by_role("alert").filter(has_text=words)).to_be_visible()


async def test_without_keys_no_link_is_said_to_work_elsewhere(browser: Browser, valkey_address: str) -> None:
    async with (
        Redis.from_url(valkey_address, socket_timeout=5) as valkey,
        staged(valkey_address, shares=Shares(valkey)) as stage,
        tab(browser, stage.url, locale="zh-CN") as walk,
    ):
        await walk.ask("泰山有多高？")
        await walk.answered()
        await walk.page.get_by_role("button", name="分享").click()
        await expect(walk.page.locator("form.share")).to_contain_text("只能在本机阅读")
        await expect(walk.page.locator("form.share")).not_to_contain_text("false")
        assert await walk.page.locator("form.share [type=checkbox]").count() == 0
        await walk.page.get_by_role("button", name="生成链接").click()
        await expect(walk.page.locator("input.link")).to_have_value(re.compile("/shared#"))
