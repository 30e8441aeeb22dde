"""What came of addresses that were read for earlier questions, so that a site is not asked the same again and again.

A page is used as it is for its time; then its site is asked whether it has changed, where it gave us something to ask
with. Failures are kept for minutes, unless they may be our own doing. Who asks while an address is being read waits
for that one reading.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from agent.nodes.deps import Read
from tools.address import AddressPolicy, Target, canonical, parse_target, without_userinfo
from tools.conditional import Validators
from tools.errors import PageRefused, PageTooLarge, PageUnreachable, PageUnreadable, ToolError
from tools.page import Webpage
from tools.web import SourceRules, Visited
from workers.flights import Flights
from workers.records import MAX_DETAIL_CHARACTERS, FailureKind, KeptFailure, KeptPage
from workers.store_errors import StoreError

Visit = Callable[[str, Validators | None], Awaitable[Visited]]
"""tools.web.WebReader.visit."""

_KINDS: Mapping[FailureKind, type[ToolError]] = MappingProxyType(
    {
        "PageRefused": PageRefused,
        "PageUnreachable": PageUnreachable,
        "PageUnreadable": PageUnreadable,
        "PageTooLarge": PageTooLarge,
    }
)
HELD_TIMES = 7
"""A page with validators is held for so many times its fresh time: after that it is fetched anew in any case."""
# A crowded extractor, a dead browser or a site that found us too hasty may be our own doing: the next one tries again.
_MAYBE_OURS = re.compile(r"asked_to_wait|(?:extract|browser)_[a-z]+|http_(?:408|425|429|503)")
_SILENT = frozenset({"timeout"})
"""So may a time-out; but a silent site would cost every question its seconds: it is left alone for a while."""


class PageStore(Protocol):
    """workers.store.Store, as far as pages go; naming it here would load the store's client for every question."""

    async def get_page(self, url: str) -> KeptPage | None: ...

    async def put_page(self, url: str, kept: KeptPage, seconds: float) -> bool: ...


@dataclass(frozen=True, slots=True)
class CacheRules:
    """For how long things are kept, in seconds, and what the operator allows now.

    fresh_seconds:       a page is used without asking its site
    silent_seconds:      a site that did not answer in time is not asked again
    unreachable_seconds: the same for one that does not deliver
    unfit_seconds:       a page that robots.txt refuses, that is too large or that nobody can read
    store_seconds:       the longest wait for the store
    """

    fresh_seconds: float = 24 * 3_600.0
    silent_seconds: float = 60.0
    unreachable_seconds: float = 300.0
    unfit_seconds: float = 3_600.0
    store_seconds: float = 1.0
    sources: SourceRules = field(default_factory=SourceRules)
    policy: AddressPolicy = field(default_factory=AddressPolicy)
    obey_robots: bool = True


class PageCache:
    """Pages by their canonical address, in the store. A store that is down costs a second, never a page."""

    def __init__(self, store: PageStore, rules: CacheRules, clock: Callable[[], float] = time.time) -> None:
        """clock: seconds since 1970."""
        self._store, self._rules, self._clock = store, rules, clock
        self._flights: Flights[Webpage] = Flights()

    def reading(self, visit: Visit) -> Read:
        """`visit` with the cache before it. Internal hosts and sources that the operator leaves out go past it."""

        async def read(url: str) -> Webpage:
            target = parse_target(url, self._rules.policy)
            if target.internal or not self._rules.sources.allow(target.host):
                return _page_of(await visit(url, None))
            try:
                return await self._flights.join(canonical(target.url), lambda: self._read(target, visit))
            except ToolError as error:  # one error for each who waited, with the address that they asked for
                raise type(error)(without_userinfo(url), error.reason, error.detail) from None

        return read

    async def _read(self, target: Target, visit: Visit) -> Webpage:
        key = canonical(target.url)
        found = await self._found(key)
        if found and found.failure:
            raise _error_of(target.url, found.failure)
        if found and found.page and self._is_fresh(found):
            return found.page
        held = found if found and found.page and found.validators else None
        try:
            visited = await visit(target.url, held.validators if held else None)
        except ToolError as error:
            await self._keep_failure(key, error)
            raise
        page = visited.page or (held.page if held else None)
        if page is None:
            raise PageUnreachable(target.url, "protocol_error", "the site says unchanged, but nothing is held")
        await self._keep_page(key, page, visited)
        return page

    def _is_fresh(self, kept: KeptPage) -> bool:
        return 0 <= self._clock() - kept.checked < self._rules.fresh_seconds

    async def _found(self, key: str) -> KeptPage | None:
        """What the store holds and the operator's rules of today still allow."""
        try:
            async with asyncio.timeout(self._rules.store_seconds):
                kept = await self._store.get_page(key)
        except (StoreError, TimeoutError):
            return None
        if kept is None or not self._is_allowed(kept):
            return None
        return kept

    def _is_allowed(self, kept: KeptPage) -> bool:
        if kept.page is None:
            return self._rules.obey_robots or not kept.obeyed_robots
        if self._rules.obey_robots and not kept.obeyed_robots:
            return False
        try:
            target = parse_target(kept.page.url, self._rules.policy)
        except PageRefused:
            return False
        return self._rules.sources.allow(target.host)

    async def _keep_page(self, key: str, page: Webpage, visited: Visited) -> None:
        """Nothing that its site calls private or that is not whole."""
        kept = KeptPage(self._clock(), page=page, validators=visited.validators, obeyed_robots=self._rules.obey_robots)
        if visited.shared and not page.truncated and self._is_allowed(kept):
            times = HELD_TIMES if kept.validators else 1
            await self._put(key, kept, self._rules.fresh_seconds * times)

    async def _keep_failure(self, key: str, error: ToolError) -> None:
        seconds, failure = self._failure_seconds(error), _failure_of(error)
        if seconds and failure:
            kept = KeptPage(self._clock(), failure=failure, obeyed_robots=self._rules.obey_robots)
            await self._put(key, kept, seconds)

    def _failure_seconds(self, error: ToolError) -> float:
        """0 for what is quickly refused again, depends on settings, or may be our own doing."""
        if _MAYBE_OURS.fullmatch(error.reason) or (isinstance(error, PageRefused) and error.reason != "robots"):
            return 0.0
        if error.reason in _SILENT:
            return self._rules.silent_seconds
        unreachable = isinstance(error, PageUnreachable)
        return self._rules.unreachable_seconds if unreachable else self._rules.unfit_seconds

    async def _put(self, key: str, kept: KeptPage, seconds: float) -> None:
        try:
            async with asyncio.timeout(self._rules.store_seconds):
                await self._store.put_page(key, kept, seconds)
        except (StoreError, TimeoutError):
            return


def _page_of(visited: Visited) -> Webpage:
    assert visited.page is not None, "only who holds a page is told that it has not changed"
    return visited.page


def _failure_of(error: ToolError) -> KeptFailure | None:
    """None for an error that is no page's."""
    kind = next((name for name, family in _KINDS.items() if isinstance(error, family)), None)
    return None if kind is None else KeptFailure(kind, error.reason, error.detail[:MAX_DETAIL_CHARACTERS])


def _error_of(url: str, failure: KeptFailure) -> ToolError:
    return _KINDS[failure.kind](without_userinfo(url), failure.reason, failure.detail)
