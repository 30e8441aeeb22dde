"""Whose row is next: tenants take turns, and each tenant's jobs run in the order of their making."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from workers.batch.job_store import JobStore
from workers.batch.night import BadNight, is_open
from workers.batch.records import PAYLOAD_VERSION, Job, JobState, Leased
from workers.batch.row_leases import RowLeases
from workers.store_errors import RecordPoisoned, StoreDown

LOOK_SECONDS = 0.5
"""How often the list of open jobs is read."""
MAX_JOBS_A_TENANT = 20
"""Of one tenant's jobs, so many are asked for rows; the others wait for these."""


@dataclass(slots=True)
class FairShare:
    """The next rows for one worker. In each round the tenant who has the fewest rows in this worker's hands comes
    first, and among equals the one who was served longest ago."""

    leases: RowLeases
    jobs: JobStore
    clock: Callable[[], float] = time.monotonic
    _looked: float = float("-inf")
    _known: dict[str, JobState] = field(default_factory=dict)
    _served: dict[str, float] = field(default_factory=dict)

    def job(self, job_id: str) -> Job | None:
        """None: not one that we have taken rows of."""
        state = self._known.get(job_id)
        return state.job if state else None

    async def job_of(self, job_id: str) -> Job | None:
        """The same, also of a job that is new to us. None: it was forgotten. Raises StoreError."""
        if job_id not in self._known and (state := await self.jobs.anybodys(job_id, counting=False)):
            self._known[job_id] = state
        return self.job(job_id)

    async def look(self) -> list[tuple[str, JobState | None]]:
        """The open jobs, as they are now. None: the store has no job under this id. Raises StoreError."""
        ids = await self.leases.open_jobs()
        found = [(job_id, await self._state(job_id)) for job_id in ids]
        self._known = {job_id: state for job_id, state in found if state is not None}
        self._looked = self.clock()
        return found

    async def _state(self, job_id: str) -> JobState | None:
        """One whose record is damaged is as one that is not there: the others run."""
        try:
            return await self.jobs.anybodys(job_id, counting=False)
        except RecordPoisoned as error:
            structlog.get_logger().warning("job_poisoned", batch=job_id, detail=str(error))
            return None

    async def _open_states(self) -> list[JobState]:
        """At most half a second old."""
        if self.clock() - self._looked >= LOOK_SECONDS:
            await self.look()
        return list(self._known.values())

    async def take(self, count: int, held: Iterable[Leased]) -> list[Leased]:
        """At most so many rows that nobody has taken before. Raises StoreError."""
        tenants = self._tenants(await self._open_states())
        order = self._order(tenants, held)
        taken: list[Leased] = []
        for user in order:
            at_once = count - len(taken) if len(order) == 1 else 1
            taken += await self._of(user, tenants[user], at_once)
            if len(taken) >= count:
                break
        return taken

    async def _of(self, user: str, jobs: list[Job], count: int) -> list[Leased]:
        for job in jobs:
            if rows := await self._taken(job, count):
                self._served[user] = self.clock()
                return rows
        return []

    async def _taken(self, job: Job, count: int) -> list[Leased]:
        try:
            return await self.leases.take(job.id, count)
        except StoreDown as error:
            if not error.refused:  # one that is damaged keeps nobody from the others
                raise
            structlog.get_logger().warning("job_gives_no_rows", batch=job.id, detail=str(error))
            return []

    def _tenants(self, states: list[JobState]) -> dict[str, list[Job]]:
        now = datetime.now(UTC)
        tenants: dict[str, list[Job]] = {}
        for state in sorted(states, key=lambda state: (state.job.created, state.job.id)):
            jobs = tenants.setdefault(state.job.user, [])
            if _may_run(state, now) and len(jobs) < MAX_JOBS_A_TENANT:
                jobs.append(state.job)
        return {user: jobs for user, jobs in tenants.items() if jobs}

    def _order(self, tenants: dict[str, list[Job]], held: Iterable[Leased]) -> list[str]:
        in_hands = dict.fromkeys(tenants, 0)
        for leased in held:
            job = self.job(leased.job_id)
            if job is not None and job.user in in_hands:
                in_hands[job.user] += 1
        return sorted(tenants, key=lambda user: (in_hands[user], self._served.get(user, 0.0)))


def _may_run(state: JobState, now: datetime) -> bool:
    if state.status != "in_progress" or state.ending or state.version > PAYLOAD_VERSION:
        return False
    try:
        return is_open(state.job.night, now)
    except BadNight:  # the door refuses it; who wrote it past the door gets no night, but an answer
        return True
