"""How a batch stands, in one line for a terminal: rows done and failed, their rate, the time left, tokens and money."""

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from shutil import get_terminal_size

from workers.batch.local_run import Standing
from workers.terminal import safe, say

EVERY_SECONDS = 10.0
"""Between two lines where nobody watches a terminal."""
RATE_SECONDS, RATE_ROWS = 60.0, 10
"""Over what the rate is taken: over more seconds where fewer rows have ended in them."""
STILL_SECONDS = 30.0
"""After which it is said that no row has ended."""


@dataclass(slots=True)
class BatchProgress:
    """quiet: nothing is shown; currency: of the costs; rewriting: the line is written over, as in a terminal."""

    quiet: bool = False
    currency: str = ""
    rewriting: bool = field(default_factory=lambda: sys.stderr.isatty())
    clock: Callable[[], float] = time.monotonic
    _seen: "deque[tuple[float, int]]" = field(default_factory=deque)
    _said: float = float("-inf")
    _width: int = 0
    _moved: float = float("-inf")

    def show(self, standing: Standing) -> None:
        now, ended = self.clock(), standing.total - standing.left
        if not self._seen or self._seen[-1][1] != ended:
            self._moved = now
        self._seen.append((now, ended))
        while len(self._seen) > 2 and now - self._seen[0][0] > RATE_SECONDS and ended - self._seen[1][1] >= RATE_ROWS:
            self._seen.popleft()
        if self.quiet:
            return
        if self.rewriting:
            self._rewrite(self.line(standing))
        elif now - self._said >= EVERY_SECONDS or not standing.left:
            self._said = now
            say(self.line(standing))

    def _rewrite(self, line: str) -> None:
        """One line, also in a narrow terminal: what goes on in the next one could not be written over."""
        line = line[: max(20, get_terminal_size().columns - 1)]
        print("\r" + safe(line).ljust(self._width), end="", file=sys.stderr, flush=True)
        self._width = len(line)

    def close(self) -> None:
        """What is said next stands on a line of its own."""
        if self._width:
            print(file=sys.stderr, flush=True)
            self._width = 0

    @property
    def rate(self) -> float:
        """Rows a second, of late."""
        if len(self._seen) < 2:
            return 0.0
        (begin, first), (end, last) = self._seen[0], self._seen[-1]
        return (last - first) / (end - begin) if end > begin else 0.0

    def line(self, standing: Standing) -> str:
        ended = standing.total - standing.left
        parts = [f"{ended:,} of {standing.total:,} rows"]
        if standing.failed:
            parts.append(f"{standing.failed:,} failed")
        if (waiting := _waiting(standing)) != "":
            return " · ".join([*parts, waiting])
        if self.rate > 0:
            parts.append(rate_in_words(self.rate))
            if standing.left:
                parts.append(f"{duration(standing.left / self.rate)} left")
        return " · ".join([*parts, *self._used(standing), *self._still(standing)])

    def _still(self, standing: Standing) -> list[str]:
        still = self._seen[-1][0] - self._moved if self._seen else 0.0
        if still < STILL_SECONDS or standing.state is None or not standing.left:
            return []
        if not standing.state.running:
            return [f"nobody has taken a row for {duration(still)}"]
        return [f"none has ended for {duration(still)}: does the model server answer? (kaozheng doctor)"]

    def _used(self, standing: Standing) -> list[str]:
        state = standing.state
        if state is None:
            return []
        tokens = state.prompt_tokens + state.completion_tokens
        cached = f" ({state.cached_tokens / state.prompt_tokens:.0%} cached)" if state.cached_tokens else ""
        used = [f"{tokens:,} tokens{cached}"]
        if state.cost:
            used.append(f"{state.cost:,.2f} {self.currency}".strip())
        return used


def _waiting(standing: Standing) -> str:
    state = standing.state
    if state is None or state.running or not standing.left:
        return ""
    if state.job.not_before > time.time():
        at = datetime.fromtimestamp(state.job.not_before).astimezone()
        return f"begins at {at:%Y-%m-%d %H:%M %Z}"
    return f"only {state.job.night}" if state.job.night and not state.completed else ""


def rate_in_words(rate: float) -> str:
    """rate: rows a second."""
    for name, seconds in (("s", 1), ("min", 60)):
        if rate * seconds >= 1:
            return f"{rate * seconds:.1f} rows/{name}"
    return f"{rate * 3_600:.1f} rows/h"


def duration(seconds: float) -> str:
    """In the two largest units."""
    whole = round(seconds)
    for name, unit, smaller, small in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if whole >= unit:
            return f"{whole // unit} {name} {whole % unit // small} {smaller}"
    return f"{whole} s"
