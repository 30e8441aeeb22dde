"""`kaozheng worker` as a person starts and stops it: it works, gives back what runs, and ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from tests.fake_model import Reply, running_fake_model
from tests.workers.batch.test_job_store import a_job
from workers.batch.job_store import JobStore
from workers.batch.records import Job, Row

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "tides.txt").write_text("The moon pulls the sea twice a day.")
    given = {
        "KAOZHENG_DATA_DIR": str(tmp_path / "data"),
        "KAOZHENG_LIBRARY": str(tmp_path / "library"),
        "KAOZHENG_DRAIN_SECONDS": "0",
        "PYTHONPATH": str(ROOT),
    }
    return {**os.environ, **given}


@contextmanager
def worker(environment: dict[str, str], **more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """It works when the block begins; it is gone when it ends."""
    command = [sys.executable, "-m", "workers.cli", "worker"]
    process = subprocess.Popen(command, cwd=ROOT, env={**environment, **more}, stderr=subprocess.PIPE)
    try:
        said = b""
        assert process.stderr is not None
        while b"rows at a time" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        yield process
    finally:
        process.kill()
        process.communicate()


async def one_row(address: str) -> Job:
    async with AsyncRedis.from_url(address) as client:
        jobs, job = JobStore(client), a_job()
        await jobs.create(job)
        await jobs.add_rows(job, [Row(0, "c", b'{"question":"What pulls the sea?","depth":"quick"}')])
        await jobs.start(job)
    return job


@pytest.mark.timeout(180)
def test_a_worker_that_is_told_to_stop_gives_its_row_back_and_ends(
    empty_valkey: str, environment: dict[str, str]
) -> None:
    job = asyncio.run(one_row(empty_valkey))
    reply = Reply("The moon.[citation:1]", pause=600)
    with running_fake_model(reply) as model, Redis.from_url(empty_valkey) as store:
        where = {"KAOZHENG_REDIS_URL": empty_valkey, "KAOZHENG_MODEL_URL": model.url, "KAOZHENG_MODEL_NAME": "fake"}
        with worker(environment, **where) as process:
            while not any("What pulls the sea?" in json.dumps(request) for request in model.requests):
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        (pending,) = store.xpending_range(f"kz:q:{{{job.id}}}:rows", "rows", "-", "+", 10)
        begun = store.hgetall(f"kz:q:{{{job.id}}}:begun")
    assert process.returncode == 0
    assert begun == {}  # what was given back does not count
    assert pending["time_since_delivered"] > 1_000_000_000
