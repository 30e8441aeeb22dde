"""Pages for later questions: a real store, a real reader, and the small internet on loopback."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from agent.nodes.deps import Read
from tests.fake_web import FakeWeb, Page, redirect
from tools.address import AddressPolicy
from tools.errors import PageRefused, PageTooLarge, PageUnreachable, PageUnreadable, ToolError
from tools.extraction import Source
from tools.http import FetchLimits, FetchParts
from tools.manners import Manners
from tools.page import Webpage
from tools.web import SourceRules, WebParts, WebReader
from workers.page_cache import HELD_TIMES, CacheRules, PageCache
from workers.records import KeptPage
from workers.store import Retention, Store
from workers.store_errors import StoreDown
from workers.store_keys import page_key

URL = "http://pub.test/a"
HOUR = 3_600.0
ETAG = (("ETag", '"a1"'),)


async def as_text(body: bytes, source: Source) -> Webpage:
    if b"empty" in body:
        raise PageUnreadable(source.url, "no_text")
    if b"crowded" in body:
        raise PageUnreadable(source.url, "extract_timeout")
    return Webpage(source.url, "a title", body.decode())


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Shelf:
    """A store that is down, or silent."""

    def __init__(self, silent: bool = False) -> None:
        self.silent = silent

    async def get_page(self, _url: str) -> KeptPage | None:
        return await self._fail()

    async def put_page(self, _url: str, _kept: KeptPage, _seconds: float) -> bool:
        await self._fail()
        return True

    async def _fail(self) -> None:
        if self.silent:
            await asyncio.Event().wait()
        raise StoreDown("the store does not answer")


@pytest.fixture
async def web() -> AsyncIterator[FakeWeb]:
    async with FakeWeb() as running:
        yield running


@pytest.fixture
def store(valkey: Redis) -> Store:
    return Store(valkey, Retention(1_000, 1_000, 1_000))


def reading(web: FakeWeb, store: Store | Shelf, rules: CacheRules | None = None, clock: Clock | None = None) -> Read:
    """A process of its own: nothing is shared but the store."""
    rules = rules or CacheRules(fresh_seconds=HOUR)
    fetching = FetchParts(web.network(rules.policy), "agent/1", FetchLimits(total_seconds=5.0, first_byte_seconds=0.3))
    parts = WebParts(as_text, fetching, Manners(spacing_seconds=0.0), rules.sources, rules.obey_robots)
    return PageCache(store, rules, clock or Clock()).reading(WebReader(parts).visit)


def fetches(web: FakeWeb) -> list[str]:
    return [request.path for request in web.requests if request.path != "/robots.txt"]


async def failure(read: Read, url: str) -> ToolError:
    with pytest.raises(ToolError) as raised:
        await read(url)
    return raised.value


async def test_a_page_is_fetched_once_for_all_and_anew_when_its_time_is_over(web: FakeWeb, store: Store) -> None:
    web.put(URL, "old text")
    clock = Clock()
    page = await reading(web, store, clock=clock)(URL)
    web.put(URL, "new text")
    clock.now += HOUR - 1
    assert await reading(web, store, clock=clock)(URL) == page
    clock.now += 2
    assert (await reading(web, store, clock=clock)(URL)).text == "new text"
    assert len(fetches(web)) == 2


@pytest.mark.parametrize("other", ["http://PUB.test:80/a", f"{URL}#part", f"{URL}?utm_source=x", "http://pub.test/./a"])
async def test_one_page_has_one_place_however_it_is_spelt(other: str, web: FakeWeb, store: Store) -> None:
    web.put(URL, "text")
    read = reading(web, store)
    assert await read(URL) == await read(other)
    assert fetches(web) == ["/a"]


async def test_a_page_that_has_not_changed_keeps_its_text_and_is_fresh_again(web: FakeWeb, store: Store) -> None:
    web.put(URL, Page("text", headers=ETAG))
    clock = Clock()
    read = reading(web, store, clock=clock)
    page = await read(URL)
    web.put(URL, Page(status=304))
    clock.now += HOUR + 1
    assert await read(URL) == page
    assert web.requests[-1].headers["if-none-match"] == '"a1"'
    clock.now += HOUR - 1
    assert await read(URL) == page
    clock.now += 2
    assert await read(URL) == page
    assert len(fetches(web)) == 3


async def test_a_page_that_has_changed_takes_the_place_of_the_old_one(web: FakeWeb, store: Store) -> None:
    web.put(URL, Page("old text", headers=ETAG))
    clock = Clock()
    read = reading(web, store, clock=clock)
    await read(URL)
    web.put(URL, Page("new text", headers=(("ETag", '"a2"'),)))
    clock.now += HOUR + 1
    assert [(await read(URL)).text for _ in range(2)] == ["new text"] * 2
    assert len(fetches(web)) == 2


async def test_a_page_is_held_longer_only_where_its_site_can_be_asked_about_it(web: FakeWeb, store: Store) -> None:
    web.put(URL, "text")
    web.put("http://pub.test/b", Page("text", headers=ETAG))
    read = reading(web, store)
    for url, times in ((URL, 1), ("http://pub.test/b", HELD_TIMES)):
        await read(url)
        assert await store.client.ttl(page_key(url)) == pytest.approx(times * HOUR, abs=2)


KEPT_FAILURES = [
    ("http://gone.test/", "", PageUnreachable, "dns", 300),
    (URL, Page("gone", status=404), PageUnreachable, "http_404", 300),
    (URL, Page("ill", status=500), PageUnreachable, "http_500", 300),
    (URL, "empty", PageUnreadable, "no_text", 3_600),
    (URL, Page(b"\x89PNG\r\n\x1a\n" + bytes(900), "image/png"), PageUnreadable, "unsupported_type", 3_600),
    (URL, Page("x", headers=tuple((f"X-{n}", "x") for n in range(250))), PageTooLarge, "headers_too_large", 3_600),
]


@pytest.mark.parametrize(("url", "page", "kind", "reason", "seconds"), KEPT_FAILURES)
async def test_a_failure_is_kept_for_its_time(
    url: str, page: Page | str, kind: type[ToolError], reason: str, seconds: int, web: FakeWeb, store: Store
) -> None:
    if page:
        web.put(url, page)
    first = await failure(reading(web, store), url)
    asked = (len(web.requests), len(web.looked_up))
    again = await failure(reading(web, store), url + "#part")
    assert (type(again), again.reason, again.detail, again.subject) == (kind, reason, first.detail, url + "#part")
    assert (len(web.requests), len(web.looked_up)) == asked
    assert await store.client.ttl(page_key(url)) == pytest.approx(seconds, abs=2)


async def test_a_refusal_of_robots_txt_is_kept_until_the_operator_asks_it_no_more(web: FakeWeb, store: Store) -> None:
    web.put("http://pub.test/robots.txt", "User-agent: *\nDisallow: /\n")
    web.put(URL, "text")
    assert (await failure(reading(web, store), URL)).reason == "robots"
    assert (await failure(reading(web, store), URL)).reason == "robots"
    assert len(web.requests) == 1
    rude = CacheRules(fresh_seconds=HOUR, obey_robots=False)
    assert (await reading(web, store, rude)(URL)).text == "text"
    assert (await failure(reading(web, store), URL)).reason == "robots"


NOT_KEPT = [
    (Page("later", status=429), "http_429"),
    (Page("later", status=503), "http_503"),
    (Page("crowded"), "extract_timeout"),
    (redirect("http://10.0.0.1/"), "ip_private"),
]


@pytest.mark.parametrize(("page", "reason"), NOT_KEPT)
async def test_what_may_be_our_own_doing_is_tried_again(page: Page, reason: str, web: FakeWeb, store: Store) -> None:
    web.put(URL, page)
    assert (await failure(reading(web, store), URL)).reason == reason
    web.put(URL, "text")
    assert (await reading(web, store)(URL)).text == "text"


async def test_a_silent_site_is_left_alone_for_a_minute_and_then_asked_again(web: FakeWeb, store: Store) -> None:
    rules = CacheRules(fresh_seconds=HOUR)
    web.put(URL, Page("slow", delay_seconds=2.0))
    assert (await failure(reading(web, store, rules), URL)).reason == "timeout"
    asked = len(web.requests)
    assert (await failure(reading(web, store, rules), URL)).reason == "timeout"
    assert len(web.requests) == asked
    assert 0 < await store.client.ttl(page_key(URL)) <= rules.silent_seconds == 60.0


NOT_SHARED = [
    Page("text", headers=(("Cache-Control", "private, max-age=60"),)),
    Page("text", headers=(("Cache-Control", "no-store"),)),
    Page("text" * 100, cut_after=100),
]


@pytest.mark.parametrize("page", NOT_SHARED)
async def test_a_private_or_torn_page_is_not_kept(page: Page, web: FakeWeb, store: Store) -> None:
    web.put(URL, page)
    await reading(web, store)(URL)
    assert await store.client.dbsize() == 0


async def test_pages_of_internal_hosts_are_read_and_not_kept(web: FakeWeb, store: Store) -> None:
    web.put("http://wiki.corp/", "text")
    web.names["wiki.corp"] = ["10.0.0.7"]
    web.put("http://wiki.corp/away", redirect("http://wiki.corp/"))
    rules = CacheRules(fresh_seconds=HOUR, policy=AddressPolicy(internal_hosts=frozenset({"wiki.corp"})))
    for path in ("", "away"):
        assert (await reading(web, store, rules)(f"http://wiki.corp/{path}")).text == "text"
    assert (await failure(reading(web, store, rules), "http://wiki.corp/gone")).reason == "http_404"
    assert await store.client.dbsize() == 0
    assert isinstance(await failure(reading(web, store), "http://wiki.corp/"), PageRefused)


async def test_the_rules_of_today_hold_for_the_pages_of_yesterday(web: FakeWeb, store: Store) -> None:
    web.put(URL, redirect("http://other.test/b"))
    web.put("http://other.test/b", "text")
    rules = CacheRules(fresh_seconds=HOUR)
    await reading(web, store, rules)(URL)
    for sources in (SourceRules(exclude_domains=("pub.test",)), SourceRules(exclude_domains=("other.test",))):
        assert (await failure(reading(web, store, replace(rules, sources=sources)), URL)).reason == "not_allowed"
    assert (await failure(reading(web, store, replace(rules, sources=SourceRules(("a.test",)))), URL)).subject == URL


@pytest.mark.parametrize("poison", [b"", b"[]", b'{"schema":1,"kind":"visit","value":{"checked":1}}', b"\x80\x04."])
async def test_a_damaged_value_is_no_value(poison: bytes, web: FakeWeb, store: Store) -> None:
    web.put(URL, "text")
    await store.client.set(page_key(URL), poison)
    assert (await reading(web, store)(URL)).text == "text"


async def test_a_page_from_the_future_is_fetched_anew(web: FakeWeb, store: Store) -> None:
    web.put(URL, "text")
    await store.put_page(URL, KeptPage(Clock().now + HOUR, Webpage(URL, "", "false text")), 60)
    assert (await reading(web, store)(URL)).text == "text"


@pytest.mark.parametrize("silent", [False, True])
async def test_a_store_that_is_down_loses_no_page(silent: bool, web: FakeWeb) -> None:
    web.put(URL, "text")
    rules = CacheRules(fresh_seconds=HOUR, store_seconds=0.05)
    read = reading(web, Shelf(silent), rules)
    assert [(await read(URL)).text for _ in range(2)] == ["text"] * 2
    assert (await failure(read, "http://gone.test/")).reason == "dns"


async def test_those_who_ask_at_once_share_one_fetch_and_each_has_the_own_error(web: FakeWeb, store: Store) -> None:
    web.put(URL, Page("text", delay_seconds=0.1))
    read = reading(web, store)
    spelt = [URL, *(f"{URL}#{n}" for n in range(20)), *(f"{URL}?utm_source={n}" for n in range(20))]
    assert len(set(await asyncio.gather(*map(read, spelt)))) == 1
    assert fetches(web) == ["/a"]
    errors = await asyncio.gather(*(read(f"http://gone.test/#{n}") for n in range(3)), return_exceptions=True)
    assert [error.subject for error in errors if isinstance(error, ToolError)] == [
        f"http://gone.test/#{n}" for n in range(3)
    ]


async def test_who_leaves_does_not_stop_the_fetch_of_the_others(web: FakeWeb, store: Store) -> None:
    web.put(URL, Page("text", delay_seconds=0.1))
    read = reading(web, store)
    first, second = (asyncio.ensure_future(read(URL)) for _ in range(2))
    await asyncio.sleep(0.02)
    first.cancel()
    assert (await second).text == "text"
    assert fetches(web) == ["/a"]


async def test_an_address_that_the_guard_refuses_is_not_looked_for(web: FakeWeb) -> None:
    error = await failure(reading(web, Shelf(silent=True)), "http://ann:pw5ecret@pub.test/")
    assert (type(error), error.reason, "pw5ecret" in str(error)) == (PageRefused, "userinfo", False)
