"""The pages that a set brings along, in the place of the web: one library of all of them, or each question's own."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tools.errors import PageUnreachable
from tools.extraction import Source
from tools.extractor import Extractor
from tools.library import Library
from tools.page import Webpage
from tools.search import Search, SearchQuery, SearchResult
from tools.text import bm25, content_words, words
from workers.evaluation.cases import Case, CasePage

Scope = Literal["pool", "own", "search"]
"""pool: every question searches all pages of the set; own: each its own pages; search: the engines of the settings."""

SCOPES: tuple[Scope, ...] = ("pool", "own", "search")
_FOLDER = "pages"
_SNIPPET_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Collection:
    """library: all pages, under the names that `address` gives."""

    library: Library
    pages: Sequence[CasePage]

    def searching(self, case: Case, scope: Scope) -> Search:
        return self.library.search if scope == "pool" else _OwnPages(self, case).search

    async def read(self, url: str) -> Webpage:
        return await self.library.read(url)

    def original(self, url: str) -> str:
        """Where the set says that a page comes from, else its address here."""
        number = number_of(url)
        return self.pages[number].url or url if number is not None else url


def address(number: int, page: CasePage) -> str:
    return f"library://{_FOLDER}/{_name(number, page)}"


def number_of(url: str) -> int | None:
    name = url.removeprefix(f"library://{_FOLDER}/").partition(".")[0]
    return int(name) if name.isascii() and name.isdigit() else None


def _name(number: int, page: CasePage) -> str:
    return f"{number}.{'html' if page.html else 'txt'}"


@asynccontextmanager
async def open_collection(pages: Sequence[CasePage]) -> AsyncGenerator[Collection, None]:
    """Indexes the pages into a library that is thrown away in the end; a page that cannot be read is left out."""
    extractor = Extractor()
    with tempfile.TemporaryDirectory(prefix="kaozheng-eval-") as place:
        folder = Path(place) / _FOLDER
        await asyncio.to_thread(_write, folder, pages)

        async def extract(content: bytes, source: Source) -> Webpage:
            page = pages[int(source.name.rpartition("/")[2].partition(".")[0])]
            if not page.html:
                return Webpage(source.url, page.title, content.decode("utf-8"))
            found = await extractor.extract(content, source)
            return replace(found, title=found.title or page.title)

        library = Library(Path(place) / "library.sqlite3")
        try:
            await library.add(folder, extract)
            yield Collection(library, pages)
        finally:
            await extractor.aclose()


def _write(folder: Path, pages: Sequence[CasePage]) -> None:
    folder.mkdir()
    for number, page in enumerate(pages):
        if page.text.strip():
            (folder / _name(number, page)).write_text(page.text, encoding="utf-8")


class _OwnPages:
    """The search engine of one question: BM25 over its own pages. Those without a word of the query come last."""

    def __init__(self, collection: Collection, case: Case) -> None:
        self._collection, self._case = collection, case

    async def search(self, query: SearchQuery) -> list[SearchResult]:
        pages = [page for number in self._case.pages if (page := await self._page(number)) is not None]
        return await asyncio.to_thread(_ranked, query, pages)

    async def _page(self, number: int) -> Webpage | None:
        try:
            return await self._collection.read(address(number, self._collection.pages[number]))
        except PageUnreachable:  # it could not be extracted
            return None


def _ranked(query: SearchQuery, pages: Sequence[Webpage]) -> list[SearchResult]:
    scores = bm25(content_words(query.text), [words(f"{page.title}\n{page.text}") for page in pages])
    order = sorted(range(len(pages)), key=lambda at: -scores[at])
    return [
        SearchResult(pages[at].url, pages[at].title, pages[at].text[:_SNIPPET_CHARACTERS], "", "own pages")
        for at in order[: query.limit]
    ]
