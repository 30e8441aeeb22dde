"""The local library: folders of HTML, PDF, Word, Markdown and text files, searched without a network.

Pages have addresses of the form `library://FOLDER/rel/path.html`; no path of this machine ever leaves.
"""

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tools import library_ranking
from tools.errors import PageUnreachable
from tools.library_files import Problem
from tools.library_index import BUSY_SECONDS, Folder, Index
from tools.library_update import Extract, FolderRefused, Indexed, IndexStep, Update
from tools.page import Webpage
from tools.search import SearchQuery, SearchResult

__all__ = ["Extract", "Folder", "FolderRefused", "IndexStep", "Indexed", "Library", "Problem"]


class Library:
    """All folders of one index file. Every method raises SearchDown when the index cannot be used."""

    def __init__(self, index: Path, today: Callable[[], date] = date.today, busy_seconds: float = BUSY_SECONDS) -> None:
        """index: a file, made by the first `add`; busy_seconds: how long another program's lock is waited for."""
        self._index = Index(index, busy_seconds)
        self._today = today

    async def add(
        self, folder: Path, extract: Extract, progress: Callable[[IndexStep], None] = lambda step: None
    ) -> Indexed:
        """Index what is new or changed in a folder, forget what vanished. May be stopped and started again."""
        update = await asyncio.to_thread(Update.start, self._index, folder)
        await update.run(extract, progress)
        return await asyncio.to_thread(update.finish)

    async def search(self, query: SearchQuery) -> list[SearchResult]:
        """Best pages first; an empty list means that no page has a word of the query."""
        return await asyncio.to_thread(self._search, query)

    def _search(self, query: SearchQuery) -> list[SearchResult]:
        with self._index.reading() as connection:
            return library_ranking.search(connection, query, self._today())

    async def read(self, url: str) -> Webpage:
        """The page behind a `library://` address, as it was indexed. Raises PageUnreachable when there is none."""
        parts = urlsplit(url)
        found = None
        if parts.scheme == "library":
            folder, path = unquote(parts.netloc), unquote(parts.path[1:])
            found = await asyncio.to_thread(self._index.page, folder, path)
        if found is None:
            raise PageUnreachable(url, "unknown_page", "the library holds no such page")
        return found.page

    async def folders(self) -> list[Folder]:
        return await asyncio.to_thread(self._index.folders)

    async def remove(self, folder: str) -> int:
        """Forget a folder, by its name or its path; how many pages went with it."""
        return await asyncio.to_thread(self._index.remove, folder)

    async def pages(self) -> int:
        """How many pages can be found."""
        return sum(folder.pages for folder in await self.folders())
