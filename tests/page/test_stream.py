"""A stream that breaks is taken up where it broke; a run that fails is said in the reader's language."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import httpx
import pytest
from playwright.async_api import Browser, Route, expect

from agent.answer import Support
from agent.errors import ModelDown
from agent.events import Cited, Event, Judged, Text
from agent.question import Question
from tests.page.browsing import Stage, tab
from tests.page.scripted import HUA, TAI

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser")]


async def test_a_stream_that_breaks_within_an_event_goes_on_without_loss_or_doubling(
    browser: Browser, stage: Stage
) -> None:
    asked_behind: list[str | None] = []

    async def broken(route: Route) -> None:
        asked_behind.append(route.request.headers.get("last-event-id"))
        if len(asked_behind) > 1:
            await route.continue_()
            return
        async with httpx.AsyncClient(trust_env=False) as client:
            whole = (await client.get(route.request.url)).text
        half = whole[: whole.index("event: cited") + 30]
        await route.fulfill(status=200, content_type="text/event-stream", body=half)

    async with tab(browser, stage.url) as walk:
        await walk.page.route("**/events", broken)
        await walk.page.evaluate("""() => {
          window.said = [];
          const live = document.getElementById('live');
          new MutationObserver(() => window.said.push(live.textContent)).observe(live, { childList: true });
        }""")
        await walk.ask("How high is Mount Tai?")
        await walk.answered()
        steps = await walk.page.locator(".work li").all_text_contents()
        said = await walk.page.evaluate("window.said")
    assert len(asked_behind) == 2
    assert asked_behind[0] is None
    assert asked_behind[1]
    assert len(steps) == len(set(steps)) == 8
    assert any("taken up again" in text for text in said)


@pytest.mark.parametrize(
    ("locale", "words"), [("en-GB", "The model server does not answer."), ("zh-CN", "模型服务器没有响应。")]
)
async def test_a_run_that_fails_is_said_in_the_readers_language(
    browser: Browser, stage: Stage, locale: str, words: str
) -> None:
    async def failing(question: Question) -> AsyncGenerator[Event, None]:
        yield Text("half")
        raise ModelDown("unreachable", "the model server does not answer; start it")

    stage.scripts["failing"] = failing
    async with tab(browser, stage.url, locale=locale) as walk:
        await walk.ask("failing")
        await expect(walk.page.locator(".notice[role=alert]")).to_contain_text(words)
        await expect(walk.page.locator(".answer")).to_contain_text("half")
        await expect(walk.page.locator("#send")).to_be_enabled()
        await walk.page.fill("#question", "typed meanwhile")
        await walk.page.locator(".turn .notice + p button").click()
        assert await walk.page.input_value("#question") == "failing\n\ntyped meanwhile"


async def test_both_languages_have_the_same_words(browser: Browser, stage: Stage) -> None:
    async with tab(browser, stage.url) as walk:
        words = (
            "Promise.all(['words', 'tables'].map(name => import(`./page/${name}.js`))).then(([one]) => one.hasWords())"
        )
        english, chinese = await walk.page.evaluate(words)
    assert sorted(english) == sorted(chinese)
    assert len(english) > 80


async def test_a_citation_shows_its_verdict_while_the_model_still_writes(browser: Browser, stage: Stage) -> None:
    first, second = "泰山🏔很高[citation:1]。", "\n\nHua is higher[citation:2]"
    tai = Support(1, "supported", 0.9, 0, 8, "Mount Tai is 1,545 m high.", 0, 26, "")

    async def writing(question: Question) -> AsyncGenerator[Event, None]:
        yield Text("泰山🏔很高")
        yield Cited(1, TAI.url, TAI.title)
        yield Text("。")
        yield Judged(first, 0, len(first), (tai,))
        yield Text("\n\nHua is higher")
        yield Cited(2, HUA.url, HUA.title)
        yield Judged(second, len(first), len(first) + len(second), (replace(tai, number=2, verdict="unsupported"),))
        while True:
            yield Text(". On and on")
            await asyncio.sleep(0.05)

    stage.scripts["judged"] = writing
    async with tab(browser, stage.url) as walk:
        await walk.ask("judged")
        await expect(walk.page.locator(".answer .chip")).to_have_text(["1 ✓", "2 ✗"])
        await walk.page.locator(".answer .chip").first.click()
        await expect(walk.page.locator("#card mark")).to_have_text("Mount Tai is 1,545 m high.")
        await expect(walk.page.locator("#stop")).to_be_visible()
        await walk.page.click("#stop")
        await expect(walk.page.locator(".answer .chip")).to_have_text(["1 ✓", "2 ✗"])
