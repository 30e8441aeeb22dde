"""`make rabbitmq`: the same batch over a real RabbitMQ, a worker killed with -9 half-way, and the same counts.

    python -m tests.rabbitmq.run [--rows 200] [--lease 5]

The rows, their ends and the counts lie in a real Valkey; `kaozheng worker`s get KAOZHENG_QUEUE_URL=amqp://. The last
line is `rabbitmq: ROWS rows, 0 lost, 0 doubled`.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos_batch.round import House, Plan, Round
from tests.rabbitmq.server import rabbitmq


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--lease", type=float, default=5.0)
    given = parser.parse_args()
    # Nothing but workers is broken here: `make chaos` breaks the rest.
    plan = Plan(lease=given.lease, rows=given.rows, workers=3, seconds=1.0, span=20, suspended=0, gone=0, store=False)
    with tempfile.TemporaryDirectory(prefix="rabbitmq-") as scratch, rabbitmq() as url:
        house = House(Path(scratch), plan, {"KAOZHENG_QUEUE_URL": url})
        try:
            house.open()
            played = Round(house, 1, "rabbitmq").play()
        finally:
            house.close()
    verdict = played.verdict
    print(f"events: {', '.join(played.events)}")
    print(f"outcomes: {verdict.outcomes}, asked again: {verdict.repeated}, {played.seconds:.0f} s")
    for complaint in (*verdict.complaints, *played.takeovers.late):
        print(f"wrong: {complaint}")
    print(f"rabbitmq: {given.rows} rows, {len(verdict.lost)} lost, {len(verdict.doubled)} doubled")
    return 0 if played.good else 1


if __name__ == "__main__":
    sys.exit(main())
