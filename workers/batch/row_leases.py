"""Rows as workers see them: taken with a lease, kept by renewing it, given back, or ended exactly once.

A lease is the idle time of the row's pending entry, measured by the server's clock; the fencing token is the entry's
delivery count together with the owner's name, which no other process ever has. A worker that was gone for longer than
its lease finds its writes refused.
"""

from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import structlog
from pydantic_core import to_json
from redis.asyncio import Redis

from workers.batch import row_scripts
from workers.batch.job_keys import OPEN_JOBS, keys_of_job
from workers.batch.job_scripts import QUEUE, RELEASED
from workers.batch.records import PAYLOAD_VERSION, ROW_END, Leased, Row, RowEnd, is_job_id
from workers.store import reaching
from workers.store_errors import RecordPoisoned, StoreDown

MILLION = 1_000_000
RELEASED_MILLISECONDS = 1_000_000_000
"""Older than any lease (11 days): the age of one that was given back."""
LOST_WORKERS = "every worker that took this row was lost while it worked on it ({} times); it is not tried again"
LOST_BEFORE = "workers that took this row were lost again and again before they began with it; it is not tried again"


@dataclass(frozen=True, slots=True)
class LeaseRules:
    """seconds: how long a worker may be silent before its rows go to others; deliveries: when work on a row has begun
    so often and its worker was lost each time, it is given up as failed."""

    seconds: float = 30.0
    deliveries: int = 3

    @property
    def milliseconds(self) -> int:
        return round(self.seconds * 1_000)


@dataclass(frozen=True, slots=True)
class Finished:
    """written: False when the row was somebody else's by then, or had its end; tokens, cost: of the whole job."""

    written: bool
    status: str = ""
    tokens: int = 0
    cost: float = 0.0


