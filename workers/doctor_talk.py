"""One chat completion as the server gives it, streamed or not, with nothing mended: for the doctor's eyes only."""

import json
from dataclasses import dataclass, field
from typing import Any

from agent.chunks import as_chunk, read_usage
from agent.delta import Usage
from agent.prompt import ToolCall
from tools.operator import Heard, Line, OperatorServer


@dataclass(slots=True)
class Said:
    """A reply. status and refusal: of the server where it refused; ended: a finish came, and [DONE] in a stream;
    first_seconds, gap_seconds: to the first token, and the longest silence after it, of a stream."""

    status: int = 200
    refusal: str = ""
    content: str = ""
    reasoning: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    finish: str = ""
    ended: bool = False
    usage: Usage | None = None
    first_seconds: float = 0.0
    gap_seconds: float = 0.0

    @property
    def refused(self) -> bool:
        return self.status >= 400 or bool(self.refusal)


async def whole(server: OperatorServer, body: dict[str, object], seconds: float) -> Said:
    """Not streamed. Raises OperatorDown."""
    fields = {name: value for name, value in body.items() if name != "stream_options"}  # the router refuses it here
    heard = await server.post("/chat/completions", {**fields, "stream": False}, seconds)
    said = Said(status=heard.status)
    if heard.status >= 400:
        return _refused(said, heard)
    chunk = as_chunk(heard.json())
    if not isinstance(chunk, dict) or not chunk.get("choices"):
        return _refused(Said(status=heard.status, refusal="no completion"), heard)
    _take(said, chunk)
    said.ended = bool(said.finish)
    return said


async def streamed(server: OperatorServer, body: dict[str, object], seconds: float) -> Said:
    """Streamed, with usage asked for. Raises OperatorDown."""
    said = Said()
    async with server.stream("/chat/completions", with_usage(body), seconds) as (heard, lines):
        said.status = heard.status
        if heard.status >= 400:
            return _refused(said, heard)
        last = 0.0
        async for line in lines:
            if not _read_line(said, line):
                break
            if said.content or said.reasoning or said.calls:
                said.first_seconds = said.first_seconds or line.seconds
                said.gap_seconds = max(said.gap_seconds, line.seconds - last if last else 0.0)
                last = line.seconds
    return said


def with_usage(body: dict[str, object]) -> dict[str, object]:
    return {**body, "stream": True, "stream_options": {"include_usage": True}}


def _read_line(said: Said, line: Line) -> bool:
    """Whether more may come."""
    text = line.text.removeprefix("data:").strip()
    if text == "[DONE]":
        said.ended = bool(said.finish)
        return False
    if not line.text.startswith("data:"):
        return True
    try:
        chunk: Any = json.loads(text)
    except (ValueError, RecursionError):
        said.refusal = "a chunk is not JSON"
        return False
    if isinstance(chunk, dict) and isinstance(chunk.get("error"), dict):
        error = chunk["error"]
        said.status, said.refusal = _code(error.get("code")), str(error.get("message") or "error")
        return False
    if isinstance(chunk, dict):
        _take(said, chunk)
    return True


def _code(value: object) -> int:
    return value if isinstance(value, int) and value >= 400 else 500


def _refused(said: Said, heard: Heard) -> Said:
    fields = heard.json()
    error = fields.get("error", fields) if isinstance(fields, dict) else {}
    message = error.get("message") if isinstance(error, dict) else error
    said.refusal = said.refusal or str(message or f"status {heard.status}")
    return said


def _take(said: Said, chunk: dict[str, Any]) -> None:
    if isinstance(usage := chunk.get("usage"), dict):
        said.usage = read_usage(usage)
    choices = chunk.get("choices")
    for choice in [c for c in choices if isinstance(c, dict)] if isinstance(choices, list) else []:
        delta = choice.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        said.content += _text(delta.get("content"))
        said.reasoning += _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
        said.finish = _text(choice.get("finish_reason")) or said.finish
        for piece in delta.get("tool_calls") or ():
            if isinstance(piece, dict):
                _take_call(said, piece)


def _take_call(said: Said, piece: dict[str, Any]) -> None:
    """Pieces of one call follow each other; one with a name begins another."""
    function = piece.get("function")
    function = function if isinstance(function, dict) else {}
    name, arguments = _text(function.get("name")), function.get("arguments")
    arguments = json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments)
    if name or not said.calls:
        said.calls.append(ToolCall(_text(piece.get("id")), name, arguments))
    else:
        last = said.calls[-1]
        said.calls[-1] = ToolCall(last.id, last.name, last.arguments + arguments)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
