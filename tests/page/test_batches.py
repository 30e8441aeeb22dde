"""The page of batches: a file becomes a batch, is watched, cancelled, tried again, downloaded and forgotten."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, expect
from redis.asyncio import Redis

from tests.page.browsing import Stage, Watched, staged, tab
from tests.page.test_access import serious
from tests.workers.batch.test_checking import good, jsonl
from workers.batch.files import FileStore
from workers.batch.filling import FillRules
from workers.batch.job_store import JobStore
from workers.batch.records import Outcome, RowEnd
from workers.batch.row_leases import RowLeases
from workers.keys import Keys, Wish, create_key

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser")]
HOSTILE = "<img src=x onerror=window.pwned=1>"
UNSURE = {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}}


@dataclass
class House:
    stage: Stage
    key: str
    leases: RowLeases

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def stage_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.stage.url, trust_env=False)

    async def run(self, job_id: str, outcome: Outcome = "completed", most: int = 1_000) -> None:
        """What a worker does, for so many of the rows that wait."""
        while most > 0 and (taken := await self.leases.take(job_id, min(10, most))):
            most -= len(taken)
            for leased in taken:
                told = {"text": "1,545 m"} if outcome == "completed" else {"code": "model_down", "detail": HOSTILE}
                status = 200 if outcome == "completed" else 503
                row, body = leased.row, json.dumps(told).encode()
                end = RowEnd(row.number, row.custom_id, outcome, status, body, leased.token, 0.1, 10, 5)
                await self.leases.finish(leased, end)


@asynccontextmanager
async def opened(valkey_address: str, folder: Path) -> AsyncIterator[House]:
    file = folder / "keys"
    key = create_key(file, Wish("owner"))
    async with Redis.from_url(valkey_address, socket_timeout=5) as valkey:
        parts: dict[str, Any] = {"keys": Keys(file=file), "jobs": JobStore(valkey), "files": FileStore(valkey)}
        async with staged(valkey_address, **parts, fill_rules=FillRules(max_rows=300)) as stage:
            yield House(stage, key, RowLeases(valkey, "test-worker"))


@asynccontextmanager
async def visited(browser: Browser, house: House, **context: Any) -> AsyncIterator[Watched]:
    async with tab(browser, f"{house.stage.url}/batches", **context) as walk:
        await walk.page.fill("#key", house.key)
        await walk.page.press("#key", "Enter")
        await expect(walk.page.locator("#none")).to_be_visible()
        yield walk


async def choose(walk: Watched, name: str, content: bytes) -> None:
    kind = "application/octet-stream"
    await walk.page.set_input_files("#file", [{"name": name, "mimeType": kind, "buffer": content}])


async def job_of(walk: Watched) -> str:
    """The id of the first batch in the list."""
    about = await walk.page.locator(".batch-row .faint").first.inner_text()
    return about.split(" ", 1)[0]


async def test_a_file_is_checked_started_watched_and_its_answers_are_had(
    browser: Browser, valkey_address: str, tmp_path: Path
) -> None:
    async with opened(valkey_address, tmp_path) as house, visited(browser, house) as walk:
        page, row = walk.page, walk.page.locator(".batch-row")
        await choose(walk, "heights.jsonl", jsonl(good("a"), good("b"), b"{", good("c")))
        await page.click("#check")
        await expect(page.locator("#told")).to_contain_text("3 of 4 lines can run; 1 cannot")
        await expect(page.locator("#told li")).to_contain_text("Line 3")
        assert await row.count() == 0
        await page.click("#start")
        await expect(row.locator("h4")).to_contain_text("heights.jsonl in progress")
        assert await page.input_value("#file") == ""
        job = await job_of(walk)
        await house.run(job, most=1)
        await expect(row).to_contain_text("2 of 4 rows have ended: 1 answered, 1 failed, 0 running")
        assert await serious(page) == []
        await house.run(job, "failed")
        await expect(row.locator("h4")).to_contain_text("completed")
        async with page.expect_download() as downloading:
            await row.get_by_role("link", name="Answers (JSON lines)").click()
        lines = Path(await (await downloading.value).path()).read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["custom_id"] for line in lines] == ["a"]
        await row.locator("summary").click()
        await expect(row.locator("tbody tr")).to_have_count(3)
        await expect(row.locator("tbody")).to_contain_text(f"The model server does not answer. ({HOSTILE})")
        assert await page.evaluate("window.pwned") is None
        await row.get_by_role("button", name="Try failed rows again").click()
        await expect(row.locator("h4")).to_contain_text("in progress")
        await house.run(job)
        await expect(row).to_contain_text("4 of 4 rows have ended: 3 answered, 1 failed")
        page.on("dialog", lambda dialog: dialog.accept())
        await row.get_by_role("button", name="Delete").click()
        await expect(row).to_have_count(0)
        await expect(page.locator("#none")).to_be_visible()
        assert walk.abroad(house.stage.url) == []


async def test_a_text_of_questions_is_cancelled_on_a_phone_in_chinese(
    browser: Browser, valkey_address: str, tmp_path: Path
) -> None:
    async with opened(valkey_address, tmp_path) as house, visited(browser, house, **UNSURE) as walk:
        page, row = walk.page, walk.page.locator(".batch-row")
        await choose(walk, "问题.txt", "泰山有多高？\r\n\r\n华山有多高？\n".encode())
        await page.click("#start")
        await expect(row.locator("h4")).to_contain_text("问题.txt 进行中")
        assert [leased.row.custom_id for leased in await house.leases.take(await job_of(walk), 10)] == [
            "line-1",
            "line-3",
        ]
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await serious(page) == []
        await row.get_by_role("button", name="取消").click()
        await expect(row.locator("h4")).to_contain_text("取消")
        await page.click("#language")
        await expect(row).to_contain_text("rows have ended")


async def test_a_file_of_the_wrong_kind_is_said_and_stays_chosen(
    browser: Browser, valkey_address: str, tmp_path: Path
) -> None:
    async with opened(valkey_address, tmp_path) as house, visited(browser, house) as walk:
        page = walk.page
        for name, content, words in (
            ("questions.xlsx", b"PK", "questions.xlsx is none of .csv, .tsv, .txt and .jsonl."),
            ("nothing.txt", b"\n \n", "nothing.txt holds no question."),
            ("empty.jsonl", b"", "holds no request"),
        ):
            await choose(walk, name, content)
            await page.click("#check")
            await expect(page.locator("#problem")).to_contain_text(words)
            assert (await page.input_value("#file")).endswith(name)
            await expect(page.locator("#start")).to_be_enabled()
        await choose(walk, "wide.jsonl", "\ufeff{}".encode("utf-16"))
        await page.click("#start")
        await expect(page.locator(".batch-row h4")).to_contain_text("wide.jsonl refused")
        await expect(page.locator(".batch-row .failed li").first).to_contain_text("UTF-16")


async def test_the_keyboard_starts_a_batch_and_a_reload_finds_it(
    browser: Browser, valkey_address: str, tmp_path: Path
) -> None:
    async with opened(valkey_address, tmp_path) as house, visited(browser, house) as walk:
        await choose(walk, "q.txt", b"How high is Mount Tai?")
        await walk.page.focus("#file")
        for _ in range(5):
            await walk.page.keyboard.press("Tab")
            if await walk.page.evaluate("document.activeElement.id") == "start":
                break
        await walk.page.keyboard.press("Enter")
        await expect(walk.page.locator(".batch-row h4")).to_contain_text("q.txt in progress")
        await walk.page.reload()
        await expect(walk.page.locator(".batch-row h4")).to_contain_text("q.txt in progress")


async def test_a_table_runs_at_its_hours_up_to_its_ceilings_and_comes_back_as_one(
    browser: Browser, valkey_address: str, tmp_path: Path
) -> None:
    async with opened(valkey_address, tmp_path) as house, visited(browser, house, timezone_id="Asia/Shanghai") as walk:
        page, row = walk.page, walk.page.locator(".batch-row")
        await choose(walk, "heights.csv", b"id,question\na,How high is Mount Tai?\nb,=1+1\n")
        await page.locator("#rules > summary").click()
        await page.fill("#from", "22:00")
        await page.click("#start")
        await expect(page.locator("#problem")).to_have_text("Give both hours, or none.")
        await page.fill("#till", "06:00")
        await page.fill("#at", "2030-01-02T08:00")
        await page.fill("#most-tokens", "5000")
        await page.fill("#most-cost", "1.5")
        await page.select_option("#within", "3d")
        assert await serious(page) == []
        await page.click("#check")
        await expect(page.locator("#told")).to_contain_text("2 of 2 lines can run; 0 cannot")
        await page.click("#start")
        about = row.locator(".faint").first
        await expect(about).to_contain_text("not before 2 Jan 2030, 08:00 · only 22:00-06:00 Asia/Shanghai")
        await expect(about).to_contain_text("stops after 5,000 tokens · stops after 1.5")
        async with house.stage_client() as client:
            made = (await client.get(f"/v1/batches/{await job_of(walk)}", headers=house.bearer)).json()
        assert (made["completion_window"], made["kaozheng"]["not_before"]) == ("72h", 1893542400)
        await expect(row.get_by_role("link", name="Download as CSV")).to_be_hidden()
        await page.reload()
        await choose(walk, "heights.csv", b"id,question\na,How high is Mount Tai?\nb,=1+1\n")
        await page.click("#start")
        await expect(row).to_have_count(2)
        await house.run(await job_of(walk), "failed")
        async with page.expect_download() as downloading:
            await row.first.get_by_role("link", name="Download as CSV").click()
        table = Path(await (await downloading.value).path()).read_text(encoding="utf-8-sig").splitlines()
        assert [line.split(",")[0] for line in table[1:]] == ["a", "b"]
