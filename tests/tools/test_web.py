"""What a reader of the web promises, over the small internet on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from tests.fake_web import FakeWeb, Page, redirect
from tools.address import AddressPolicy
from tools.conditional import Validators
from tools.errors import PageRefused, PageTooLarge, PageUnreachable, PageUnreadable, ToolError
from tools.extraction import Source
from tools.http import FetchLimits, FetchParts
from tools.manners import Manners
from tools.page import Webpage
from tools.web import SourceRules, Visited, WebParts, WebReader, user_agent

LIMITS = FetchLimits(total_seconds=10.0, read_gap_seconds=1.0)


async def as_text(body: bytes, source: Source) -> Webpage:
    """An extractor that takes a page as it is."""
    if b"empty" in body:
        raise PageUnreadable(source.url, "no_text")
    return Webpage(source.url, "a title", body.decode("utf-8", "replace"))


@pytest.fixture
async def web() -> AsyncIterator[FakeWeb]:
    async with FakeWeb() as running:
        yield running


def parts(web: FakeWeb, policy: AddressPolicy | None = None) -> WebParts:
    fetching = FetchParts(web.network(policy), user_agent("1.0", "mailto:me@pub.test"), LIMITS)
    return WebParts(as_text, fetching, Manners(spacing_seconds=0.0))


async def failure(reader: WebReader, url: str) -> ToolError:
    with pytest.raises(ToolError) as raised:
        await reader.read(url)
    return raised.value


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.01)


async def test_a_page_is_fetched_and_extracted(web: FakeWeb) -> None:
    web.put("http://pub.test/old", redirect("/new", 301))
    web.put("http://pub.test/new", "<p>text</p>")
    page = await WebReader(parts(web)).read("http://pub.test/old")
    assert page == Webpage("http://pub.test/new", "a title", "<p>text</p>")


async def test_a_truncated_page_is_used_and_marked(web: FakeWeb) -> None:
    web.put("http://pub.test/", Page("<p>text</p>" * 100, cut_after=200))
    assert (await WebReader(parts(web)).read("http://pub.test/")).truncated == "disconnect"


async def test_we_say_who_we_are_and_whom_to_write_to(web: FakeWeb) -> None:
    web.put("http://pub.test/", "text")
    await WebReader(parts(web)).read("http://pub.test/")
    agents = {request.headers["user-agent"] for request in web.requests}
    assert agents == {"mozilla/5.0 (compatible; kaozheng/1.0; +mailto:me@pub.test)"}


def test_a_contact_cannot_smuggle_headers() -> None:
    assert "\n" not in user_agent("1.0", "me\r\nX-A: b\u2028")


async def test_robots_txt_is_obeyed_at_every_hop(web: FakeWeb) -> None:
    web.put("http://shut.test/robots.txt", "User-agent: kaozheng\nDisallow: /\n")
    web.put("http://shut.test/", "text")
    web.put("http://pub.test/", redirect("http://shut.test/"))
    reader = WebReader(parts(web))
    for url in ("http://shut.test/", "http://pub.test/"):
        error = await failure(reader, url)
        assert (type(error), error.reason, error.subject) == (PageRefused, "robots", url)
    assert ("shut.test", "/") not in [(request.host, request.path) for request in web.requests]


async def test_an_operator_may_turn_robots_txt_off(web: FakeWeb) -> None:
    web.put("http://pub.test/robots.txt", "User-agent: *\nDisallow: /\n")
    web.put("http://pub.test/", "text")
    reader = WebReader(replace(parts(web), obey_robots=False))
    assert (await reader.read("http://pub.test/")).text == "text"
    assert len(web.requests) == 1


async def test_a_site_outside_the_operators_list_is_not_even_looked_up(web: FakeWeb) -> None:
    for host in ("good.test", "www.good.test", "bad.good.test", "notgood.test"):
        web.put(f"http://{host}/", "text")
    rules = SourceRules(include_domains=("good.test",), exclude_domains=("Bad.Good.test",))
    reader = WebReader(replace(parts(web), sources=rules))
    await reader.read("http://good.test/")
    await reader.read("http://www.good.test/")
    for host in ("bad.good.test", "notgood.test"):
        assert (await failure(reader, f"http://{host}/")).reason == "not_allowed"
        assert host not in web.looked_up


async def test_the_list_of_sources_holds_after_a_redirect(web: FakeWeb) -> None:
    web.put("http://good.test/", redirect("http://other.test/"))
    web.put("http://other.test/", "text")
    reader = WebReader(replace(parts(web), sources=SourceRules(exclude_domains=("other.test",))))
    assert (await failure(reader, "http://good.test/")).reason == "not_allowed"
    assert "other.test" not in web.looked_up


async def test_a_host_sees_two_requests_at_once(web: FakeWeb) -> None:
    for number in range(6):
        web.put(f"http://pub.test/{number}", Page("text", delay_seconds=0.05))
    reader = WebReader(parts(web))
    await asyncio.gather(*(reader.read(f"http://pub.test/{number}") for number in range(6)))
    assert web.most_at_once["pub.test"] == 2


async def test_a_short_retry_after_is_waited_for_once(web: FakeWeb) -> None:
    web.put("http://pub.test/", Page("busy", status=503, headers=(("Retry-After", "1"),)))
    reading = asyncio.ensure_future(WebReader(parts(web)).read("http://pub.test/"))
    await asyncio.sleep(0.5)
    web.put("http://pub.test/", "text")
    assert (await reading).text == "text"


async def test_a_long_retry_after_is_a_failure_at_once_and_keeps_us_away(web: FakeWeb) -> None:
    web.put("http://pub.test/", Page("busy", status=429, headers=(("Retry-After", "1000000000"),)))
    web.put("http://pub.test/b", "text")
    reader = WebReader(parts(web))
    assert (await failure(reader, "http://pub.test/")).reason == "http_429"
    assert (await failure(reader, "http://pub.test/b")).reason == "asked_to_wait"
    assert [request.path for request in web.requests] == ["/robots.txt", "/"]


async def test_one_deadline_holds_over_robots_waits_and_redirects(web: FakeWeb) -> None:
    web.put("http://pub.test/robots.txt", Page("", delay_seconds=0.4))
    web.put("http://pub.test/", Page("", status=302, headers=(("Location", "/b"),), delay_seconds=0.4))
    web.put("http://pub.test/b", Page("text", delay_seconds=0.4))
    limits = FetchLimits(total_seconds=1.0)
    reader = WebReader(replace(parts(web), fetching=replace(parts(web).fetching, limits=limits)))
    error = await failure(reader, "http://pub.test/")
    assert (type(error), error.reason) == (PageUnreachable, "timeout")


async def test_every_error_names_the_page_that_was_asked_for(web: FakeWeb) -> None:
    web.put("http://pub.test/", redirect("http://other.test/"))
    web.put("http://other.test/", "empty")
    error = await failure(WebReader(parts(web)), "http://pub.test/")
    assert (type(error), error.subject) == (PageUnreadable, "http://pub.test/")
    error = await failure(WebReader(parts(web)), "http://ann:pw5ecret@pub.test/?q=1")
    assert (type(error), error.subject) == (PageRefused, "http://pub.test/?q=1")


async def test_pages_do_not_notice_each_others_failures(web: FakeWeb) -> None:
    web.put("http://good.test/", "text")
    web.put("http://slow.test/", Page("text" * 20, drip=(1, 2.0)))
    web.put("http://big.test/", Page(b"%PDF-" + bytes(9_000)))
    limits = replace(LIMITS, max_pdf_bytes=5_000)
    fetching = replace(parts(web).fetching, limits=limits)
    reader = WebReader(replace(parts(web), fetching=fetching))
    urls = ["http://good.test/", "http://slow.test/", "http://big.test/", "http://gone.test/", "http://10.0.0.1/"]
    good, *bad = await asyncio.gather(*map(reader.read, urls), return_exceptions=True)
    assert isinstance(good, Webpage)
    kinds = [PageUnreachable, PageTooLarge, PageUnreachable, PageRefused]
    assert [type(error) for error in bad] == kinds
    await reader.aclose()


async def test_a_reader_that_is_cancelled_hangs_up_at_once(web: FakeWeb) -> None:
    web.put("http://pub.test/", Page("<p>text</p>" * 10_000, drip=(10, 0.02)))
    web.put("http://pub.test/b", "text")
    reader = WebReader(parts(web))
    reading = asyncio.ensure_future(reader.read("http://pub.test/"))
    await until(lambda: any(request.path == "/" for request in web.requests))
    assert web.open_now["pub.test"] == 1
    reading.cancel()
    await until(lambda: not web.open_now["pub.test"])
    assert (await reader.read("http://pub.test/b")).text == "text"


ETAG = '"a1"'
DAY = "Sun, 22 Nov 2026 02:03:04 GMT"


async def test_a_page_that_we_hold_is_asked_for_by_its_validators(web: FakeWeb) -> None:
    web.put("http://pub.test/", Page("text", headers=(("ETag", ETAG), ("Last-Modified", DAY))))
    reader = WebReader(parts(web))
    held = (await reader.visit("http://pub.test/")).validators
    assert held == Validators("http://pub.test/", ETAG, DAY)
    web.put("http://pub.test/", Page(status=304, headers=(("ETag", '"a2"'),)))
    visited = await reader.visit("http://pub.test/", held)
    assert visited == Visited(None, Validators("http://pub.test/", '"a2"'))
    asked = web.requests[-1].headers
    assert (asked["if-none-match"], asked["if-modified-since"]) == (ETAG, DAY.lower())
    assert "if-none-match" not in web.requests[-2].headers


async def test_a_changed_page_is_read_anew(web: FakeWeb) -> None:
    web.put("http://pub.test/", Page("new text", headers=(("ETag", '"a2"'),)))
    visited = await WebReader(parts(web)).visit("http://pub.test/", Validators("http://pub.test/", ETAG))
    assert visited.page is not None
    assert visited.page.text == "new text"
    assert visited.validators == Validators("http://pub.test/", '"a2"')


async def test_validators_go_to_the_address_that_gave_them_only(web: FakeWeb) -> None:
    web.put("http://pub.test/", redirect("http://other.test/b"))
    web.put("http://other.test/b", Page("text", headers=(("ETag", ETAG),)))
    reader = WebReader(parts(web))
    held = (await reader.visit("http://pub.test/")).validators
    web.put("http://other.test/b", Page(status=304))
    assert (await reader.visit("http://pub.test/", held)).page is None
    sent = {request.host: request.headers.get("if-none-match") for request in web.requests}
    assert sent == {"pub.test": None, "other.test": ETAG}


async def test_unchanged_is_no_answer_for_who_holds_nothing(web: FakeWeb) -> None:
    web.put("http://pub.test/", Page(status=304))
    assert (await failure(WebReader(parts(web)), "http://pub.test/")).reason == "http_304"


async def test_a_page_that_its_site_calls_private_is_marked(web: FakeWeb) -> None:
    web.put("http://pub.test/", Page("text", headers=(("Cache-Control", "private"),)))
    assert not (await WebReader(parts(web)).visit("http://pub.test/")).shared
