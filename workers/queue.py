"""The queue's store: the one that KAOZHENG_QUEUE_URL names, else the store."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from workers.settings import Settings
from workers.store import COMMAND_SECONDS
from workers.store_errors import StoreDown


def queue_address(settings: Settings, store_address: str) -> str:
    """Where the jobs lie. With RabbitMQ it is the store: a message there only says which row is next."""
    return store_address if not settings.queue_url or on_rabbitmq(settings) else settings.queue_url


def on_rabbitmq(settings: Settings) -> bool:
    return settings.queue_url.startswith(("amqp://", "amqps://"))


@asynccontextmanager
async def open_queue(settings: Settings, store_address: str) -> AsyncGenerator[Redis, None]:
    """A client of the queue's store, which answers with bytes. It is not asked whether it is there: workers wait for
    it, and doors say so. Raises StoreDown for an address that cannot be understood."""
    client = queue_client(queue_address(settings, store_address))
    try:
        yield client
    finally:
        await client.aclose()


def queue_client(address: str) -> Redis:
    """One retry: a script that was run twice for a lost reply finds that it was (workers/batch/job_scripts.py)."""
    try:
        return Redis.from_url(
            address,
            socket_timeout=COMMAND_SECONDS,  # longer than any blocking read of ours
            socket_connect_timeout=COMMAND_SECONDS,
            health_check_interval=30,
            retry=AsyncRetry(ExponentialBackoff(cap=0.5, base=0.05), 1),
        )
    except ValueError:  # its words repeat the address, password and all
        raise StoreDown("the address in KAOZHENG_QUEUE_URL is not understood") from None


def beat_client(address: str, lease_seconds: float) -> SyncRedis:
    """For the thread that renews leases: it gives up early, and tries again with the next beat."""
    seconds = min(COMMAND_SECONDS, lease_seconds / 4)
    return SyncRedis.from_url(
        address, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0)
    )


async def complaints(client: Redis) -> list[str]:
    """What is wrong with the server for a queue, in sentences for its operator; nothing where it does not say."""
    try:
        found = await client.config_get("maxmemory-policy", "appendonly", "maxmemory")
    except RedisError:
        return []
    text = {_text(name): _text(value) for name, value in found.items()}
    said = []
    if text.get("maxmemory-policy", "noeviction") != "noeviction" and text.get("maxmemory", "0") != "0":
        said.append("the queue's store evicts what it has no room for: set maxmemory-policy noeviction")
    if text.get("appendonly", "yes") != "yes":
        said.append("the queue's store forgets its jobs when it is restarted: set appendonly yes")
    return said


def _text(value: object) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
