"""Forgets whoever asked in Slack: accepted questions, and the opinions of others that repeat them."""

from collections.abc import Awaitable
from typing import cast

from redis.asyncio import Redis

from workers.slack.desk import PREFIX, QUESTIONS, THREADS, WAITING, WORKING
from workers.slack.feedback import opinions_on
from workers.slack.question import QUESTION, SlackQuestion
from workers.store import SCAN_COUNT, reaching
from workers.store_errors import RecordPoisoned


async def forget_asker(queue: Redis, store: Redis, user: str) -> int:
    """How many questions and opinions there were. queue: where accepted questions lie; store: where opinions do; user:
    `slack:TEAM:USER`. A question that is being answered ends without a word. Raises StoreDown."""
    with reaching():
        keys = [key.decode() async for key in queue.scan_iter(f"{QUESTIONS}*", SCAN_COUNT)]
        spent = [key async for key in queue.scan_iter(f"{PREFIX}spent:{_literal(user)}:*", SCAN_COUNT)]
    found = [question for key in keys if (question := await _question(queue, key)) and question.owner == user]
    for question in found:
        await _remove(queue, question)
    opinions = await opinions_on(store, user)
    with reaching():
        if spent:
            await queue.delete(*spent)
        if opinions:
            await store.delete(*opinions)
    return len(found) + len(opinions)


async def _question(queue: Redis, key: str) -> SlackQuestion | None:
    """None for one that is gone, was never asked, or is damaged."""
    with reaching():
        record = await cast("Awaitable[bytes | None]", queue.hget(key, "record"))
    try:
        return QUESTION.read(record) if record else None
    except RecordPoisoned:
        return None


async def _remove(queue: Redis, question: SlackQuestion) -> None:
    with reaching():
        async with queue.pipeline(transaction=True) as pipe:
            pipe.zrem(WAITING, question.id)
            pipe.zrem(WORKING, question.id)
            pipe.delete(QUESTIONS + question.id)
            pipe.hdel(THREADS, question.thread)
            await pipe.execute()


def _literal(user: str) -> str:
    """For a pattern of SCAN: a name's own wildcards mean themselves."""
    return "".join(f"\\{character}" if character in "*?[]\\" else character for character in user)
