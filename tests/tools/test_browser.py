"""Pages that are empty without JavaScript, shown by a real Chromium whose every request goes through the guard."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fake_web import FakeWeb, Page
from tools.browser import BrowserLimits, BrowserParts, BrowserReader
from tools.browser_processes import end, family
from tools.errors import PageUnreadable
from tools.extractor import Extractor
from tools.http import FetchParts
from tools.manners import Manners
from tools.web import WebParts, WebReader

CHROMIUM = "/usr/bin/chromium"
pytestmark = [
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium: scripts/debian-packages could not install it"),
    pytest.mark.xdist_group("browser"),
]
pytest.importorskip("playwright", reason="the extra `browser` is not installed")

SENTENCE = "The tide table of the harbour is shown below. "
BUILT = (
    "<!doctype html><title>App</title><div id=a></div><script>fetch('/table.json').then(r => r.json()).then(j => {"
    "document.getElementById('a').innerHTML = '<article><h1>' + j.title + '</h1><p>' + j.text + '</p></article>' })"
    "</script>"
)
TABLE = Page('{"title": "Tides", "text": "' + SENTENCE * 20 + '"}', "application/json")


@pytest.fixture
async def web() -> AsyncIterator[FakeWeb]:
    async with FakeWeb() as running:
        running.put("http://app.test/", BUILT)
        running.put("http://app.test/table.json", TABLE)
        yield running


@pytest.fixture
async def browser(web: FakeWeb) -> AsyncIterator[BrowserReader]:
    made = reader(web)
    yield made
    await made.aclose()


def reader(web: FakeWeb, limits: BrowserLimits | None = None, executable: str = CHROMIUM) -> BrowserReader:
    return BrowserReader(
        BrowserParts(executable, web.network(), "kaozheng/1", limits=limits or BrowserLimits(page_seconds=30.0))
    )


async def reason_of(browser: BrowserReader, url: str) -> str:
    with pytest.raises(PageUnreadable) as failed:
        await browser.render(url)
    return failed.value.reason


async def test_a_page_that_a_script_builds_is_read_and_nothing_is_looked_up_but_by_the_guard(
    web: FakeWeb, browser: BrowserReader
) -> None:
    markup = await browser.render("http://app.test/")

    assert "<h1>Tides</h1>" in markup
    assert markup.count(SENTENCE.strip()) >= 10
    assert {(request.host, request.path) for request in web.requests} == {
        ("app.test", "/"),
        ("app.test", "/table.json"),
    }
    assert set(web.dialled) == {("93.184.215.14", 80)}
    assert all("proxy-authorization" not in request.headers for request in web.requests)


INWARD = """<!doctype html><title>x</title><div id=a></div><script>
const urls = %s;
for (const url of urls) {
  fetch(url, {mode: 'no-cors'}).catch(() => 0);
  try { new WebSocket(url.replace(/^http/, 'ws')) } catch (e) {}
  for (const tag of ['img', 'script', 'iframe', 'video', 'object', 'embed']) {
    const element = document.createElement(tag); element.src = url; element.data = url; document.body.append(element);
  }
  for (const rel of ['stylesheet', 'preconnect', 'dns-prefetch', 'prefetch', 'preload', 'icon', 'manifest']) {
    const link = document.createElement('link'); link.rel = rel; link.href = url; document.head.append(link);
  }
  try { navigator.sendBeacon(url, 'x') } catch (e) {}
  try { new EventSource(url) } catch (e) {}
  try { window.open(url) } catch (e) {}
}
let peers = typeof RTCPeerConnection;
setTimeout(() => { document.getElementById('a').innerHTML = '<p>' + peers + '%s</p>' }, 300);
</script>"""


async def test_no_request_of_a_pages_script_reaches_an_address_inside(web: FakeWeb, browser: BrowserReader) -> None:
    with ExitStack() as opened:
        canaries = [opened.enter_context(socket.create_server(("127.0.0.1", 0)))]
        if socket.has_ipv6:
            canaries.append(opened.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6)))
        ports = [canary.getsockname()[1] for canary in canaries]
        web.names["inside.test"] = ["10.0.0.7"]
        web.names["mixed.test"] = ["93.184.215.14", "127.0.0.1"]
        web.names["rebind.test"] = [["93.184.215.14"], ["127.0.0.1"]]
        urls = [
            *(f"http://127.0.0.1:{ports[0]}/", f"http://localhost:{ports[0]}/", f"http://[::1]:{ports[-1]}/"),
            *(f"https://127.0.0.1:{ports[0]}/", f"http://0:{ports[0]}/", "http://169.254.169.254/latest/meta-data/"),
            *("http://inside.test/", "http://mixed.test/", "http://rebind.test/a", "http://rebind.test/b"),
            *("file:///etc/passwd", "http://2130706433/", "https://inside.test/", "http://app.test:6379/"),
        ]
        web.put("http://app.test/inward", INWARD % (urls, SENTENCE * 10))

        markup = await browser.render("http://app.test/inward")

        assert "undefinedThe tide table" in markup
        for canary in canaries:
            canary.settimeout(0.05)
            with pytest.raises(TimeoutError):
                canary.accept()
    assert {address for address, _ in web.dialled} == {"93.184.215.14"}
    assert {port for _, port in web.dialled} <= {80, 443}
    assert {request.host for request in web.requests} <= {"app.test", "rebind.test"}


@pytest.mark.parametrize(
    "move",
    [
        "location = 'file:///etc/passwd'",
        "location = 'http://127.0.0.1:9/'",
        "location = 'data:text/html,<p>moved</p>'",
        "location = 'http://other.test/'",
        "document.write('<meta http-equiv=refresh content=\"0;url=http://127.0.0.1:9/\">')",
    ],
)
async def test_a_page_cannot_take_the_browser_elsewhere(web: FakeWeb, browser: BrowserReader, move: str) -> None:
    web.put("http://other.test/", "<p>other page</p>")
    web.put("http://app.test/move", f"<!doctype html><p>{SENTENCE * 10}</p><script>{move}</script>")
    try:
        markup = await browser.render("http://app.test/move")
    except PageUnreadable as failed:
        markup = failed.reason

    assert "root:" not in markup
    assert not any(request.host == "other.test" for request in web.requests)
    assert set(web.dialled) <= {("93.184.215.14", 80)}


async def test_nothing_is_kept_from_one_page_to_the_next(web: FakeWeb, browser: BrowserReader) -> None:
    page = f"<!doctype html><p>{SENTENCE * 10}</p><script>document.cookie = 'a=1'; localStorage.a = 1;</script>"
    web.put("http://app.test/keep", Page(page, headers=(("Set-Cookie", "b=2; Max-Age=900"),)))
    for _ in range(2):
        await browser.render("http://app.test/keep")

    assert len(web.requests) == 2
    assert not any("cookie" in request.headers for request in web.requests)


async def test_a_page_that_hangs_is_ended_in_time_and_the_next_one_is_read(web: FakeWeb) -> None:
    browser = reader(web, BrowserLimits(page_seconds=6.0))
    web.put("http://app.test/hang", "<!doctype html><p>x</p><script>while (true) {}</script>")
    try:
        assert await reason_of(browser, "http://app.test/hang") == "browser_timeout"
        assert "Tides" in await browser.render("http://app.test/")
    finally:
        await browser.aclose()


async def test_a_killed_browser_is_a_typed_failure_and_the_next_page_is_read(
    web: FakeWeb, browser: BrowserReader
) -> None:
    web.put("http://app.test/slow", Page("late", delay_seconds=60))
    failing = asyncio.ensure_future(reason_of(browser, "http://app.test/slow"))
    async with asyncio.timeout(30):
        while not any(request.path == "/slow" for request in web.requests):  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0.05)
    end(family(browser._mark))

    assert await failing == "browser_crash"
    assert "Tides" in await browser.render("http://app.test/")


async def test_memory_has_a_bound(web: FakeWeb) -> None:
    browser = reader(web, BrowserLimits(page_seconds=60.0, memory_bytes=1024 * 1024))
    try:
        assert await reason_of(browser, "http://app.test/") in ("browser_memory", "browser_missing")
    finally:
        await browser.aclose()


async def test_closing_leaves_no_process(web: FakeWeb) -> None:
    browser = reader(web)
    await browser.render("http://app.test/")
    assert family(browser._mark)

    await browser.aclose()

    async with asyncio.timeout(10):
        while family(browser._mark):  # noqa: ASYNC110 - the kernel has no event to wait for
            await asyncio.sleep(0.05)


async def test_the_reader_asks_the_browser_only_where_a_page_is_empty_without_it(
    web: FakeWeb, browser: BrowserReader
) -> None:
    shown: list[str] = []

    async def render(url: str) -> str:
        shown.append(url)
        return await browser.render(url)

    extractor = Extractor()
    fetching = FetchParts(web.network(), "kaozheng/1")
    web.put("http://app.test/plain", f"<!doctype html><title>Plain</title><script>1</script><p>{SENTENCE * 20}</p>")
    web.put("http://app.test/empty", "<!doctype html><title>Empty</title><div></div>")
    try:
        reading = WebReader(WebParts(extractor.extract, fetching, Manners(spacing_seconds=0.0), render=render))
        built = await reading.read("http://app.test/")
        plain = await reading.read("http://app.test/plain")
        with pytest.raises(PageUnreadable):
            await reading.read("http://app.test/empty")
    finally:
        await extractor.aclose()

    assert SENTENCE.strip() in built.text
    assert plain.title == "Plain"
    assert shown == ["http://app.test/"]


async def test_a_browser_that_is_not_there_says_so(web: FakeWeb) -> None:
    browser = reader(web, executable="/nonexistent/chromium")

    assert await reason_of(browser, "http://app.test/") == "browser_missing"
    await browser.aclose()
