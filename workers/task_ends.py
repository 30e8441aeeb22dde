"""Ends background tasks for good: the client of the store can lose a cancel in a time-out of its own, and what takes a
cancel for something else goes on to its next wait, which may be for a reader who has left."""

import asyncio
from typing import Any

AGAIN_SECONDS = 0.5


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancels them until they have ended, whatever came of them; also when we are cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while open_tasks := [task for task in tasks if not task.done()]:
        for task in open_tasks:
            task.cancel()
        try:
            await asyncio.wait(open_tasks, timeout=AGAIN_SECONDS)
        except asyncio.CancelledError as error:
            cancelled = error
    await asyncio.gather(*tasks, return_exceptions=True)  # so that none of their errors is called unseen
    if cancelled:
        raise cancelled
