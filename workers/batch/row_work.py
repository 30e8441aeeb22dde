"""One row, answered: the body that the endpoint would have given to the same request, or the refusal.

A row waits for a model server that is away, where a caller of the service would be refused: nobody sits before it.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog
from pydantic_core import from_json, to_json

from agent.delta import Usage
from agent.errors import AgentError
from workers.batch.records import CHAT, RESPONSES, Job, Row, RowEnd
from workers.dialects import responses
from workers.dialects.chat import Asker, whole_chat
from workers.dialects.chat_request import understood, with_files
from workers.dialects.openai_errors import refusal
from workers.dialects.responses_request import Repeated, parse
from workers.problems import Problem, problem_of
from workers.requests import Asked, asked_of, strict_json
from workers.runs import Run, last_message, problem_in
from workers.service import Service
from workers.store_errors import StoreError
from workers.trace_context import current_traceparent

BROKEN = "something broke on our side while this row was answered"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a row goes on trying while something that comes back (the model, the store) is away. seconds: from its
    first try; misbehaved: tries of a model that answers nothing that could be shown."""

    seconds: float = 900.0
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 15.0
    misbehaved: int = 3
    clock: Callable[[], float] = time.monotonic

    def pause(self, tries: int) -> float:
        """Twice as long each time, and never the same for two rows."""
        longest: float = min(self.first_pause_seconds * 2 ** min(tries, 16), self.longest_pause_seconds)
        return longest * (0.5 + random.random() / 2)


TRACE = "traceparent"
"""Under this name a job's options hold the trace of the request that made it."""


def with_trace(job: Job) -> Job:
    """The job with the trace of the request that makes it."""
    trace = current_traceparent()
    return replace(job, options={**job.options, TRACE: trace}) if trace else job


async def run_row(job: Job, row: Row, service: Service, patience: Patience | None = None) -> RowEnd:
    """Its end, completed or failed; never an error of ours that is known. Cancel it, and the model stops."""
    about = {"batch": job.id, "request_id": f"{job.id}-{row.number}"}
    if trace := job.options.get(TRACE, ""):
        about[TRACE] = trace
    with structlog.contextvars.bound_contextvars(**about):
        return await _until_ended(job, row, service, patience or Patience())


async def _until_ended(job: Job, row: Row, service: Service, rules: Patience) -> RowEnd:
    began, tries = rules.clock(), 0
    while True:
        tried = time.monotonic()
        try:
            told = await ask_row(job, row, service)
            return _completed(row, told, service, time.monotonic() - tried)
        except Problem as problem:
            tries += 1
            over = rules.clock() - began >= rules.seconds
            hopeless = problem.code == "model_misbehaved" and tries >= rules.misbehaved
            if over or hopeless or not problem.kind.retry:
                return failed_row(job, row, problem, time.monotonic() - tried)
        await asyncio.sleep(rules.pause(tries))


@dataclass(frozen=True, slots=True)
class Told:
    """The endpoint's body, and what it took. usage: of the model."""

    body: dict[str, Any]
    usage: Usage
    searches: int
    pages: int


async def ask_row(job: Job, row: Row, service: Service) -> Told:
    """Once. Raises Problem."""
    try:
        if job.endpoint == CHAT:
            return await _chat(job, row, service)
        if job.endpoint == RESPONSES:
            return await _response(job, row, service)
        return await _answer(job, row, service)
    except (AgentError, StoreError) as error:
        raise problem_of(error) from None


async def _chat(job: Job, row: Row, service: Service) -> Told:
    asked = await with_files(understood(strict_json(row.body), service.default_depth), service, job.user)
    run = None
    if asked.question is not None:
        wanted = Asked(asked.question, stream=False, thinking=asked.thinking, thread="")
        run = _run(job, row, wanted, service)
    body = await whole_chat(Asker(service, job.user, f"{job.id}-{row.number}"), asked, run)
    said = body["usage"]
    cached = said["prompt_tokens_details"]["cached_tokens"]
    usage = Usage(said["prompt_tokens"], said["completion_tokens"], cached_tokens=cached)
    return Told(body, usage, said["num_search_queries"], len(body.get("search_results") or ()))


async def _response(job: Job, row: Row, service: Service) -> Told:
    asker = responses.Asker(service, job.user, f"{job.id}-{row.number}")
    run = await responses.response_run(asker, parse(strict_json(row.body)))
    whole = await responses.whole_response(run, Repeated.read(run.request))
    return Told(whole.body, whole.answer.usage, len(whole.answer.asked), len(whole.answer.sources))


async def _answer(job: Job, row: Row, service: Service) -> Told:
    message = await last_message(_run(job, row, await asked_of(row.body, service, job.user), service).messages())
    if problem := problem_in(message):
        raise problem
    answer = message.fields
    return Told(answer, Usage(**answer["usage"]), len(answer["asked"]), len(answer["sources"]))


def _run(job: Job, row: Row, asked: Asked, service: Service) -> Run:
    thread = asked.thread or secrets.token_urlsafe(16)
    return Run(f"{job.id}-{row.number}", job.user, thread, asked, service)


def _completed(row: Row, told: Told, service: Service, seconds: float) -> RowEnd:
    used = told.usage.prompt_tokens, told.usage.completion_tokens
    cost = service.prices.cost(*used) + service.prices.of_reading(told.searches, told.pages)
    text = to_json(told.body, inf_nan_mode="null")
    end = RowEnd(row.number, row.custom_id, "completed", 200, text, 0, seconds, *used, cost)
    return replace(end, cached_tokens=told.usage.cached_tokens)


def failed_row(job: Job, row: Row, problem: Problem, seconds: float = 0.0) -> RowEnd:
    """The end of a row that was refused, in the words of its endpoint."""
    response = refusal(job.endpoint, problem, f"{job.id}-{row.number}")
    return RowEnd(row.number, row.custom_id, "failed", response.status_code, bytes(response.body), 0, seconds)


def broken_row(job: Job, row: Row) -> RowEnd:
    return failed_row(job, row, Problem("internal", BROKEN))


def error_body(end: RowEnd) -> dict[str, Any]:
    """What stands in an end that did not complete, as JSON values."""
    found: dict[str, Any] = from_json(end.body)
    return found
