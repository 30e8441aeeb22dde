"""A conversation on the command line: its earlier turns, and the place for the next one."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agent.errors import BadQuestion
from agent.events import Answered
from agent.question import Turn
from workers.settings import Settings
from workers.store import Retention, Store, open_store
from workers.store_keys import LOCAL_USER, Owner
from workers.valkey import store_address

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Thread:
    """turns: oldest first, none for a thread that is new."""

    name: str
    turns: tuple[Turn, ...]
    store: Store

    async def keep(self, answered: Answered) -> None:
        await self.store.put_answer(answered.answer, answered.pages, Owner(LOCAL_USER, self.name))


@asynccontextmanager
async def open_thread(settings: Settings, name: str) -> AsyncGenerator[Thread, None]:
    """Opens the store. Raises BadQuestion for a name that is none, StoreError when the store does not answer."""
    if not _NAME.fullmatch(name):
        raise BadQuestion("thread", "a thread's name has 1 to 64 letters, digits, - and _")
    retention = Retention.of(settings.answer_days, settings.thread_days, settings.page_hours)
    async with (
        store_address(settings.redis_url, settings.data_dir) as address,
        open_store(address, retention) as store,
    ):
        yield Thread(name, await store.thread(LOCAL_USER, name), store)
