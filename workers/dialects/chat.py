"""OpenAI's Chat Completions, with Perplexity Sonar's fields: POST /v1/chat/completions, GET /v1/models."""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.answer import Answer
from agent.delta import Delta
from agent.errors import AgentError
from agent.events import Answered, Cancelled, Event, Failed
from agent.question import Question
from workers.dialects.chat_chunks import (
    DONE,
    Added,
    Adding,
    Completion,
    answer_chunks,
    broken,
    openai_frame,
    task_chunks,
    whole_answer,
)
from workers.dialects.chat_request import MODELS, ChatAsked, understood, with_files
from workers.dialects.recorded import events_of
from workers.dialects.tasks import without_model
from workers.dialects.usage import Counting, citation_tokens
from workers.idempotency import begun_once, key_of_request
from workers.problems import Problem, problem_of
from workers.requests import Asked, read_json_with_files
from workers.runs import Run, charge, problem_of_end, unless_gone
from workers.service import Service
from workers.sse import EventStream, Message, Stream

MODEL_CREATED = 1_795_305_600  # 2026-11-22; clients only want a number


async def list_models() -> dict[str, Any]:
    """The depths, as models."""
    return {"object": "list", "data": [_model(name) for name in MODELS]}


async def get_model(model: str) -> dict[str, Any]:
    """One of them."""
    if model not in MODELS:
        raise Problem("unknown_model", f"there is no model of this name; there are {', '.join(MODELS)}", "model")
    return _model(model)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": MODEL_CREATED, "owned_by": "kaozheng"}


async def post_chat(request: Request) -> Response:
    """Ask a question in OpenAI's words; the answer's markers [n] are `citations[n-1]`."""
    service: Service = request.state.service
    with ExitStack() as held:
        ticket = held.enter_context(request.state.slots.enter(request.state.user))
        fields = await read_json_with_files(request, service.limits)
        asked = await with_files(understood(fields, service.default_depth), service, request.state.user)
        completion = completion_of(service, asked, f"chatcmpl-{secrets.token_hex(12)}")
        ticket.line_up(service.seconds_for(asked.question.depth if asked.question else "quick"))
        if asked.question is None:
            await unless_gone(request, ticket.place())
            return await _alone(request, completion, asked, held)
        run = replace(run_of(request, asked, asked.question), ticket=ticket)
        adding = adding_of(run, related=asked.related)
        events = run.events()
        if key := key_of_request(request):
            said = said_of(asked, asked.question)
            run = await begun_once(request, replace(run, adding=keeping(adding)), key, held.pop_all(), said)
            events, adding = _joined(request, run)
        if asked.stream:
            return _streamed(request, answer_chunks(completion, events, adding), held)
        return JSONResponse(await unless_gone(request, _whole(completion, events, adding)))


@dataclass(frozen=True, slots=True)
class Asker:
    """Who wants something of the model alone. id: of the request, or of a batch's row."""

    service: Service
    user: str
    id: str


async def whole_chat(asker: Asker, asked: ChatAsked, run: Run | None) -> dict[str, Any]:
    """The answer as one object. run: None for what the model answers alone. Raises Problem, AgentError."""
    completion = completion_of(asker.service, asked, f"chatcmpl-{secrets.token_hex(12)}")
    if run is None:
        return await _whole_task(completion, _by_model(asker, asked))
    return await _whole(completion, run.events(), adding_of(run, related=asked.related))


def completion_of(service: Service, asked: ChatAsked, completion_id: str) -> Completion:
    """Raises Problem where the model shall answer alone and none is configured."""
    if asked.question is None and asked.body.disable_search and service.complete is None:
        detail = "without a search there is only the model, and none is configured here"
        raise Problem("bad_question", detail, "disable_search")
    counting = Counting(service.prices, asked.context_size)
    concise = asked.concise and asked.stream
    return Completion(completion_id, asked.body.model, asked.thinking, asked.include_usage, concise, counting)


def run_of(request: Request, asked: ChatAsked, question: Question) -> Run:
    wanted = Asked(question, asked.stream, asked.thinking, "")
    return Run(request.state.request_id, request.state.user, secrets.token_urlsafe(16), wanted, request.state.service)


