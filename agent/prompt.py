"""What R1 is shown."""

import math
from dataclasses import dataclass
from typing import Literal

from agent.question import Question
from tools.page import Webpage

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call as the server parsed it. arguments: the JSON text as it came, not yet trusted."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat. tool_calls only with role assistant, tool_call_id only with role tool."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that R1 may call. parameters: a JSON schema of type object."""

    name: str
    description: str
    parameters: dict[str, object]


@dataclass(frozen=True, slots=True)
class Due:
    """An answer that is to come now. thinking: the reasoning so far, for a server that goes on behind it;
    order: what the others are told instead. This is the one place where reasoning is sent back: in its own turn."""

    thinking: str
    order: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What R1 reads, and what its citation numbers stand for: `pages[0]` is [citation:1].

    pages hold the whole text of each page; messages may show passages of it only.
    tools is empty for the final answer: R1 writes it in one fresh call without tools.
    temperature and top_p: instead of the profile's (agent/profile.py), where the profile sends any.
    schema: a JSON schema that the reply must keep; None leaves it free.
    stream: False asks for the whole reply at once, because servers read calls better that way.
    deadline: on the monotonic clock; no pause before another try goes beyond it.
    due: set where the model has thought long enough.
    traceparent: the trace that the server's work belongs to, as W3C's header writes it; "" for none.
    """

    question: Question
    messages: tuple[Message, ...]
    pages: tuple[Webpage, ...] = ()
    tools: tuple[Tool, ...] = ()
    max_tokens: int = 8_192
    temperature: float | None = None
    top_p: float | None = None
    schema: dict[str, object] | None = None
    stream: bool = True
    deadline: float = math.inf
    due: Due | None = None
    traceparent: str = ""
