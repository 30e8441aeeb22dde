"""`make chaos`: rounds of a batch whose workers, store and model server are killed, suspended, filled and taken away.

    python -m tests.chaos_batch.run [--rounds 20] [--seed 1] [--lease 5] [--folder DIR] [--worker MODULE]

Each round is a line of JSON in DIR/rounds-SEED-LEASE.jsonl: started again, the command goes on behind the last of
them. --worker runs another program than `kaozheng worker`; tests.chaos_batch.forgetful never takes anything over, and
has to fail. The last line is `chaos: N rounds, L lost, D doubled`, and what else is wrong.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.chaos_batch.round import House, Plan, Played, Round


def main() -> int:
    given = _given()
    folder = Path(given.folder)
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"rounds-{given.seed}-{given.lease:g}.jsonl"
    lines = [json.loads(line) for line in kept.read_text().splitlines()] if kept.is_file() else []
    done = {line["round"]: line for line in lines if line["round"] <= given.rounds}
    missing = [number for number in range(1, given.rounds + 1) if number not in done]
    if missing:
        with tempfile.TemporaryDirectory(prefix="chaos-") as scratch:
            for line in _played(Path(scratch), given, missing):
                done[line["round"]] = line
                with kept.open("a") as out:
                    out.write(json.dumps(line) + "\n")
    print(_summary(list(done.values())))
    return 0 if all(line["good"] for line in done.values()) else 1


def _played(scratch: Path, given: argparse.Namespace, numbers: list[int]) -> Any:
    command = (sys.executable, "-m", given.worker) if given.worker else ()
    house = House(scratch, Plan(lease=given.lease, command=command))
    try:
        house.open()
        for number in numbers:
            house.wait_ready(house.plan.workers)
            played = Round(house, number, f"{given.seed}-{number}").play()
            line = _line(number, played)
            print(json.dumps(line), flush=True)
            yield line
            if not played.good and given.keep:
                _keep(scratch, Path(given.folder) / f"failed-{number}")
            if _is_bad(played):
                return
    finally:
        house.close()


def _is_bad(played: Played) -> bool:
    """Rows that were lost or doubled end the rounds; one that was late, on a machine that was busy, does not."""
    return not played.verdict.good


def _keep(scratch: Path, folder: Path) -> None:
    """The logs of a round that went wrong."""
    folder.mkdir(exist_ok=True)
    for log in scratch.glob("*.log"):
        (folder / log.name).write_bytes(log.read_bytes())


def _line(number: int, played: Played) -> dict[str, Any]:
    verdict = played.verdict
    return {
        "round": number,
        "good": played.good,
        "seconds": round(played.seconds, 1),
        "outcomes": verdict.outcomes,
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "unasked": len(verdict.unasked),
        "asked_again": verdict.repeated,
        "worst_takeover_seconds": round(played.takeovers.worst, 1),
        "late": played.takeovers.late,
        "complaints": verdict.complaints,
        "load": round(os.getloadavg()[0], 1),
        "events": played.events,
    }


def _summary(lines: list[dict[str, Any]]) -> str:
    lost, doubled = (sum(line[name] for line in lines) for name in ("lost", "doubled"))
    late = sum(len(line["late"]) for line in lines)
    wrong = sum(len(line["complaints"]) + line["unasked"] for line in lines)
    more = (f", {late} late" if late else "") + (f", {wrong} wrong" if wrong else "")
    return f"chaos: {len(lines)} rounds, {lost} lost, {doubled} doubled{more}"


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--lease", type=float, default=5.0)
    parser.add_argument("--folder", default=".chaos")
    parser.add_argument("--worker", default="")
    parser.add_argument("--keep", action="store_true", help="keep the logs of a round that fails")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
