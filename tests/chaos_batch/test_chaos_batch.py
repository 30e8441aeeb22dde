"""The short form of `make chaos`: a worker is killed, its rows are not. And a broker that forgets them is found out."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos_batch.parts import Part, Store
from tests.chaos_batch.round import made
from tests.chaos_batch.verifier import Verdict, verify
from workers.batch.records import Job

ROWS, LEASE = 24, 2.0
PATIENCE_SECONDS = 60


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    part = Store(tmp_path)
    part.start()
    yield part
    part.kill()


def light(number: int, store: Store, folder: Path, seconds: float, *, forgetful: bool) -> Part:
    log = str(folder / "model.jsonl")
    words = [store.url, log, str(seconds), str(LEASE), *(["forgetful"] if forgetful else [])]
    return Part([sys.executable, "-m", "tests.chaos_batch.light", *words], folder / f"light-{number}.log")


def until(wanted: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while not wanted() and time.monotonic() < deadline:
        time.sleep(0.02)
    return wanted()


class Watched:
    """A job of rows, and who has them."""

    def __init__(self, store: Store, job: Job) -> None:
        self._client, self._key = store.client, f"kz:q:{{{job.id}}}:"

    def held(self, pid: int) -> int:
        pending = self._client.xpending_range(f"{self._key}rows", "rows", "-", "+", 1_000)
        return sum(f"-{pid}-".encode() in each["consumer"] for each in pending)

    def waiting(self) -> int:
        return int(self._client.xlen(f"{self._key}rows"))

    def over(self) -> bool:
        return self._client.hget(f"{self._key}job", "status") == b"completed"


def after_a_kill(store: Store, folder: Path, *, forgetful: bool) -> Verdict:
    """One worker is killed with rows in its hands; the other works on for as long as it takes."""
    (folder / "model.jsonl").touch()
    custom_ids = [f"row-1-{number}" for number in range(ROWS)]
    job = asyncio.run(made(store.url, custom_ids))
    watched = Watched(store, job)
    first, second = (light(n, store, folder, seconds, forgetful=forgetful) for n, seconds in enumerate((600, 0.5)))
    try:
        first.start()
        assert until(lambda: len((folder / "model.jsonl").read_text().splitlines()) >= 2)
        held_then = (first.kill(), watched.held(first.pid))[1]
        second.start()
        if forgetful:
            assert until(lambda: watched.waiting() == watched.held(first.pid))
            until(watched.over, 2 * LEASE)
        else:
            assert until(watched.over)
        assert held_then >= 2
    finally:
        first.kill()
        second.kill()
    return verify(store.client, job.id, custom_ids, folder / "model.jsonl")


def test_the_rows_of_a_worker_that_is_killed_are_neither_lost_nor_doubled(store: Store, tmp_path: Path) -> None:
    verdict = after_a_kill(store, tmp_path, forgetful=False)
    assert verdict.good, verdict
    assert verdict.repeated > 0
    assert verdict.outcomes == {"completed": ROWS}


def test_a_broker_that_takes_nothing_over_is_found_out(store: Store, tmp_path: Path) -> None:
    verdict = after_a_kill(store, tmp_path, forgetful=True)
    assert not verdict.good
    assert 2 <= len(verdict.lost) <= 4
