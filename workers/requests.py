"""From a request to a Question. All bounds hold while the body is read, also without Content-Length."""

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import Request

from agent.question import Depth, Filters, Question, Turn
from tools.page import Webpage
from tools.search import Recency, host_names
from workers.attached import Attached, attached_pages, check_count
from workers.inline_files import base64_bytes, put_back, sieved
from workers.problems import Problem
from workers.service import Limits, Service
from workers.store_keys import ID
from workers.uploads import Upload, read_parts

MAX_DIGITS = 19
AROUND_PARTS_BYTES = 1024 * 1024
"""Heads and boundaries of a form."""
MAX_FIELD_NAME = 80
MAX_DOMAINS = 100
MAX_NAMED_FILES = 100
THREAD_PATTERN = f"^(?:{ID.pattern})$"

Domain = Annotated[str, StringConstraints(pattern=r"^[^\s/:@?#\\\x00]{1,253}$")]


class TurnBody(BaseModel):
    """An earlier question of the same conversation and the answer that was given."""

    model_config = ConfigDict(extra="forbid", strict=True)
    question: str
    answer: str


class NamedFile(BaseModel):
    """A file that was sent to POST /v1/files."""

    model_config = ConfigDict(extra="forbid", strict=True)
    file_id: str


class AskBody(BaseModel):
    """A question and how it is to be answered."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"question": "How do I upgrade Debian?", "depth": "quick", "stream": True}]},
    )
    question: str = Field(description="1 to 8,000 characters, in any language")
    depth: Depth | None = Field(None, description="how much is searched and read; null: as the service is set")
    stream: bool = Field(False, description="true: server-sent events; false: one JSON object")
    thread: Annotated[str, StringConstraints(pattern=THREAD_PATTERN)] | None = Field(
        None, description="of an earlier answer: its questions and answers are the history"
    )
    history: list[TurnBody] = Field(default=[], description="earlier turns, oldest first; not with `thread`")
    files: list[NamedFile] = Field(
        default=[], max_length=MAX_NAMED_FILES, description="of POST /v1/files; others may come as parts of a form"
    )
    search: bool = Field(True, description="false: answer from the files alone")
    strict: bool = Field(False, description="true: only sentences that a page supports")
    include_domains: list[Domain] = Field(default=[], max_length=MAX_DOMAINS, description="only these sites")
    exclude_domains: list[Domain] = Field(default=[], max_length=MAX_DOMAINS, description="never these sites")
    recency: Recency | None = Field(None, description="how old a search result may be at most")
    thinking: bool = Field(False, description="true: the model's reasoning too")
    background: bool = Field(False, description="true: it goes on when the caller leaves; see /v1/answers/{id}/events")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was understood. thread: "" when none was named."""

    question: Question
    stream: bool
    thinking: bool
    thread: str
    background: bool = False


async def read_asked(request: Request, service: Service, user: str) -> Asked:
    """Raises Problem, BadQuestion, StoreError, or ClientDisconnect when the client leaves half-way."""
    text, uploads = await _read_in_time(request, service.limits)
    try:
        body = parse_body(text)
        check_count(len(uploads) + len(body.files), service)
        history = await _history(body, service, user)
        named = await attached_pages(named_files(body), service, user)
        pages = tuple([await upload.read(service.read_upload) for upload in uploads]) + named
    finally:
        for upload in uploads:
            await upload.file.close()
    question = question_of(body, service.default_depth, history, pages)
    return Asked(question, body.stream, body.thinking, body.thread or "", body.background)


async def asked_of(text: bytes, service: Service, user: str) -> Asked:
    """The same of a body that is there already. Raises Problem, BadQuestion, StoreError."""
    body = parse_body(text)
    pages = await attached_pages(named_files(body), service, user)
    question = question_of(body, service.default_depth, await _history(body, service, user), pages)
    return Asked(question, body.stream, body.thinking, body.thread or "", body.background)


def named_files(body: AskBody) -> list[Attached]:
    return [Attached(f"files.{place}.file_id", each.file_id) for place, each in enumerate(body.files)]


async def read_json(request: Request, limits: Limits) -> dict[str, Any]:
    """A body of JSON alone. Raises Problem, or ClientDisconnect when the client leaves half-way."""
    return strict_json(await read_body(request, limits, limits.max_request_bytes))


async def read_json_with_files(request: Request, limits: Limits) -> dict[str, Any]:
    """The same, where `file_data` may hold files in base64: beside them the JSON is bounded as any other."""
    _only_json(request)
    _refuse_announced(request, limits.max_request_bytes + base64_bytes(limits.max_file_bytes))
    async with _in_body_time(limits):
        sieve = await sieved(request.stream(), limits.max_request_bytes, limits.max_file_bytes)
    fields = strict_json(sieve.close())
    put_back(fields, sieve.files())
    return fields


async def read_body(request: Request, limits: Limits, max_bytes: int) -> bytes:
    """The same as bytes, not yet parsed, and of another size at most."""
    _only_json(request)
    text, _ = await _read_in_time(request, replace(limits, max_request_bytes=max_bytes))
    return text


def _only_json(request: Request) -> None:
    if _media_type(request) != "application/json":
        raise Problem("unsupported_type", "send application/json", "content-type")


