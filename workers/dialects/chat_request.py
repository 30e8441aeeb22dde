"""What a Chat Completions request asks for: OpenAI's fields and Perplexity's, as a Question.

Unknown fields are ignored, as OpenAI's own server ignores most; a field of the wrong type is named.
"""

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from agent.errors import BadQuestion
from agent.prompt import Message
from agent.question import MAX_HISTORY_TURNS, Depth, Filters, Question, Turn
from tools.search import Recency, host_names
from workers.attached import Attached, attached_pages
from workers.dialects.open_webui import is_task, provided
from workers.dialects.parts import ChatMessage, Lenient, attached_in
from workers.problems import Problem
from workers.requests import MAX_DOMAINS, wrong_field
from workers.service import Service

MODELS: dict[str, Depth | None] = {"kaozheng": None, "kaozheng-quick": "quick", "kaozheng-research": "research"}
"""What /v1/models lists; None: the depth that the service is set to."""
ALIASES: dict[str, Depth | None] = {
    "sonar": None,
    "sonar-pro": "normal",
    "sonar-reasoning": "normal",
    "sonar-reasoning-pro": "normal",
    "sonar-deep-research": "research",
}
"""Perplexity's names, so that its scripts run with only the address changed."""
MAX_MESSAGES = 1_000
_RECENCY: dict[str, Recency] = {"hour": "day", "day": "day", "week": "week", "month": "month", "year": "year"}
_MARKER = re.compile(r"(?<=\S)\[\d{1,2}\](?!\()")
_REASONING = re.compile(r"<details\b[^>]*\btype=\"reasoning\".*?</details>\s*|\A\s*<think>.*?</think>\s*", re.DOTALL)


class StreamOptions(Lenient):
    include_usage: bool | None = None


class WebSearchOptions(Lenient):
    search_context_size: Literal["low", "medium", "high"] | None = None


FilteredDomain = Annotated[str, StringConstraints(pattern=r"^-?[^\s/:@?#\\\x00]{1,253}$")]


class ChatBody(Lenient):
    """A Chat Completions request with Sonar's fields. What is not listed here is ignored (docs/api.md)."""

    model: str = Field(description="`kaozheng-quick`, `kaozheng` or `kaozheng-research`; GET /v1/models lists them")
    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: int | None = None
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None
    web_search_options: WebSearchOptions | None = None
    include_reasoning: bool | None = Field(None, description="false: no `reasoning_content`")
    search_domain_filter: list[FilteredDomain] | None = Field(
        None, max_length=MAX_DOMAINS, description="only these sites; with `-` before it, never this one"
    )
    search_recency_filter: Literal["hour", "day", "week", "month", "year"] | None = None
    search_after_date_filter: str | None = Field(None, description="MM/DD/YYYY")
    search_before_date_filter: str | None = Field(None, description="MM/DD/YYYY")
    last_updated_after_filter: str | None = Field(None, description="MM/DD/YYYY")
    last_updated_before_filter: str | None = Field(None, description="MM/DD/YYYY")
    search_mode: Literal["web", "academic", "sec"] | None = None
    stream_mode: Literal["full", "concise"] | None = None
    disable_search: bool | None = None
    return_images: bool | None = None
    return_related_questions: bool | None = None


@dataclass(frozen=True, slots=True)
class ChatAsked:
    """A request that was understood. question: None for what the model answers alone: a client's own task, and what
    shall not be searched for; attached: files that its question has not yet."""

    body: ChatBody
    question: Question | None
    messages: tuple[Message, ...]
    attached: tuple[Attached, ...] = ()

    @property
    def stream(self) -> bool:
        return bool(self.body.stream)

    @property
    def thinking(self) -> bool:
        return self.body.include_reasoning is not False

    @property
    def concise(self) -> bool:
        return self.body.stream_mode == "concise"

    @property
    def related(self) -> bool:
        return self.body.return_related_questions is True

    @property
    def context_size(self) -> str:
        return (self.body.web_search_options and self.body.web_search_options.search_context_size) or ""

    @property
    def include_usage(self) -> bool:
        return bool(self.body.stream_options and self.body.stream_options.include_usage)


def understood(fields: dict[str, Any], default_depth: Depth) -> ChatAsked:
    """Raises Problem and BadQuestion, naming the field."""
    body = _body(fields)
    _refuse_unsupported(body)
    depth = depth_of(body.model, default_depth)
    last = max((place for place, each in enumerate(body.messages) if each.role == "user"), default=None)
    if last is None:
        raise Problem("bad_question", "there is no message of the role `user`", "messages")
    text = body.messages[last].text
    attached = attached_in((f"messages.{place}", message) for place, message in enumerate(body.messages))
    given = provided(text)
    if is_task(body.messages) or (body.disable_search and not attached and given is None):
        return ChatAsked(body, None, tuple(_plain(body.messages)))
    instructions = "\n\n".join(each.text for each in body.messages if each.role in ("system", "developer")).strip()
    size = body.web_search_options.search_context_size if body.web_search_options else None
    depth = "quick" if size == "low" and depth == "normal" else depth
    try:
        question = Question(
            given.question if given else text,
            depth,
            turns_of(body.messages[:last]),
            given.pages if given else (),
            _filters(body),
            search=not (given and body.disable_search),
            instructions=instructions,
        )
    except BadQuestion as bad:  # whose fields all come from the messages here
        raise Problem("bad_question", str(bad), "messages") from None
    return ChatAsked(body, question, (), attached)


