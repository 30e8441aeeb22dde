"""What ended in the store ends on the disk as well, without anybody asking."""

import asyncio
from pathlib import Path

from redis.asyncio import Redis

from workers.store import Retention, Store
from workers.store_file import rewriting
from workers.valkey import EmbeddedValkey

WORDS = b"words that must go"
RETENTION = Retention(1_000, 1_000, 1_000)


def on_disk(folder: Path) -> bytes:
    """The files of the store; one may be replaced while we look."""
    found = b""
    for file in (folder / "appendonlydir").iterdir():
        try:
            found += file.read_bytes()
        except FileNotFoundError:
            continue
    return found


async def gone(folder: Path) -> bool:
    """Whether the words have left the disk, within 20 seconds."""
    for _ in range(400):
        if WORDS not in on_disk(folder):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_what_expired_leaves_the_disk_while_the_service_runs(valkey: Redis, valkey_folder: Path) -> None:
    await valkey.set("kz:x", WORDS, px=200)
    await valkey.waitaof(1, 0, 2_000)
    assert WORDS in on_disk(valkey_folder)
    async with rewriting(Store(valkey, RETENTION), every_seconds=0.1):
        assert await gone(valkey_folder)
    assert await valkey.get("kz:x") is None


async def test_a_store_that_is_down_does_not_end_the_task(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    address = server.start()
    async with Redis.from_url(address, socket_timeout=1) as client:
        store = Store(client, RETENTION)
        server.stop()
        async with rewriting(store, every_seconds=0.05):
            await asyncio.sleep(0.3)
            server.start()
            await client.set("kz:x", WORDS)
            await client.delete("kz:x")
            assert await gone(tmp_path)
    server.stop()


async def test_the_task_ends_with_the_block(valkey: Redis) -> None:
    before = asyncio.all_tasks()
    async with rewriting(Store(valkey, RETENTION)):
        assert len(asyncio.all_tasks() - before) == 1
    assert asyncio.all_tasks() == before


class LosesOneCancel(Store):
    """A store whose client swallows the first cancel, as redis-py does when its own time-out ends at that moment."""

    def __init__(self) -> None:
        self.lost = False

    async def rewrite_file(self) -> bool:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self.lost:
                raise
            self.lost = True
        return True


async def test_the_service_stops_also_when_a_cancel_is_lost() -> None:
    store = LosesOneCancel()

    async def opened_and_left() -> None:
        async with rewriting(store):
            await asyncio.sleep(0.01)

    await asyncio.wait_for(opened_and_left(), 5)
    assert store.lost
