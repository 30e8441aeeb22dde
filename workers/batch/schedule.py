"""When recurring research is due: a cron expression in a named time zone, and what was done last, in a file.

A run that was missed (the machine slept, the service was down) fires once, however many were missed. Expressions are
Debian cron's, changes of the clock too: a time that a day does not have is made up for, one that comes twice runs once.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from workers.batch.journal import refusal_of, replaced

NAME = "schedule.json"
_LOOK_BACK = (timedelta(days=2), timedelta(days=62), timedelta(days=5 * 366))


class BadSchedule(ValueError):
    """An expression, a zone or a file that is none; the message says which."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """cron: five fields; time_zone: as `Asia/Shanghai`. Raises BadSchedule."""

    cron: str
    time_zone: str

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadSchedule(f"{self.time_zone!r} is no time zone; they look like Asia/Shanghai") from None
        if len(self.cron.split()) != 5:
            raise BadSchedule("a schedule has five fields: minute, hour, day, month, weekday, as `0 7 * * 1-5`")
        try:
            self.after(datetime.now(UTC))
        except CronSimError as error:
            raise BadSchedule(f"{self.cron!r} is no schedule: {error}") from None
        except StopIteration:
            raise BadSchedule(f"{self.cron!r} is never due") from None

    def after(self, moment: datetime) -> datetime:
        """The next time that is due behind this one."""
        return next(CronSim(self.cron, moment.astimezone(ZoneInfo(self.time_zone))))

    def missed(self, last: datetime, now: datetime) -> datetime | None:
        """The latest time that was due behind `last`, up to now; None for none."""
        for back in _LOOK_BACK:
            found = self._latest(max(last, now - back), now)
            if found is not None or last >= now - back:
                return found
        return None

    def _latest(self, start: datetime, now: datetime) -> datetime | None:
        found = None
        for due in CronSim(self.cron, start.astimezone(ZoneInfo(self.time_zone))):
            if due > now:
                return found
            found = due
        return found


@dataclass(frozen=True, slots=True)
class Kept:
    """What lies in schedule.json. fingerprint: of the questions and how they are asked; last: the time for which the
    last run was made, ISO 8601; done: whether it ended; before: the last one that did, "" for none."""

    schedule: Schedule
    fingerprint: str
    last: str
    done: bool = True
    before: str = ""

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.last)

    def write(self, folder: Path) -> None:
        """Whole or not at all. Raises OutputRefused."""
        fields = {
            "cron": self.schedule.cron,
            "time_zone": self.schedule.time_zone,
            "fingerprint": self.fingerprint,
            "last": self.last,
            "done": self.done,
            "before": self.before,
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with replaced(folder / NAME) as path, path.open("w", encoding="utf-8") as file:
                file.write(json.dumps(fields, ensure_ascii=False, indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise refusal_of(folder / NAME, error) from None


def kept(folder: Path) -> Kept | None:
    """None where nothing was run yet. Raises BadSchedule for a file that is damaged."""
    path = folder / NAME
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        last = datetime.fromisoformat(fields["last"])
        if last.tzinfo is None or not isinstance(fields["done"], bool):
            raise ValueError
        schedule = Schedule(str(fields["cron"]), str(fields["time_zone"]))
        return Kept(schedule, str(fields["fingerprint"]), fields["last"], fields["done"], str(fields["before"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise BadSchedule(f"{path} is damaged; remove it to begin anew") from None


def run_name(moment: str) -> str:
    """Of the files of one run, in the schedule's own time: 2026-11-22T0700+0800."""
    return datetime.fromisoformat(moment).strftime("%Y-%m-%dT%H%M%z")
