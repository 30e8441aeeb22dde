"""One piece of work for all who want it at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(slots=True)
class _Flight(Generic[Value]):
    task: "asyncio.Future[Value]"
    waiting: int = 0


class Flights(Generic[Value]):
    """Work under way, by its key. It belongs to those who wait for it: when the last of them is cancelled, so is it."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[Value]] = {}

    async def join(self, key: str, start: Callable[[], Awaitable[Value]]) -> Value:
        """The outcome of the work under this key, started if it is not under way; its error where it fails."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(start()))
            flight.task.add_done_callback(lambda _: self._ended(key, flight))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._ended(key, flight)  # who comes now starts anew
                flight.task.cancel()

    def _ended(self, key: str, flight: _Flight[Value]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if flight.task.done() and not flight.task.cancelled():
            flight.task.exception()  # seen, also when nobody waits any more
