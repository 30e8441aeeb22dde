"""What people thought of an answer: kept under their name, the last press counts; exported by the command line."""

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from redis.asyncio import Redis

from workers.records import Record
from workers.store import SCAN_COUNT, reaching
from workers.store_errors import RecordPoisoned
from workers.store_keys import anybodys, key_of

KEPT_SECONDS = 365 * 24 * 3_600
Opinion = Literal["helpful", "not_helpful"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """at: ISO 8601, UTC; asker: whose question it is. The answer itself is under its own id, while it is kept."""

    answer: str
    user: str
    opinion: Opinion
    at: str
    question: str = ""
    channel: str = ""
    asker: str = ""


_RECORD = Record("slack_feedback", Feedback)


class Opinions:
    """Where they are kept: beside the answers, so that forgetting a user forgets them."""

    def __init__(self, client: Redis) -> None:
        """client: of the store; whoever made it closes it."""
        self.client = client

    async def keep(self, given: Feedback) -> None:
        """Slack's buttons toggle and never say that one was let go: what was pressed last holds. Raises StoreDown."""
        key = key_of(given.user, "feedback", given.answer)
        with reaching():
            await self.client.set(key, _RECORD.write(given), ex=KEPT_SECONDS)


async def all_feedback(client: Redis) -> AsyncIterator[dict[str, Any]]:
    """Every opinion that is kept, as JSON values. Raises StoreDown."""
    async for _, feedback in _kept(client):
        yield asdict(feedback)


async def opinions_on(client: Redis, asker: str) -> list[str]:
    """The keys of all opinions, of whoever, on answers to this person's questions. Raises StoreDown."""
    return [key async for key, feedback in _kept(client) if feedback.asker == asker]


async def _kept(client: Redis) -> AsyncIterator[tuple[str, Feedback]]:
    with reaching():
        keys = sorted({key.decode() async for key in client.scan_iter(anybodys("feedback", "*"), SCAN_COUNT)})
    for key in keys:
        with reaching():
            found = cast("bytes | None", await client.get(key))
        try:
            if found:
                yield key, _RECORD.read(found)
        except RecordPoisoned:
            continue
