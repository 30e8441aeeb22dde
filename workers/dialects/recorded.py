"""Events of a run as the store holds them, for a dialect that writes from events."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agent.answer import Answer
from agent.events import Answered, Cancelled, Cited, Event, Failed, Searched, Text, Thinking
from workers.sse import Message
from workers.store_errors import RecordPoisoned, StoreError

_ANSWER = TypeAdapter(Answer)


def answer_of(fields: dict[str, Any]) -> Answer:
    """Raises RecordPoisoned."""
    try:
        return _ANSWER.validate_python(fields)
    except ValidationError:
        raise RecordPoisoned("a kept answer is damaged") from None


def event_of(message: Message) -> Event | None:
    """None for what the dialects have no words for."""
    fields = message.fields
    match message.name:
        case "text":
            return Text(fields["text"])
        case "thinking":
            return Thinking(fields["text"])
        case "cited":
            return Cited(fields["number"], fields["url"], fields["title"])
        case "searched":
            return Searched(fields["query"], fields["engine"], fields["results"], 0.0, tuple(fields.get("urls", ())))
        case "answered":
            return Answered(answer_of(fields))
        case "failed":
            return Failed(fields["code"], fields["message"])
        case "cancelled":
            return Cancelled(fields["reason"])
    return None


async def events_of(recorded: AsyncGenerator[tuple[int, Message], None]) -> AsyncGenerator[Event, None]:
    """As they come, to exactly one last one; a store that goes away is a failure."""
    try:
        async with aclosing(recorded) as messages:
            async for _, message in messages:
                if event := event_of(message):
                    yield event
                if message.last:
                    return
    except StoreError as error:
        yield Failed(error.code, "the store that holds this answer does not answer; ask again with the same key")
        return
    yield Failed("replica_lost", "this answer is not kept any more; ask again with another key")
