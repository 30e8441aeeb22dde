"""Before each row of a batch: whether its key may still spend anything, by the limits that questions have too."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from workers.batch.records import Job
from workers.keys import Keys
from workers.quota_store import Quotas
from workers.store_errors import StoreError

MAX_KNOWN = 10_000
KNOWN_SECONDS = 1.0
"""For so long an answer is used for further rows of the same user."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit that is reached stops the whole job, which says so; rows that run then may go beyond it."""

    quotas: Quotas
    keys: Keys
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[float, str]] = field(default_factory=dict)

    async def objection(self, job: Job) -> str:
        """Why no more rows of this job may begin; "" for no reason. While the store is down, rows are let in or wait,
        as requests are (KAOZHENG_LIMITS_WITHOUT_STORE). Raises StoreError where they wait."""
        asked, why = self._known.get(job.user, (float("-inf"), ""))
        if self.clock() - asked < KNOWN_SECONDS:
            return why
        try:
            why = await self.quotas.used_up(job.user, self.keys.limits_of(job.user))
        except StoreError as error:
            structlog.get_logger().warning("limits_not_counted", batch=job.id, code=error.code)
            if self.quotas.unreachable == "closed":
                raise
            return ""
        if len(self._known) > MAX_KNOWN:
            self._known.clear()
        self._known[job.user] = (self.clock(), why)
        return why
