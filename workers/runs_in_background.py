"""A run that its caller may leave and come back to: start it, follow its events, cancel it, from any replica."""

import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from dataclasses import replace
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workers.detached import Detached, as_sent, state_fields
from workers.problems import UNKNOWN_ANSWER, Problem
from workers.run_log import RunHead, RunLog
from workers.runs import Run
from workers.service import Service
from workers.sse import EventStream, Message, Stream
from workers.store_errors import StoreError
from workers.store_keys import is_id

BY_CALLER = "cancelled by the caller"


async def post_background(request: Request, run: Run, held: ExitStack) -> Response:
    """Starts the run; answers with how it stands, or follows its events where the caller wants a stream."""
    run = replace(run, answer_id=secrets.token_hex(16))
    await start_detached(request, run, held)
    return await begun_response(request, run)


async def start_detached(request: Request, run: Run, held: ExitStack) -> RunLog:
    """From here on the run goes on without its caller; where it is written. Raises Problem, StoreError."""
    with held:
        detached: Detached | None = request.state.detached
        if detached is None:
            raise Problem("store_error", "no store is open here that could keep the run")
        request.state.admitted.keep_while(held)
        await detached.start(run, held.pop_all())
    return detached.log


async def begun_response(request: Request, run: Run) -> Response:
    """How a run stands that goes on by itself, or its events where the caller wants a stream."""
    if run.asked.stream:
        return _following(request, request.state.detached.log, run.answer_id, 0)
    head = await _head(request, run.answer_id)
    return JSONResponse(_fields(head), 202, {"Location": f"/v1/answers/{run.answer_id}"})


async def get_events(request: Request, answer_id: str) -> Response:
    """The events of a run, from the first or from the one behind `Last-Event-ID`, as they come."""
    head = await _head(request, answer_id)
    after, log, service = _after(request, head.id), _log(request), request.state.service
    last = await service.in_store_time(log.last(request.state.user, head.id)) if after else None
    if after > (last[0] if last else 0):
        raise Problem("bad_question", "this answer has no event of this number yet", "last-event-id")
    return _following(request, log, head.id, after)


async def cancel_answer(request: Request, answer_id: str) -> Response:
    """Ask for an end, whichever replica works on it; its last event will be `cancelled`, within a second."""
    service: Service = request.state.service
    await _head(request, answer_id)
    head = await service.in_store_time(_log(request).cancel(request.state.user, answer_id, BY_CALLER))
    if head is None:
        raise Problem("not_found", UNKNOWN_ANSWER)
    return JSONResponse(_fields(replace(head, cancelling=head.status == "running")), 202)


async def unanswered(request: Request, answer_id: str) -> Response:
    """How a run stands that has no answer: still running, or it ended without one."""
    head = await _head(request, answer_id)
    return JSONResponse(_fields(head), 202 if head.status == "running" else 200)


def _fields(head: RunHead) -> dict[str, Any]:
    return {**state_fields(head), "events": f"/v1/answers/{head.id}/events"}


async def _head(request: Request, answer_id: str) -> RunHead:
    service: Service = request.state.service
    if not is_id(answer_id) or service.run_log is None:
        raise Problem("not_found", UNKNOWN_ANSWER)
    head = await service.in_store_time(service.run_log.head(request.state.user, answer_id))
    if head is None:
        raise Problem("not_found", UNKNOWN_ANSWER)
    return head


def _log(request: Request) -> RunLog:
    log: RunLog | None = request.state.service.run_log
    assert log is not None, "_head refuses what is not kept"
    return log


def _after(request: Request, run_id: str) -> int:
    """The number in Last-Event-ID, 0 without one."""
    sent = set(request.headers.getlist("last-event-id"))
    given = sent.pop() if len(sent) == 1 else ",".join(sent)
    found = re.fullmatch(rf"(?:{re.escape(run_id)}:)?(\d{{1,9}})", given)
    if given and found is None:
        raise Problem("bad_question", "send the id of an event of this answer, as it came", "last-event-id")
    return int(found[1]) if found else 0


def _following(request: Request, log: RunLog, run_id: str, after: int) -> EventStream:
    """Whoever leaves this stream leaves the run as it is."""
    service: Service = request.state.service
    messages = _or_lost(as_sent(run_id, log.read(request.state.user, run_id, after)))
    return EventStream(Stream(request.state.request_id, messages, service.limits, ExitStack()))


async def _or_lost(messages: AsyncGenerator[Message, None]) -> AsyncGenerator[Message, None]:
    """A stream whose store goes away ends without a last event: its reader comes back with Last-Event-ID."""
    try:
        async with aclosing(messages):
            async for message in messages:
                yield message
    except StoreError as error:
        structlog.get_logger().warning("events_cut", detail=str(error))
