"""robots.txt (RFC 9309): what a site lets us read, cached per origin."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from protego import Protego

from tools.address import Target
from tools.errors import PageRefused, PageTooLarge, PageUnreachable, PageUnreadable
from tools.extraction import Source
from tools.http import Fetcher, FetchLimits, FetchParts

MAX_ROBOTS_BYTES = 512 * 1024  # RFC 9309, 2.5: at least 500 KiB
MAX_ORIGINS = 2_000
LARGE_BYTES = 32 * 1024
"""From here on a hostile file costs enough (0.5 MB: 2 s to parse, 0.6 s a question) to leave the event loop."""
KEPT_SECONDS = 24 * 3600.0  # RFC 9309, 2.4: no longer than a day
FAILURE_KEPT_SECONDS = 60.0
ROBOTS_LIMITS = FetchLimits(total_seconds=5.0, max_wire_bytes=MAX_ROBOTS_BYTES, max_decoded_bytes=MAX_ROBOTS_BYTES)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The rules of one origin, or the failure that stands for them. until: on the clock's scale, in seconds."""

    rules: Protego | PageUnreachable
    until: float
    large: bool = False


def any_kind(_head: bytes, _source: Source) -> str:
    """robots.txt is read as text whatever it is called."""
    return "text"


class Robots:
    """Asks robots.txt before a page is read.

    parts: of the page's fetcher; robots.txt goes through the same door with limits of its own.
    token: the product token by which rules name us.
    """

    def __init__(self, parts: FetchParts, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetcher = Fetcher(replace(parts, limits=ROBOTS_LIMITS, kind_of=any_kind))
        self._token = token
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._asking: dict[str, asyncio.Lock] = {}

    async def check(self, target: Target) -> float:
        """The seconds that the site wants between two requests, 0.0 when it does not say.

        Raises PageRefused (robots) when the page is off limits, and the failure of robots.txt itself when the
        site could not be asked, since then the page is off limits too (RFC 9309, 2.3.1.4).
        """
        kept = await self._kept_for(target)
        if isinstance(kept.rules, PageUnreachable):
            raise PageUnreachable(target.url, kept.rules.reason, f"robots.txt: {kept.rules.detail}")
        if not await self._allows(kept.rules, target.url, kept.large):
            raise PageRefused(target.url, "robots", "the site's robots.txt asks not to read it")
        return float(kept.rules.crawl_delay(self._token) or 0.0)

    async def _allows(self, rules: Protego, url: str, large: bool) -> bool:
        if large:
            return bool(await asyncio.to_thread(rules.can_fetch, url, self._token))
        return bool(rules.can_fetch(url, self._token))

    async def _kept_for(self, target: Target) -> _Kept:
        kept = self._fresh(target.origin)
        if kept is not None:
            return kept
        # One question per origin at a time; the lock goes when nobody holds it.
        lock = self._asking.setdefault(target.origin, asyncio.Lock())
        try:
            async with lock:
                return self._fresh(target.origin) or await self._ask(target)
        finally:
            if not lock.locked():
                self._asking.pop(target.origin, None)

    def _fresh(self, origin: str) -> _Kept | None:
        kept = self._kept.get(origin)
        return kept if kept and self._clock() < kept.until else None

    async def _ask(self, target: Target) -> _Kept:
        rules: Protego | PageUnreachable
        text = ""
        try:
            text = await self._text(target)
            rules = await asyncio.to_thread(Protego.parse, text)
        except PageUnreachable as failure:
            rules = failure
        seconds = FAILURE_KEPT_SECONDS if isinstance(rules, PageUnreachable) else KEPT_SECONDS
        kept = self._kept[target.origin] = _Kept(rules, self._clock() + seconds, len(text) > LARGE_BYTES)
        self._kept.move_to_end(target.origin)
        while len(self._kept) > MAX_ORIGINS:
            self._kept.popitem(last=False)
        return kept

    async def _text(self, target: Target) -> str:
        """The file, "" (everything is allowed) when the site has none or none that can be read."""
        try:
            fetched = await self._fetcher.fetch(f"{target.origin}/robots.txt")
        except (PageUnreadable, PageTooLarge):
            return ""
        except PageUnreachable as failure:
            absent = failure.reason.startswith("http_4") and failure.reason != "http_429"
            if absent or failure.reason == "too_many_redirects":
                return ""
            raise
        return fetched.body.decode("utf-8", "replace")
