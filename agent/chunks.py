"""Reads the chunks of a streamed chat completion, as OpenAI-compatible servers send them, into deltas.

Seen on SGLang 0.5.23: a first delta with role and empty content, `reasoning_content` and `content` pieces,
a tool call as one delta with the name and one with all arguments, a chunk with the finish_reason, then (with
stream_options.include_usage) one without choices that holds the usage. vLLM calls the reasoning `reasoning`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from agent.delta import Delta, Usage
from agent.errors import ModelDown
from agent.markup import CallCut
from agent.prompt import ToolCall
from agent.thinking import ThinkTags

MAX_CALLS = 64
MAX_REPLY_CHARACTERS = 2_000_000


@dataclass(slots=True)
class _Call:
    """A tool call under construction."""

    id: str
    name: str = ""
    arguments: str = ""


class Reply:
    """One reply, chunk by chunk. add() gives what may be shown at once, end() the rest. Raises ModelDown.

    answer_expected: the prompt had no tools. Then reasoning without any content that ends with `stop` is the
    answer: R1 sometimes never writes `</think>`, and SGLang then tags all of it as reasoning (its threads
    4539 and 17551). Any content, even a line break, shows that the tag was there: the rule does not hold.
    """

    def __init__(self, answer_expected: bool, opened: bool = False) -> None:
        self.finish = ""
        self.usage: Usage | None = None
        self._answer_expected = answer_expected
        self._tags = ThinkTags(inside=opened)
        self._cut = CallCut()
        self._text_begun = False
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}
        self._thinking: list[str] = []
        self._content_seen = False
        self._reasoning_seen = False
        self._characters = 0

    def add(self, chunk: object) -> Delta | None:
        """The delta of a chunk (the decoded JSON of one `data:` line); None when it carries no token."""
        if not isinstance(chunk, dict):
            raise ModelDown("broken_stream", "the model server sent a chunk that is no JSON object")
        if isinstance(usage := chunk.get("usage"), dict):
            self.usage = read_usage(usage)
        grown = self._characters
        thinking, text = "", ""
        for choice in _dicts(chunk.get("choices")):
            if choice.get("index") in (0, None):
                thinking, text = self._read(choice)
        if thinking or text:
            return Delta(thinking=thinking, text=text)
        return Delta() if self._characters > grown else None

    def end(self) -> Iterator[Delta]:
        """The last deltas; the very last carries calls, finish and usage."""
        if not self.finish:
            raise ModelDown("broken_stream", BROKEN)
        if self.finish == "abort":
            raise ModelDown("aborted", "the model server aborted the reply; ask again")
        thinking, text = self._tags.end()
        self._note(thinking, text)
        text = self._shown(text) + (self._cut.end() if self._answer_expected else "")
        if thinking or text:
            yield Delta(thinking=thinking, text=text)
        if answer := self._unclosed_answer():
            yield Delta(text=answer)
        calls = tuple(
            ToolCall(call.id or f"call_{number}", call.name, call.arguments) for number, call in enumerate(self._calls)
        )
        yield Delta(calls=calls, finish=self.finish, usage=self.usage)

    def _unclosed_answer(self) -> str:
        if self._answer_expected and self.finish == "stop" and not self._content_seen:
            return "".join(self._thinking).strip()
        return ""

    def _read(self, choice: dict[str, object]) -> tuple[str, str]:
        delta = choice.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        for call in _dicts(delta.get("tool_calls")):
            self._add_call(call)
        reasoning = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
        self._reasoning_seen = self._reasoning_seen or bool(reasoning)
        content = _text(delta.get("content"))
        thinking, text = self._tags.split(content)
        if self._tags.stray and not self._reasoning_seen:
            raise ModelDown("reasoning_unparsed", UNPARSED)
        self._grow(len(reasoning) + len(content))
        self._note(reasoning + thinking, text)
        self.finish = _text(choice.get("finish_reason")) or self.finish
        return reasoning + thinking, self._shown(text)

    def _shown(self, text: str) -> str:
        """Text without the line breaks that R1 writes after `</think>`; an answer also without tool calls."""
        text = text if self._text_begun else text.lstrip()
        self._text_begun = self._text_begun or bool(text)
        return self._cut.pass_on(text) if self._answer_expected else text

    def _note(self, thinking: str, text: str) -> None:
        self._content_seen = self._content_seen or bool(text) or self._tags.closed
        if self._answer_expected and not self._content_seen and thinking:
            self._thinking.append(thinking)

    def _add_call(self, piece: dict[str, object]) -> None:
        """Pieces of one call share an index; another id under the same index begins another call."""
        index, key = piece.get("index"), _text(piece.get("id"))
        index = index if isinstance(index, int) else max(self._at, default=0)
        call = self._at.get(index)
        if call is None or (key and call.id and key != call.id):
            call = self._at[index] = _Call(key)
            self._calls.append(call)
            if len(self._calls) > MAX_CALLS:
                raise ModelDown("runaway", f"the model made more than {MAX_CALLS} tool calls in one turn")
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        call.id = call.id or key
        call.name = call.name or _text(function.get("name"))
        arguments = function.get("arguments")
        arguments = json.dumps(arguments, ensure_ascii=False) if isinstance(arguments, dict) else _text(arguments)
        call.arguments += arguments
        self._grow(len(arguments) + len(call.name))

    def _grow(self, characters: int) -> None:
        self._characters += characters
        if self._characters > MAX_REPLY_CHARACTERS:
            raise ModelDown("runaway", f"the reply is longer than {MAX_REPLY_CHARACTERS:,} characters")


BROKEN = "the model server broke off in the middle of the reply; ask again"
UNPARSED = (
    "the model server does not separate R1's reasoning from the answer: start it with its reasoning parser "
    "(SGLang: --reasoning-parser deepseek-r1)"
)


def as_chunk(completion: object) -> object:
    """A completion that was not streamed, in the shape of a chunk that holds all of it."""
    if not isinstance(completion, dict):
        return completion
    choices = [{**choice, "delta": choice.get("message")} for choice in _dicts(completion.get("choices"))]
    return {**completion, "choices": choices}


def read_usage(usage: dict[str, object]) -> Usage:
    """Token counts, wherever the server puts them (SGLang: top and details; DeepSeek: top)."""
    prompt = _dict(usage.get("prompt_tokens_details"))
    completion = _dict(usage.get("completion_tokens_details"))
    return Usage(
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        reasoning_tokens=_count(completion.get("reasoning_tokens")) or _count(usage.get("reasoning_tokens")),
        cached_tokens=_count(prompt.get("cached_tokens")) or _count(usage.get("prompt_cache_hit_tokens")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
