"""Which answers of a user are kept, by the time at which they were: one sorted set of ids for each user.

It names what may be gone already; whoever lists it looks, and strikes what is.
"""

from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from workers.store_keys import is_id, key_of

MOST_LISTED = 1_000
"""Of one user, the latest; older ones are still found by their id."""


def enlist(pipe: Pipeline, user: str, answer_id: str, seconds: int) -> None:
    """Puts it first. seconds: for which answers are kept; ids of older ones go."""
    key, now = _key(user), datetime.now(UTC).timestamp()
    pipe.zadd(key, {answer_id: now})
    pipe.zremrangebyscore(key, 0, now - seconds)
    pipe.zremrangebyrank(key, 0, -MOST_LISTED - 1)
    pipe.expire(key, seconds)


def strike(pipe: Pipeline, user: str, *answer_ids: str) -> None:
    if answer_ids:
        pipe.zrem(_key(user), *answer_ids)


async def ids_behind(client: Redis, user: str, after: str) -> list[str] | None:
    """The latest first, behind this one; "": all. None for one that is not listed."""
    key, start = _key(user), 0
    if after:
        rank = await cast("Awaitable[int | None]", client.zrevrank(key, after)) if is_id(after) else None
        if rank is None:
            return None
        start = rank + 1
    found = await cast(Awaitable[list[bytes]], client.zrevrange(key, start, -1))
    return [id_.decode("ascii", "replace") for id_ in found]


async def records_of(client: Redis, user: str, ids: Sequence[str], most: int) -> list[bytes]:
    """What is kept of the first ones of these answers; those that are gone are struck on the way."""
    records: list[bytes] = []
    for at in range(0, len(ids), most):
        some = ids[at : at + most]
        keys = [key_of(user, "answer", id_) for id_ in some]
        found = await cast("Awaitable[list[bytes | None]]", client.mget(keys))
        async with client.pipeline() as pipe:
            strike(pipe, user, *(id_ for id_, record in zip(some, found, strict=True) if record is None))
            await pipe.execute()
        records += [record for record in found if record is not None]
        if len(records) >= most:
            break
    return records[:most]


def _key(user: str) -> str:
    return key_of(user, "answers", "all")
