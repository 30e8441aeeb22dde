"""`kaozheng worker` with a broker that takes nothing over from dead workers: `make chaos` has to fail with it.

    python -m tests.chaos_batch.run --rounds 1 --worker tests.chaos_batch.forgetful

It is what queue libraries on Redis streams do on an idle queue.
"""

import sys

from workers.broker import LeaseBroker
from workers.cli_worker import run


class Forgetful(LeaseBroker):
    """Delivers, acknowledges, and leaves what a dead worker held where it lies."""

    async def _reclaim(self, job_id: str) -> None:
        pass


if __name__ == "__main__":
    sys.exit(run(None, None, Forgetful))
