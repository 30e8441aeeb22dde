"""The results of a batch on this machine, as lines that are on the disk before anybody says so.

OUT.jsonl        one line for each row that completed, in the order of the questions
OUT.errors.jsonl the same for each row that did not
OUT.jsonl.part   while the batch runs: lines of both kinds in the order in which they came; gone when the two are there

A line carries the number of its row and the fingerprint of the questions in its `id`, so that a run that was cut off
anywhere goes on from these three files alone. Of several lines for one row a completed one counts, else the last.
"""

import errno
import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pydantic_core import from_json

_ID = re.compile(r"batch_req_([0-9a-f]{16})([0-9]{8,})")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
STOPPED = ("batch_cancelled", "batch_expired")


class OutputRefused(Exception):
    """The files of the results cannot be used; the message says what to do."""


class OutputFull(OutputRefused):
    """There is no room left. What was written stands."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row's line stands. outcome: completed, failed, or stopped: it never ran to an end of its own."""

    path: Path
    start: int
    length: int
    outcome: str


@dataclass(slots=True)
class Journal:
    """output: OUT.jsonl; fingerprint: 16 hexadecimal digits of the questions and how they are asked; rows: the place
    of each number's line."""

    output: Path
    fingerprint: str
    rows: dict[int, Place] = field(default_factory=dict)

    @property
    def errors(self) -> Path:
        return self.output.with_name(f"{self.output.stem}.errors{self.output.suffix}")

    @property
    def part(self) -> Path:
        return self.output.with_name(f"{self.output.name}.part")

    @contextmanager
    def open(self) -> Iterator[None]:
        """Reads what is there, for one process at a time. Raises OutputRefused."""
        lock, name = self._locked()
        try:
            _mend(self.part)
            self.read()
            yield
        finally:
            name.unlink(missing_ok=True)
            os.close(lock)

    def _locked(self) -> tuple[int, Path]:
        """The kernel ends the lock with the process."""
        name = self.output.with_name(f".{self.output.name}.lock")
        while True:
            try:
                self.output.parent.mkdir(parents=True, exist_ok=True)
                lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise OutputRefused(f"{name.parent} cannot be written: {error.strerror}") from None
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if name.exists() and name.stat().st_ino == os.fstat(lock).st_ino:
                    return lock, name
            except OSError:
                os.close(lock)
                raise OutputRefused(f"another `kaozheng batch run` writes {self.output}") from None
            os.close(lock)  # its owner has removed it meanwhile

    def read(self) -> None:
        """All lines that are there. Raises OutputRefused."""
        self.rows.clear()
        for path in (self.output, self.errors, self.part):
            self._read(path)

    def _read(self, path: Path) -> None:
        """Raises OutputRefused for a file that is none of this batch."""
        if not path.is_file():
            return
        start = 0
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    raise OutputRefused(f"the last line of {path} is not whole; remove it or name another file")
                self._count(path, start, line)
                start += len(line)

    def _count(self, path: Path, start: int, line: bytes) -> None:
        fingerprint, number, outcome = told(line)
        if fingerprint != self.fingerprint:
            why = "holds something else than answers to these questions, as they are asked now"
            raise OutputRefused(f"{path} {why}: they have changed, or it is another's; name another file")
        before = self.rows.get(number)
        if before is None or before.outcome != "completed" or outcome == "completed":
            self.rows[number] = Place(path, start, len(line), outcome)

    def append(self, lines: Iterable[bytes]) -> None:
        """They are on the disk when this returns. Raises OutputFull, and nothing of them is half there."""
        lines = list(lines)
        if not lines:
            return
        try:
            with self.part.open("ab", buffering=0) as file:
                start = file.seek(0, os.SEEK_END)
                try:
                    _write(file, b"".join(lines))
                except OSError:
                    os.ftruncate(file.fileno(), start)
                    raise
        except OSError as error:
            raise refusal_of(self.part, error) from None
        for line in lines:
            self._count(self.part, start, line)
            start += len(line)

    def finish(self) -> None:
        """Both files, whole and in the order of the questions, then nothing else. Raises OutputFull."""
        done = {number: place for number, place in sorted(self.rows.items())}
        completed = [place for place in done.values() if place.outcome == "completed"]
        failed = [place for place in done.values() if place.outcome != "completed"]
        try:
            whole = [
                (path, _gathered(path, places)) for path, places in ((self.output, completed), (self.errors, failed))
            ]
            for path, made in whole:
                made.replace(path)
            if not failed:
                self.errors.unlink()
            self.part.unlink(missing_ok=True)
            _sync_folder(self.output.parent)
        except OSError as error:
            raise refusal_of(self.output, error) from None

    def forget_stopped(self) -> None:
        """Rows that were stopped may run again."""
        self.rows = {number: place for number, place in self.rows.items() if place.outcome != "stopped"}

    def forget_failed(self) -> None:
        """The same of rows that failed, but for lines that were bad: those are bad again."""
        bad = {number for number, place in self.rows.items() if place.outcome == "failed" and _is_bad_line(place)}
        self.rows = {n: place for n, place in self.rows.items() if place.outcome != "failed" or n in bad}

    def lines(self) -> Iterator[bytes]:
        """In the order of the questions."""
        for _, place in sorted(self.rows.items()):
            with place.path.open("rb") as file:
                file.seek(place.start)
                yield file.read(place.length)