async def with_files(asked: ChatAsked, service: Service, user: str) -> ChatAsked:
    """The same with the files read. With `disable_search` they are all that is answered from. Raises Problem."""
    if asked.question is None or not asked.attached:
        return asked
    pages = await attached_pages(asked.attached, service, user)
    files = asked.question.files + pages
    question = replace(asked.question, files=files, search=not asked.body.disable_search)
    return replace(asked, question=question, attached=())


def depth_of(model: str, default: Depth) -> Depth:
    """Raises Problem for a model that is none of ours."""
    names = {**MODELS, **ALIASES}
    if model not in names:
        known = ", ".join(MODELS)
        raise Problem("unknown_model", f"there is no model of this name; there are {known}", "model")
    return names[model] or default


def _body(fields: dict[str, Any]) -> ChatBody:
    try:
        return ChatBody.model_validate(fields)
    except ValidationError as error:
        raise wrong_field(error) from None


def _refuse_unsupported(body: ChatBody) -> None:
    """What would change the answer's form, and cannot be done, is refused; a client's tools are passed by."""
    if body.n not in (None, 1):
        raise Problem("bad_question", "one answer at a time: n is 1", "n")
    if body.tool_choice == "required" or isinstance(body.tool_choice, dict):
        raise Problem("bad_question", "the answer is always text: tools of a client are not called", "tool_choice")
    if body.response_format and body.response_format.get("type") not in (None, "text"):
        raise Problem("bad_question", "answers are text with citations: only the type `text`", "response_format")
    _refuse_of_sonar(body)


def _refuse_of_sonar(body: ChatBody) -> None:
    """Sonar's fields that ask for what cannot be done here."""
    if body.search_mode not in (None, "web"):
        raise Problem("bad_question", "only the web is searched: `web`", "search_mode")
    if body.return_images:
        raise Problem("bad_question", "images are not returned", "return_images")


def _day(body: ChatBody, field: str) -> str:
    """A day as Sonar writes it, MM/DD/YYYY, as YYYY-MM-DD; "" where none is given."""
    given = getattr(body, field)
    if given is None:
        return ""
    found = re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})", given)
    try:
        if found is None:
            raise ValueError
        return date(int(found[3]), int(found[1]), int(found[2])).isoformat()
    except ValueError:
        raise Problem("bad_question", "send a day as MM/DD/YYYY", field) from None


def _days(body: ChatBody) -> tuple[str, str]:
    """The first and the last day: the narrower of the two filters on each side, for a page states one day only."""
    first = max(_day(body, "search_after_date_filter"), _day(body, "last_updated_after_filter"))
    ends = (_day(body, "search_before_date_filter"), _day(body, "last_updated_before_filter"))
    last = min((day for day in ends if day), default="")
    if first and last and first > last:
        raise Problem("bad_question", "no day is after this one and before the other", "search_after_date_filter")
    return first, last


def _filters(body: ChatBody) -> Filters:
    domains = host_names(body.search_domain_filter or ())
    return Filters(
        tuple(domain for domain in domains if not domain.startswith("-")),
        tuple(domain[1:] for domain in domains if domain.startswith("-")),
        _RECENCY[body.search_recency_filter] if body.search_recency_filter else None,
        *_days(body),
    )


def turns_of(messages: list[ChatMessage]) -> tuple[Turn, ...]:
    """The latest turns. Messages of one side that follow each other are one; a greeting before any question goes."""
    turns: list[tuple[list[str], list[str]]] = []
    for message in messages:
        if message.role == "user":
            if not turns or turns[-1][1]:
                turns.append(([], []))
            turns[-1][0].append(message.text)
        elif message.role == "assistant" and turns and message.text:
            turns[-1][1].append(earlier_answer(message.text))
    whole = [Turn("\n\n".join(asked), "\n\n".join(answered)) for asked, answered in turns]
    return tuple(whole[-MAX_HISTORY_TURNS:])


def earlier_answer(text: str) -> str:
    """What we said before, as a client sends it back: without reasoning, and without numbers that meant other pages."""
    parts = _REASONING.sub("", text).split("```")
    return "```".join(_MARKER.sub("", part) if place % 2 == 0 else part for place, part in enumerate(parts))


def _plain(messages: list[ChatMessage]) -> list[Message]:
    sides: dict[str, Literal["system", "user", "assistant"]] = {
        "system": "system",
        "developer": "system",
        "user": "user",
        "assistant": "assistant",
    }
    return [Message(sides[each.role], each.text) for each in messages if each.role in sides]
