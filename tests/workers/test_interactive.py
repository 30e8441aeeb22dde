"""Tasks that somebody waits for: accepted once by their id, run by workers that live, laid aside after three deaths."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.workers.batch.test_worker import Rows, until, working
from workers.batch.row_leases import LeaseRules, RowLeases
from workers.interactive import (
    INTERACTIVE,
    MAX_WAITING,
    QueueFull,
    enqueue_interactive,
    next_interactive,
    payload_of,
)

STREAM = f"kz:q:{{{INTERACTIVE}}}:rows"


async def silent(valkey: Redis, owner: str) -> None:
    held = await valkey.xpending_range(STREAM, "rows", "-", "+", 100, consumername=owner)
    await valkey.xclaim(STREAM, "rows", owner, 0, [each["message_id"] for each in held], idle=10**6, justid=True)


async def test_an_id_is_accepted_once_however_often_it_is_sent(valkey: Redis) -> None:
    sent = [enqueue_interactive(valkey, "say", {"n": number}, "Ev1") for number in range(20)]
    assert sorted(await asyncio.gather(*sent)) == [False] * 19 + [True]
    assert await valkey.xlen(STREAM) == 1


@pytest.mark.parametrize("id_", ["", "a b", "x" * 65, "a:b", "é"])
async def test_what_is_no_id_is_refused(valkey: Redis, id_: str) -> None:
    with pytest.raises(ValueError, match="an id has"):
        await enqueue_interactive(valkey, "say", {}, id_)


async def test_a_full_queue_says_so_and_the_id_is_free_again(valkey: Redis) -> None:
    await enqueue_interactive(valkey, "say", {}, "first")
    async with valkey.pipeline() as pipe:
        for _ in range(MAX_WAITING):
            pipe.xadd(STREAM, {"n": 0, "c": "say", "b": "{}"})
        await pipe.execute()
    with pytest.raises(QueueFull):
        await enqueue_interactive(valkey, "say", {}, "second")
    await valkey.xtrim(STREAM, maxlen=1)
    assert await enqueue_interactive(valkey, "say", {}, "second")


async def test_a_task_whose_workers_die_three_times_is_laid_aside(valkey: Redis) -> None:
    await enqueue_interactive(valkey, "say", {"text": "ciao"}, "Ev1")
    (held,) = await next_interactive(valkey, "w1", 5, 0)
    assert payload_of(held) == {"text": "ciao"}
    for number in (2, 3):
        assert await RowLeases(valkey, held.owner).begin(held) == (number - 1, "")
        await silent(valkey, held.owner)
        (held,) = await RowLeases(valkey, f"w{number}", LeaseRules()).reclaim(INTERACTIVE, 5)
    await RowLeases(valkey, "w3").begin(held)
    await silent(valkey, "w3")
    assert await RowLeases(valkey, "w4", LeaseRules()).reclaim(INTERACTIVE, 5) == []
    assert await valkey.xlen(STREAM) == 0
    ((_, fields),) = await valkey.xrange(f"kz:q:{{{INTERACTIVE}}}:again")
    assert (fields[b"c"], fields[b"b"]) == (b"say", b'{"text":"ciao"}')


async def test_a_task_that_breaks_is_over_and_the_next_one_runs(empty_valkey: str, valkey: Redis) -> None:
    said: list[str] = []

    async def say(payload: Mapping[str, Any]) -> None:
        said.append(payload["text"])
        raise ZeroDivisionError

    await enqueue_interactive(valkey, "say", {"text": "one"}, "Ev1")
    await enqueue_interactive(valkey, "say", {"text": "two"}, "Ev2")
    async with working(empty_valkey, Rows(), handlers={"say": say}):
        await until(lambda: len(said) == 2)
        async with asyncio.timeout(30):
            while await valkey.xlen(STREAM):  # noqa: ASYNC110 - a worker changes it
                await asyncio.sleep(0.01)
    assert said == ["one", "two"]
