"""Reading pages of the web: fetched through the one door, politely, and turned into text."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tools.address import Target, parse_target, without_userinfo
from tools.conditional import Validators
from tools.errors import PageRefused, PageTooLarge, PageUnreachable, PageUnreadable, ToolError
from tools.extraction import Source
from tools.http import AskedToWait, Fetched, Fetcher, FetchParts
from tools.manners import Hosts, Manners
from tools.page import Webpage
from tools.robots import Robots
from tools.search import covers
from tools.walls import REASONS, wall_of

PRODUCT = "kaozheng"

Extract = Callable[[bytes, Source], Awaitable[Webpage]]
"""From bytes to a page. Raises PageUnreadable and PageTooLarge."""

Render = Callable[[str], Awaitable[str]]
"""From an address to the markup that its scripts leave. Raises PageUnreadable."""

EMPTY = frozenset({"no_text", "empty", "needs_javascript"})
"""Why a page may be one that its scripts fill."""
LITTLE_TEXT_CHARACTERS = 200


def user_agent(version: str, contact: str = "") -> str:
    """Who we are and whom to write to; contact: a URL or mail address that the operator sets."""
    visible = "".join(c for c in contact if c.isascii() and c.isprintable() and c not in "()\\")
    about = f"; +{visible}" if visible else ""
    return f"Mozilla/5.0 (compatible; {PRODUCT}/{version}{about})"


@dataclass(frozen=True, slots=True)
class SourceRules:
    """Which sites may be read; a name covers its subdomains. An empty include list means every site."""

    include_domains: tuple[str, ...] = ()
    exclude_domains: tuple[str, ...] = ()

    def allow(self, host: str) -> bool:
        if any(covers(domain, host) for domain in self.exclude_domains):
            return False
        return not self.include_domains or any(covers(domain, host) for domain in self.include_domains)


@dataclass(frozen=True, slots=True)
class WebParts:
    """What a WebReader is made of. obey_robots: an operator may turn it off for sites of their own; render: shows a
    page that is empty without its scripts (tools.browser), None where there is no browser."""

    extract: Extract
    fetching: FetchParts
    manners: Manners = field(default_factory=Manners)
    sources: SourceRules = field(default_factory=SourceRules)
    obey_robots: bool = True
    render: Render | None = None


@dataclass(frozen=True, slots=True)
class Visited:
    """What a visit brought home. page: None when the version that we hold is still the right one; the others as in
    tools.http.Fetched."""

    page: Webpage | None
    validators: Validators | None = None
    shared: bool = True


class WebReader:
    """Reads pages of the web. One per event loop; holds no connection between two pages."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts
        self._fetcher = Fetcher(parts.fetching)
        self._robots = Robots(parts.fetching, PRODUCT)
        self._hosts = Hosts(parts.manners)

    async def read(self, url: str) -> Webpage:
        """The page behind `url`, within `total_seconds` of FetchLimits plus the extraction's own limit.

        Raises PageRefused, PageUnreachable, PageUnreadable, PageTooLarge; nothing else. Their subject is
        `url` without user name and password.
        """
        page = (await self.visit(url)).page
        assert page is not None, "only who holds a page is told that it has not changed"
        return page

    async def visit(self, url: str, held: Validators | None = None) -> Visited:
        """read() for who keeps pages. held: the validators of the version that the caller holds, if any."""
        subject = without_userinfo(url)
        try:
            fetched = await self._fetch(url, held)
            if fetched.unchanged:
                return Visited(None, fetched.validators, fetched.shared)
            page = await self._page(fetched)
        except ToolError as error:
            if error.subject == subject:
                raise
            raise type(error)(subject, error.reason, error.detail) from None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        page = replace(page, truncated=fetched.truncated or page.truncated, read=now)
        return Visited(page, fetched.validators, fetched.shared)

    async def _page(self, fetched: Fetched) -> Webpage:
        """What the site sent; where that is next to nothing and has scripts, what they make of it."""
        try:
            page = await self._extracted(fetched.body, Source(fetched.url, fetched.content_type))
        except PageUnreadable as failed:
            if failed.reason not in EMPTY or not self._may_render(fetched):
                raise
            return await self._rendered(fetched.url)
        if len(page.text) >= LITTLE_TEXT_CHARACTERS or not self._may_render(fetched):
            return page
        try:
            rendered = await self._rendered(fetched.url)
        except (PageUnreadable, PageTooLarge):
            return page
        return max(page, rendered, key=lambda one: len(one.text))

    def _may_render(self, fetched: Fetched) -> bool:
        """Never an internal host of the operator's: a stranger's script would run beside it."""
        if self._parts.render is None or b"<script" not in fetched.body.lower():
            return False
        return not parse_target(fetched.url, self._parts.fetching.network.policy).internal

    async def _rendered(self, url: str) -> Webpage:
        assert self._parts.render is not None, "asked before"
        markup = await self._parts.render(url)
        return await self._extracted(markup.encode("utf-8", "replace"), Source(url, "text/html; charset=utf-8"))

    async def _extracted(self, body: bytes, source: Source) -> Webpage:
        page = await self._parts.extract(body, source)
        if wall := wall_of(page):
            raise PageUnreadable(source.url, wall, REASONS[wall])
        return page

    async def aclose(self) -> None:
        """Nothing outlives a read; this is here so that the owner need not know."""

    async def _fetch(self, url: str, held: Validators | None) -> Fetched:
        """Once more when the site says how long to wait and the deadline leaves room for it."""
        seconds = self._parts.fetching.limits.total_seconds
        try:
            async with asyncio.timeout(seconds):
                try:
                    return await self._fetcher.fetch(url, self._gate, held)
                except AskedToWait as asked:
                    self._hosts.stay_away(asked.host, asked.wait_seconds)
                    if not 0 < asked.wait_seconds <= self._parts.manners.max_retry_wait_seconds:
                        raise
                    await asyncio.sleep(asked.wait_seconds)
                return await self._fetcher.fetch(url, self._gate, held)
        except TimeoutError:
            raise PageUnreachable(without_userinfo(url), "timeout", f"not read in {seconds:g} s") from None

    @asynccontextmanager
    async def _gate(self, target: Target) -> AsyncIterator[None]:
        """Every hop, also after a redirect: an allowed site, allowed by its robots.txt, at our turn."""
        if not self._parts.sources.allow(target.host):
            raise PageRefused(target.url, "not_allowed", "the operator's list of sources leaves it out")
        crawl_delay_seconds = await self._robots.check(target) if self._parts.obey_robots else 0.0
        async with self._hosts.visit(target, crawl_delay_seconds):
            yield
