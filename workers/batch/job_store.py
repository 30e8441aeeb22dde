"""Jobs as the front doors see them: made, filled, started, watched, cancelled, tried again, forgotten.

The queue's store keeps them until their retention ends. What is another user's is as unknown as what never was. What
workers do with rows is in workers/batch/row_leases.py.
"""

import secrets
from collections.abc import AsyncGenerator, Awaitable, Sequence
from typing import Any, Literal, cast

from pydantic_core import to_json
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from workers.batch import job_scripts
from workers.batch.job_keys import OPEN_JOBS, jobs_of, keys_of_job
from workers.batch.job_state import end_of, state_of
from workers.batch.records import (
    JOB,
    LINE_ERRORS,
    PAYLOAD_VERSION,
    ROW_END,
    Job,
    JobState,
    LineError,
    Row,
    RowEnd,
    is_job_id,
)
from workers.store import reaching

KEPT_SECONDS = 30 * 24 * 3_600
ADDED_AT_ONCE = 200
READ_AT_ONCE = 100
SWEPT_AT_ONCE = 500
RETRIED_AT_ONCE = 200
STALE_SECONDS = 600
"""A job whose file nobody has gone on reading for so long was left by a door that died."""

_WHY = {"cancelled": "batch_cancelled", "expired": "batch_expired"}


class NotAccepting(Exception):
    """The job takes no more rows: it was started, refused, cancelled or forgotten."""


