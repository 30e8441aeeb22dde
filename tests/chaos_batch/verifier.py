"""Counts what came out, without any code of the engine: raw keys of the store, and the model server's log."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from redis import Redis

FINAL = ("completed", "failed", "cancelled", "expired")


@dataclass(frozen=True)
class Verdict:
    """lost: rows without an end; doubled: rows with more than one, or whose counts say so; outcomes: of the ends;
    given_up: of them, those that say `worker_lost`; repeated: model calls beyond one for each row; unasked: completed
    rows that the model never saw."""

    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    outcomes: dict[str, int]
    given_up: int
    repeated: int
    unasked: tuple[str, ...]
    complaints: tuple[str, ...]

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.unasked or self.complaints)


def verify(client: Redis, job_id: str, custom_ids: Sequence[str], log: Path) -> Verdict:
    """custom_ids: as they were handed in. log: a line for each request to the model, {"seconds", "row"}."""
    key = f"kz:q:{{{job_id}}}:"
    ends = [_end(value) for value in cast(dict[bytes, bytes], client.hgetall(f"{key}ends")).values()]
    order = Counter(cast(list[bytes], client.lrange(f"{key}order", 0, -1)))
    job = {
        name.decode(): value.decode() for name, value in cast(dict[bytes, bytes], client.hgetall(f"{key}job")).items()
    }
    seen = Counter(end["custom_id"] for end in ends)
    twice = [number.decode() for number, count in order.items() if count > 1]
    doubled = [each for each in custom_ids if seen[each] > 1] + twice
    outcomes = Counter(str(end["outcome"]) for end in ends)
    asked = Counter(json.loads(line)["row"] for line in log.read_text().splitlines())
    done = [end["custom_id"] for end in ends if end["outcome"] == "completed"]
    return Verdict(
        lost=tuple(each for each in custom_ids if not seen[each]),
        doubled=tuple(doubled),
        outcomes=dict(outcomes),
        given_up=sum(json.loads(end["body"]).get("code") == "worker_lost" for end in ends),
        repeated=sum(asked[each] - 1 for each in custom_ids if asked[each]),
        unasked=tuple(each for each in done if not asked[each]),
        complaints=tuple(_complaints(job, outcomes, len(custom_ids), sum(order.values()))),
    )


def _complaints(job: dict[str, str], outcomes: Counter[str], rows: int, ordered: int) -> list[str]:
    said = []
    if job.get("status") != "completed":
        said.append(f"the job is {job.get('status')}")
    counted = {name: int(job.get(name, 0)) for name in FINAL}
    if sum(counted.values()) != rows or any(counted[name] != outcomes.get(name, 0) for name in FINAL):
        said.append(f"the job counts {counted}, its rows ended as {dict(outcomes)}")
    if ordered != rows:
        said.append(f"{ordered} ends were written for {rows} rows")
    return said


def _end(value: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(value.partition(b" ")[2])["value"]
    return found
