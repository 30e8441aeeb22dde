"""Web search without a key, through the ddgs library, which reads the result pages of several engines.

It is the extra, not the default: these engines limit and block what looks like a program. The library is
synchronous and starts threads of its own, so it runs in a few threads of ours, with a deadline.
"""

import asyncio
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tools.charset import one_line
from tools.engines import tidied, with_sites
from tools.errors import SearchDown
from tools.search import SearchQuery, SearchResult

NAME = "ddgs"
NOTHING_FOUND = "No results found."
"""How the library (9.16) says that every engine worked and none found anything; anything else is a failure."""

_REGIONS = {"zh": "cn-zh", "en": "us-en"}


@dataclass(frozen=True, slots=True)
class DdgsLimits:
    """seconds: for one search; request_seconds: for one request to an engine; threads: searches at a time;
    waiting: searches that may stand in line. backends: the library's names of engines, `auto` for its choice."""

    seconds: float = 12.0
    request_seconds: int = 5
    threads: int = 2
    waiting: int = 8
    backends: str = "auto"


class Ddgs:
    """proxy: for all of its requests, "" for none. The library is imported at the first search (0.3 s)."""

    def __init__(self, proxy: str = "", limits: DdgsLimits | None = None) -> None:
        self._proxy, self._limits = proxy, limits or DdgsLimits()
        self._threads = ThreadPoolExecutor(self._limits.threads, thread_name_prefix="ddgs")
        self._room = threading.BoundedSemaphore(self._limits.threads + self._limits.waiting)

    async def search(self, query: SearchQuery) -> list[SearchResult]:
        """Raises SearchDown: timeout, busy (all threads are waiting for engines), rate_limited, failed."""
        if not self._room.acquire(blocking=False):
            raise SearchDown(NAME, "busy", "too many searches are under way")
        work = self._threads.submit(self._ask, query)
        work.add_done_callback(lambda _: self._room.release())
        try:
            async with asyncio.timeout(self._limits.seconds):
                rows = await asyncio.wrap_future(work)
        except TimeoutError as error:
            raise SearchDown(NAME, "timeout", f"it did not answer within {self._limits.seconds:g} s") from error
        return results_of(rows, query)

    async def aclose(self) -> None:
        """Start no more searches. One under way ends by its own time limits; nobody waits for it."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, query: SearchQuery) -> list[dict[str, Any]]:
        """In a thread of ours. The library's failures become ours here, where it is imported."""
        from ddgs import DDGS
        from ddgs.exceptions import DDGSException

        try:
            engines = DDGS(proxy=self._proxy or None, timeout=self._limits.request_seconds)
            rows = engines.text(
                with_sites(query),
                region=_REGIONS[query.language],
                timelimit=query.recency[0] if query.recency else None,
                max_results=query.limit,
                backend=self._limits.backends,
            )
        except DDGSException as error:
            if str(error) == NOTHING_FOUND:
                return []
            raise failure(error) from error
        return list(rows)


def failure(error: Exception) -> SearchDown:
    """Our error for one of the library's: RatelimitException, TimeoutException or their base."""
    kinds = {"RatelimitException": "rate_limited", "TimeoutException": "timeout"}
    reason = kinds.get(type(error).__name__, "failed")
    return SearchDown(NAME, reason, one_line(f"no engine answered: {error}", 200))


def results_of(rows: Iterable[Mapping[str, Any]], query: SearchQuery) -> list[SearchResult]:
    """The library's rows (title, href, body) as results."""
    made = (
        SearchResult(
            url=str(row.get("href") or ""), title=str(row.get("title") or ""), snippet=str(row.get("body") or "")
        )
        for row in rows
    )
    return tidied(made, query, NAME)
