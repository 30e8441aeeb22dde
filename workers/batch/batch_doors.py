"""OpenAI's Batches, and what a page needs beside them: rows page by page, trying again, forgetting."""

from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workers.batch.batch_fields import batch_fields, line_fields
from workers.batch.estimating import Estimate, Rates, estimate
from workers.batch.file_doors import Download, files_of
from workers.batch.files import UNKNOWN_FILE
from workers.batch.filling import Filling
from workers.batch.job_store import JobStore
from workers.batch.lines import FileRefused
from workers.batch.records import OUTCOMES, JobState, is_job_id
from workers.batch.results import table_of
from workers.batch.row_work import with_trace
from workers.batch.uploaded import Uploaded
from workers.batch.wishes import BatchBody, Ordered, body_of_batch
from workers.problems import Problem
from workers.requests import read_json
from workers.service import Service

MAX_OPEN_JOBS = 100
"""Of one user that have not ended."""
MOST_LISTED = 100
MOST_LOOKED_AT = 5_000
"""Ends that one request for rows goes through."""
UNKNOWN_BATCH = "there is no batch of yours with this id; it may have been forgotten"


def jobs_of(service: Service) -> JobStore:
    """Raises Problem where this service runs no batches."""
    if service.jobs is None:
        raise Problem("not_found", "no batches are run here")
    return service.jobs


async def post_batch(request: Request) -> Response:
    """Make a batch of a file. It is checked whole before anything of it runs."""
    service: Service = request.state.service
    jobs, files, user = jobs_of(service), files_of(service), request.state.user
    body = body_of_batch(await read_json(request, service.limits))
    file = await service.in_store_time(files.get(user, body.input_file_id))
    if file is None:
        raise Problem("not_found", UNKNOWN_FILE, "input_file_id")
    if file.purpose != "batch":
        raise Problem("bad_file", "the file's purpose is not `batch`", "input_file_id")
    uploaded = Uploaded(file.name, files.content(user, file))
    filling: Filling = request.state.filling
    if body.ours.dry_run:
        return JSONResponse(_estimated(await _estimate(service, filling, body, uploaded)))
    await _refuse_too_many(service, jobs, user)
    job = with_trace(Ordered(body, user).job())
    await service.in_store_time(jobs.create(job))
    filling.begin(job, uploaded)
    return JSONResponse(batch_fields(await _state(request, job.id)))


async def _estimate(service: Service, filling: Filling, body: BatchBody, file: Uploaded) -> Estimate:
    try:
        return await estimate(file, body.endpoint, filling.rules, service.rates or Rates())
    except FileRefused as refused:
        first = refused.errors[0]
        raise Problem("bad_file", first.message, "input_file_id") from None


def _estimated(found: Estimate) -> dict[str, Any]:
    return {"object": "batch.estimate", **found.fields()}


async def _refuse_too_many(service: Service, jobs: JobStore, user: str) -> None:
    latest = await service.in_store_time(jobs.list(user, "", MAX_OPEN_JOBS))
    if len(latest) >= MAX_OPEN_JOBS and not any(state.final for state in latest):
        raise Problem("rate_limit_exceeded", f"{MAX_OPEN_JOBS} batches of yours have not ended yet", retry_seconds=60)


async def _state(request: Request, batch_id: str) -> JobState:
    """Raises Problem for what is none of this user's."""
    service: Service = request.state.service
    found = await service.in_store_time(jobs_of(service).state(request.state.user, batch_id))
    if found is None:
        raise Problem("not_found", UNKNOWN_BATCH, "batch_id")
    return found


async def get_batch(request: Request, batch_id: str) -> Response:
    """How a batch stands."""
    return JSONResponse(batch_fields(await _state(request, batch_id)))


async def list_batches(request: Request) -> Response:
    """One's batches, the latest first."""
    service: Service = request.state.service
    after, limit = request.query_params.get("after", ""), number_in(request, "limit", 20, MOST_LISTED)
    if after and not is_job_id(after):
        raise Problem("bad_file", UNKNOWN_BATCH, "after")
    found = await service.in_store_time(jobs_of(service).list(request.state.user, after, limit + 1))
    shown = [batch_fields(state) for state in found[:limit]]
    ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {"first_id": None, "last_id": None}
    return JSONResponse({"object": "list", "data": shown, **ends, "has_more": len(found) > limit})


def number_in(request: Request, name: str, usual: int, most: int, least: int = 1) -> int:
    """A number of the query. Raises Problem."""
    given = request.query_params.get(name, str(usual))
    if not (given.isascii() and given.isdigit() and len(given) < 10 and least <= int(given) <= most):
        raise Problem("bad_file", f"a number from {least} to {most:,}", name)
    return int(given)


async def cancel_batch(request: Request, batch_id: str) -> Response:
    """Rows that wait are cancelled, those that run within seconds; what is done stays."""
    await _state(request, batch_id)
    service: Service = request.state.service
    await service.in_store_time(jobs_of(service).cancel(request.state.user, batch_id))
    return JSONResponse(batch_fields(await _state(request, batch_id)))


async def retry_batch(request: Request, batch_id: str) -> Response:
    """Rows that failed run again; lines that were bad stay so."""
    await _state(request, batch_id)
    service: Service = request.state.service
    if await service.in_store_time(jobs_of(service).retry(request.state.user, batch_id)) is None:
        raise Problem("bad_question", "a batch that is checked, refused or being cancelled cannot be tried again")
    return JSONResponse(batch_fields(await _state(request, batch_id)))


async def delete_batch(request: Request, batch_id: str) -> Response:
    """Forget a batch with its rows and results; what of it still runs is stopped."""
    await _state(request, batch_id)
    service: Service = request.state.service
    await service.in_store_time(jobs_of(service).forget(request.state.user, batch_id))
    return JSONResponse({"id": batch_id, "object": "batch", "deleted": True})


async def get_table(request: Request, batch_id: str) -> Response:
    """All rows that have their end as a table for people: CSV whose cells are never formulas."""
    state = await _state(request, batch_id)
    service: Service = request.state.service
    return Download(table_of(jobs_of(service), state), f"{state.job.id}.csv", None, service)


async def list_rows(request: Request, batch_id: str) -> Response:
    """Rows that have their end, in the order in which they ended, as lines of the output or the error file."""
    state = await _state(request, batch_id)
    service: Service = request.state.service
    outcome = request.query_params.get("outcome", "")
    if outcome and outcome not in OUTCOMES:
        raise Problem("bad_file", f"one of {', '.join(OUTCOMES)}", "outcome")
    after, limit = number_in(request, "after", 0, 10**9 - 1, 0), number_in(request, "limit", 50, MOST_LISTED)
    found = _rows(jobs_of(service), state, (outcome, after, limit))
    rows, last, more = await service.in_store_time(found)
    return JSONResponse({"object": "list", "data": rows, "last_place": last, "has_more": more})


async def _rows(
    jobs: JobStore, state: JobState, wanted: tuple[str, int, int]
) -> tuple[list[dict[str, Any]], int, bool]:
    """The rows, the place of the last one that was looked at, and whether there may be more behind it."""
    outcome, after, limit = wanted
    rows: list[dict[str, Any]] = []
    last = after
    async with aclosing(jobs.ends(state.job.user, state.job.id, after)) as ends:
        async for end in ends:
            if len(rows) == limit or last - after >= MOST_LOOKED_AT:
                return rows, last, True
            last = end.place
            if outcome in ("", end.outcome):
                rows.append({**line_fields(state.job.id, end), "outcome": end.outcome, "seconds": end.seconds})
    return rows, last, False