class RowLeases:
    """Every method raises StoreDown when the server does not answer."""

    def __init__(self, client: Redis, owner: str, rules: LeaseRules | None = None) -> None:
        """owner: a name that no other process has, in this life or the next."""
        self.client, self.owner, self.rules = client, owner, rules or LeaseRules()

    async def open_jobs(self) -> list[str]:
        """Ids of the jobs that may have rows to run, the oldest first."""
        with reaching():
            found = await cast(Awaitable[list[bytes]], self.client.zrange(OPEN_JOBS, 0, -1))
        ids = [each.decode("ascii", "replace") for each in found]
        return [each for each in ids if is_job_id(each)]

    async def take(self, job_id: str, count: int = 1) -> list[Leased]:
        """Rows that nobody has taken before, in the order of the input."""
        found = await self._run(row_scripts.TAKE, job_id, [self.owner, count, PAYLOAD_VERSION])
        return await self._sound(job_id, ((entry, fields, 1) for entry, fields in found))

    async def reclaim(self, job_id: str, count: int) -> list[Leased]:
        """Rows whose worker has been silent for longer than its lease. What was taken too often ends here."""
        return await self._reclaimed(job_id, count, (self.rules.milliseconds, RELEASED_MILLISECONDS))

    async def released(self, job_id: str, count: int) -> list[Leased]:
        """Rows that were given back."""
        return await self._reclaimed(job_id, count, (RELEASED_MILLISECONDS, 2**53))

    async def _reclaimed(self, job_id: str, count: int, ages: tuple[int, int]) -> list[Leased]:
        arguments = [self.owner, *ages, count, self.rules.deliveries]
        ours, dead = await self._run(row_scripts.RECLAIM, job_id, arguments)
        sound = await self._sound(job_id, ours)
        try:
            for *lost, owner, times in dead:
                for each in await self._sound(job_id, [lost], bytes(owner).decode()):
                    await self._bury(each, int(times))
        except StoreDown as error:  # they are found again; those that are ours now must be renewed
            structlog.get_logger().warning("rows_not_given_up", batch=job_id, code=error.code)
        return sound

    async def _sound(self, job_id: str, found: Iterable[Sequence[Any]], owner: str = "") -> list[Leased]:
        """What no add_rows made is taken out of the queue: the others run, and a row that is missing then ends as lost.
        found: entry, fields, token."""
        sound = []
        for entry, fields, token in found:
            try:
                sound.append(leased_of(job_id, entry, fields, token, owner or self.owner))
            except RecordPoisoned as error:
                structlog.get_logger().warning("entry_poisoned", batch=job_id, detail=str(error))
                await self._run(row_scripts.DROP, job_id, [owner or self.owner, entry, token])
        return sound

    async def _bury(self, lost: Leased, times: int) -> None:
        if not is_job_id(lost.job_id):  # nobody looks for the end of a task: it is laid aside for the operator
            await self._run(row_scripts.LAY_ASIDE, lost.job_id, [lost.owner, lost.entry, lost.token])
            return
        why = LOST_WORKERS.format(times) if times >= self.rules.deliveries else LOST_BEFORE
        body = to_json({"code": "worker_lost", "message": why})
        await self.finish(lost, RowEnd(lost.row.number, lost.row.custom_id, "failed", 0, body, times))

    async def renew(self, held: Sequence[Leased]) -> tuple[list[Leased], str]:
        """Rows of one job, all at once. Those that are not ours any more, and why the others shall be stopped
        (`cancelled`, `expired`, "" for not at all)."""
        with reaching():
            return renewed(held, await self.client.register_script(row_scripts.RENEW)(*renewal(held)))

    async def begin(self, held: Leased) -> tuple[int, str]:
        """Call it right before the row's work: how often that has begun, this time included, 0 when the row is not ours
        any more; and why it shall not begin (as renew), which does not count."""
        times, ending = await self._run(row_scripts.BEGIN, held.job_id, [held.owner, held.entry, held.token])
        return int(times), bytes(ending).decode()

    async def release(self, held: Leased) -> bool:
        """Gives the row back, so that the next who asks gets it; that it began does not count. False: it was not ours
        any more."""
        arguments = [held.owner, held.entry, held.token, RELEASED, 2 * RELEASED_MILLISECONDS]
        return bool(await self._run(row_scripts.HAND_OVER, held.job_id, arguments))

    async def announce(self, held: Leased) -> bool:
        """Leaves the row to whoever claims it first, having heard of it from another queue. False: it was not ours."""
        arguments = [held.owner, held.entry, held.token, QUEUE, 0]
        return bool(await self._run(row_scripts.HAND_OVER, held.job_id, arguments))

    async def claim(self, job_id: str, entry: str) -> Leased | None:
        """A row that was announced; None when somebody works on it, or it has ended."""
        limits = self.rules.milliseconds, self.rules.deliveries
        found = await self._run(row_scripts.CLAIM, job_id, [self.owner, entry, *limits])
        return next(iter(await self._sound(job_id, [(entry.encode(), *found)] if found else [])), None)

    async def drop(self, held: Leased) -> bool:
        """Takes an entry that has no end to be kept out of its queue."""
        return bool(await self._run(row_scripts.DROP, held.job_id, [held.owner, held.entry, held.token]))

    async def finish(self, held: Leased, end: RowEnd) -> Finished:
        """Writes the end and takes the row out of the queue, both or neither."""
        cost = round(end.cost * MILLION)
        which = [held.owner, held.entry, held.token, end.number, end.outcome, ROW_END.write(end)]
        used = [end.prompt_tokens, end.completion_tokens, cost, end.cached_tokens]
        found = await self._run(row_scripts.FINISH, held.job_id, [*which, *used])
        if found[0] == b"refused":
            return Finished(False)
        return Finished(True, bytes(found[0]).decode(), int(found[1]), int(found[2]) / MILLION)

    async def _run(self, script: str, job_id: str, arguments: Sequence[Any]) -> Any:
        with reaching():
            return await self.client.register_script(script)(keys_of_job(job_id), arguments)


def renewal(held: Sequence[Leased]) -> tuple[list[str], list[str | int]]:
    """Keys and arguments of row_scripts.RENEW for rows of one job and one owner."""
    words: list[str | int] = [word for each in held for word in (each.entry, each.token)]
    return keys_of_job(held[0].job_id), [held[0].owner, *words]


def renewed(held: Sequence[Leased], reply: Any) -> tuple[list[Leased], str]:
    """What its reply says of them."""
    lost, ending = reply
    entries = {bytes(entry).decode() for entry in lost}
    return [each for each in held if each.entry in entries], bytes(ending).decode()


def leased_of(job_id: str, entry: bytes, fields: list[bytes], token: int, owner: str) -> Leased:
    """Raises RecordPoisoned for an entry that no add_rows made."""
    named = dict(zip(fields[::2], fields[1::2], strict=False))
    number = named.get(b"n", b"")
    if not number.isdigit() or not named.keys() >= {b"c", b"b"}:
        raise RecordPoisoned("a queued row is none")
    row = Row(int(number), named[b"c"].decode("utf-8", "replace"), named[b"b"])
    return Leased(job_id, entry.decode(), row, int(token), owner)
