"""Small things done after Slack has its acknowledgement: notices, views. Bounded, and cancelled with the bot."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from workers.slack.errors import SlackError
from workers.store_errors import StoreError

MOST = 200


class Chores:
    """What does not fit is dropped: nothing that anybody was promised is a chore."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._running) >= MOST:
            work.close()
            structlog.get_logger().warning("slack_chore_dropped")
            return
        task = asyncio.create_task(_done(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def aclose(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


async def _done(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except (SlackError, StoreError) as error:
        structlog.get_logger().info("slack_chore_failed", code=error.code, detail=str(error))
