"""Tasks that somebody waits for (a question in Slack, say): accepted once, run before any batch, by whatever worker.

    kz:q:{interactive-v1}:rows    stream of the tasks, leased like the rows of a batch
    kz:q:{interactive-v1}:again   stream of those that were given up, for the operator, at most 1,000
    kz:q:{interactive-v1}:once:ID there for a day after a task was accepted

The number is the version of the payload: workers of an older version do not see tasks of a newer one.

    await enqueue_interactive(client, "slack.answer", {"channel": "C1", ...}, id="Ev123")

A task is run at least once: a worker that dies hands it to the next. What must happen once (a message that is posted)
has to be made so by the task, with its id.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from pydantic_core import from_json, to_json
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from workers.batch.job_keys import keys_of_job
from workers.batch.job_scripts import GROUP
from workers.batch.records import Leased
from workers.batch.row_leases import leased_of
from workers.store import reaching
from workers.store_errors import RecordPoisoned, StoreError
from workers.store_keys import is_id

INTERACTIVE = "interactive-v1"
"""Stands where a row's job stands."""
MAX_WAITING = 10_000
MAX_PAYLOAD_BYTES = 1024 * 1024
ONCE_SECONDS = 24 * 3_600

Handler = Callable[[Mapping[str, Any]], Awaitable[None]]
"""What a worker does with a payload. What it raises is logged, and the task is over."""

# KEYS: once, stream. ARGV: seconds that an id is known, task, payload, how many may wait
_ENQUEUE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.pcall('XGROUP', 'CREATE', KEYS[2], 'rows', '0', 'MKSTREAM')
if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[4]) then return -1 end
redis.call('SET', KEYS[1], 1, 'EX', ARGV[1])
redis.call('XADD', KEYS[2], '*', 'n', '0', 'c', ARGV[2], 'b', ARGV[3])
return 1
"""


class QueueFull(StoreError):
    """More tasks wait than anybody would wait for."""

    code = "overloaded"


async def enqueue_interactive(client: Redis, task_name: str, payload: Mapping[str, Any], id: str) -> bool:
    """client: of the queue. True: accepted; False: a task with this id was accepted in the last 24 hours.

    Raises QueueFull, StoreDown (then nobody knows: call it again with the same id), ValueError for what is no id or
    more than a mebibyte.
    """
    written = to_json(payload)
    if not is_id(id) or len(written) > MAX_PAYLOAD_BYTES:
        raise ValueError("an id has 1 to 64 letters, digits, - and _; a payload a mebibyte at most")
    _, stream, *_ = keys_of_job(INTERACTIVE)
    keys = [f"kz:q:{{{INTERACTIVE}}}:once:{id}", stream]
    with reaching():
        accepted = int(await client.register_script(_ENQUEUE)(keys, [ONCE_SECONDS, task_name, written, MAX_WAITING]))
    if accepted < 0:
        raise QueueFull(f"{MAX_WAITING:,} tasks wait already; are there workers?")
    return bool(accepted)


async def next_interactive(client: Redis, owner: str, count: int, wait_milliseconds: int) -> list[Leased]:
    """Tasks that nobody has taken before; waits so long for the first. client: its socket waits longer."""
    _, stream, *_ = keys_of_job(INTERACTIVE)
    with reaching():
        try:
            read = await client.xreadgroup(GROUP, owner, {stream: ">"}, count, block=wait_milliseconds or None)
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            await _make_group(client, stream)
            return []
    found = cast("list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]", read or [])
    return [
        leased_of(INTERACTIVE, entry, [word for pair in fields.items() for word in pair], 1, owner)
        for _, entries in found
        for entry, fields in entries
    ]


def payload_of(leased: Leased) -> dict[str, Any]:
    """Raises RecordPoisoned."""
    try:
        payload = from_json(leased.row.body, allow_inf_nan=False)
    except ValueError as error:
        raise RecordPoisoned(f"a queued task is no JSON: {error}") from None
    if not isinstance(payload, dict):
        raise RecordPoisoned("a queued task has no payload")
    return payload


async def _make_group(client: Redis, stream: str) -> None:
    try:
        await client.xgroup_create(stream, GROUP, "0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise
