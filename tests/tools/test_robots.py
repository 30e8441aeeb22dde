"""robots.txt is asked once per site and obeyed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.fake_web import FakeWeb, Page, redirect
from tools import robots
from tools.address import AddressPolicy, Target, parse_target
from tools.errors import PageRefused, PageUnreachable
from tools.http import FetchParts
from tools.robots import FAILURE_KEPT_SECONDS, KEPT_SECONDS, Robots


class Clock:
    """Seconds that pass when a test says so."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def web() -> AsyncIterator[FakeWeb]:
    async with FakeWeb() as running:
        yield running


def asking(web: FakeWeb, clock: Clock | None = None) -> Robots:
    return Robots(FetchParts(web.network(), "kaozheng/1"), "kaozheng", clock or Clock())


def target(url: str) -> Target:
    return parse_target(url, AddressPolicy())


async def refused(rules: Robots, url: str) -> bool:
    try:
        await rules.check(target(url))
    except PageRefused as error:
        return error.reason == "robots"
    return False


RULES = """User-agent: *
Disallow: /private
Crawl-delay: 2

User-agent: kaozheng
Disallow: /no
Disallow: /*.cgi
Allow: /no/but-this
Crawl-delay: 1.5
"""


async def test_the_rules_for_us_are_obeyed(web: FakeWeb) -> None:
    web.put("http://pub.test/robots.txt", Page(RULES, "text/plain"))
    rules = asking(web)
    assert await refused(rules, "http://pub.test/no/page")
    assert await refused(rules, "http://pub.test/a/b.cgi?x")
    assert not await refused(rules, "http://pub.test/no/but-this")
    assert not await refused(rules, "http://pub.test/private")
    assert await rules.check(target("http://pub.test/")) == 1.5


async def test_a_site_is_asked_once_however_many_pages_are_read(web: FakeWeb) -> None:
    web.put("http://pub.test/robots.txt", Page(RULES, "text/plain", delay_seconds=0.1))
    rules = asking(web)
    await asyncio.gather(*(rules.check(target(f"http://pub.test/{number}")) for number in range(10)))
    assert [request.path for request in web.requests] == ["/robots.txt"]


async def test_another_port_is_another_site(web: FakeWeb) -> None:
    web.put("http://pub.test/robots.txt", RULES)
    rules = asking(web)
    await rules.check(target("http://pub.test/"))
    await rules.check(target("http://pub.test:8080/"))
    assert len(web.requests) == 2


async def test_rules_are_asked_for_again_after_a_day(web: FakeWeb) -> None:
    web.put("http://pub.test/robots.txt", RULES)
    clock = Clock()
    rules = asking(web, clock)
    await rules.check(target("http://pub.test/"))
    clock.now += KEPT_SECONDS - 1
    await rules.check(target("http://pub.test/"))
    assert len(web.requests) == 1
    clock.now += 2
    await rules.check(target("http://pub.test/"))
    assert len(web.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_a_site_without_rules_may_be_read(web: FakeWeb, status: int) -> None:
    web.put("http://pub.test/robots.txt", Page("User-agent: *\nDisallow: /", status=status))
    assert not await refused(asking(web), "http://pub.test/")


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_site_that_cannot_say_its_rules_is_left_alone_for_a_while(web: FakeWeb, status: int) -> None:
    web.put("http://pub.test/robots.txt", Page("", status=status))
    web.put("http://pub.test/", "page")
    clock = Clock()
    rules = asking(web, clock)
    for _ in range(2):
        with pytest.raises(PageUnreachable) as raised:
            await rules.check(target("http://pub.test/"))
        assert raised.value.reason == f"http_{status}"
    assert len(web.requests) == 1
    clock.now += FAILURE_KEPT_SECONDS + 1
    web.put("http://pub.test/robots.txt", RULES)
    assert not await refused(rules, "http://pub.test/")


async def test_rules_that_nobody_can_read_forbid_nothing(web: FakeWeb) -> None:
    web.put("http://pub.test/robots.txt", Page("x", headers=(("Content-Encoding", "rot13"),)))
    web.put("http://loop.test/robots.txt", redirect("/robots.txt"))
    rules = asking(web)
    assert not await refused(rules, "http://pub.test/")
    assert not await refused(rules, "http://loop.test/")


async def test_a_redirected_robots_txt_counts_for_the_site_that_was_asked(web: FakeWeb) -> None:
    web.put("http://pub.test/robots.txt", redirect("http://www.pub.test/robots.txt"))
    web.put("http://www.pub.test/robots.txt", RULES)
    assert await refused(asking(web), "http://pub.test/no")


async def test_robots_txt_goes_through_the_address_guard(web: FakeWeb) -> None:
    web.put("http://pub.test/robots.txt", redirect("http://169.254.169.254/"))
    with pytest.raises(PageRefused) as raised:
        await asking(web).check(target("http://pub.test/"))
    assert raised.value.reason == "ip_private"


async def test_a_huge_robots_txt_is_read_to_its_limit(web: FakeWeb) -> None:
    web.put("http://pub.test/robots.txt", "User-agent: *\nDisallow: /no\n" + "# filler\n" * 200_000)
    assert await refused(asking(web), "http://pub.test/no")


async def test_hostile_patterns_do_not_stop_the_event_loop(web: FakeWeb) -> None:
    patterns = "".join(f"Disallow: /*a*b*{number}*c$\n" for number in range(8_000))
    web.put("http://pub.test/robots.txt", f"User-agent: *\nDisallow: /{'*a' * 2_000}$\n{patterns}")
    asking_for = asyncio.ensure_future(refused(asking(web), "http://pub.test/" + "ab" * 2_000))
    turns = 0
    while not asking_for.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert not await asking_for
    assert turns > 10


async def test_no_more_sites_are_kept_than_the_bound(web: FakeWeb) -> None:
    rules = asking(web)
    for number in range(5):
        web.put(f"http://site{number}.test/robots.txt", RULES)
    bound, robots_kept = robots.MAX_ORIGINS, rules._kept
    assert bound == 2_000
    for number in range(bound + 3):
        robots_kept[f"http://old{number}.test"] = robots._Kept(PageUnreachable("x", "dns"), 0.0)
    await rules.check(target("http://site1.test/"))
    assert len(robots_kept) == bound
    assert "http://site1.test" in robots_kept
