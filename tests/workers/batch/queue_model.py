"""What the queue should be: jobs whose rows each have one holder at most, and one end at last. Plain Python."""

from dataclasses import dataclass, field

from workers.batch.job_scripts import QUEUE, RELEASED
from workers.batch.records import Job, Leased

DELIVERIES = 2
NOBODY = ""


@dataclass
class ModelRow:
    """entry: of the stream; holder: NOBODY while nobody has had it; silent: the lease is over; token: of its last
    delivery; begun, last: how often work on it began, and the token of the last time; lost: how often its worker
    was."""

    number: int
    entry: str
    holder: str = NOBODY
    token: int = 0
    silent: bool = False
    begun: int = 0
    last: int = 0
    lost: int = 0
    end: str = ""

    @property
    def given_up(self) -> bool:
        return self.begun >= DELIVERIES or self.lost >= 10 * DELIVERIES

    @property
    def worker(self) -> str:
        """Who works on it, or is thought to."""
        return "" if self.holder in (QUEUE, RELEASED) or self.end else self.holder

    @property
    def over(self) -> bool:
        """Whether its lease is."""
        return self.silent and self.holder not in (NOBODY, RELEASED) and not self.end

    def deliver(self, worker: str) -> None:
        self.lost += self.worker != ""
        self.holder, self.silent, self.token = worker, False, self.token + 1

    def hand_over(self, holder: str) -> None:
        if self.last == self.token:
            self.begun, self.last = self.begun - 1, 0
        self.holder, self.silent = holder, False

    @property
    def counted(self) -> dict[str, str]:
        """What is kept of it under `begun`."""
        kept = {self.entry: f"{self.begun} {self.last or ''}"} if self.begun else {}
        return kept | ({f"lost:{self.entry}": str(self.lost)} if self.lost else {})


@dataclass
class ModelJob:
    """tokens: that its ends have used; order: of their writing, the numbers of rows; again: how many retries."""

    job: Job
    rows: list[ModelRow]
    ending: str = ""
    cancelling: bool = False
    tokens: int = 0
    again: int = 0
    order: list[int] = field(default_factory=list)
    final: str = ""

    @property
    def open(self) -> list[ModelRow]:
        return [row for row in self.rows if not row.end]

    @property
    def waiting(self) -> list[ModelRow]:
        """In the order in which they are taken."""
        return sorted(
            (row for row in self.open if row.holder == NOBODY), key=lambda row: int(row.entry.partition("-")[0])
        )

    @property
    def status(self) -> str:
        return self.final or ("cancelling" if self.cancelling else "in_progress")

    def ended(self, outcome: str) -> list[ModelRow]:
        return [row for row in self.rows if row.end == outcome]

    def end(self, row: ModelRow, outcome: str) -> None:
        row.end = outcome
        self.order.append(row.number)
        self.settle()

    def settle(self) -> None:
        if not self.open:
            self.final = "cancelled" if self.cancelling else "expired" if self.ended("expired") else "completed"

    def stop(self, ending: str) -> None:
        if not self.final and not self.cancelling:
            self.ending, self.cancelling = ending, ending == "cancelled"

    def sweep(self, ending: str) -> None:
        if self.ending != ending:
            return
        for row in (*self.waiting, *self._held_by(RELEASED), *self._held_by(QUEUE)):
            self.end(row, ending)

    def _held_by(self, holder: str) -> list[ModelRow]:
        return [row for row in self.open if row.holder == holder]

    def retry(self) -> int | None:
        """How many rows; None: it cannot be."""
        failed = self.ended("failed")
        if failed and self.status == "cancelling":
            return None
        self.again += bool(failed)
        for row in failed:
            row.__init__(row.number, f"{self.again * 10**9 + row.number + 1}-0")  # type: ignore[misc]
        if failed:
            self.ending = self.final = ""
            self.cancelling = False
        return len(failed)

    def row(self, leased: Leased) -> ModelRow:
        return self.rows[leased.row.number]

    def owns(self, leased: Leased) -> bool:
        row = self.row(leased)
        return (row.entry, row.holder, row.token, row.end) == (leased.entry, leased.owner, leased.token, "")
