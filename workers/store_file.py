"""What was forgotten or has expired leaves the embedded server's file on disk too, within a day."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog

from workers.store import Store
from workers.store_errors import StoreError
from workers.task_ends import end

DAY_SECONDS = 24 * 3_600.0


@asynccontextmanager
async def rewriting(store: Store, every_seconds: float = DAY_SECONDS) -> AsyncGenerator[None, None]:
    """While the block lasts, the file is written anew at once and then again and again.

    For the embedded server only: on another one its operator decides when that costs least.
    """
    task = asyncio.create_task(_rewrite_forever(store, every_seconds))
    try:
        yield
    finally:
        await end(task)


async def _rewrite_forever(store: Store, every_seconds: float) -> None:
    """A store that is down now may be there next time."""
    while True:
        try:
            written = await store.rewrite_file()
        except StoreError as error:
            structlog.get_logger().warning("store_file_not_rewritten", code=error.code)
        else:
            if not written:
                structlog.get_logger().warning("store_file_not_rewritten", code="refused")
        await asyncio.sleep(every_seconds)
