"""A person walks through the page: asks, watches, opens the proof, stops, asks on, comes back."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from playwright.async_api import Browser, Page, expect

from agent.answer import Skipped
from agent.events import Cited, Event, Text
from agent.question import Question
from tests.page.browsing import HEIGHT, Stage, tab
from tests.page.scripted import HUA, TAI, Judge, Script

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser")]


JUDGED_ONE: Judge = {1: ("supported", "Mount Tai is 1,545 m high.")}


async def endless(question: Question) -> AsyncGenerator[Event, None]:
    while True:
        yield Text("on and on ")
        await asyncio.sleep(0.02)


async def test_an_answer_comes_with_its_steps_and_a_chip_opens_the_sentence(browser: Browser, stage: Stage) -> None:
    async with tab(browser, stage.url) as walk:
        page = walk.page
        await walk.ask("How high is Mount Tai?")
        await walk.answered()
        steps = await page.locator(".work li").all_text_contents()
        assert any("library" in step and "8 results" in step for step in steps)
        assert any("slow.example" in step and "does not answer" in step for step in steps)
        assert await page.locator(".answer h4").text_content() == "How high it is"
        assert await page.locator(".answer table td").count() == 4
        assert await page.locator(".answer pre code").text_content() == "climb --night"
        assert await page.locator(".answer .chip").all_text_contents() == ["1 ✓", "2 ◐"]
        await page.locator(".answer .chip").first.click()
        card = page.locator("#card")
        await expect(card.locator("mark")).to_have_text("Mount Tai is 1,545 m high.")
        await expect(card.locator("blockquote")).to_contain_text("A page about mountains.")
        await expect(card).to_contain_text("Page dated 2024-05-01 · Read ")
        await expect(card.locator(".badge")).to_contain_text("supported")
        live = await card.locator("a").first.get_attribute("href")
        assert live is not None
        assert live.startswith(f"{TAI.url}#:~:text=Mount%20Tai")
        assert walk.complaints == []
        assert walk.abroad(stage.url) == []


async def test_the_question_is_told_in_the_text_box_until_it_is_taken_and_then_asked_on(
    browser: Browser, stage: Stage
) -> None:
    async with tab(browser, stage.url) as walk:
        await walk.ask("How high is Mount Tai?")
        await walk.answered()
        await walk.ask("And Mount Hua?")
        await walk.answered(2)
        assert await walk.page.input_value("#question") == ""
    assert [turn.question for turn in stage.asked[-1].history] == ["How high is Mount Tai?"]


async def test_a_marker_that_is_not_judged_is_a_plain_source(browser: Browser, stage: Stage) -> None:
    stage.scripts["code"] = Script("Run this[citation:1].\n\n```\nclimb\n```\n[citation:2]\n", judged=JUDGED_ONE)
    async with tab(browser, stage.url, locale="zh-CN") as walk:
        await walk.ask("code")
        await walk.answered()
        chips = walk.page.locator(".answer .chip")
        assert await chips.all_text_contents() == ["1 ✓", "2"]
        await chips.nth(1).click()
        card = walk.page.locator("#card")
        await expect(card.locator(".badge")).to_have_text("来源，未逐句核对")
        await expect(card.locator(".notice")).to_contain_text("不逐句核对")
        await expect(card).not_to_contain_text("没有找到支持这句话的原句")


async def test_what_was_not_read_says_why_in_the_readers_language(browser: Browser, stage: Stage) -> None:
    skipped = (
        Skipped("https://a.example/scan.pdf", "scanned_pdf", "the pages are pictures"),
        Skipped("https://b.example/", "http_503", "the site answers 503"),
        Skipped("https://c.example/", "brand_new", "something new"),
        Skipped("https://d.example/", "robots", "robots.txt"),
    )
    at = "2026-11-22T08:00:00+00:00"
    stage.scripts["unread"] = replace(HEIGHT, changes=lambda answer: replace(answer, skipped=skipped, created=at))
    async with tab(browser, stage.url, locale="zh-CN") as walk:
        await walk.ask("unread")
        await walk.answered()
        await walk.page.locator("details.failed_pages > summary").click()
        rows = await walk.page.locator("details.failed_pages li").all_text_contents()
        assert [row.split(": ", 1)[1] for row in rows] == [
            "扫描件，没有文字",
            "网站返回 503",
            "其他原因：something new",
            "网站不允许程序读取",
        ]
        await expect(walk.page.locator(".after")).to_contain_text("网页读取于 2026年11月22日")
        await walk.page.click("#language")
        await walk.page.locator("details.failed_pages > summary").click()
        await expect(walk.page.locator("details.failed_pages")).to_contain_text("scanned pages without text")


async def test_stop_ends_the_run_and_keeps_what_was_written(browser: Browser, stage: Stage) -> None:
    stage.scripts["endless"] = endless
    async with tab(browser, stage.url) as walk:
        await walk.ask("endless")
        await expect(walk.page.locator(".answer")).to_contain_text("on and on on and on")
        await walk.page.click("#stop")
        await expect(walk.page.locator(".notice")).to_have_text("Stopped.")
        await expect(walk.page.locator(".answer")).to_contain_text("on and on")
        await expect(walk.page.locator("#stop")).to_be_hidden()
        assert walk.complaints == []


async def test_a_citation_of_a_stopped_answer_says_that_nobody_judged_it(browser: Browser, stage: Stage) -> None:
    async def cites(question: Question) -> AsyncGenerator[Event, None]:
        yield Cited(1, TAI.url, TAI.title)
        async for event in endless(question):
            yield event

    stage.scripts["cites"] = cites
    async with tab(browser, stage.url) as walk:
        chip = walk.page.locator(".answer .chip")
        await walk.ask("cites")
        await expect(chip).to_have_text("1 …")
        await walk.page.click("#stop")
        await expect(chip).to_have_text("1")
        await chip.click()
        await expect(walk.page.locator("#card .notice")).to_contain_text("broke off before it was checked")


async def test_the_card_says_the_statement_in_words_and_what_the_page_says_against_it(
    browser: Browser, stage: Stage
) -> None:
    against: Judge = {1: ("contradicted", "Mount Tai is 1,545 m high."), 2: ("partial", "华山主峰海拔2154.9米。")}
    stage.scripts["against"] = Script(
        "- Mount Tai is **2,000 m** high[citation:1].\n\n|a|b|\n|-|-|\n|华山|高[citation:2]|", judged=against
    )
    async with tab(browser, stage.url) as walk:
        await walk.ask("against")
        await walk.answered()
        await walk.page.locator(".answer .chip").first.click()
        card = walk.page.locator("#card")
        await expect(card).to_contain_text("Mount Tai is 2,000 m high")
        await expect(card.locator(".notice")).to_have_text("This page says otherwise.")
        await walk.page.locator(".answer .chip").last.click()
        await expect(card).to_contain_text("华山 · 高")
        await expect(card.locator(".notice")).to_have_text("The page supports only a part of it.")


async def test_asking_while_an_answer_is_written_loses_nothing_that_was_typed(browser: Browser, stage: Stage) -> None:
    stage.scripts["endless"] = endless
    async with tab(browser, stage.url) as walk:
        await walk.ask("endless")
        await expect(walk.page.locator(".answer")).to_contain_text("on and on")
        await walk.ask("the next one")
        await expect(walk.page.locator("#problem")).to_contain_text("An answer is being written")
        await walk.page.click("#stop")
        await expect(walk.page.locator("#problem")).to_be_hidden()
        assert await walk.page.input_value("#question") == "the next one"


async def test_the_page_speaks_the_browsers_language_and_changes_it(browser: Browser, stage: Stage) -> None:
    async with tab(browser, stage.url, locale="zh-CN") as walk:
        page = walk.page
        assert await page.get_attribute("html", "lang") == "zh-CN"
        await walk.ask("泰山有多高？")
        await walk.answered()
        await expect(page.locator(".proof")).to_have_text("2 句带引用的话中，有 1 句得到所引网页的支持。")
        await page.locator(".answer .chip").first.click()
        await expect(page.locator("#card .badge")).to_contain_text("支持")
        await page.click("#language")
        await expect(page.locator(".proof")).to_contain_text("1 of 2 statements")
        await expect(page.locator("#send")).to_have_text("Follow up")
        await page.reload()
        await page.wait_for_selector("html[data-ready]")
        assert await page.get_attribute("html", "lang") == "en"


async def test_a_reload_comes_back_to_the_answer_and_the_history_opens_earlier_ones(
    browser: Browser, stage: Stage
) -> None:
    async with tab(browser, stage.url) as walk:
        page = walk.page
        await walk.ask("How high is Mount Tai?")
        await walk.answered()
        await page.reload()
        await walk.answered()
        await expect(page.locator(".turn h2")).to_have_text("How high is Mount Tai?")
        await page.click("#new")
        assert await page.locator(".turn").count() == 0
        await page.click("#history")
        await page.locator("#past-list button").first.click()
        await walk.answered()
        await expect(page.locator(".answer .chip").first).to_have_text("1 ✓")
        await walk.ask("And Mount Hua?")
        await walk.answered(2)
    assert len(stage.asked[-1].history) == 1


async def test_everything_is_reached_with_the_keyboard(browser: Browser, stage: Stage) -> None:
    async with tab(browser, stage.url) as walk:
        page = walk.page
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Go to the question"
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.focus("#question")
        await page.keyboard.type("How high is Mount Tai?")
        await page.keyboard.press("Enter")
        await walk.answered()
        chip = page.locator(".answer .chip").first
        for _ in range(30):
            await page.keyboard.press("Shift+Tab")
            if await chip.evaluate("node => node === document.activeElement"):
                break
        await page.keyboard.press("Enter")
        await expect(page.locator("#card mark")).to_be_visible()
        assert await page.evaluate("document.activeElement.id") == "card"
        await page.keyboard.press("Escape")
        await expect(page.locator("#card")).to_be_hidden()
        assert await chip.evaluate("node => node === document.activeElement")


async def focused(page: Page, selector: str) -> None:
    """Goes there by Tab, as far as it takes."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached")