class JobStore:
    """Every method raises StoreDown when the server does not answer."""

    def __init__(self, client: Redis, kept_seconds: int = KEPT_SECONDS) -> None:
        """client: answers with bytes; whoever made it closes it. kept_seconds: of a job that has ended."""
        self.client, self._kept_seconds = client, kept_seconds

    # --- making a job --------------------------------------------------------

    async def create(self, job: Job) -> None:
        """The job is `validating`: it takes rows and none of them runs. Making the same job twice is making it once."""
        keys = keys_of_job(job.id)
        arguments: list[Any] = [
            JOB.write(job),
            job.user,
            self._kept_seconds,
            PAYLOAD_VERSION,
            job.expires,
            job.not_before,
        ]
        with reaching():
            await self.client.zadd(OPEN_JOBS, {job.id: job.created})
            await self.client.zadd(jobs_of(job.user), {job.id: job.created})
            await self._run(job_scripts.CREATE, keys, [*arguments, job.window_seconds])

    async def add_rows(self, job: Job, rows: Sequence[Row], first: int | None = None) -> None:
        """Rows in the order in which they are to run; a piece that is sent again after a lost reply adds nothing.
        first: the place of the first of them, how many were added before; None: each row's number is its place.
        Raises NotAccepting."""
        for start in range(0, len(rows), ADDED_AT_ONCE):
            piece = rows[start : start + ADDED_AT_ONCE]
            places = [row.number if first is None else first + start + at for at, row in enumerate(piece)]
            each = zip(places, piece, strict=True)
            await self._add(job, [word for at, row in each for word in (at, row.number, row.custom_id, row.body)])

    async def touch(self, job: Job) -> None:
        """Its file is still being read. Raises NotAccepting."""
        await self._add(job, [])

    async def _add(self, job: Job, arguments: Sequence[Any]) -> None:
        if not await self._run(job_scripts.ADD_ROWS, keys_of_job(job.id), arguments):
            raise NotAccepting(job.id)

    async def reject_row(self, job: Job, end: RowEnd) -> None:
        """A bad line: it counts as failed, and the others run. Raises NotAccepting."""
        arguments = [end.number, ROW_END.write(end)]
        if not await self._run(job_scripts.REJECT_ROW, keys_of_job(job.id), arguments):
            raise NotAccepting(job.id)

    async def start(self, job: Job) -> str:
        """From here on rows may run. The status: `in_progress`, or `completed` where every line was bad."""
        return bytes(await self._run(job_scripts.START, keys_of_job(job.id), ())).decode()

    async def fail(self, job: Job, reason: str, errors: Sequence[LineError] = ()) -> bool:
        """Refuses the whole file: nothing of it has run or will. False: it was started before."""
        arguments = [reason, LINE_ERRORS.write(tuple(errors))]
        return bool(await self._run(job_scripts.FAIL, keys_of_job(job.id), arguments))

    # --- watching it ---------------------------------------------------------

    async def state(self, user: str, job_id: str) -> JobState | None:
        """None: this user has no such job."""
        if not is_job_id(job_id):
            return None
        state = await self.anybodys(job_id)
        return state if state and state.job.user == user else None

    async def anybodys(self, job_id: str, *, counting: bool = True) -> JobState | None:
        """The same for whoever works for all users. job_id has passed is_job_id; counting: the running rows, too."""
        job, rows, *_ = keys_of_job(job_id)
        with reaching():
            found = await cast(Awaitable[dict[bytes, bytes]], self.client.hgetall(job))
            running = await self._running(rows) if counting and found else 0
        return state_of(found, running)

    async def _running(self, rows: str) -> int:
        """Rows that somebody works on. The stream goes away with its job's end, also between two commands of ours."""
        try:
            groups = await self.client.xinfo_groups(rows)
        except ResponseError as error:
            if "no such key" in str(error):
                return 0
            raise
        return sum(int(group["pending"]) for group in groups)

    async def list(self, user: str, after: str = "", limit: int = 20) -> list[JobState]:
        """The latest first; after: the id of the last one of the page before."""
        key = jobs_of(user)
        with reaching():
            place = await self.client.zrevrank(key, after) if after else None
            if after and place is None:
                return []
            start = 0 if place is None else cast(int, place) + 1
            ids = cast(list[bytes], await self.client.zrevrange(key, start, start + limit - 1))
        states = [await self.state(user, each.decode("ascii", "replace")) for each in ids]
        return [state for state in states if state]

    async def ends(self, user: str, job_id: str, after: int = 0) -> AsyncGenerator[RowEnd, None]:
        """The ends that are there, in the order in which they came, those behind the place `after`. A row that was
        tried again stands once, at the place of its last end."""
        if await self.state(user, job_id) is None:
            return
        _, _, ends, order, *_ = keys_of_job(job_id)
        while True:
            with reaching():
                window = self.client.lrange(order, after, after + READ_AT_ONCE - 1)
                numbers = await cast(Awaitable[list[str]], window)
                if not numbers:
                    return
                values = await cast(Awaitable[list[bytes | None]], self.client.hmget(ends, numbers))
            found = [end_of(value) if value else None for value in values]
            for place, end in enumerate(found, after + 1):
                if end is not None and end.place == place:
                    yield end
            after += len(numbers)

    async def end(self, job_id: str, number: int) -> RowEnd | None:
        """Of one row, for whoever works for all users; None while it has none."""
        _, _, ends, *_ = keys_of_job(job_id)
        with reaching():
            value = await cast(Awaitable[bytes | None], self.client.hget(ends, str(number)))
        return end_of(value) if value else None

    # --- ending it -----------------------------------------------------------

    async def cancel(self, user: str, job_id: str) -> JobState | None:
        """Rows that wait are cancelled now, those that run within seconds; what is done stays. None: no such job."""
        if await self.state(user, job_id) is None:
            return None
        await self.stop(job_id, "cancelled", "cancelled by its owner")
        return await self.state(user, job_id)

    async def stop(self, job_id: str, ending: Literal["cancelled", "expired"], reason: str) -> None:
        """Ends a job before its rows are done: for a cancel, a ceiling that is reached, a window that is over."""
        await self._run(job_scripts.STOP, keys_of_job(job_id), [ending, reason])
        await self.sweep(job_id, ending, reason)

    async def sweep(self, job_id: str, ending: str, reason: str) -> None:
        """Gives the rows that wait in a job that is being stopped their end. Anybody may go on with it."""
        arguments = ["-sweeper-", SWEPT_AT_ONCE, *_swept_record(ending, reason), ending]
        while await self._run(job_scripts.SWEEP, keys_of_job(job_id), arguments) >= SWEPT_AT_ONCE:
            pass

    async def retry(self, user: str, job_id: str) -> int | None:
        """Failed rows again, with a new window; bad lines stay bad. How many; None: no such job, or it cannot be."""
        if await self.state(user, job_id) is None:
            return None
        *_, again, _ = keys_of_job(job_id)
        with reaching():
            await self.client.zadd(OPEN_JOBS, {job_id: 0}, nx=True)
            found = await cast(Awaitable[list[bytes]], self.client.hkeys(again))
        numbers, moved = sorted(int(each) for each in found if each.isdigit()), 0
        for start in range(0, len(numbers), RETRIED_AT_ONCE):
            piece = int(
                await self._run(job_scripts.RETRY, keys_of_job(job_id), numbers[start : start + RETRIED_AT_ONCE])
            )
            if piece < 0:
                return None
            moved += piece
        return moved

    async def forget(self, user: str, job_id: str) -> bool:
        """The job with its rows and ends. Whoever works on it finds its lease gone. False: no such job."""
        if await self.state(user, job_id) is None:
            return False
        with reaching():
            await self.client.delete(*keys_of_job(job_id))
            await self.client.zrem(jobs_of(user), job_id)
            await self.client.zrem(OPEN_JOBS, job_id)
        return True

    async def forget_user(self, user: str) -> int:
        """Every job of this user; how many there were."""
        with reaching():
            ids = cast("list[bytes]", await self.client.zrange(jobs_of(user), 0, -1))
        known = [each.decode("ascii", "replace") for each in ids]
        forgotten = [await self.forget(user, each) for each in known if is_job_id(each)]
        with reaching():
            await self.client.delete(jobs_of(user))
        return sum(forgotten)

    async def _run(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        with reaching():
            return await self.client.register_script(script)(keys, arguments)


def _swept_record(ending: str, reason: str) -> list[bytes]:
    """The record of a row that never ran, cut where its number and its custom_id go."""
    number, custom_id = 987_654_321, secrets.token_hex(16)
    body = to_json({"code": _WHY.get(ending, ending), "message": reason})
    end = RowEnd(number, custom_id, cast(Literal["cancelled", "expired"], ending), 0, body)
    before, _, rest = ROW_END.write(end).partition(str(number).encode())
    between, _, behind = rest.partition(f'"{custom_id}"'.encode())
    return [before, between, behind]
