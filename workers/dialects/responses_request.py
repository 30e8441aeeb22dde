"""What a request in OpenAI's Responses dialect asks for, as a Question and what the response repeats of it.

Unknown fields are ignored; a known one of the wrong type, or one that asks for what cannot be done, is named.
"""

import json
import time
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, ValidationError

from agent.errors import BadQuestion
from agent.question import MAX_HISTORY_TURNS, Depth, Filters, Question, Turn
from tools.page import Webpage
from tools.search import host_names
from workers.attached import Attached
from workers.dialects.chat_request import MAX_MESSAGES, depth_of, turns_of
from workers.dialects.parts import ChatMessage, Lenient, attached_in, kind_of_content
from workers.problems import Problem
from workers.requests import MAX_DOMAINS, Domain, wrong_field

SOURCES = "web_search_call.action.sources"
MAX_METADATA = 16
_SEARCH_TOOLS = ("web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11")
_PASSED_BY = ("reasoning", "web_search_call")
"""Items of an earlier response that say nothing to be repeated to the model."""


class SearchFilters(Lenient):
    allowed_domains: list[Domain] | None = Field(None, max_length=MAX_DOMAINS)
    blocked_domains: list[Domain] | None = Field(None, max_length=MAX_DOMAINS)


class SearchTool(Lenient):
    """OpenAI's web search; every question is searched for, with it or without it."""

    type: str
    filters: SearchFilters | None = None
    search_context_size: Literal["low", "medium", "high"] | None = None


Metadata = dict[Annotated[str, StringConstraints(max_length=64)], Annotated[str, StringConstraints(max_length=512)]]


Input = Annotated[
    Annotated[str, Tag("#text")] | Annotated[list[dict[str, Any]], Tag("#parts")], Discriminator(kind_of_content)
]


class ResponsesBody(Lenient):
    """A Responses request. What is not listed here is ignored (docs/api.md)."""

    model: str = Field(description="`kaozheng-quick`, `kaozheng` or `kaozheng-research`; GET /v1/models lists them")
    input: Input = Field(description="the question, or messages of which the last is the question")
    instructions: str | None = None
    stream: bool | None = False
    background: bool | None = False
    store: bool | None = True
    previous_response_id: str | None = None
    tools: list[SearchTool] | None = Field(None, max_length=MAX_DOMAINS)
    tool_choice: Any = None
    include: list[str] | None = Field(None, max_length=MAX_DOMAINS)
    metadata: Metadata | None = Field(None, max_length=MAX_METADATA)
    text: dict[str, Any] | None = None
    conversation: Any = None
    prompt: Any = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    temperature: float | int | None = None
    top_p: float | int | None = None
    truncation: Literal["auto", "disabled"] | None = None
    parallel_tool_calls: bool | None = None
    user: str | None = None


