"""Chromium's processes as Linux sees them: found by a mark on the command line, weighed and ended together."""

import os
import signal
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def family(mark: str) -> list[int]:
    """The processes with `mark` among their arguments, and all below them; [] on systems without /proc."""
    parents: dict[int, int] = {}
    first: set[int] = set()
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            pid = int(folder.name)
            parents[pid] = int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            if mark.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                first.add(pid)
    return [pid for pid in parents if not first.isdisjoint(_line(pid, parents))]


def _line(pid: int, parents: dict[int, int]) -> set[int]:
    """The process and those that it descends from."""
    line: set[int] = set()
    while pid in parents and pid not in line:
        line.add(pid)
        pid = parents[pid]
    return line


def private_bytes(pids: list[int]) -> int:
    """Memory that they hold and do not share with a file, as the kernel counts it just now."""
    total = 0
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):
            resident, shared = (_PROC / str(pid) / "statm").read_text().split()[1:3]
            total += (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
    return total


def end(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
