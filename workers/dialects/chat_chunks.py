"""An answer as Chat Completions writes it: one object, or the chunks of a stream."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from agent.answer import Answer, Source
from agent.delta import Delta, Usage
from agent.events import Answered, Cancelled, Cited, Event, Failed, Queued, Searched, Text, Thinking
from workers.dialects.markers import annotations, sonar_fields
from workers.dialects.openai_errors import error_fields
from workers.dialects.usage import Counting
from workers.dialects.written import Written
from workers.problems import Problem
from workers.runs import problem_of_end
from workers.sse import Message, one_line


@dataclass(frozen=True, slots=True)
class Completion:
    """What every chunk of one completion repeats. concise: Sonar's stream of several kinds of chunks."""

    id: str
    model: str
    thinking: bool = True
    include_usage: bool = False
    concise: bool = False
    counting: Counting = field(default_factory=Counting)
    created: int = field(default_factory=lambda: int(time.time()))

    def chunk(self, delta: dict[str, Any], finish: str | None = None, **more: Any) -> Message:
        return self.of_kind("chat.completion.chunk", delta, finish, **more)

    def of_kind(self, kind: str, delta: dict[str, Any], finish: str | None = None, **more: Any) -> Message:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return Message("chunk", {**self._head(kind), "choices": [choice], **more})

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
    """As OpenAI writes them: without names and ids, [DONE] at the end; what it has no words for is a comment."""
    if message.name == "done":
        return b"data: [DONE]\n\n"
    if message.name == "queued":
        return f": queued, number {message.fields['position']} in the line\n\n".encode()
    return f"data: {one_line(message.fields)}\n\n".encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Added:
    """What is known of an answer beside itself. related: None where nobody asked for it."""

    citation_tokens: int = 0
    related: tuple[str, ...] | None = None

    def kept(self) -> dict[str, Any]:
        """For whoever reads the answer later."""
        return {"citation_tokens": self.citation_tokens, "related": self.related}

    @classmethod
    def read(cls, message: Message | None) -> "Added":
        """What the last message of a run has kept; nothing where it is not kept any more, or was never made."""
        kept = message.fields.get("added") if message else None
        if not isinstance(kept, dict) or not isinstance(tokens := kept.get("citation_tokens"), int):
            return cls()
        related = kept.get("related")
        return cls(tokens, tuple(str(each) for each in related) if isinstance(related, list) else None)

    def fields(self) -> dict[str, Any]:
        return {} if self.related is None else {"related_questions": list(self.related)}


Adding = Callable[[Answered], Awaitable[Added]]


async def nothing_added(_: Answered) -> Added:
    return Added()


def whole_answer(completion: Completion, answer: Answer, added: Added | None = None) -> dict[str, Any]:
    """The answer as one chat.completion object."""
    added = added or Added()
    written = Written()
    message: dict[str, Any] = {"content": written.whole(answer), "annotations": annotations(written.marked)}
    if completion.thinking and answer.thinking:
        message["reasoning_content"] = answer.thinking
    about = {**_about(answer, written.sources), **added.fields()}
    return completion.whole(message, _finish(answer), **about, usage=_used(completion, answer, added))


def _used(completion: Completion, answer: Answer, added: Added) -> dict[str, Any]:
    read = len(answer.sources)
    return completion.counting.fields(answer.usage, len(answer.asked), read, added.citation_tokens)


async def answer_chunks(
    completion: Completion, events: AsyncGenerator[Event, None], adding: Adding = nothing_added
) -> AsyncGenerator[Message, None]:
    """The chunks of an answer while it is made; a failure is an error object. DONE is the last in any case."""
    writing = Concise(completion) if completion.concise else Streaming(completion)
    yield writing.first()
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Answered):
                writing.added = await adding(event)
            for message in writing.of(event):
                yield message
    yield DONE


class Streaming:
    """Which chunks an event becomes. added: set before the answer comes."""

    def __init__(self, completion: Completion) -> None:
        self._completion, self._written = completion, Written()
        self._begun = False
        self.added = Added()

    def first(self) -> Message:
        return self._completion.chunk({"role": "assistant", "content": ""})

    def of(self, event: Event) -> list[Message]:
        match event:
            case Queued():
                return [Message("queued", {"position": event.position})]
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
        last = self._written.note(answer) if self._begun else self._written.whole(answer)
        told = [self._said(last)] if last else []
        if self._written.marked:
            told.append(self._completion.chunk({"annotations": annotations(self._written.marked)}))
        usage = _used(self._completion, answer, self.added)
        about = {**_about(answer, self._written.sources), **self.added.fields(), "usage": usage}
        told.append(self._done(_finish(answer), about))
        if self._completion.include_usage:
            told.append(self._completion.usage_chunk(usage))
        return told

    def _done(self, finish: str, about: dict[str, Any]) -> Message:
        return self._completion.chunk({}, finish, **about)


class Concise(Streaming):
    """Sonar's concise stream: `chat.reasoning` with its steps, `chat.reasoning.done`, the text as
    `chat.completion.chunk`, and `chat.completion.done` with the whole message; lists and usage only there."""

    def __init__(self, completion: Completion) -> None:
        super().__init__(completion)
        self._pieces: list[str] = []
        self._reasoned = False

    def first(self) -> Message:
        return self._completion.of_kind("chat.reasoning", {"role": "assistant", "content": ""})

    def of(self, event: Event) -> list[Message]:
        match event:
            case Searched():
                found = [{"url": url, "title": ""} for url in event.urls]
                search = {"search_keywords": [event.query], "search_results": found}
                step = {"type": "web_search", "thought": "", "web_search": search}
                return [self._completion.of_kind("chat.reasoning", {"content": "", "reasoning_steps": [step]})]
            case Thinking() if self._completion.thinking:
                return [self._completion.of_kind("chat.reasoning", {"reasoning_content": event.text})]
            case Thinking():
                return []
            case Text() | Cited() | Answered():
                return [*self._reasoning_done(), *super().of(event)]
        return super().of(event)

    def _reasoning_done(self) -> list[Message]:
        if self._reasoned:
            return []
        self._reasoned = True
        return [self._completion.of_kind("chat.reasoning.done", {"role": "assistant", "content": ""})]

    def _said(self, text: str) -> Message:
        self._pieces.append(text)
        return super()._said(text)

    def _done(self, finish: str, about: dict[str, Any]) -> Message:
        done = self._completion.of_kind("chat.completion.done", {}, finish, **about)
        done.fields["choices"][0]["message"] = {"role": "assistant", "content": "".join(self._pieces)}
        return done


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
    used = completion.counting.fields(usage)
    yield completion.chunk({}, "length" if finish == "length" else "stop", citations=[], search_results=[], usage=used)
    if completion.include_usage:
        yield completion.usage_chunk(used)
    yield DONE
