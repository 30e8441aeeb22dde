"""What searches, pages and grades a run has already paid for: a file that the next start of the same run reads."""

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.nodes.deps import Read
from tools.page import Webpage
from tools.search import Search, SearchQuery, SearchResult, covers
from workers.evaluation.cases import BadSet

_BUSY_SECONDS = 30.0


class Kept:
    """Values of JSON by key. What failed is never kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._opened()) as connection, connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT NOT NULL)")

    def _opened(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS)
            connection.execute("PRAGMA user_version")
        except sqlite3.Error as error:
            raise BadSet(self._path, 0, "", f"the cache of the run cannot be used ({error}); delete it") from None
        return connection

    async def get(self, key: str) -> Any:
        return await asyncio.to_thread(self._get, _hashed(key))

    async def put(self, key: str, value: Any) -> None:
        await asyncio.to_thread(self._put, _hashed(key), json.dumps(value, ensure_ascii=True))

    def _get(self, key: str) -> Any:
        with closing(self._opened()) as connection:
            row = connection.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def _put(self, key: str, value: str) -> None:
        with closing(self._opened()) as connection, connection:
            connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, value))


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class Withheld:
    """A search whose results never come from a blocked host, whatever the engine makes of the filter."""

    def __init__(self, search: Search, blocked: Sequence[str]) -> None:
        self._search, self._blocked = search, tuple(blocked)
        self.count = 0

    async def search(self, query: SearchQuery) -> list[SearchResult]:
        found = await self._search(query)
        left = [
            one for one in found if not any(covers(host, urlsplit(one.url).hostname or "") for host in self._blocked)
        ]
        self.count += len(found) - len(left)
        return left


def kept_search(search: Search, kept: Kept) -> Search:
    async def asked(query: SearchQuery) -> list[SearchResult]:
        key = f"search {json.dumps(asdict(query))}"
        rows = await kept.get(key)
        if rows is None:
            found = await search(query)
            await kept.put(key, [asdict(one) for one in found])
            return found
        return [SearchResult(**row) for row in rows]

    return asked


def kept_read(read: Read, kept: Kept) -> Read:
    async def opened(url: str) -> Webpage:
        if url.startswith("library:"):  # it lies here already
            return await read(url)
        row = await kept.get(f"page {url}")
        if row is None:
            page = await read(url)
            await kept.put(f"page {url}", asdict(page))
            return page
        return Webpage(**row)

    return opened