def said_of(asked: ChatAsked, question: Question) -> str:
    """What tells two requests apart beside their questions."""
    body = asked.body.model_dump(mode="json", exclude={"messages", "stream"}, exclude_none=True)
    return json.dumps([body, question.instructions], sort_keys=True)


def _joined(request: Request, run: Run) -> tuple[AsyncGenerator[Event, None], Adding]:
    """The one run that an Idempotency-Key stands for, and what it has kept beside its answer."""
    log = request.state.detached.log

    async def kept(_: Answered) -> Added:
        last = await run.service.in_store_time(log.last(run.user, run.answer_id))
        return Added.read(last[1] if last else None)

    return events_of(log.read(run.user, run.answer_id)), kept


def keeping(adding: Adding) -> Callable[[Answered], Awaitable[dict[str, Any]]]:
    """What is added, as the run's last message keeps it."""

    async def kept(event: Answered) -> dict[str, Any]:
        return (await adding(event)).kept()

    return kept


def adding_of(run: Run, *, related: bool) -> Adding:
    """What is told of the answer beside itself."""

    async def added(event: Answered) -> Added:
        tokens = await asyncio.to_thread(citation_tokens, event.answer, event.pages)
        return Added(tokens, await _related(run, event.answer) if related else None)

    return added


async def _related(run: Run, answer: Answer) -> tuple[str, ...]:
    service = run.service
    if service.related is None:
        return ()
    meter = service.meter_of(run.user)
    try:
        return await service.related(answer, meter)
    finally:
        await charge(service, run.user, meter, run.id)


def _streamed(request: Request, chunks: AsyncGenerator[Message, None], held: ExitStack) -> EventStream:
    limits = request.state.service.limits
    return EventStream(Stream(request.state.request_id, chunks, limits, held.pop_all(), openai_frame))


async def _alone(request: Request, completion: Completion, asked: ChatAsked, held: ExitStack) -> Response:
    state = request.state
    deltas = _by_model(Asker(state.service, state.user, state.request_id), asked)
    if asked.stream:
        return _streamed(request, _failing_well(task_chunks(completion, deltas)), held)
    return JSONResponse(await unless_gone(request, _whole_task(completion, deltas)))


async def _failing_well(chunks: AsyncGenerator[Message, None]) -> AsyncGenerator[Message, None]:
    """With a failure of the model as its last chunk."""
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk
    except AgentError as error:
        yield broken(problem_of(error))
        yield DONE


async def _by_model(asker: Asker, asked: ChatAsked) -> AsyncGenerator[Delta, None]:
    """The model's reply; its tokens are the key's, also of a reply that was left."""
    service = asker.service
    if service.complete is None:
        task = "\n".join(message.content for message in asked.messages if message.role != "assistant")
        yield Delta(text=without_model(task), finish="stop")
        return
    meter = service.meter_of(asker.user)
    complete = service.completing(meter) if service.completing else service.complete
    try:
        async with aclosing(complete(asked.messages)) as deltas:
            async for delta in deltas:
                yield delta
    finally:
        await charge(service, asker.user, meter, asker.id)


async def _whole_task(completion: Completion, deltas: AsyncGenerator[Delta, None]) -> dict[str, Any]:
    pieces: list[str] = []
    last: dict[str, Any] = {}
    async with aclosing(task_chunks(completion, deltas)) as chunks:
        async for chunk in chunks:
            for choice in chunk.fields.get("choices", ()):
                pieces.append(choice["delta"].get("content", ""))
                last = chunk.fields if choice["finish_reason"] else last
    finish = last["choices"][0]["finish_reason"]
    about = {name: last[name] for name in ("citations", "search_results", "usage")}
    return completion.whole({"content": "".join(pieces), "annotations": []}, finish, **about)


async def _whole(completion: Completion, events: AsyncGenerator[Event, None], adding: Adding) -> dict[str, Any]:
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Answered):
                return whole_answer(completion, event.answer, await adding(event))
            if isinstance(event, Failed | Cancelled):
                raise problem_of_end(event)
    raise AssertionError("settled() gives every run a last event")
