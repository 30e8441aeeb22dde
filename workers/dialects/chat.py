"""OpenAI's Chat Completions, with Perplexity Sonar's fields: POST /v1/chat/completions, GET /v1/models."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.delta import Delta
from agent.errors import AgentError
from agent.events import Answered, Cancelled, Event, Failed
from agent.question import Question
from workers.dialects.chat_chunks import (
    DONE,
    Completion,
    answer_chunks,
    broken,
    openai_frame,
    task_chunks,
    whole_answer,
)
from workers.dialects.chat_request import MODELS, ChatAsked, understood
from workers.dialects.tasks import without_model
from workers.problems import Problem, problem_of
from workers.requests import Asked, read_json
from workers.runs import Run, problem_of_end, unless_gone
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
        held.enter_context(request.state.slots.take())
        asked = understood(await read_json(request, service.limits), service.default_depth)
        completion = Completion(
            f"chatcmpl-{secrets.token_hex(12)}", asked.body.model, asked.thinking, asked.include_usage
        )
        if asked.stream:
            chunks = _chunks(request, service, asked, completion)
            stream = Stream(request.state.request_id, chunks, service.limits, held.pop_all(), openai_frame)
            return EventStream(stream)
        run = _run(request, service, asked, asked.question) if asked.question else None
        return JSONResponse(await unless_gone(request, whole_chat(service, asked, completion, run)))


async def whole_chat(service: Service, asked: ChatAsked, completion: Completion, run: Run | None) -> dict[str, Any]:
    """The answer as one object. run: None for a client's own task. Raises Problem, AgentError."""
    if run is None:
        return await _whole_task(completion, service, asked)
    return await _whole(completion, run.events())


def _run(request: Request, service: Service, asked: ChatAsked, question: Question) -> Run:
    wanted = Asked(question, asked.stream, asked.thinking, "")
    return Run(request.state.request_id, request.state.user, secrets.token_urlsafe(16), wanted, service)


def _chunks(
    request: Request, service: Service, asked: ChatAsked, completion: Completion
) -> AsyncGenerator[Message, None]:
    if asked.question is not None:
        return answer_chunks(completion, _run(request, service, asked, asked.question).events())
    return _failing_well(task_chunks(completion, _task(service, asked)))


async def _failing_well(chunks: AsyncGenerator[Message, None]) -> AsyncGenerator[Message, None]:
    """With a failure of the model as its last chunk."""
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk
    except AgentError as error:
        yield broken(problem_of(error))
        yield DONE


async def _task(service: Service, asked: ChatAsked) -> AsyncGenerator[Delta, None]:
    if service.complete is None:
        yield Delta(text=without_model(asked.messages[-1].content), finish="stop")
        return
    async with aclosing(service.complete(asked.messages)) as deltas:
        async for delta in deltas:
            yield delta


async def _whole_task(completion: Completion, service: Service, asked: ChatAsked) -> dict[str, Any]:
    pieces: list[str] = []
    last: dict[str, Any] = {}
    async with aclosing(task_chunks(completion, _task(service, asked))) as chunks:
        async for chunk in chunks:
            for choice in chunk.fields.get("choices", ()):
                pieces.append(choice["delta"].get("content", ""))
                last = chunk.fields if choice["finish_reason"] else last
    finish = last["choices"][0]["finish_reason"]
    return completion.whole({"content": "".join(pieces), "annotations": []}, finish, usage=last["usage"])


async def _whole(completion: Completion, events: AsyncGenerator[Event, None]) -> dict[str, Any]:
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Answered):
                return whole_answer(completion, event.answer)
            if isinstance(event, Failed | Cancelled):
                raise problem_of_end(event)
    raise AssertionError("settled() gives every run a last event")
