"""The store as the bot opens it."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from workers.slack.desk import desk_client


@pytest.fixture
async def valkey(empty_valkey: str) -> AsyncIterator[Redis]:
    async with desk_client(empty_valkey) as client:
        yield client
