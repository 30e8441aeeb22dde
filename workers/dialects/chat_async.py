"""Perplexity's asynchronous Sonar: a question that is answered while nobody waits, fetched by its id for a day."""

import json
import secrets
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workers.dialects.chat import adding_of, keeping, run_of, said_of
from workers.dialects.chat_chunks import Added, Completion, whole_answer
from workers.dialects.chat_request import ChatAsked, understood, with_files
from workers.dialects.usage import Counting
from workers.idempotency import MAX_KEY_CHARACTERS, begun_once
from workers.problems import Problem
from workers.records import StoredAnswer
from workers.requests import read_json_with_files
from workers.run_log import RunHead, RunLog
from workers.runs_in_background import start_detached
from workers.service import Service
from workers.sse import Message
from workers.store_keys import is_id

UNKNOWN = "there is no request of yours with this id; it may have been forgotten"
MOST_LISTED = 100
_STATES = {"running": "IN_PROGRESS", "answered": "COMPLETED", "failed": "FAILED", "cancelled": "FAILED"}


async def post_async(request: Request) -> Response:
    """Ask a question, as POST /v1/chat/completions, that goes on without its caller."""
    service: Service = request.state.service
    with ExitStack() as held:
        ticket = held.enter_context(request.state.slots.enter(request.state.user))
        fields = await read_json_with_files(request, service.limits)
        key = _key(fields)
        asked = await _asked(fields, service, request.state.user)
        assert asked.question is not None, "_asked refuses what is not searched for"
        ticket.line_up(service.seconds_for(asked.question.depth))
        made = replace(run_of(request, asked, asked.question), answer_id=secrets.token_hex(16), ticket=ticket)
        adding = keeping(adding_of(made, related=asked.related))
        request_fields = {"sonar": asked.body.model, "thinking": asked.thinking, "size": asked.context_size}
        run = replace(made, request=json.dumps(request_fields), adding=adding)
        if key:
            run = await begun_once(request, run, key, held.pop_all(), said_of(asked, asked.question))
        else:
            await start_detached(request, run, held.pop_all())
    log: RunLog = request.state.detached.log
    head = await service.in_store_time(log.head(run.user, run.answer_id))
    if head is None:
        raise Problem("not_found", UNKNOWN, "id")
    await service.in_store_time(log.enlist(run.user, head.id))
    return JSONResponse({**_summary(head, None), "status": "CREATED", "response": None})


async def list_async(request: Request) -> Response:
    """The latest requests of the caller, without their answers."""
    service: Service = request.state.service
    if service.run_log is None:
        return JSONResponse({"requests": [], "next_token": None})
    heads = await service.in_store_time(service.run_log.enlisted(request.state.user, MOST_LISTED))
    return JSONResponse({"requests": [_summary(head, None) for head in heads], "next_token": None})


async def get_async(request: Request, async_id: str) -> Response:
    """How a request stands, with its answer once it has one."""
    service: Service = request.state.service
    log, user = service.run_log, request.state.user
    known = log is not None and is_id(async_id)
    head = await service.in_store_time(log.head(user, async_id)) if known and log else None
    if head is None or log is None:
        raise Problem("not_found", UNKNOWN, "id")
    stored, last = None, await service.in_store_time(log.last(user, async_id))
    if head.status == "answered":
        stored = await service.in_store_time(service.store.get_answer(async_id, user))
    added = Added.read(last[1] if last else None)
    told = {**_summary(head, stored), "response": _response(head, stored, service, added)}
    if head.status in ("failed", "cancelled"):
        told["error_message"] = _why(last[1] if last else None)
    return JSONResponse(told)


async def _asked(fields: dict[str, Any], service: Service, user: str) -> ChatAsked:
    """Raises Problem and BadQuestion; fields are named below `request`."""
    wanted = fields.get("request")
    if not isinstance(wanted, dict):
        raise Problem("bad_question", "send the fields of POST /v1/chat/completions as `request`", "request")
    try:
        asked = await with_files(understood({**wanted, "stream": False}, service.default_depth), service, user)
    except Problem as problem:
        raise Problem(problem.code, problem.detail, f"request.{problem.field}") from None
    if asked.question is None:
        raise Problem("bad_question", "what the model answers alone is asked without waiting", "request")
    return asked


def _key(fields: dict[str, Any]) -> str:
    key = fields.get("idempotency_key")
    if key is None:
        return ""
    if not isinstance(key, str) or not 0 < len(key.strip()) <= MAX_KEY_CHARACTERS or not key.isprintable():
        raise Problem("bad_question", f"1 to {MAX_KEY_CHARACTERS} printable characters", "idempotency_key")
    return key


def _summary(head: RunHead, stored: StoredAnswer | None) -> dict[str, Any]:
    created = _seconds(head.created)
    return {
        "id": head.id,
        "model": _of_request(head)[0],
        "status": _STATES[head.status],
        "created_at": created,
        "started_at": created,
        "completed_at": _seconds(stored.stored) if stored else None,
        "failed_at": None,
    }


def _response(head: RunHead, stored: StoredAnswer | None, service: Service, added: Added) -> dict[str, Any] | None:
    if stored is None:
        return None
    model, thinking, size = _of_request(head)
    completion = Completion(f"chatcmpl-{head.id}", model, thinking, counting=Counting(service.prices, size))
    return whole_answer(replace(completion, created=_seconds(head.created)), stored.answer, added)


def _of_request(head: RunHead) -> tuple[str, bool, str]:
    """The model that was asked for, whether its reasoning is wanted, and the context size; of another door's run, the
    usual."""
    try:
        request = json.loads(head.request or "{}")
    except ValueError:
        request = {}
    return str(request.get("sonar", "sonar")), request.get("thinking", True) is True, str(request.get("size", ""))


def _seconds(moment: str) -> int:
    """Of ISO 8601, since 1970."""
    return int(datetime.fromisoformat(moment).timestamp()) if moment else 0


def _why(last: Message | None) -> str:
    fields = last.fields if last else {}
    return str(fields.get("message") or fields.get("reason") or "it ended without an answer")
