"""`make chaos`: rounds of a batch whose workers, store and model server are killed, suspended, filled and taken away.

    python -m tests.chaos_batch.run [--rounds 20] [--seed 1] [--lease 5] [--at-once 1] [--folder DIR] [--worker MODULE]

Each round is a line of JSON in DIR/rounds-SEED-LEASE.jsonl: started again, the command goes on with those that are not
there. --at-once: so many rounds beside each other, each with a store, a model server and workers of its own. --worker
runs another program than `kaozheng worker`; tests.chaos_batch.forgetful never takes anything over, and has to fail. The
last line is `chaos: N rounds, L lost, D doubled`, and what else is wrong; the one before says how many rows were given
up (`worker_lost`), which is an end like others, and how long takeovers took.
"""

import argparse
import json
import os
import queue
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos_batch.round import House, Plan, Played, Round

Line = dict[str, Any]


def main() -> int:
    given = _given()
    folder = Path(given.folder)
    folder.mkdir(parents=True, exist_ok=True)
    program = f"-{given.worker.rpartition('.')[2]}" if given.worker else ""
    kept = folder / f"rounds-{given.seed}-{given.lease:g}{program}.jsonl"
    lines = [json.loads(line) for line in kept.read_text().splitlines()] if kept.is_file() else []
    done = {line["round"]: line for line in lines if line["round"] <= given.rounds}
    missing = [number for number in range(1, given.rounds + 1) if number not in done]
    if missing:
        with tempfile.TemporaryDirectory(prefix="chaos-") as scratch:
            for line in _played(Path(scratch), given, missing):
                done[line["round"]] = line
                with kept.open("a") as out:
                    out.write(json.dumps(line) + "\n")
    print(*_summary(list(done.values())), sep="\n")
    return 0 if all(line["good"] for line in done.values()) else 1


def _played(scratch: Path, given: argparse.Namespace, numbers: list[int]) -> Iterator[Line]:
    """The rounds in the order in which they end. None begins any more when rows were lost or doubled in one."""
    lanes = min(given.at_once, len(numbers))
    course = Course(given)
    for number in numbers:
        course.waiting.put(number)
    with ExitStack() as closing:
        for lane in range(lanes):
            house = _opened(scratch / f"{lane}", given)
            closing.callback(house.close)
            threading.Thread(target=course.run, args=(house,), daemon=True).start()
        while lanes:
            told = course.told.get()
            if isinstance(told, BaseException):
                raise told
            if told is None:
                lanes -= 1
                continue
            print(json.dumps(told), flush=True)
            yield told


def _opened(folder: Path, given: argparse.Namespace) -> House:
    folder.mkdir()
    command = (sys.executable, "-m", given.worker) if given.worker else ()
    house = House(folder, Plan(lease=given.lease, command=command))
    try:
        house.open()
    except BaseException:
        house.close()
        raise
    return house


@dataclass
class Course:
    """Rounds that are played in several houses. told: a line for each round, None for a house that has no more, an
    error for one that broke."""

    given: argparse.Namespace
    waiting: "queue.SimpleQueue[int]" = field(default_factory=queue.SimpleQueue)
    told: "queue.SimpleQueue[Line | BaseException | None]" = field(default_factory=queue.SimpleQueue)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, house: House) -> None:
        try:
            while not self.over.is_set():
                self._round(house, self.waiting.get_nowait())
        except queue.Empty:
            pass
        except (OSError, AssertionError, RuntimeError, TimeoutError) as error:
            self.told.put(error)
        self.told.put(None)

    def _round(self, house: House, number: int) -> None:
        house.wait_ready(house.plan.workers)
        played = Round(house, number, f"{self.given.seed}-{number}").play()
        if not played.good and self.given.keep:
            _keep(house.folder, Path(self.given.folder) / f"failed-{number}")
        if _is_bad(played):
            self.over.set()
        self.told.put(_line(number, played))


def _is_bad(played: Played) -> bool:
    """Rows that were lost or doubled end the rounds; one that was late, on a machine that was busy, does not."""
    return not played.verdict.good


def _keep(scratch: Path, folder: Path) -> None:
    """The logs of a round that went wrong."""
    folder.mkdir(exist_ok=True)
    for log in scratch.glob("*.log"):
        (folder / log.name).write_bytes(log.read_bytes())


def _line(number: int, played: Played) -> Line:
    verdict = played.verdict
    return {
        "round": number,
        "good": played.good,
        "seconds": round(played.seconds, 1),
        "outcomes": verdict.outcomes,
        "given_up": verdict.given_up,
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


def _summary(lines: list[Line]) -> tuple[str, str]:
    lost, doubled = (sum(line[name] for line in lines) for name in ("lost", "doubled"))
    late = sum(len(line["late"]) for line in lines)
    wrong = sum(len(line["complaints"]) + line["unasked"] for line in lines)
    more = (f", {late} late" if late else "") + (f", {wrong} wrong" if wrong else "")
    rows = sum(sum(line["outcomes"].values()) for line in lines)
    given_up = sum(line["given_up"] for line in lines)
    worst = max((line["worst_takeover_seconds"] for line in lines), default=0.0)
    return (
        f"{rows:,} ends, {given_up} of them failed (worker_lost); the longest takeover took {worst} s",
        f"chaos: {len(lines)} rounds, {lost} lost, {doubled} doubled{more}",
    )


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--lease", type=float, default=5.0)
    parser.add_argument("--at-once", type=int, default=1, help="rounds beside each other")
    parser.add_argument("--folder", default=".chaos")
    parser.add_argument("--worker", default="")
    parser.add_argument("--keep", action="store_true", help="keep the logs of a round that fails")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
