"""axe finds nothing serious: both languages, light and dark, empty and full, desk and phone."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.page.browsing import Stage, tab

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser")]
AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")


async def serious(page: Page) -> list[tuple[str, list[str]]]:
    await page.evaluate(AXE)
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    bad = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in bad]


@pytest.mark.parametrize(
    "context",
    [
        {"locale": "en-GB", "color_scheme": "light"},
        {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
    ],
    ids=["en light desk", "zh dark phone"],
)
async def test_axe_finds_nothing_serious(browser: Browser, stage: Stage, context: dict[str, Any]) -> None:
    async with tab(browser, stage.url, **context) as walk:
        page = walk.page
        assert await serious(page) == []
        await walk.ask("How high is Mount Tai?")
        await walk.answered()
        for details in await page.locator("details:visible > summary").all():
            await details.click()
        await page.locator(".answer .chip").first.click()
        await expect(page.locator("#card mark")).to_be_visible()
        await page.evaluate("document.getElementById('history').click()")
        assert await serious(page) == []


async def test_what_happens_is_said_to_a_screen_reader(browser: Browser, stage: Stage) -> None:
    async with tab(browser, stage.url) as walk:
        await walk.ask("How high is Mount Tai?")
        await walk.answered()
        await expect(walk.page.locator("#live[role=status]")).to_have_text("The answer is complete.")
        chip = walk.page.get_by_role("button", name="Source 1: supported").first
        await chip.press("Enter")
        await expect(walk.page.get_by_role("complementary", name="[1] Mount Tai")).to_be_visible()
