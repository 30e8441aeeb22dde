"""The page's files: small on the wire, under a strict policy, unchanged copies, reachable behind a prefix."""

import gzip
import hashlib
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from redis.asyncio import Redis

from tests.page.browsing import Stage, staged, tab
from tests.page.proxy import proxied
from tests.page.scripted import Script
from tests.workers.serving import service_of, serving
from workers.keys import Keys, Wish, create_key
from workers.page.files import FOLDER, Page
from workers.shares import Shares

HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
VENDOR = FOLDER / "vendor"
AXE = ("29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c", Path(__file__).parent / "axe.min.js")


async def test_a_browser_gets_the_page_and_a_program_the_index() -> None:
    async with serving(service_of()) as client:
        page = await client.get("/", headers=HTML)
        index = await client.get("/", headers={"Accept": "*/*"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<textarea" in page.text
    assert index.json()["ask"] == "POST /v1/answers"
    assert page.headers["vary"] == "Accept, Accept-Encoding"


async def test_the_policy_lets_in_nothing_inline_and_nothing_from_elsewhere() -> None:
    async with serving(service_of()) as client:
        page = await client.get("/", headers=HTML)
        script = await client.get("/page/app.js")
        answer = await client.get("/v1/answers/nothing")
    rules = dict(rule.strip().split(" ", 1) for rule in page.headers["content-security-policy"].split(";"))
    own = {"script-src", "style-src", "connect-src", "img-src", "font-src", "form-action"}
    assert {rules.pop(name) for name in own} == {"'self'"}
    assert rules.pop("trusted-types") == "dompurify"
    assert rules.pop("require-trusted-types-for") == "'script'"
    assert set(rules) == {"default-src", "base-uri", "frame-ancestors"}
    assert set(rules.values()) == {"'none'"}
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["cache-control"] == "no-store"


async def test_a_file_that_did_not_change_is_not_sent_again() -> None:
    async with serving(service_of()) as client:
        first = await client.get("/page/app.js")
        again = await client.get("/page/app.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["../files.py", "..%2ffiles.py", "%2e%2e/files.py", "vendor", "", "nothing.js", "vendor/checksums.sha256"]
)
async def test_only_the_pages_own_files_are_sent(name: str) -> None:
    async with serving(service_of()) as client:
        answer = await client.get(f"/page/{name}")
    assert answer.status_code == 404


def test_what_others_made_lies_here_unchanged_with_its_licence() -> None:
    listed = dict(
        reversed(line.split("  ")) for line in (VENDOR / "checksums.sha256").read_text(encoding="utf-8").splitlines()
    )
    files = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()} - {"checksums.sha256"}
    assert set(listed) == files
    assert [name for name in files if hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() != listed[name]] == []
    assert hashlib.sha256(AXE[1].read_bytes()).hexdigest() == AXE[0]
    notices = (FOLDER.parents[2] / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8")
    assert all(f"workers/page/static/vendor/{name}" in notices for name in ("marked", "purify", "katex"))


def test_each_file_is_sent_as_it_lies_on_the_disk() -> None:
    files = Page.load().files
    assert "index.html" in files
    for name, file in files.items():
        assert file.content == (FOLDER / name).read_bytes()
        assert not file.zipped or gzip.decompress(file.zipped) == file.content


def test_the_page_holds_no_inline_script_or_style_and_no_foreign_address() -> None:
    text = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert "style=" not in text
    assert " on" not in [piece[:3] for piece in text.split("=")]
    assert "<script>" not in text
    assert "://" not in text


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.xdist_group("browser")
async def test_the_first_paint_costs_less_than_100_kilobytes(browser: Browser, stage: Stage) -> None:
    async with tab(browser, "") as walk:
        devtools = await walk.context.new_cdp_session(walk.page)
        await devtools.send("Network.enable")
        received: list[int] = []
        devtools.on("Network.loadingFinished", lambda done: received.append(done["encodedDataLength"]))
        await walk.page.goto(stage.url, wait_until="networkidle")
        assert len(received) > 5
        assert sum(received) < 100_000, received
        assert [url for url in walk.requested if "katex" in url] == []
        stage.scripts["formula"] = Script("It is $h^2 = 4$ high[citation:1].")
        await walk.ask("formula")
        await expect(walk.page.locator(".answer .katex")).to_have_count(1)
        assert [url for url in walk.requested if "katex" in url]
        assert walk.abroad(stage.url) == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.xdist_group("browser")
async def test_the_page_works_behind_a_reverse_proxy_and_a_path(
    browser: Browser, valkey_address: str, tmp_path: Path
) -> None:
    key = create_key(tmp_path / "keys", Wish("owner"))
    async with (
        Redis.from_url(valkey_address, socket_timeout=5) as valkey,
        staged(valkey_address, keys=Keys(file=tmp_path / "keys"), shares=Shares(valkey)) as stage,
        proxied(stage.url, "of/our/house") as outside,
        tab(browser, outside) as walk,
    ):
        page = walk.page
        await page.fill("#key", key)
        await page.press("#key", "Enter")
        await expect(page.locator("#login")).to_be_hidden()
        await walk.ask("How high is Mount Tai?")
        await walk.answered()
        await page.locator(".answer .chip").first.click()
        await expect(page.locator("#card blockquote")).to_contain_text("A page about mountains.")
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Share").click()
        await page.get_by_role("button", name="Make a link").click()
        link = await page.locator("input.link").input_value()
        assert link.startswith(f"{outside}shared#")
        await page.get_by_role("link", name="Batches").click()
        await expect(page.locator("main h2")).to_have_text("Batches")
        assert [url for url in walk.requested if not url.startswith(outside)] == []
