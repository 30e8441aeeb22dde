"""`make bench`: how the engine grows with its workers, what it adds to a row, and what 100,000 queued rows weigh.

    python -m tests.bench.run [--waves 8] [--rows 100000]

Compare ratios: absolute times are this machine's, and what else runs on it.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos_batch.parts import Part, Store, free_port, worker
from tests.chaos_batch.round import QUESTION, made
from workers.batch.records import Job

EACH, LATENCY_SECONDS = 16, 2.0
MEBIBYTE = 1024 * 1024


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--waves", type=int, default=8, help="rows for each place of a worker")
    parser.add_argument("--rows", type=int, default=100_000, help="queued rows that are weighed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        store = Store(Path(scratch))
        store.start()
        try:
            _growth(store, Path(scratch), given.waves)
            _overhead(store, Path(scratch))
            for row_bytes in (0, 1_024):
                _weight(store, Path(scratch), given.rows, row_bytes)
            _whole_worker(store, Path(scratch), given.rows)
        finally:
            store.kill()
    return 0


def _growth(store: Store, folder: Path, waves: int) -> None:
    """1, 2, 4 processes of 16 rows against a model of 2 s: 8 rows a second and process, if nothing else took time."""
    port = free_port()
    model = Part([sys.executable, "-m", "tests.bench.model", str(port), str(LATENCY_SECONDS)], folder / "model.log")
    model.start()
    rates: dict[int, float] = {}
    try:
        for count in (1, 2, 4):
            rates[count] = _rate(store, folder, count, f"http://127.0.0.1:{port}/", EACH * waves * count)
            ideal = count * EACH / LATENCY_SECONDS
            linear = rates[count] / (count * rates[1])
            line = (
                f"{rates[count]:.2f} rows/s, {linear:.2f} of linear, {rates[count] / ideal:.2f} of the model's own pace"
            )
            print(f"{count} workers of {EACH} rows: {line}", flush=True)
    finally:
        model.kill()


def _overhead(store: Store, folder: Path, rows: int = 3_000) -> None:
    rate = _rate(store, folder, 1, "", rows)
    print(f"overhead: {1_000 / rate:.2f} ms a row (1 worker, rows that take no time)", flush=True)


def _rate(store: Store, folder: Path, count: int, model: str, rows: int) -> float:
    """Rows a second, from the begin of the job's making to its end."""
    store.client.flushall()
    with _workers(store, folder, count, model):
        began = time.monotonic()
        job = asyncio.run(made(store.url, [f"row-{number}" for number in range(rows)]))
        while store.client.hget(f"kz:q:{{{job.id}}}:job", "status") != b"completed":
            time.sleep(0.01)
        return rows / (time.monotonic() - began)


@contextmanager
def _workers(store: Store, folder: Path, count: int, model: str) -> Iterator[list[Part]]:
    words = [sys.executable, "-m", "tests.bench.worker", store.url, model, str(EACH)]
    parts = [Part(words, folder / f"worker-{count}-{number}.log") for number in range(count)]
    try:
        for part in parts:
            part.log.unlink(missing_ok=True)
            part.start()
        deadline = time.monotonic() + 60
        while not all("ready" in part.log.read_text() for part in parts):
            if time.monotonic() > deadline:
                raise TimeoutError(f"workers do not start; see {folder}")
            time.sleep(0.05)
        yield parts
    finally:
        for part in parts:
            part.kill()


def _weight(store: Store, folder: Path, rows: int, row_bytes: int) -> None:
    """In the store and in a worker that has begun with them. row_bytes: of each row's body, 0: a question of ordinary
    length."""
    store.client.flushall()
    names = [f"customer-question-{number:06}" for number in range(rows)]
    before = int(store.client.info("memory")["used_memory"])
    question = QUESTION
    if (short := row_bytes - _body_bytes(question, names[0])) > 0:
        question += "?" * short
    job: Job = asyncio.run(made(store.url, names, question))
    held = int(store.client.info("memory")["used_memory"]) - before
    body = _body_bytes(question, names[0])
    print(f"{rows:,} queued rows of {body:,} bytes: {held / MEBIBYTE:.0f} MB in the store", flush=True)
    with _workers(store, folder, 1, "") as (part,):
        empty = _resident(part)
        deadline = time.monotonic() + 20
        while store.client.llen(f"kz:q:{{{job.id}}}:order") < 2_000 and time.monotonic() < deadline:
            time.sleep(0.1)
        print(
            f"a worker on them: {_resident(part):.0f} MB resident, {_resident(part) - empty:.0f} more than at its start"
        )


def _whole_worker(store: Store, folder: Path, rows: int) -> None:
    """`kaozheng worker` with everything that answers rows, on the rows that are queued."""
    part = worker(0, folder, store, {"KAOZHENG_MODEL_URL": f"http://127.0.0.1:{free_port()}/v1"})  # it waits for it
    part.start()
    try:
        deadline = time.monotonic() + 120
        while f"[{part.pid}]" not in part.log.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        empty = _resident(part)
        time.sleep(10)
        print(f"kaozheng worker: {empty:.0f} MB resident at its start, {_resident(part):.0f} with {rows:,} rows queued")
    finally:
        part.kill()


def _body_bytes(question: str, name: str) -> int:
    return len(json.dumps({"question": question.format(name), "depth": "quick"}))


def _resident(part: Part) -> float:
    pages = int(Path(f"/proc/{part.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / MEBIBYTE


if __name__ == "__main__":
    sys.exit(main())
