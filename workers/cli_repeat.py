"""`kaozheng batch repeat`: the same questions again and again, by a schedule, and what has changed each time."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from workers.batch.change_report import change_report, compared, summary
from workers.batch.claims import Told, told_by
from workers.batch.journal import Journal, OutputRefused, refusal_of, replaced
from workers.batch.lines import FileRefused
from workers.batch.schedule import BadSchedule, Kept, Schedule, kept, run_name
from workers.cli import BAD_INPUT
from workers.cli_batch import NOT_WHOLE, STOPPED, BatchOptions, prepared, settings_of
from workers.cli_batch import run as run_batch
from workers.problems import Problem
from workers.terminal import say

LOOK_SECONDS = 30.0
"""A machine that slept, or whose clock was set, is noticed within this time."""
_ENDED = (0, NOT_WHOLE)


@dataclass(frozen=True, slots=True)
class RepeatOptions:
    """batch: how each run is made; its `out` is the folder of all runs. once: what is due is run, and no more."""

    batch: BatchOptions
    cron: str
    time_zone: str
    once: bool = False

    @property
    def folder(self) -> Path:
        return self.batch.out


@dataclass(frozen=True, slots=True)
class Clock:
    """now: with a time zone; sleep: for so many seconds."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep


def run(options: RepeatOptions, clock: Clock | None = None) -> int:
    """The exit code; without `once` it ends with Ctrl-C or a failure. Raises SettingsError, StoreError."""
    try:
        return _repeated(options, Schedule(options.cron, options.time_zone), clock or Clock())
    except BadSchedule as bad:
        say(f"kaozheng: {bad}")
    except Problem as problem:
        say(f"kaozheng: {problem.field}: {problem.detail}")
    except FileRefused as refused:
        say(f"kaozheng: {options.batch.questions}: {refused}")
    except OutputRefused as refused:
        say(f"kaozheng: {refused}")
        return 1
    except KeyboardInterrupt:
        say("kaozheng: stopped; the same command goes on")
        return STOPPED
    return BAD_INPUT


def _repeated(options: RepeatOptions, schedule: Schedule, clock: Clock) -> int:
    while True:
        state = kept(options.folder)
        moment = due(schedule, state, clock.now())
        if moment is not None:
            code = _one(options, schedule, state, moment)
            if code not in _ENDED:
                return code
            continue
        after = schedule.after(clock.now())
        if options.once:
            say(f"nothing is due; next: {after:%Y-%m-%d %H:%M %Z}")
            return 0
        say(f"next run: {after:%Y-%m-%d %H:%M %Z}")
        while (left := (after - clock.now()).total_seconds()) > 0:
            clock.sleep(min(left, LOOK_SECONDS))


def due(schedule: Schedule, state: Kept | None, now: datetime) -> str | None:
    """For which time a run is to be made now; None for none. The first one is at once; one that was cut off goes on; of
    those that were missed the latest is made up for."""
    if state is None:
        return now.astimezone(ZoneInfo(schedule.time_zone)).replace(second=0, microsecond=0).isoformat()
    if not state.done:
        return state.last
    missed = schedule.missed(state.moment, now)
    return missed.isoformat() if missed else None


def _one(options: RepeatOptions, schedule: Schedule, state: Kept | None, moment: str) -> int:
    """One run, from its first question to the report of what has changed."""
    wanted = replace(options.batch, out=options.folder / f"{run_name(moment)}.jsonl")
    wanted.check()
    fingerprint = prepared(wanted, settings_of(wanted)).journal.fingerprint
    before = _before(state, moment)
    begun = Kept(schedule, fingerprint, moment, done=False, before=before)
    begun.write(options.folder)
    say(f"run {run_name(moment)}")
    code = run_batch(wanted)
    if code in _ENDED:
        if before:
            _report(options, before, moment)
        replace(begun, done=True).write(options.folder)
    return code


def _before(state: Kept | None, moment: str) -> str:
    if state is None:
        return ""
    return state.before if state.last == moment else state.last


def _report(options: RepeatOptions, before: str, moment: str) -> None:
    names = run_name(before), run_name(moment)
    old, new = (_told(options.folder / f"{name}.jsonl") for name in names)
    found = compared(old, new)
    path = options.folder / f"{names[1]}.changes.md"
    try:
        with replaced(path) as made, made.open("w", encoding="utf-8", errors="replace") as file:
            file.writelines(f"{line}\n" for line in change_report(found, options.batch.questions.name, names))
    except OSError as error:
        raise refusal_of(path, error) from None
    say(f"{summary(found)}: {path}")


def _told(output: Path) -> dict[str, Told]:
    """Of the files of one run; a file that somebody has removed says nothing."""
    return told_by(_lines(output), {})


def _lines(output: Path) -> Iterator[bytes]:
    for path in (output, Journal(output, "").errors):
        if path.is_file():
            with path.open("rb") as file:
                yield from (line for line in file if line.strip())
