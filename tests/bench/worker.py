"""The engine with one HTTP request to a model server for each row, and nothing else that takes time.

    python -m tests.bench.worker STORE MODEL ROWS

MODEL "" answers each row at once.
"""

import asyncio
import sys

import httpx

from workers.batch.records import Job, Leased, RowEnd
from workers.broker import Room
from workers.worker_build import WorkerConfig, open_worker


async def main(store: str, model: str, rows: int) -> None:
    limits = httpx.Limits(max_connections=rows, max_keepalive_connections=rows)
    async with httpx.AsyncClient(timeout=60, limits=limits, trust_env=False) as http:

        async def run(job: Job, leased: Leased) -> RowEnd:
            body = (await http.post(model, content=leased.row.body)).content if model else b"{}"
            return RowEnd(leased.row.number, leased.row.custom_id, "completed", 200, body)

        async with open_worker(WorkerConfig(store, room=Room(rows=rows)), run) as worker:
            print("ready", flush=True)
            await worker.work(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
