"""A worker that answers rows by itself, for tests that have no time for a whole one: the engine without the agent.

    python -m tests.chaos_batch.light URL LOG SECONDS LEASE [forgetful]

LOG gets the model server's line for each row that begins.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from tests.chaos_batch.forgetful import Forgetful
from workers.batch.records import Job, Leased, RowEnd
from workers.batch.row_leases import LeaseRules
from workers.broker import LeaseBroker, Room
from workers.worker_build import WorkerConfig, open_worker


async def main(url: str, log: Path, seconds: float, lease: float, broker: type[LeaseBroker]) -> None:
    async def run(job: Job, leased: Leased) -> RowEnd:
        with log.open("a") as out:
            out.write(json.dumps({"seconds": time.time(), "row": leased.row.custom_id}) + "\n")
        await asyncio.sleep(seconds)
        return RowEnd(leased.row.number, leased.row.custom_id, "completed", 200, b"{}")

    config = WorkerConfig(url, LeaseRules(seconds=lease), Room(rows=4), broker=broker)
    async with open_worker(config, run) as worker:
        await worker.work(asyncio.Event())


if __name__ == "__main__":
    which = Forgetful if sys.argv[5:] else LeaseBroker
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), which))
