"""OpenAI's Responses: POST /v1/responses, and the response that was made: fetched, followed, cancelled, deleted.

A response is a run of the native API in other words: its id is the answer's with a prefix, and its events are made anew
from the run's messages each time somebody reads them.
"""

import json
import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.answer import Answer
from agent.question import Turn
from workers.attached import attached_pages
from workers.dialects.recorded import answer_of
from workers.dialects.responses_events import ID_PREFIX, Responding
from workers.dialects.responses_kept import Kept, found, keep, replayed
from workers.dialects.responses_request import Repeated, ResponsesBody, attached_of, parse, question_of, repeated
from workers.idempotency import begun_once, key_of_request
from workers.problems import Problem
from workers.requests import Asked, read_json_with_files
from workers.runs import Run, problem_in, unless_gone
from workers.runs_in_background import BY_CALLER, start_detached
from workers.service import Service
from workers.sse import EventStream, Message, Stream, one_line
from workers.store_errors import StoreError

UNKNOWN = "there is no response of yours with this id; it may have been forgotten"


async def post_response(request: Request) -> Response:
    """Ask a question in the words of OpenAI's Responses."""
    service: Service = request.state.service
    with ExitStack() as held:
        ticket = held.enter_context(request.state.slots.enter(request.state.user))
        asker = Asker(service, request.state.user, request.state.request_id)
        run = await response_run(asker, parse(await read_json_with_files(request, service.limits)))
        ticket.line_up(service.seconds_for(run.asked.question.depth))
        run = replace(run, ticket=ticket)
        made = Repeated.read(run.request)
        if key := key_of_request(request):
            return await _once(request, run, key, held.pop_all())
        if made.fields["background"]:
            return await _in_background(request, run, made, held.pop_all())
        if made.stream:
            return _stream(request, _live(run, made), held.pop_all())
        return JSONResponse((await unless_gone(request, whole_response(run, made))).body)


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose response it is. request_id: of the request, or of the row of a batch."""

    service: Service
    user: str
    request_id: str


async def response_run(asker: Asker, body: ResponsesBody) -> Run:
    """Raises Problem, BadQuestion, StoreError."""
    service = asker.service
    thread, earlier = await _conversation(asker, body)
    files = await attached_pages(attached_of(body), service, asker.user)
    question = question_of(body, service.default_depth, earlier, files)
    asked = Asked(question, bool(body.stream), True, "", bool(body.background))  # its turns are its history
    run = Run(asker.request_id, asker.user, thread, asked, service, secrets.token_hex(16))
    return replace(run, kept=body.store is not False, request=repeated(body).written())


async def _conversation(asker: Asker, body: ResponsesBody) -> tuple[str, tuple[Turn, ...]]:
    """The thread of the earlier response, and its turns up to that one."""
    service = asker.service
    if body.previous_response_id is None:
        return secrets.token_urlsafe(16), ()
    run_id = body.previous_response_id.removeprefix(ID_PREFIX)
    stored = await service.in_store_time(service.store.get_answer(run_id, asker.user))
    if stored is None:
        raise Problem("bad_question", "there is no answered response of yours with this id", "previous_response_id")
    turns = await service.in_store_time(service.store.thread(asker.user, stored.thread))
    itself = Turn(stored.answer.question, stored.answer.text)
    upto = len(turns) - turns[::-1].index(itself) if itself in turns else 0
    return stored.thread, turns[:upto] or (itself,)


async def _once(request: Request, run: Run, key: str, held: ExitStack) -> Response:
    """The one response that an Idempotency-Key stands for, told as this request wants it."""
    if not run.kept:
        raise Problem("bad_question", "what an Idempotency-Key stands for must be stored", "store")
    said = json.dumps([Repeated.read(run.request).fields, run.asked.question.instructions], sort_keys=True)
    begun = await begun_once(request, run, key, held, said)
    kept = await found(run.service, run.user, begun.answer_id)
    if kept is None:
        raise Problem("not_found", UNKNOWN, "id")
    if kept.repeated.stream:
        return _stream(request, replayed(kept.run_id, kept.repeated, kept.messages))
    if kept.repeated.fields["background"]:
        return JSONResponse(Responding(kept.run_id, kept.repeated).response())
    return JSONResponse(await unless_gone(request, _joined(kept)))


async def _joined(kept: Kept) -> dict[str, Any]:
    """A run to its end, whoever makes it. Raises Problem for a run without an answer."""
    responding = Responding(kept.run_id, kept.repeated)
    responding.begin()
    async with aclosing(kept.messages) as messages:
        async for _, message in messages:
            if problem := problem_in(message):
                raise problem
            responding.of(message)
    return responding.response()


async def _in_background(request: Request, run: Run, made: Repeated, held: ExitStack) -> Response:
    log = await start_detached(request, run, held)
    if not made.stream:
        return JSONResponse(Responding(run.answer_id, made).response())
    return _stream(request, replayed(run.answer_id, made, log.read(run.user, run.answer_id)), ExitStack())


async def _live(run: Run, made: Repeated) -> AsyncGenerator[Message, None]:
    """The events of a run that lives as long as its caller listens; it is kept before its last event goes out."""
    told: list[Message] = []
    responding = Responding(run.answer_id, made)
    for event in responding.begin():
        yield event
    async with aclosing(run.messages()) as messages:
        async for message in messages:
            told.append(message)
            if message.last and run.kept:
                await _keep(run, told)
            for event in responding.of(message):
                yield event


@dataclass(frozen=True, slots=True)
class Whole:
    """A response, and the answer that it tells."""

    body: dict[str, Any]
    answer: Answer


async def whole_response(run: Run, made: Repeated) -> Whole:
    """Raises Problem for a run without an answer."""
    told: list[Message] = []
    responding = Responding(run.answer_id, made)
    async with aclosing(run.messages()) as messages:
        async for message in messages:
            if problem := problem_in(message):
                raise problem
            told.append(message)
            responding.of(message)
    if run.kept:
        await _keep(run, told)
    return Whole(responding.response(), answer_of(told[-1].fields))


async def _keep(run: Run, told: list[Message]) -> None:
    """A response that cannot be kept is delivered all the same."""
    try:
        await run.service.in_store_time(keep(run, told))
    except StoreError as error:
        structlog.get_logger().warning("response_not_kept", request_id=run.id, code=error.code)


async def get_response(request: Request, response_id: str) -> Response:
    """A response of the same user as it stands or, with `stream=true`, its events behind `starting_after`."""
    kept = await _found(request, response_id)
    if request.query_params.get("stream") in ("true", "1"):
        after = _after(request)
        events = replayed(kept.run_id, kept.repeated, kept.messages)
        return _stream(request, _behind(after, events))
    responding = Responding(kept.run_id, kept.repeated)
    responding.begin()
    if kept.ended:
        async for _, message in kept.messages:
            responding.of(message)
    return JSONResponse(responding.response())


async def cancel_response(request: Request, response_id: str) -> Response:
    """Ask for an end of a response in the background, whichever replica works on it."""
    service: Service = request.state.service
    kept = await _found(request, response_id)
    log = service.run_log
    head = await service.in_store_time(log.cancel(request.state.user, kept.run_id, BY_CALLER)) if log else None
    if not kept.repeated.fields["background"] and (head is None or head.status != "running"):
        raise Problem("bad_question", "only a response that was made in the background can be cancelled", "id")
    responding = Responding(kept.run_id, kept.repeated)
    responding.begin()
    async for _, message in kept.messages:  # its last event comes within a second
        responding.of(message)
    return JSONResponse(responding.response())


async def delete_response(request: Request, response_id: str) -> Response:
    """Forget the response, its answer and the evidence kept with it."""
    service: Service = request.state.service
    kept = await _found(request, response_id)
    await service.in_store_time(service.store.forget_answer(request.state.user, kept.run_id))
    return JSONResponse({"id": response_id, "object": "response", "deleted": True})


async def _found(request: Request, response_id: str) -> Kept:
    service: Service = request.state.service
    run_id = response_id.removeprefix(ID_PREFIX)
    kept = await found(service, request.state.user, run_id) if run_id != response_id else None
    if kept is None:
        raise Problem("not_found", UNKNOWN, "id")
    return kept


async def _behind(after: int, events: AsyncGenerator[Message, None]) -> AsyncGenerator[Message, None]:
    async with aclosing(events):
        async for event in events:
            if event.fields["sequence_number"] > after:
                yield event


def _after(request: Request) -> int:
    given = request.query_params.get("starting_after", "-1")
    if not re.fullmatch(r"-1|[0-9]{1,9}", given):
        raise Problem("bad_question", "send the sequence number of the event that came last", "starting_after")
    return int(given)


def _stream(request: Request, events: AsyncGenerator[Message, None], held: ExitStack | None = None) -> EventStream:
    service: Service = request.state.service
    return EventStream(Stream(request.state.request_id, events, service.limits, held or ExitStack(), _frame))


def _frame(message: Message, number: int) -> bytes:
    return f"event: {message.name}\ndata: {one_line(message.fields)}\n\n".encode("utf-8", "replace")