def told(line: bytes) -> tuple[str, int, str]:
    """Fingerprint, number and outcome of a line; an empty fingerprint for one that is none of ours."""
    try:
        fields = from_json(line)
        found = _ID.fullmatch(fields["id"])
        response: Any = fields["response"]
        if found is None:
            return "", 0, ""
        return found[1], int(found[2]), outcome_of(response, fields["error"])
    except (ValueError, KeyError, TypeError):
        return "", 0, ""


def outcome_of(response: Any, error: Any) -> str:
    if response is not None:
        return "completed" if response["status_code"] == 200 else "failed"
    return "stopped" if error["code"] in STOPPED else "failed"


def _is_bad_line(place: Place) -> bool:
    with place.path.open("rb") as file:
        file.seek(place.start)
        response = from_json(file.read(place.length))["response"]
    error = response["body"].get("error") if response else None
    return isinstance(error, dict) and "line" in error


def _write(file: Any, content: bytes) -> None:
    """All of it, and on the disk."""
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]
    os.fsync(file.fileno())


def _mend(path: Path) -> None:
    """Cuts a last line off that a kill tore."""
    if not path.is_file():
        return
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        kept = _last_line_end(file, end)
        if kept < end:
            file.truncate(kept)


def _last_line_end(file: IO[bytes], end: int) -> int:
    while end > 0:
        start = max(0, end - 65_536)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _gathered(path: Path, places: list[Place]) -> Path:
    """A new file with these lines, beside the one that it will replace."""
    made = path.with_name(f".{path.name}.new")
    opened: dict[Path, IO[bytes]] = {}
    try:
        with made.open("wb") as file:
            for place in places:
                source = opened.get(place.path) or opened.setdefault(place.path, place.path.open("rb"))
                source.seek(place.start)
                file.write(source.read(place.length))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        made.unlink(missing_ok=True)
        raise
    finally:
        for source in opened.values():
            source.close()
    return made


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A new file beside this one, which takes its place when the block has ended well. Raises OSError."""
    made = path.with_name(f".{path.stem}.new{path.suffix}")
    try:
        yield made
        with made.open("rb") as file:
            os.fsync(file.fileno())
        made.replace(path)
        _sync_folder(path.parent)
    finally:
        made.unlink(missing_ok=True)


def refusal_of(path: Path, error: OSError) -> OutputRefused:
    """In words for people."""
    if error.errno in _FULL:
        then = "make room and run the same command again: nothing is lost"
        return OutputFull(f"no space left for {path}; {then}")
    return OutputRefused(f"{path} cannot be written: {error.strerror}")
