"""A stop that loses nothing: no new question, time for those that run, a last event for those that need longer."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import FrameType

import uvicorn

from workers.slots import Slots

LAST_SECONDS = 1.5
"""For the last events to be made and stored, once they have to be."""
CLOSING_SECONDS = 2
"""For the responses to go out; with the 25 s of the setting and the two above all is over within 30 s."""


@dataclass(frozen=True, slots=True)
class Drain:
    """slots: what runs here; stopping: ends each of them with `cancelled`."""

    slots: Slots
    stopping: asyncio.Event

    async def __call__(self, seconds: float) -> None:
        self.slots.close()
        if not await self.slots.emptied(seconds):
            self.stopping.set()
            await self.slots.emptied(LAST_SECONDS)


class DrainingServer(uvicorn.Server):
    """On the first signal it drains and goes on listening, so that it can say that it is being stopped; the second
    one ends it."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._drain = drain
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called between two instructions of anything, so that the loop does the work."""
        if not self.started or self._loop is None:
            self.should_exit = True
            return
        self._loop.call_soon_threadsafe(self._begin, sig)

    def _begin(self, sig: int) -> None:
        if self._draining is None:
            self._draining = asyncio.create_task(self._drained())
        else:
            self.should_exit = True
            self.force_exit = sig == signal.SIGINT

    async def _drained(self) -> None:
        try:
            await self._drain()
        finally:
            self.should_exit = True
