"""`kaozheng doctor`: what works and what does not, line by line, each failure with its remedy.

A probe is an async function that returns Findings; it may take its time, and no more. What a server wrote is quoted
only through `quoted`: one short line without escape sequences.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Literal

from tools.errors import ToolError
from workers.terminal import safe

Verdict = Literal["works", "warning", "fails", "skipped"]
MOST_QUOTED = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the report. said: what was found; remedy: what to do about it, "" where nothing is to be done."""

    part: str
    verdict: Verdict
    said: str
    remedy: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Probe:
    """part: what it looks at; seconds: its longest time; needs: parts that must not have failed before."""

    part: str
    look: Callable[[], Awaitable[Finding]]
    seconds: float
    needs: tuple[str, ...] = ()


async def examine(probes: Sequence[Probe], seconds: float) -> AsyncGenerator[Finding, None]:
    """The findings in the order of the probes, each as soon as it is there. seconds: for all of them together.

    A probe that does not end in its time has failed; one that needs what has failed is skipped.
    """
    ends = monotonic() + seconds
    missing: set[str] = set()
    for probe in probes:
        lacking = [part for part in probe.needs if part in missing]
        if lacking:
            found = Finding(probe.part, "skipped", f"not looked at: {lacking[0]} fails")
        else:
            found = await _looked(probe, ends)
        if found.verdict in ("fails", "skipped"):
            missing.add(probe.part)
        yield found


async def _looked(probe: Probe, ends: float) -> Finding:
    began = monotonic()
    allowed = min(probe.seconds, ends - began)
    if allowed <= 0:
        return Finding(probe.part, "fails", "no time was left for it", "give more with --seconds")
    try:
        async with asyncio.timeout(allowed):
            found = await probe.look()
    except TimeoutError:
        found = Finding(probe.part, "fails", f"no end within {allowed:.0f} s", "look at its load and its log")
    except ToolError as error:
        found = Finding(probe.part, "fails", quoted(error.detail or error.reason), "look at its log")
    return replace(found, seconds=round(monotonic() - began, 3))


def quoted(text: object) -> str:
    """What a server wrote, for a line of the report."""
    line = " ".join(safe(str(text)).split())
    return line if len(line) <= MOST_QUOTED else line[: MOST_QUOTED - 1] + "…"


def failed(findings: Sequence[Finding]) -> bool:
    return any(found.verdict == "fails" for found in findings)