async def test_a_phone_in_chinese_with_a_keyboard_asks_opens_asks_on_and_stops(browser: Browser, stage: Stage) -> None:
    stage.scripts["停不下来"] = endless
    phone = {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 360, "height": 640}, "has_touch": True}
    async with tab(browser, stage.url, **phone) as walk:
        page = walk.page
        await focused(page, "#question")
        await page.keyboard.insert_text("泰山有多高？")
        await page.keyboard.press("Enter")
        await walk.answered()
        await focused(page, ".answer .chip")
        await page.keyboard.press("Enter")
        await expect(page.locator("#card .badge")).to_have_text("✓ 支持")
        await page.keyboard.press("Escape")
        await focused(page, "#question")
        await page.keyboard.insert_text("那华山呢？")
        await page.keyboard.press("Enter")
        await walk.answered(2)
        assert [turn.question for turn in stage.asked[-1].history] == ["泰山有多高？"]
        await focused(page, "#question")
        await page.keyboard.insert_text("停不下来")
        await page.keyboard.press("Enter")
        await expect(page.locator(".turn:last-child .answer")).to_contain_text("on and on")
        await focused(page, "#stop")
        await page.keyboard.press("Enter")
        await expect(page.locator(".turn:last-child .notice")).to_have_text("已停止。")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        assert walk.complaints == []


