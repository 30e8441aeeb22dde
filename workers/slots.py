"""How many answers this replica makes at the same time, and that it makes no more once it is being stopped."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from workers.problems import Problem

STOPPING = "the service is being stopped"


class Slots:
    """The next one is refused at once, not queued: a caller who waits for us would only wait longer."""

    def __init__(self, limit: int) -> None:
        self._limit, self._taken = limit, 0
        self._free = asyncio.Event()
        self._free.set()
        self.closed = False

    @property
    def taken(self) -> int:
        return self._taken

    @property
    def limit(self) -> int:
        return self._limit

    def check(self) -> None:
        """Raises Problem `stopping` or `overloaded` when take() would."""
        if self.closed:
            raise Problem("stopping", f"{STOPPING}; ask again, another replica or the next start will answer")
        if self._taken >= self._limit:
            raise Problem("overloaded", f"{self._limit} questions are being answered; try again in a few seconds")

    @contextmanager
    def take(self) -> Iterator[None]:
        """Raises what check() raises."""
        self.check()
        self._taken += 1
        self._free.clear()
        try:
            yield
        finally:
            self._taken -= 1
            if not self._taken:
                self._free.set()

    def close(self) -> None:
        """Nothing new is taken from here on."""
        self.closed = True

    async def emptied(self, seconds: float) -> bool:
        """Whether all were given back in this time."""
        try:
            async with asyncio.timeout(seconds):
                await self._free.wait()
        except TimeoutError:
            return False
        return True
