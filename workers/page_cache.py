"""Pages that were fetched for earlier questions, so that the same page is not fetched again within its time."""

from typing import Protocol

from agent.nodes.deps import Read
from tools.page import Webpage
from workers.store_errors import StoreError


class PageStore(Protocol):
    """workers.store.Store, as far as pages go; naming it here would load the store's client for every question."""

    async def get_page(self, url: str) -> Webpage | None: ...

    async def put_page(self, url: str, page: Webpage) -> bool: ...


class PageCache:
    """Extracted pages by address, in the store. A store that is down costs time, never a page."""

    def __init__(self, store: PageStore) -> None:
        self._store = store

    def reading(self, read: Read) -> Read:
        """`read` with the cache before it; only pages of the web are kept, the library has its own index."""

        async def kept_or_read(url: str) -> Webpage:
            if not url.startswith(("http://", "https://")):
                return await read(url)
            if found := await self._found(url):
                return found
            page = await read(url)
            await self._keep(url, page)
            return page

        return kept_or_read

    async def _found(self, url: str) -> Webpage | None:
        try:
            return await self._store.get_page(url)
        except StoreError:
            return None

    async def _keep(self, url: str, page: Webpage) -> None:
        try:
            if not page.truncated:
                await self._store.put_page(url, page)
        except StoreError:
            return