UNCOVERED = "chip => chip.getBoundingClientRect().bottom < document.getElementById('card').getBoundingClientRect().top"


async def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, stage: Stage) -> None:
    async with tab(browser, stage.url, viewport={"width": 360, "height": 640}) as walk:
        await walk.ask("How high is Mount Tai?")
        await walk.answered()
        await walk.page.locator(".answer .chip").first.click()
        await expect(walk.page.locator("#card mark")).to_be_in_viewport()
        assert await walk.page.locator(".answer .chip").first.evaluate(UNCOVERED)
        assert await walk.page.evaluate("document.documentElement.scrollWidth") <= 360


WIDE = (
    "$$" + " + ".join(f"\\frac{{a_{{{n}}}}}{{b}}" for n in range(60)) + "$$\n\n"
    "Inline $\\frac{" + "m" * 90 + "}{2}$ and https://" + "long" * 60 + ".example/ `" + "code_" * 60 + "`\n\n"
    "| province | mountain | " + "remarks | " * 6 + "\n|---|---|" + "---|" * 6 + "\n"
    "| Shandong | considerably |"
    + " 一座非常有名的山 |" * 6
    + "\n\n```\n"
    + "wide " * 100
    + "\n```\n\n"
    + "长" * 500
    + "\n"
)
LINES = """cell => {
  const words = document.createRange();
  words.selectNodeContents(cell);
  return words.getClientRects().length;
}"""