REPEATED = '{"fields"'
"""How what a response repeats begins, and what other dialects keep of a request does not."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """What every snapshot of a response repeats of its request. created: seconds since 1970."""

    fields: dict[str, Any]
    stream: bool
    sources: bool
    created: int = field(default_factory=lambda: int(time.time()))

    def written(self) -> str:
        known = {"fields": self.fields, "stream": self.stream, "sources": self.sources, "created": self.created}
        return json.dumps(known, ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> "Repeated":
        """Of a run that is kept. Raises ValueError for anything but what `written` made."""
        known = json.loads(text)
        if not isinstance(known, dict) or known.keys() != {"fields", "stream", "sources", "created"}:
            raise ValueError("not what a response repeats")
        return cls(known["fields"], known["stream"] is True, known["sources"] is True, int(known["created"]))


def parse(fields: dict[str, Any]) -> ResponsesBody:
    """Raises Problem, naming the field."""
    try:
        body = ResponsesBody.model_validate(fields)
    except ValidationError as error:
        raise wrong_field(error) from None
    _refuse_unsupported(body)
    return body


def _refuse_unsupported(body: ResponsesBody) -> None:
    for place, tool in enumerate(body.tools or ()):
        if tool.type not in _SEARCH_TOOLS:
            raise Problem("bad_question", "only `web_search`: tools of a client are not called", f"tools.{place}.type")
    if not (_is_search(body.tool_choice) or body.tool_choice in (None, "auto", "required", "none")):
        raise Problem("bad_question", "`auto`, `web_search`, or `none` to answer from files alone", "tool_choice")
    wanted = (body.text or {}).get("format")
    if wanted is not None and (not isinstance(wanted, dict) or wanted.get("type") != "text"):
        raise Problem("bad_question", "answers are text with citations: only the type `text`", "text.format")
    for name in ("conversation", "prompt"):
        if getattr(body, name) is not None:
            raise Problem("bad_question", "not offered here; use previous_response_id and input", name)
    if body.background and body.store is False:
        raise Problem("bad_question", "what goes on in the background must be stored", "store")


def _is_search(choice: Any) -> bool:
    return isinstance(choice, dict) and choice.get("type") in _SEARCH_TOOLS


def _choice(given: Any) -> str | dict[str, str]:
    return {"type": str(given["type"])} if _is_search(given) else str(given or "auto")


def attached_of(body: ResponsesBody) -> tuple[Attached, ...]:
    """The files of all messages. Raises Problem."""
    return attached_in((f"input.{place}", message) for place, message in _messages(body.input))


def question_of(
    body: ResponsesBody, default: Depth, earlier: tuple[Turn, ...], files: tuple[Webpage, ...] = ()
) -> Question:
    """earlier: the turns before previous_response_id and that one. Raises Problem and BadQuestion."""
    depth = depth_of(body.model, default)
    messages = [message for _, message in _messages(body.input)]
    if body.tool_choice == "none" and not files:
        raise Problem("bad_question", "without a search there must be files to answer from", "tool_choice")
    last = max((place for place, each in enumerate(messages) if each.role == "user"), default=None)
    if last is None:
        raise Problem("bad_question", "there is no message of the role `user`", "input")
    orders = [each.text for each in messages if each.role in ("system", "developer")]
    instructions = "\n\n".join([body.instructions or "", *orders]).strip()
    if any(tool.search_context_size == "low" for tool in body.tools or ()) and depth == "normal":
        depth = "quick"
    history = (*earlier, *turns_of(messages[:last]))[-MAX_HISTORY_TURNS:]
    search = body.tool_choice != "none"
    try:
        return Question(messages[last].text, depth, history, files, _filters(body), search, instructions=instructions)
    except BadQuestion as bad:
        raise Problem("bad_question", str(bad), "instructions" if bad.field == "instructions" else "input") from None


def _messages(given: str | list[dict[str, Any]]) -> list[tuple[int, ChatMessage]]:
    """Each with its place in the input."""
    if isinstance(given, str):
        return [(0, ChatMessage(role="user", content=given))]
    if len(given) > MAX_MESSAGES:
        raise Problem("bad_question", f"more than {MAX_MESSAGES:,} items", "input")
    return [(place, _message(item, place)) for place, item in enumerate(given) if item.get("type") not in _PASSED_BY]


def _message(item: dict[str, Any], place: int) -> ChatMessage:
    kind = item.get("type", "message")
    if kind != "message":
        raise Problem("bad_question", "only messages can be read here", f"input.{place}.type")
    try:
        return ChatMessage.model_validate(item)
    except ValidationError as error:
        raise wrong_field(error, within=("input", place)) from None


def _filters(body: ResponsesBody) -> Filters:
    """Of all tools together."""
    filters = [tool.filters for tool in body.tools or () if tool.filters]
    allowed = [domain for each in filters for domain in each.allowed_domains or ()]
    blocked = [domain for each in filters for domain in each.blocked_domains or ()]
    return Filters(host_names(allowed), host_names(blocked))


def repeated(body: ResponsesBody) -> Repeated:
    """The request's own values, or the ones that OpenAI names where it says none."""
    fields = {
        "model": body.model,
        "instructions": body.instructions,
        "metadata": body.metadata or {},
        "tools": [tool.model_dump(exclude_none=True) for tool in body.tools or ()],
        "tool_choice": _choice(body.tool_choice),
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        "background": bool(body.background),
        "store": body.store is not False,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": body.max_tool_calls,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "truncation": body.truncation or "disabled",
        "text": {"format": {"type": "text"}},
        "user": body.user,
    }
    return Repeated(fields, bool(body.stream), SOURCES in (body.include or ()))
