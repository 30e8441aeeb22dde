"""What Chromium's own trace says of a page's main thread: how long it worked for each frame.

A page that asks for the next frame all the time begins one each 16.7 ms, unless its main thread is busy. Wall time is
what a reader sees on this machine now; CPU time is what the page itself costs, also where other programs share the CPU.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

CATEGORIES = ["toplevel", "devtools.timeline", "devtools.timeline.frame", "disabled-by-default-devtools.timeline"]
TASKS = ("ThreadControllerImpl::RunTask", "RunTask")
FRAME = "AnimationFrame::Render"
ASK_FOR_FRAMES = "() => { const again = () => requestAnimationFrame(again); again(); }"


@dataclass(frozen=True, slots=True)
class Frames:
    """Milliseconds, one entry a frame. cpu: of the main thread's tasks; wall: until the next frame began."""

    cpu: tuple[float, ...]
    wall: tuple[float, ...]

    @property
    def longest_cpu(self) -> float:
        return max(self.cpu)

    @property
    def longest_wall(self) -> float:
        return max(self.wall)

    def over(self, milliseconds: float) -> int:
        """How many frames took longer, by the wall."""
        return sum(one > milliseconds for one in self.wall)


def frames_in(trace: bytes) -> Frames:
    """Of the thread that worked most. Raises ValueError for a trace without frames."""
    events: list[dict[str, Any]] = json.loads(trace)["traceEvents"]
    tasks = [event for event in events if event.get("ph") == "X" and event["name"] in TASKS]
    begun = [event for event in events if event["name"] == FRAME and event["ph"] == "b"]
    thread = _busiest(tasks, {(event["pid"], event["tid"]) for event in begun})
    starts = sorted(event["ts"] for event in begun if (event["pid"], event["tid"]) == thread)
    if len(starts) < 2:
        raise ValueError("the trace holds no frames")
    cpu = [0.0] * (len(starts) - 1)
    for task in _outermost([task for task in tasks if (task["pid"], task["tid"]) == thread]):
        at = bisect_right(starts, task["ts"] + task["dur"]) - 1
        if 0 <= at < len(cpu):
            cpu[at] += task.get("tdur", task["dur"]) / 1000
    wall = [(after - before) / 1000 for before, after in pairwise(starts)]
    return Frames(tuple(cpu), tuple(wall))


def _busiest(tasks: Sequence[dict[str, Any]], threads: set[tuple[int, int]]) -> tuple[int, int]:
    worked: Counter[tuple[int, int]] = Counter({thread: 0 for thread in threads})
    for task in tasks:
        if (task["pid"], task["tid"]) in threads:
            worked[task["pid"], task["tid"]] += int(task["dur"])
    if not worked:
        raise ValueError("the trace holds no frames")
    return worked.most_common(1)[0][0]


def _outermost(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tasks that are not part of another one, which would count twice."""
    found: list[dict[str, Any]] = []
    end = -1.0
    for task in sorted(tasks, key=lambda one: (one["ts"], -one["dur"])):
        if task["ts"] >= end:
            found.append(task)
            end = task["ts"] + task["dur"]
    return found