async def test_wide_formulae_tables_code_and_words_stay_within_a_phone(browser: Browser, stage: Stage) -> None:
    stage.scripts["wide"] = replace(HEIGHT, text=WIDE)
    async with tab(browser, stage.url, viewport={"width": 360, "height": 640}) as walk:
        await walk.ask("wide")
        await walk.answered()
        await expect(walk.page.locator(".answer .katex").first).to_be_visible()
        assert await walk.page.evaluate("document.documentElement.scrollWidth") <= 360
        assert await walk.page.locator(".answer td").first.evaluate(LINES) == 1


async def test_the_words_stay_in_the_form_when_the_service_is_gone(browser: Browser, stage: Stage) -> None:
    async with tab(browser, stage.url) as walk:
        await walk.context.set_offline(True)
        await walk.ask("a long question that nobody wants to type twice")
        await expect(walk.page.locator("#problem")).to_contain_text("cannot be reached")
        assert await walk.page.input_value("#question") == "a long question that nobody wants to type twice"
        await walk.context.set_offline(False)
        await walk.page.click("#send")
        await walk.answered()
    assert HEIGHT.text


@pytest.mark.parametrize(
    ("locale", "words"),
    [("en-GB", "A file cannot be read. (bad.pdf"), ("zh-CN", "文件无法读取。 (bad.pdf")],
    ids=["en", "zh"],
)
async def test_files_are_sent_with_the_question_and_a_wrong_one_is_said_by_name(
    browser: Browser, stage: Stage, locale: str, words: str
) -> None:
    async with tab(browser, stage.url, locale=locale) as walk:
        page = walk.page
        await page.set_input_files(
            "#attach", [{"name": "offer.txt", "mimeType": "text/plain", "buffer": b"It costs 5."}]
        )
        await walk.ask("What does it cost?")
        await walk.answered()
        assert [file.text for file in stage.asked[-1].files] == ["It costs 5."]
        await page.set_input_files(
            "#attach", [{"name": "bad.pdf", "mimeType": "application/pdf", "buffer": b"\xff\xfe"}]
        )
        await walk.ask("And this?")
        await expect(page.locator("#problem")).to_contain_text(words)
        assert await page.input_value("#question") == "And this?"
        assert await page.locator("#files button").count() == 1


async def test_pages_out_of_the_cache_were_read_when_they_were_fetched(browser: Browser, stage: Stage) -> None:
    old = replace(TAI, read="2026-11-20T08:00:00+00:00")
    at = "2026-11-22T08:00:00+00:00"
    stage.scripts["cached"] = replace(HEIGHT, pages=(old, HUA), changes=lambda answer: replace(answer, created=at))
    async with tab(browser, stage.url, timezone_id="UTC") as walk:
        await walk.ask("cached")
        await walk.answered()
        words = "The pages were read between 20 Nov 2026, 08:00 and 22 Nov 2026, 08:00."
        await expect(walk.page.locator(".after")).to_contain_text(words)
        await walk.page.locator(".answer .chip").first.click()
        await expect(walk.page.locator("#card")).to_contain_text("Read 20 Nov 2026, 08:00")
