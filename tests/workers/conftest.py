"""A real Valkey for the tests of the store: started once per test process, emptied before each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from workers.valkey import EmbeddedValkey


@pytest.fixture(scope="session")
def valkey_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server of this test process keeps its files."""
    return tmp_path_factory.mktemp("valkey")


@pytest.fixture(scope="session")
def valkey_address(valkey_folder: Path) -> Iterator[str]:
    """The address of a running server, as redis-py takes it."""
    server = EmbeddedValkey(valkey_folder)
    yield server.start()
    server.stop()


@pytest.fixture
def empty_valkey(valkey_address: str) -> str:
    """The address of a running server without a key."""
    with Redis.from_url(valkey_address) as client:
        client.flushall()
    return valkey_address


@pytest.fixture
async def valkey(empty_valkey: str) -> AsyncIterator[AsyncRedis]:
    """A client of a running server without a key."""
    async with AsyncRedis.from_url(empty_valkey, socket_timeout=5) as client:
        yield client
