"""A job as OpenAI describes a batch, and its ends as the lines of an output file and of an error file."""

import json
import re
from dataclasses import asdict
from typing import Any, Literal

from workers.batch.records import JobState, RowEnd

Kind = Literal["output", "errors"]
_VIEW = re.compile(r"file-([0-9a-f]{32})-(output|errors)")
_TIMES = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


def view_id(job_id: str, kind: Kind) -> str:
    """The id of a file that is a view of a job's ends."""
    return f"file-{job_id.removeprefix('batch_')}-{kind}"


def viewed(file_id: str) -> tuple[str, Kind] | None:
    """The job's id and which of its files; None for an id of no such file."""
    found = _VIEW.fullmatch(file_id)
    if found is None:
        return None
    return f"batch_{found[1]}", "output" if found[2] == "output" else "errors"


def batch_fields(state: JobState) -> dict[str, Any]:
    """The batch. `kaozheng` holds what OpenAI has no words for."""
    job = state.job
    tokens = {"input_tokens": state.prompt_tokens, "output_tokens": state.completion_tokens}
    return {
        "id": job.id,
        "object": "batch",
        "endpoint": job.endpoint,
        "errors": _errors(state),
        "input_file_id": job.input_file_id,
        "completion_window": _window(job.window_seconds),
        "status": state.status,
        "output_file_id": view_id(job.id, "output") if state.final and state.completed else None,
        "error_file_id": view_id(job.id, "errors") if state.final and state.ended > state.completed else None,
        "created_at": job.created,
        "expires_at": job.expires,
        **{f"{name}_at": state.times.get(name) for name in _TIMES},
        "request_counts": {"total": state.total, "completed": state.completed, "failed": state.failed},
        "usage": {
            **tokens,
            "total_tokens": sum(tokens.values()),
            "input_tokens_details": {"cached_tokens": state.cached_tokens},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
        "metadata": dict(job.metadata) or None,
        "kaozheng": _ours(state),
    }


def _ours(state: JobState) -> dict[str, Any]:
    job = state.job
    return {
        "cancelled": state.cancelled,
        "expired": state.expired,
        "running": state.running,
        "cost": state.cost,
        "reason": state.reason,
        "not_before": job.not_before or None,
        "window": job.night,
        "ceiling_cost": job.ceiling_cost,
        "ceiling_tokens": job.ceiling_tokens,
    }


def _errors(state: JobState) -> dict[str, Any] | None:
    if not state.errors:
        return None
    rows = [{**asdict(each), "line": each.line or None, "param": each.param or None} for each in state.errors]
    return {"object": "list", "data": rows}


def _window(seconds: int) -> str:
    return f"{seconds // 3_600}h" if seconds % 3_600 == 0 else f"{seconds}s"


def line_fields(job_id: str, end: RowEnd) -> dict[str, Any]:
    """One line of a file. A row that got no response has an `error` that says why."""
    request = f"batch_req_{job_id.removeprefix('batch_')[:16]}{end.number:08d}"
    body = _body(end.body)
    response = {"status_code": end.status_code, "request_id": request, "body": body} if end.status_code else None
    error = None if end.status_code else {"code": body.get("code"), "message": body.get("message")}
    return {"id": request, "custom_id": end.custom_id or None, "response": response, "error": error}


def _body(content: bytes) -> dict[str, Any]:
    found = json.loads(content)
    return found if isinstance(found, dict) else {"message": str(found)}


def of_kind(end: RowEnd, kind: Kind) -> bool:
    return (end.outcome == "completed") == (kind == "output")


def line_of(job_id: str, end: RowEnd) -> bytes:
    """The same in UTF-8, with its line end."""
    text = json.dumps(line_fields(job_id, end), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"
