"""Reads a planner's turn: which of R1's tool calls are real.

R1's calls come double-encoded, fenced, with a `json` prefix, under unknown names, or as markup that the
server's parser left in the text (sglang threads 17320, 11764, 11700; tt-inference-server 3683). Here they are
mended where that is certain and refused otherwise. Pure functions. Page text cannot hold such markup, because
the fence leaves none: markup in a planner's words is its own.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from agent.prompt import Tool, ToolCall

MAX_ARGUMENT_CHARACTERS = 16_384
MAX_VALUE_CHARACTERS = 4_000

Refusal = Literal["unknown_name", "bad_json", "bad_arguments", "duplicate", "over_limit"]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that may be carried out: a declared name, and only arguments that fit its schema."""

    id: str
    name: str
    arguments: dict[str, str]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a planner's turn asks for. refused: why each of the other calls was not taken.

    rescued: the calls that were found as markup in text or reasoning, not by the server's parser.
    """

    calls: tuple[Call, ...] = ()
    refused: tuple[Refusal, ...] = ()
    rescued: int = 0


def read_calls(
    tools: tuple[Tool, ...],
    calls: tuple[ToolCall, ...] = (),
    text: str = "",
    thinking: str = "",
    most: int = 8,
) -> Turn:
    """The calls of one turn: the server's, then those left in the text. Never more than `most`, none twice.

    Reasoning counts only where neither has one: a call in it may be a draft of the call that follows.
    """
    reader = _Reader({tool.name: tool for tool in tools}, most)
    reader.take(calls)
    parsed = len(reader.calls)
    reader.take(markup_calls(text))
    if not reader.calls:
        reader.take(markup_calls(thinking))
    return Turn(tuple(reader.calls), tuple(reader.refused), len(reader.calls) - parsed)


class _Reader:
    def __init__(self, tools: dict[str, Tool], most: int) -> None:
        self.calls: list[Call] = []
        self.refused: list[Refusal] = []
        self._tools = tools
        self._most = most

    def take(self, calls: Iterable[ToolCall]) -> None:
        for call in calls:
            found = self._judge(call)
            if isinstance(found, Call):
                self.calls.append(found)
            else:
                self.refused.append(found)

    def _judge(self, call: ToolCall) -> Call | Refusal:
        tool = self._tools.get(call.name.strip())
        if tool is None:
            return "unknown_name"
        given = object_arguments(call.arguments)
        if given is None:
            return "bad_json"
        arguments = fitting(given, tool.parameters)
        if arguments is None:
            return "bad_arguments"
        if any((tool.name, arguments) == (taken.name, taken.arguments) for taken in self.calls):
            return "duplicate"
        if len(self.calls) >= self._most:
            return "over_limit"
        return Call(call.id, tool.name, arguments)


def object_arguments(text: str) -> dict[str, object] | None:
    """The JSON object in a call's arguments; None when there is none.

    Mended: a code fence around it, a `json` prefix, an object encoded as a JSON string (at most twice).
    """
    if len(text) > MAX_ARGUMENT_CHARACTERS:
        return None
    value: object = text
    for _ in range(3):
        if not isinstance(value, str):
            break
        value = _decoded(value)
    return value if isinstance(value, dict) else None


def _decoded(text: str) -> object:
    """The JSON value of a text, without fence and prefix; None when it is not JSON."""
    bare = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    try:
        return json.loads(bare.removeprefix("json"))
    except (ValueError, RecursionError):
        return None


def fitting(given: dict[str, object], parameters: dict[str, object]) -> dict[str, str] | None:
    """The arguments that a schema declares; None when a required one is missing or one has a wrong type.

    Unknown keys are left out; so is an optional one that is null, empty, or not among the allowed values.
    """
    declared, required = parameters.get("properties"), parameters.get("required")
    declared = declared if isinstance(declared, dict) else {}
    required = required if isinstance(required, list) else []
    arguments: dict[str, str] = {}
    for key, schema in declared.items():
        value = given.get(key)
        if value is not None and not isinstance(value, str):
            return None
        if value and _allowed(value.strip(), schema):
            arguments[key] = value.strip()
        elif key in required:
            return None
    return arguments


def _allowed(value: str, schema: object) -> bool:
    choices = schema.get("enum") if isinstance(schema, dict) else None
    if isinstance(choices, list) and value not in choices:
        return False
    return 0 < len(value) <= MAX_VALUE_CHARACTERS and not re.search("[\0\ud800-\udfff]", value)


_R1_BEGIN, _R1_END, _R1_SEPARATOR = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"
_R1_CALLS_BEGIN, _R1_CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
_QWEN_BEGIN, _QWEN_END = "<tool_call>", "</tool_call>"
_NAME = re.compile(r"\s*([A-Za-z0-9_.-]{1,64})[ \t]*(?:\n|\Z)")


def markup_calls(text: str) -> Iterator[ToolCall]:
    """The complete, well-formed calls in R1's or Qwen's markup, in the text's order; arguments unread."""
    blocks = [(place, _r1_call(body)) for place, body in _blocks(text, _R1_BEGIN, _R1_END)]
    blocks += [(place, _qwen_call(body)) for place, body in _blocks(text, _QWEN_BEGIN, _QWEN_END)]
    for number, (_, call) in enumerate(sorted(blocks, key=lambda block: block[0])):
        if call:
            yield ToolCall(f"rescued_{number}", *call)


_OF_MARKUP = re.compile(r"｜>|<｜|tool▁|▁call|▁begin|▁end|▁sep|</?tool_call")


def torn(text: str) -> bool:
    """Whether some markup is left in a text beside its whole calls: a call was torn on its way, or never whole."""
    for begin, end, read in ((_R1_BEGIN, _R1_END, _r1_call), (_QWEN_BEGIN, _QWEN_END, _qwen_call)):
        whole = {begin + body + end for _, body in _blocks(text, begin, end) if read(body)}
        for block in whole:
            text = text.replace(block, "")
    return bool(_OF_MARKUP.search(text.replace(_R1_CALLS_BEGIN, "").replace(_R1_CALLS_END, "")))


def _blocks(text: str, begin: str, end: str) -> Iterator[tuple[int, str]]:
    """(place, body) of each span from a begin to the next end that holds no other begin."""
    after, stop = 0, text.find(end)
    while stop >= 0:
        start = text.rfind(begin, after, stop)
        if start >= 0:
            yield start, text[start + len(begin) : stop]
        after = stop + len(end)
        stop = text.find(end, after)


def _r1_call(body: str) -> tuple[str, str] | None:
    """`function<sep>NAME⏎ARGUMENTS` (R1), or `NAME<sep>ARGUMENTS` (as V3.1 writes it)."""
    kind, separator, rest = body.partition(_R1_SEPARATOR)
    if not separator or _R1_SEPARATOR in rest:
        return None
    if kind.strip() != "function":
        return (kind.strip(), rest) if _NAME.fullmatch(kind) else None
    name = _NAME.match(rest)
    return (name[1], rest[name.end() :]) if name else None


def _qwen_call(body: str) -> tuple[str, str] | None:
    """`{"name": NAME, "arguments": {…} or "…"}`."""
    call = object_arguments(body)
    name, arguments = (call or {}).get("name"), (call or {}).get("arguments")
    if not isinstance(name, str):
        return None
    return name, arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
