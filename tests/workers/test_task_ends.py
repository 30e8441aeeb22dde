"""A background task ends with its owner, also when a cancel is lost on its way."""

import asyncio

import pytest

from workers.task_ends import end


async def loses_cancels(count: int) -> None:
    """As redis-py does when its own time-out ends at that moment."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            count -= 1
            if count < 0:
                raise


@pytest.mark.parametrize("lost", [0, 1, 2])
async def test_a_task_ends_however_many_cancels_are_lost(lost: int) -> None:
    task = asyncio.create_task(loses_cancels(lost))
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await end(task)
    assert task.cancelled()


async def test_it_ends_also_when_its_owner_is_cancelled_while_he_waits() -> None:
    task = asyncio.create_task(loses_cancels(1))
    owner = asyncio.create_task(end(task))
    await asyncio.sleep(0.01)
    owner.cancel()
    async with asyncio.timeout(30):
        await asyncio.wait([owner])
    assert task.cancelled()
    assert owner.cancelled()


async def test_an_error_of_the_task_is_not_ours() -> None:
    async def broken() -> None:
        raise ValueError("broken")

    task = asyncio.create_task(broken())
    await asyncio.wait([task])
    await end(task)
    assert isinstance(task.exception(), ValueError)
