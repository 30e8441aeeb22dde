"""An answer as Chat Completions writes it: one object, or the chunks of a stream."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from agent.answer import Answer, Source
from agent.delta import Delta, Usage
from agent.events import Answered, Cancelled, Cited, Event, Failed, Text, Thinking
from workers.dialects.markers import annotations, sonar_fields
from workers.dialects.openai_errors import error_fields
from workers.dialects.written import Written
from workers.problems import Problem
from workers.runs import problem_of_end
from workers.sse import Message, one_line


@dataclass(frozen=True, slots=True)
class Completion:
    """What every chunk of one completion repeats."""

    id: str
    model: str
    thinking: bool = True
    include_usage: bool = False
    created: int = field(default_factory=lambda: int(time.time()))

    def chunk(self, delta: dict[str, Any], finish: str | None = None, **more: Any) -> Message:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return Message("chunk", {**self._head("chat.completion.chunk"), "choices": [choice], **more})

    def usage_chunk(self, usage: dict[str, Any]) -> Message:
        return Message("chunk", {**self._head("chat.completion.chunk"), "choices": [], "usage": usage})

    def whole(self, message: dict[str, Any], finish: str, **more: Any) -> dict[str, Any]:
        said = {"role": "assistant", "refusal": None, **message}
        choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": finish}
        return {**self._head("chat.completion"), "choices": [choice], **more}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


DONE = Message("done", {}, last=True)


def openai_frame(message: Message, number: int) -> bytes:
    """As OpenAI writes them: without names and ids, [DONE] at the end."""
    if message.name == "done":
        return b"data: [DONE]\n\n"
    return f"data: {one_line(message.fields)}\n\n".encode("utf-8", "replace")


def usage_fields(usage: Usage, queries: int = 0) -> dict[str, Any]:
    """OpenAI's counts, and Sonar's; nothing is charged for an answer."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "num_search_queries": queries,
        "reasoning_tokens": usage.reasoning_tokens,
        "cost": {"input_tokens_cost": 0.0, "output_tokens_cost": 0.0, "total_cost": 0.0},
    }


def whole_answer(completion: Completion, answer: Answer) -> dict[str, Any]:
    """The answer as one chat.completion object."""
    written = Written()
    message: dict[str, Any] = {"content": written.whole(answer), "annotations": annotations(written.marked)}
    if completion.thinking and answer.thinking:
        message["reasoning_content"] = answer.thinking
    return completion.whole(
        message, _finish(answer), **_about(answer, written.sources), usage=usage_fields(answer.usage, len(answer.asked))
    )


async def answer_chunks(completion: Completion, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Message, None]:
    """The chunks of an answer while it is made; a failure is an error object. DONE is the last in any case."""
    writing = _Streaming(completion)
    yield completion.chunk({"role": "assistant", "content": ""})
    async with aclosing(events):
        async for event in events:
            for message in writing.of(event):
                yield message
    yield DONE


class _Streaming:
    """Which chunks an event becomes."""

    def __init__(self, completion: Completion) -> None:
        self._completion, self._written = completion, Written()
        self._begun = False

    def of(self, event: Event) -> list[Message]:
        match event:
            case Thinking() if self._completion.thinking:
                return [self._completion.chunk({"reasoning_content": event.text})]
            case Text():
                return [self._said(self._written.text(event.text))]
            case Cited():
                return [self._said(self._written.cite(Source(event.number, event.url, event.title)))]
            case Answered():
                return self._end(event.answer)
            case Failed() | Cancelled():
                return [broken(problem_of_end(event))]
        return []

    def _said(self, text: str) -> Message:
        self._begun = True
        return self._completion.chunk({"content": text})

    def _end(self, answer: Answer) -> list[Message]:
        """What the model did not stream (that nothing was found, say) is said now."""
        usage = usage_fields(answer.usage, len(answer.asked))
        last = self._written.note(answer) if self._begun else self._written.whole(answer)
        told = [self._said(last)] if last else []
        if self._written.marked:
            told.append(self._completion.chunk({"annotations": annotations(self._written.marked)}))
        about = _about(answer, self._written.sources)
        told.append(self._completion.chunk({}, _finish(answer), **about, usage=usage))
        if self._completion.include_usage:
            told.append(self._completion.usage_chunk(usage))
        return told


def _finish(answer: Answer) -> str:
    return "length" if answer.status == "partial" else "stop"


def _about(answer: Answer, sources: list[Source]) -> dict[str, Any]:
    """Sonar's lists, and what no other dialect has words for."""
    known = {source.number: source for source in answer.sources}
    whole = [known.get(source.number, source) for source in sources]
    fields = sonar_fields(whole)
    for source, result in zip(whole, fields["search_results"], strict=True):
        quotes = [support.quote for support in answer.supports if support.number == source.number and support.quote]
        result["snippet"] = quotes[0] if quotes else ""
    ours = {"answer_id": answer.id, "status": answer.status, "degraded": answer.degraded}
    return {**fields, "kaozheng": ours}


def broken(problem: Problem) -> Message:
    """A stream that has begun can only say in itself that it failed."""
    return Message("chunk", {"error": error_fields(problem)})


async def task_chunks(completion: Completion, deltas: AsyncGenerator[Delta, None]) -> AsyncGenerator[Message, None]:
    """The model's own reply to a client's task, without its reasoning."""
    yield completion.chunk({"role": "assistant", "content": ""})
    finish, usage = "stop", Usage()
    async with aclosing(deltas):
        async for delta in deltas:
            if delta.text:
                yield completion.chunk({"content": delta.text})
            finish, usage = delta.finish or finish, usage + (delta.usage or Usage())
    yield completion.chunk({}, "length" if finish == "length" else "stop", usage=usage_fields(usage))
    if completion.include_usage:
        yield completion.usage_chunk(usage_fields(usage))
    yield DONE
