"""Where keys are set, a person's answers are listed on each device of theirs, and deleted at the service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.page.browsing import Stage, Watched, staged, tab
from tests.page.test_access import serious
from tests.page.test_walk import endless
from workers.keys import SCOPES, Keys, Wish, create_key

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser")]
PHONE = {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 360, "height": 640}}


@asynccontextmanager
async def device(browser: Browser, stage: Stage, key: str, **context: Any) -> AsyncIterator[Watched]:
    async with tab(browser, stage.url, **context) as walk:
        await walk.page.fill("#key", key)
        await walk.page.press("#key", "Enter")
        await expect(walk.page.locator("#login")).to_be_hidden()
        yield walk


async def test_answers_are_found_on_another_device_and_deleted_for_both(
    browser: Browser, valkey_address: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    mine, other = (create_key(keys, Wish(name, SCOPES)) for name in ("mine", "other"))
    async with AsyncExitStack() as open_:
        stage = await open_.enter_async_context(staged(valkey_address, keys=Keys(file=keys)))
        desk = await open_.enter_async_context(device(browser, stage, mine))
        for number in range(1, 23):
            await desk.ask(f"Question {number}?")
            await desk.answered(number)
        phone = await open_.enter_async_context(device(browser, stage, mine, **PHONE))
        rows = phone.page.locator("#past-list .row-open")
        await phone.page.click("#history")
        await expect(rows).to_have_count(20)
        await expect(rows.first).to_contain_text("Question 22?")
        await phone.page.click("#past-more")
        await expect(rows).to_have_count(22)
        await expect(rows.last).to_contain_text("Question 1?")
        assert await phone.page.evaluate("document.activeElement.textContent") == await rows.nth(20).text_content()
        assert await serious(phone.page) == []
        assert await phone.page.evaluate("document.documentElement.scrollWidth") <= 360
        phone.page.on("dialog", lambda dialog: dialog.accept())
        await phone.page.get_by_role("button", name="删除：Question 22?").click()
        await expect(rows).to_have_count(21)
        await rows.first.click()
        await phone.answered()
        await expect(phone.page.locator(".turn h2")).to_have_text("Question 21?")
        await desk.page.click("#history")
        await expect(desk.page.locator("#past-list .row-open").first).to_contain_text("Question 21?")
        stranger = await open_.enter_async_context(device(browser, stage, other))
        await stranger.page.click("#history")
        await expect(stranger.page.locator("#past-list")).to_have_text("Nothing yet.")


async def test_a_run_that_was_left_is_found_and_nothing_stays_after_logging_out(
    browser: Browser, valkey_address: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    key = create_key(keys, Wish("mine", SCOPES))
    async with staged(valkey_address, keys=Keys(file=keys)) as stage, device(browser, stage, key) as walk:
        page = walk.page
        stage.scripts["endless"] = endless
        await walk.ask("endless")
        await expect(page.locator(".answer")).to_contain_text("on and on")
        await page.click("#new")
        await page.click("#history")
        await page.locator("#past-list .row-open").first.click()
        await expect(page.locator(".answer")).to_contain_text("on and on")
        await page.click("#stop")
        await expect(page.locator(".turn .notice")).to_have_text("Stopped.")
        await page.click("#logout")
        await expect(page.locator("#login")).to_be_visible()
        kept = await page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")
        assert "endless" not in kept
        await page.click("#history")
        await expect(page.locator("#past-problem")).to_contain_text("Log in")
        assert await page.locator("#past-list li").count() == 0