async def _history(body: AskBody, service: Service, user: str) -> tuple[Turn, ...]:
    if body.thread and body.history:
        raise Problem("bad_question", "give either a thread or a history, not both", "history")
    if body.thread:
        return await service.in_store_time(service.store.thread(user, body.thread))
    return tuple(Turn(turn.question, turn.answer) for turn in body.history)


def question_of(
    body: AskBody, depth: Depth, history: tuple[Turn, ...] = (), pages: tuple[Webpage, ...] = ()
) -> Question:
    """Raises BadQuestion, naming the field. depth: where the body names none."""
    return Question(
        body.question,
        body.depth or depth,
        history,
        pages,
        Filters(host_names(body.include_domains), host_names(body.exclude_domains), body.recency),
        body.search,
        body.strict,
    )


async def _read_in_time(request: Request, limits: Limits) -> tuple[bytes, list[Upload]]:
    media_type = _media_type(request)
    files = limits.max_files * limits.max_file_bytes + AROUND_PARTS_BYTES if media_type != "application/json" else 0
    _refuse_announced(request, limits.max_request_bytes + files)
    async with _in_body_time(limits):
        if media_type == "multipart/form-data":
            return await read_parts(request, limits)
        return await _read_bounded(request.stream(), limits.max_request_bytes), []


def _refuse_announced(request: Request, max_bytes: int) -> None:
    """A body that says itself that it is too long is not waited for. Raises Problem."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:MAX_DIGITS]) > max_bytes:
        raise Problem("body_too_large", f"the request may have {max_bytes:,} bytes at most", "body")


@asynccontextmanager
async def _in_body_time(limits: Limits) -> AsyncIterator[None]:
    """Raises Problem."""
    try:
        async with asyncio.timeout(limits.body_seconds):
            yield
    except TimeoutError:
        raise Problem("body_timeout", f"send the body within {limits.body_seconds:g} seconds") from None


def _media_type(request: Request) -> str:
    """application/json or multipart/form-data, in UTF-8 and not compressed."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem("unsupported_type", "send the body without Content-Encoding", "content-encoding")
    given = request.headers.get("content-type", "")
    media_type, _, parameters = given.partition(";")
    media_type = media_type.strip().lower()
    if media_type not in ("application/json", "multipart/form-data"):
        raise Problem("unsupported_type", "send application/json, or multipart/form-data with files", "content-type")
    charset = re.search(r"charset\s*=\s*\"?([^\";\s]*)", parameters, re.IGNORECASE)
    if charset and charset[1].lower() not in ("utf-8", "utf8"):
        raise Problem("unsupported_type", "send the body in UTF-8", "content-type")
    return media_type


async def _read_bounded(chunks: AsyncIterator[bytes], max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > max_bytes:
            raise Problem("body_too_large", f"the JSON may have {max_bytes:,} bytes at most", "body")
    return bytes(body)


def parse_body(body: bytes) -> AskBody:
    """Raises Problem, naming the field."""
    return body_of(strict_json(body))


def body_of(fields: dict[str, Any]) -> AskBody:
    """Raises Problem, naming the field."""
    try:
        return AskBody.model_validate(fields)
    except ValidationError as error:
        raise wrong_field(error, "; /openapi.json describes the fields") from None


def wrong_field(error: ValidationError, more: str = "", within: tuple[str | int, ...] = ()) -> Problem:
    """The first wrong field, named; steps with # are tags of ours. The input stays out: it may be long, secret or not
    fit to be sent back."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    steps = (str(step) for step in (*within, *first["loc"]))
    name = ".".join(step for step in steps if not step.startswith("#"))[:MAX_FIELD_NAME]
    return Problem("bad_question", f"{first['msg']}{more}", name)


def strict_json(body: bytes) -> dict[str, Any]:
    """One JSON object in UTF-8 without doubled keys, numbers that are none, lone surrogates or bottomless nesting."""
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_integer,
            object_pairs_hook=_without_doubles,
        )
        if isinstance(value, dict):
            _refuse_surrogates(value)
            return value
    except UnicodeDecodeError:
        raise Problem("malformed_body", "send the JSON in UTF-8", "body") from None
    except RecursionError:
        raise Problem("malformed_body", "the JSON is nested too deeply", "body") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Problem("malformed_body", f"the JSON is broken at {place}: {error.msg}", "body") from None
    raise Problem("malformed_body", "send one JSON object", "body")


def _refuse_constant(name: str) -> NoReturn:
    raise Problem("malformed_body", f"{name} is not JSON", "body")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Problem("malformed_body", "a number is too large", "body")
    return number


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise Problem("malformed_body", f"a number has more than {MAX_DIGITS} digits", "body")
    return int(digits)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Problem("malformed_body", "a key stands twice in one object", "body")
    return fields


def _refuse_surrogates(fields: dict[str, Any]) -> None:
    """Nothing with a lone surrogate can be written in UTF-8, neither to the store nor back to the caller."""
    for name, value in fields.items():
        try:
            name.encode()
        except UnicodeEncodeError:
            raise Problem("malformed_body", "the name of a field holds a lone surrogate", "body") from None
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            detail = f"the {name[:MAX_FIELD_NAME]} holds a lone surrogate; send whole characters"
            raise Problem("bad_question", detail, name[:MAX_FIELD_NAME]) from None
