"""What nobody else sets right: jobs whose door died, whose window is over, whose rows are lost.

Every worker does this; every step is one script that does nothing where there is nothing to do.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from pydantic_core import to_json

from workers.batch.job_keys import OPEN_JOBS, keys_of_job
from workers.batch.job_scripts import FAIL, LOST_ROW
from workers.batch.job_store import STALE_SECONDS, JobStore
from workers.batch.records import LINE_ERRORS, ROW_END, JobState, RowEnd
from workers.store import reaching

INTERRUPTED = "the file was not read to its end, since the service was stopped; make the batch again"
WINDOW_OVER = "the completion window is over"
LOST = "the store has lost this row; it is not run"
ORPHAN_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class Reconciler:
    """now: seconds since 1970."""

    jobs: JobStore
    now: Callable[[], float] = time.time

    async def set_right(self, job_id: str, state: JobState | None) -> None:
        """One open job. state: None when the store has none under this id. Raises StoreError."""
        if state is None:
            await self._forget_orphan(job_id)
        elif state.final:
            with reaching():
                await self.jobs.client.zrem(OPEN_JOBS, job_id)
        elif state.status == "validating":
            await self._fail_if_stale(job_id)
        elif state.ending:
            await self.jobs.sweep(job_id, state.ending, state.reason)
            await self._end_lost_rows(job_id, state)
        elif self.now() >= state.expires:
            await self.jobs.stop(job_id, "expired", WINDOW_OVER)
        else:
            await self._end_lost_rows(job_id, state)

    async def _forget_orphan(self, job_id: str) -> None:
        """A job whose making broke off after its name was written; one that is being made is left alone."""
        with reaching():
            created = await self.jobs.client.zscore(OPEN_JOBS, job_id)
            if created is not None and self.now() - float(created) > ORPHAN_SECONDS:
                await self.jobs.client.zrem(OPEN_JOBS, job_id)

    async def _fail_if_stale(self, job_id: str) -> None:
        errors = LINE_ERRORS.write(())
        with reaching():
            script = self.jobs.client.register_script(FAIL)
            await script(keys_of_job(job_id), [INTERRUPTED, errors, STALE_SECONDS])

    async def _end_lost_rows(self, job_id: str, state: JobState) -> None:
        """Rows that are neither in the queue nor ended: only a store that lost writes has such. They end as failed."""
        _, rows, ends, *_ = keys_of_job(job_id)
        with reaching():
            waiting = int(await self.jobs.client.xlen(rows))
            ended = int(await self.jobs.client.hlen(ends))
            if waiting or ended >= state.total:
                return
            script = self.jobs.client.register_script(LOST_ROW)
            known = await cast(Awaitable[list[bytes]], self.jobs.client.hkeys(ends))
            numbers = {int(each) for each in known if each.isdigit()}
            for number in range(state.total):
                if number not in numbers:
                    body = to_json({"code": "row_lost", "message": LOST})
                    record = ROW_END.write(RowEnd(number, "", "failed", 0, body))
                    await script(keys_of_job(job_id), [number, record])
