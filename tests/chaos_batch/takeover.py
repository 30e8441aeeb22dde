"""How long the rows of a worker that is gone lie before somebody else has them."""

import threading
import time
from dataclasses import dataclass, field

from redis import Redis
from redis.exceptions import RedisError


@dataclass
class Gone:
    """Rows that were in the hands of a worker when it was killed or suspended. since: on the monotonic clock."""

    what: str
    owner: bytes
    rows: set[bytes]
    since: float


@dataclass
class Takeovers:
    """Watches a job's pending entries until each row of a worker that is gone has another owner, or an end."""

    client: Redis
    stream: str
    lease: float
    open: list[Gone] = field(default_factory=list)
    worst: float = 0.0
    late: list[str] = field(default_factory=list)
    excused: bool = False
    _unseen: list[tuple[str, int, float]] = field(default_factory=list)
    _excused_until: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def gone(self, what: str, pid: int) -> None:
        """The worker of this process is gone from now on; what it holds the store says as soon as it can be asked."""
        self._unseen.append((what, pid, time.monotonic()))

    def excuse(self) -> None:
        """The store is away now: nobody can take anything over, and leases begin anew when it is back."""
        self._excused_until = time.monotonic()

    def watch(self) -> None:
        while not self._over.wait(0.1):
            try:
                self._look()
            except RedisError:
                self.excuse()

    def stop(self) -> None:
        self._over.set()

    def _look(self) -> None:
        if self.excused:
            self.excuse()
        held = self._held()
        self._see(held)
        now = time.monotonic()
        for gone in self.open:
            waited = now - max(gone.since, self._excused_until)
            still = {row for row in gone.rows if held.get(row) == gone.owner}
            if gone.rows - still:
                self.worst = max(self.worst, waited)
            gone.rows = still
            if still and waited > self.lease + 5:
                self.late.append(f"{len(still)} rows of the worker that was {gone.what} after {waited:.1f} s")
                gone.rows = set()
        self.open = [gone for gone in self.open if gone.rows]

    def _see(self, held: dict[bytes, bytes]) -> None:
        while self._unseen:
            what, pid, since = self._unseen.pop(0)
            for owner in {owner for owner in held.values() if f"-{pid}-".encode() in owner}:
                self.open.append(Gone(what, owner, {row for row, who in held.items() if who == owner}, since))

    def _held(self) -> dict[bytes, bytes]:
        """Raises RedisError."""
        found = self.client.xpending_range(self.stream, "rows", "-", "+", 1_000)
        return {each["message_id"]: each["consumer"] for each in found}
