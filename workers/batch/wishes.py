"""What POST /v1/batches asks for: OpenAI's fields, and under `kaozheng` when and how far the job may go."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from time import time as seconds_since_1970
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from workers.batch.night import BadNight, span_of
from workers.batch.records import ENDPOINTS, Job, new_job_id
from workers.problems import Problem
from workers.requests import wrong_field

MOST_DAYS = 30
_WINDOW = re.compile(r"([1-9][0-9]{0,2})([hd])")
_CLOCK = re.compile(r"[0-2][0-9]:[0-5][0-9]")

Label = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Value = Annotated[str, StringConstraints(max_length=512)]


class OursBody(BaseModel):
    """What OpenAI's batches do not know."""

    model_config = ConfigDict(extra="forbid", strict=True)
    at: str | None = Field(None, max_length=64, description="nothing runs before this time, ISO 8601 with its offset")
    window: str | None = Field(
        None, max_length=80, description="rows run at these hours only: `22:00-06:00 Asia/Shanghai`"
    )
    ceiling_cost: float = Field(0.0, ge=0, le=1e12, description="the job stops when it has cost so much; 0: no ceiling")
    ceiling_tokens: int = Field(0, ge=0, le=10**15, description="the job stops after so many tokens; 0: no ceiling")
    dry_run: bool = Field(False, description="true: the file is checked and the cost estimated; nothing is kept or run")


class BatchBody(BaseModel):
    """A batch to be made. What is not listed here is ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)
    input_file_id: str = Field(max_length=64, description="of a file with the purpose `batch`")
    endpoint: str = Field(description=f"{' or '.join(ENDPOINTS)}")
    completion_window: str = Field("24h", description=f"1h to {MOST_DAYS}d; rows without an end are then `expired`")
    metadata: dict[Label, Value] | None = Field(None, max_length=16)
    kaozheng: OursBody | None = None

    @property
    def ours(self) -> OursBody:
        return self.kaozheng or OursBody.model_validate({})


def body_of_batch(fields: dict[str, Any]) -> BatchBody:
    """Raises Problem, naming the field."""
    try:
        body = BatchBody.model_validate(fields)
    except ValidationError as error:
        raise wrong_field(error) from None
    if body.endpoint not in ENDPOINTS:
        raise Problem("bad_question", f"the endpoint is one of {', '.join(ENDPOINTS)}", "endpoint")
    return body


@dataclass(frozen=True, slots=True)
class Ordered:
    """A batch that was asked for, for this user."""

    body: BatchBody
    user: str

    def job(self) -> Job:
        """Raises Problem for a time or a window that is none."""
        ours, now = self.body.ours, int(seconds_since_1970())
        return Job(
            new_job_id(),
            self.user,
            self.body.endpoint,
            now,
            self.body.input_file_id,
            window_seconds(self.body.completion_window),
            self.body.metadata or {},
            not_before(ours.at) if ours.at else 0,
            night_of(ours.window) if ours.window else "",
            ours.ceiling_tokens,
            ours.ceiling_cost,
        )


def window_seconds(given: str) -> int:
    """Raises Problem."""
    found = _WINDOW.fullmatch(given)
    seconds = int(found[1]) * (3_600 if found[2] == "h" else 86_400) if found else 0
    if not 0 < seconds <= MOST_DAYS * 86_400:
        raise Problem("bad_question", f"a window is 1h to {MOST_DAYS}d", "completion_window")
    return seconds


def not_before(given: str) -> int:
    """A time as seconds since 1970. Raises Problem."""
    try:
        at = datetime.fromisoformat(given)
        if at.tzinfo is None:
            raise ValueError
        return max(0, int(at.timestamp()))
    except (ValueError, OverflowError, OSError):
        detail = "a time is ISO 8601 with its offset, as 2026-11-22T22:00:00+08:00"
        raise Problem("bad_question", detail, "kaozheng.at") from None


def time_of(given: str, time_zone: str, field: str, now: datetime | None = None) -> int:
    """The same of a time without an offset, in this zone ("": the system's); `22:00` is the next one to come."""
    zone = ZoneInfo(time_zone) if time_zone else None
    now = (now or datetime.now(UTC)).astimezone(zone)
    try:
        if _CLOCK.fullmatch(given):
            at = _in(zone, datetime.combine(now.date(), time.fromisoformat(given)))
            if at <= now:
                at = _in(zone, datetime.combine(now.date() + timedelta(days=1), time.fromisoformat(given)))
        else:
            at = datetime.fromisoformat(given)
            at = at if at.tzinfo else _in(zone, at)
        return max(0, int(at.timestamp()))
    except (ValueError, OverflowError, OSError):
        raise Problem("bad_question", "a time is 22:00 or 2026-11-22T22:00", field) from None


def _in(zone: ZoneInfo | None, at: datetime) -> datetime:
    """What the clock says there on that day, also when it is changed before it; None: the system's zone."""
    return at.replace(tzinfo=zone) if zone else at.astimezone()


def night_of(given: str, field: str = "kaozheng.window") -> str:
    """Hours with their time zone, as they were given. Raises Problem."""
    try:
        span_of(given)
    except BadNight as bad:
        raise Problem("bad_question", str(bad), field) from None
    return given
