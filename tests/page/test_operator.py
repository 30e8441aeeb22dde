"""The operator's page: seen with the right key only, in both languages, on a phone, and by a screen reader."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect
from redis.asyncio import Redis

from tests.page.browsing import Stage, Watched, staged, tab
from tests.page.test_access import serious
from workers.batch.job_store import JobStore
from workers.batch.records import Job, Row, new_job_id
from workers.doctor import Finding
from workers.keys import SCOPES, Keys, Wish, create_key
from workers.metrics import Metrics
from workers.overview import Overview
from workers.quota import Quota
from workers.quota_store import Quotas
from workers.service import Part
from workers.store import Retention, Store

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser")]
HOSTILE = "<img src=x onerror=window.pwned=1>"


@dataclass
class House:
    stage: Stage
    admin: str
    bot: str
    jobs: JobStore


async def parts() -> tuple[Part, ...]:
    return Part("store", works=True, detail="9.1"), Part("model", works=False, detail=HOSTILE)


async def examined() -> AsyncGenerator[Finding, None]:
    yield Finding("model", "fails", HOSTILE, "start it")
    await asyncio.sleep(0)
    yield Finding("disk", "works", "5 GB are free")


@asynccontextmanager
async def opened(valkey_address: str, folder: Path) -> AsyncIterator[House]:
    file = folder / "keys"
    keys = Keys(file=file)
    admin = create_key(file, Wish("the operator", SCOPES))
    bot = create_key(file, Wish(HOSTILE, limits=(("requests_per_day", 9),)))
    async with Redis.from_url(valkey_address, socket_timeout=5) as valkey:
        store, jobs, quotas, metrics = (
            Store(valkey, Retention(60, 60, 0)),
            JobStore(valkey),
            Quotas(valkey, Quota(100)),
            Metrics(),
        )
        overview = Overview("1.2.3", store, jobs, quotas, keys, metrics, examined)
        parted: dict[str, Any] = {
            "keys": keys,
            "overview": overview,
            "jobs": jobs,
            "quotas": quotas,
            "metrics": metrics,
            "parts": parts,
        }
        async with staged(valkey_address, **parted) as stage:
            yield House(stage, admin, bot, jobs)


async def log_in(walk: Watched, key: str) -> None:
    await walk.page.fill("#key", key)
    await walk.page.press("#key", "Enter")


@pytest.mark.parametrize(
    ("context", "ready", "fails"),
    [
        ({"locale": "en-GB"}, "Ready", "fails"),
        ({"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}}, "就绪", "失败"),
    ],
    ids=["en light desk", "zh dark phone"],
)
async def test_the_operator_sees_how_the_service_stands_and_asks_the_doctor(
    browser: Browser, valkey_address: str, tmp_path: Path, context: dict[str, Any], ready: str, fails: str
) -> None:
    async with (
        opened(valkey_address, tmp_path) as house,
        tab(browser, f"{house.stage.url}/operator", **context) as walk,
    ):
        job = Job(new_job_id(), "key-of-somebody", "/v1/answers", 1)
        await house.jobs.create(job)
        await house.jobs.add_rows(job, [Row(0, "a", b"{}")])
        await log_in(walk, house.admin)
        overview = walk.page.locator("#overview")
        await expect(overview).to_contain_text(ready)
        await expect(overview).to_contain_text(job.id)
        await expect(overview).to_contain_text("0 / 9")
        await expect(overview).to_contain_text(HOSTILE)
        await walk.page.click("#examine")
        await expect(walk.page.locator("#findings li")).to_have_count(2)
        await expect(walk.page.locator("#findings li").first).to_contain_text(f"{fails} model {HOSTILE}→ start it")
        await expect(walk.page.locator("#examine")).to_be_enabled()
        await walk.page.locator("#overview details > summary").click()
        await expect(overview).to_contain_text("kaozheng_questions_running")
        assert await serious(walk.page) == []
        assert await walk.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await walk.page.evaluate("window.pwned") is None
        assert walk.abroad(house.stage.url) == []
        await walk.page.click("#language")
        await expect(overview).not_to_contain_text(ready)


async def test_another_key_is_told_that_it_may_not_and_sees_nothing(
    browser: Browser, valkey_address: str, tmp_path: Path
) -> None:
    async with opened(valkey_address, tmp_path) as house, tab(browser, f"{house.stage.url}/operator") as walk:
        await log_in(walk, house.bot)
        await expect(walk.page.locator("#problem")).to_contain_text("This key may not do this.")
        await expect(walk.page.locator("#doctor")).to_be_hidden()
        assert await walk.page.locator("#overview > *").count() == 0
        await walk.page.click("nav a[href='./']")
        await walk.page.wait_for_selector("html[data-ready]")
        await expect(walk.page.get_by_role("link", name="Batches")).to_be_visible()
        await expect(walk.page.get_by_role("link", name="Operator")).to_be_hidden()


async def test_the_keyboard_reaches_everything_and_logging_out_leaves_nothing(
    browser: Browser, valkey_address: str, tmp_path: Path
) -> None:
    async with opened(valkey_address, tmp_path) as house, tab(browser, f"{house.stage.url}/operator") as walk:
        await walk.page.keyboard.press("Tab")
        await log_in(walk, house.admin)
        await expect(walk.page.locator("#overview")).to_contain_text("Ready")
        reached: set[str] = set()
        for _ in range(25):
            await walk.page.keyboard.press("Tab")
            reached.add(await walk.page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        assert {"again", "examine", "logout", "language"} <= reached
        await walk.page.click("#logout")
        await expect(walk.page.locator("#login")).to_be_visible()
        assert await walk.page.locator("#overview > *").count() == 0
