"""How many answers this replica makes at the same time, who waits for a place, and that it makes no more once it is
being stopped.

A question has room here from the moment at which it is let in, and a place while it is answered. Whoever would wait too
long is refused at once: a caller who waits for us in vain could have asked another replica. Places go to the key that
has the fewest, then to whoever came first.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from workers.metrics import Metrics
from workers.problems import Problem
from workers.service import Limits
from workers.store_keys import LOCAL_USER

STOPPING = "the service is being stopped"
_AGAIN = "ask again, another replica or the next start will answer"
_EXPECTED = 0.75
"""Of the longest wait: who is expected to wait longer is refused now, for some answers take longer than others."""
_LATEST = 0.2
"""What the latest answer counts for in the mean of how long answers take."""


@dataclass(frozen=True, slots=True)
class Room:
    """places: for questions that are answered at the same time; line: how many more may wait for one; wait_seconds: how
    long at most."""

    places: int
    line: int = 0
    wait_seconds: float = 15.0


def room_of(limits: Limits) -> Room:
    return Room(limits.max_concurrent_answers, limits.max_waiting_answers, limits.max_wait_seconds)


@dataclass(eq=False, slots=True)
class Ticket:
    """One question from the door to its end. position: in the line, from 1, 0 for one that does not wait;
    waited_seconds: for its place."""

    slots: "Slots"
    user: str
    position: int = 0
    waited_seconds: float = 0.0
    placed: float | None = None
    most_seconds: float = 0.0
    _joined: float = 0.0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def line_up(self, deadline_seconds: float) -> None:
        """Takes a place or joins the line; half of the deadline may be waited at most. Raises Problem when it would
        have to wait nearly as long."""
        self._joined = time.monotonic()
        self.most_seconds = min(self.slots.room.wait_seconds, deadline_seconds / 2)
        self.slots.join(self)

    async def positions(self) -> AsyncGenerator[int, None]:
        """Where it stands in the line, as often as that changes; ends as soon as it has its place. Raises Problem."""
        told, end = 0, "left"
        try:
            while self.placed is None:
                self._moved.clear()
                self.slots.refuse_stopping()
                if told != self.position:
                    told = self.position
                    yield told
                else:
                    await self._until_moved()
            end = "placed"
        except Problem:
            end = "refused"
            raise
        finally:
            self.waited_seconds = (self.placed or time.monotonic()) - self._joined
            if told:
                self.slots.metrics.waited(end, self.waited_seconds)

    async def _until_moved(self) -> None:
        try:
            async with asyncio.timeout(self._joined + self.most_seconds - time.monotonic()):
                await self._moved.wait()
        except TimeoutError:
            detail = f"no place came free in {self.most_seconds:.0f} seconds; try again later"
            raise Problem("overloaded", detail, retry_seconds=self.slots.seconds_for(1)) from None

    async def place(self) -> None:
        """Waits for its place. Raises Problem."""
        async for _ in self.positions():
            pass

    def move(self, position: int, *, placed: bool = False) -> None:
        """Where it stands now, for whoever waits with it."""
        self.position = position
        if placed:
            self.placed = time.monotonic()
        self._moved.set()


class Slots:
    """Those who were let in, those who wait, and those who are answered."""

    def __init__(self, room: Room, metrics: Metrics | None = None) -> None:
        self.room, self.metrics = room, metrics or Metrics()
        self._inside: Counter[str] = Counter()
        self._answering: Counter[str] = Counter()
        self._line: list[Ticket] = []
        self._mean_seconds = 0.0
        self._free = asyncio.Event()
        self._free.set()
        self.closed = False

    @property
    def running(self) -> int:
        return self._answering.total()

    @property
    def waiting(self) -> int:
        return len(self._line)

    def check(self, user: str) -> None:
        """Raises Problem `stopping` or `overloaded` when enter() would."""
        self.refuse_stopping()
        places, line = self.room.places, self.room.line
        inside = self._inside.total()
        wait = self.seconds_for(inside - places + 1)
        if inside >= places + line or wait > self.room.wait_seconds * _EXPECTED:
            detail = f"{places} questions are being answered and {inside - places} wait; try again in a few seconds"
            raise Problem("overloaded", detail, retry_seconds=wait)
        if self._inside[user] >= places + self._share(user):
            detail = "your questions have all the room that one key may have here; try again in a few seconds"
            raise Problem("overloaded", detail, retry_seconds=wait)

    def _share(self, user: str) -> int:
        """How many of one key may wait: half of the line, so that others find room there."""
        return self.room.line if user == LOCAL_USER else (self.room.line + 1) // 2

    def refuse_stopping(self) -> None:
        """Raises Problem."""
        if self.closed:
            raise Problem("stopping", f"{STOPPING}; {_AGAIN}")

    def seconds_for(self, ahead: int) -> float:
        """About how long it takes until so many places have come free."""
        return max(0, ahead) * self._mean_seconds / max(1, self.room.places)

    @contextmanager
    def enter(self, user: str) -> Iterator[Ticket]:
        """Room for a question, before its body is read. Raises what check() raises."""
        self.check(user)
        ticket = Ticket(self, user)
        self._inside[user] += 1
        self._free.clear()
        try:
            yield ticket
        finally:
            self._leave(ticket)

    def join(self, ticket: Ticket) -> None:
        """Raises Problem when the wait would be too long."""
        self.refuse_stopping()
        if self.running + self.waiting >= self.room.places:
            wait = self.seconds_for(self.waiting + 1)
            if wait > ticket.most_seconds * _EXPECTED:
                detail = f"it would take about {wait:.0f} seconds until this question's turn; try again later"
                raise Problem("overloaded", detail, retry_seconds=wait)
        self._line.append(ticket)
        self._move_up()

    def _leave(self, ticket: Ticket) -> None:
        _less(self._inside, ticket.user)
        if ticket in self._line:
            self._line.remove(ticket)
        if ticket.placed is not None:
            _less(self._answering, ticket.user)
            took = time.monotonic() - ticket.placed
            self._mean_seconds += (took - self._mean_seconds) * (_LATEST if self._mean_seconds else 1.0)
        self._move_up()
        if not self._inside:
            self._free.set()

    def _move_up(self) -> None:
        """Places that are free are given, and everybody in the line is told where they stand."""
        while self._line and self.running < self.room.places:
            first = min(self._line, key=lambda each: self._answering[each.user])
            self._line.remove(first)
            self._answering[first.user] += 1
            first.move(0, placed=True)
        for position, ticket in enumerate(self._line, 1):
            if ticket.position != position:
                ticket.move(position)
        self.metrics.waiting.set(self.waiting)

    def close(self) -> None:
        """Nothing new is taken from here on, and whoever waits is told so."""
        self.closed = True
        for ticket in self._line:
            ticket.move(ticket.position)

    async def emptied(self, seconds: float) -> bool:
        """Whether all were given back in this time."""
        try:
            async with asyncio.timeout(seconds):
                await self._free.wait()
        except TimeoutError:
            return False
        return True


def _less(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]
