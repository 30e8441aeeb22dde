"""Where keys are set: log in, be known by the cookie, be refused without the token, log out, lose a key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.page.browsing import staged, tab
from tests.workers.serving import ASK, QUESTION, service_of, serving
from workers.keys import SCOPES, Keys, Wish, create_key, hashed, revoke_key
from workers.page.cookie import COOKIE, token_of

KEY = "kz_right"


@asynccontextmanager
async def house() -> AsyncIterator[httpx.AsyncClient]:
    async with serving(service_of(keys=Keys((hashed(KEY),)))) as client:
        yield client


async def test_a_key_becomes_a_cookie_that_no_script_can_read() -> None:
    async with house() as client:
        answer = await client.post("/login", json={"key": f" {KEY} "})
        secure = await client.post("/login", json={"key": KEY}, headers={"X-Forwarded-Proto": "https"})
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith(f"{COOKIE}={KEY};")
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "secure" not in cookie
    assert "secure" in secure.headers["set-cookie"].lower()
    assert KEY not in answer.text


@pytest.mark.parametrize("body", [{"key": "kz_wrong"}, {"key": ""}, {"key": 5}, {}])
async def test_a_wrong_key_gets_no_cookie(body: dict[str, object]) -> None:
    async with house() as client:
        answer = await client.post("/login", json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_key")
    assert "set-cookie" not in answer.headers


async def test_what_changes_something_by_cookie_needs_the_token() -> None:
    async with house() as client:
        client.cookies.set(COOKIE, KEY, domain="127.0.0.1")
        without = await client.post(ASK, json=QUESTION)
        wrong = await client.post(ASK, json=QUESTION, headers={"X-CSRF-Token": token_of("kz_other")})
        right = await client.post(ASK, json=QUESTION, headers={"X-CSRF-Token": token_of(KEY)})
        read = await client.get(f"{ASK}/{right.json()['id']}")
        told = (await client.get("/login")).json()
    assert [(answer.status_code, answer.json()["code"]) for answer in (without, wrong)] == [(403, "csrf")] * 2
    assert (right.status_code, read.status_code) == (200, 200)
    state = {"needed": True, "logged_in": True, "token": token_of(KEY), "refused": False, "scopes": list(SCOPES)}
    assert told == state


@pytest.mark.parametrize("cookie", ["kaozheng_key=kz_wrong", "kaozheng_key", 'kaozheng_key="\\', "\x80=;;,", ""])
async def test_a_wrong_or_damaged_cookie_is_refused(cookie: str) -> None:
    async with house() as client:
        answer = await client.get(f"{ASK}/any", headers={"Cookie": cookie.encode("latin-1")})  # type: ignore[dict-item]
    assert answer.status_code == 401


async def test_the_page_itself_needs_no_key_and_the_description_does() -> None:
    async with house() as client:
        page = await client.get("/", headers={"Accept": "text/html"})
        script = await client.get("/page/app.js")
        described = await client.get("/openapi.json")
    assert (page.status_code, script.status_code, described.status_code) == (200, 200, 401)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.xdist_group("browser")
async def test_a_revoked_key_is_said_in_chinese_and_the_words_stay(
    browser: Browser, valkey_address: str, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    key, other = (create_key(file, Wish(name, SCOPES)) for name in ("mine", "other"))
    async with staged(valkey_address, keys=Keys(file=file)) as stage, tab(browser, stage.url, locale="zh-CN") as walk:
        await walk.page.fill("#key", key)
        await walk.page.press("#key", "Enter")
        await expect(walk.page.locator("#login")).to_be_hidden()
        revoke_key(file, Keys(file=file).owner(key))
        await walk.ask("华山有多高？")
        await expect(walk.page.locator("#problem")).to_contain_text("此密钥不被接受，可能已被吊销。")
        await walk.page.reload()
        await expect(walk.page.locator("#login-problem")).to_contain_text("可能已被吊销")
        await walk.page.fill("#key", other)
        await walk.page.press("#key", "Enter")
        await expect(walk.page.locator("#login")).to_be_hidden()
        assert await walk.page.input_value("#question") == "华山有多高？"
        await walk.page.click("#send")
        await walk.answered()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.xdist_group("browser")
async def test_a_person_logs_in_asks_and_is_told_when_the_key_is_revoked(
    browser: Browser, valkey_address: str, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    key, other = (create_key(file, Wish(name, SCOPES)) for name in ("mine", "other"))
    assert other
    async with staged(valkey_address, keys=Keys(file=file)) as stage, tab(browser, stage.url) as walk:
        page = walk.page
        await page.fill("#question", "How high is Mount Tai?")
        await page.fill("#key", "kz_wrong")
        await page.press("#key", "Enter")
        await expect(page.locator("#login-problem")).to_contain_text("not accepted")
        await page.fill("#key", key)
        await page.press("#key", "Enter")
        await expect(page.locator("#login")).to_be_hidden()
        await page.click("#send")
        await walk.answered()
        assert key not in await page.evaluate("document.cookie + JSON.stringify(localStorage)")
        await page.reload()
        await walk.answered()
        revoke_key(file, Keys(file=file).owner(key))
        await walk.ask("And Mount Hua?")
        await expect(page.locator("#problem")).to_contain_text("revoked")
        await expect(page.locator("#login")).to_be_visible()
        assert await page.input_value("#question") == "And Mount Hua?"
