"""A job's hash in the store, read as a JobState. What is no job of ours is none."""

from dataclasses import replace
from typing import cast, get_args

from workers.batch.records import JOB, LINE_ERRORS, OUTCOMES, ROW_END, JobState, RowEnd, Status
from workers.store_errors import RecordPoisoned

MILLION = 1_000_000


def state_of(found: dict[bytes, bytes], running: int = 0) -> JobState | None:
    """None: there is no such job. Raises RecordPoisoned."""
    text = {name.decode("utf-8", "replace"): value for name, value in found.items()}
    status = text.get("status", b"").decode("ascii", "replace")
    if not status or "record" not in text:
        return None
    if status not in get_args(Status):
        raise RecordPoisoned("a job has a status that is none")
    counts = {outcome: _number(text, outcome) for outcome in OUTCOMES}
    return JobState(
        job=JOB.read(text["record"]),
        status=cast(Status, status),
        total=_number(text, "total"),
        **counts,
        running=running,
        times={name[2:]: _number(text, name) for name in text if name.startswith("t:")},
        prompt_tokens=_number(text, "prompt_tokens"),
        cached_tokens=_number(text, "cached_tokens"),
        completion_tokens=_number(text, "completion_tokens"),
        cost=_number(text, "cost") / MILLION,
        reason=text.get("reason", b"").decode("utf-8", "replace"),
        errors=LINE_ERRORS.read(text["errors"]) if text.get("errors") else (),
        ending=text.get("ending", b"").decode("ascii", "replace"),
        expires=_number(text, "expires"),
        version=_number(text, "version"),
    )


def end_of(value: bytes) -> RowEnd:
    """An end as the store holds it. Raises RecordPoisoned."""
    place, _, record = value.partition(b" ")
    if not place.isdigit():
        raise RecordPoisoned("a row's end has no place")
    return replace(ROW_END.read(record), place=int(place))


def _number(text: dict[str, bytes], name: str) -> int:
    value = text.get(name, b"0")
    if not value.isdigit():
        raise RecordPoisoned(f"a job's {name[:20]} is no number")
    return int(value)
