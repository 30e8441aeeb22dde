"""What stands in a thread of Slack: what this bot has said there already, and what was talked of before a question."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.question import Turn
from workers.slack.client import Client
from workers.slack.intake import ASKING_SUBTYPES, Me, inner, language_of, plain_text, text_field
from workers.slack.question import SlackQuestion
from workers.slack.words import words

Message = Mapping[str, Any]
EVENT_TYPE = "kaozheng"
MOST_MESSAGES = 200
MOST_TURNS = 8
MOST_CONTEXT = 15
_TURN_CHARACTERS = 4_000
_CONTEXT_CHARACTERS = 500
_FOOTNOTE_SIGN = re.compile(r"\[(\d{1,3})\]")


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of one question before this attempt. last: its last word is there; parts: number -> ts; file: the
    file is there; unmarked: messages of ours that no question owns, such as a stream that broke off."""

    last: bool = False
    parts: tuple[tuple[int, str], ...] = ()
    file: bool = False
    unmarked: tuple[str, ...] = ()


def mark(question_id: str, part: int, last: bool) -> dict[str, Any]:
    """Metadata by which a message of ours is found again, so that nothing is said twice."""
    return {"event_type": EVENT_TYPE, "event_payload": {"question": question_id, "part": part, "last": last}}


def aside(question_id: str) -> dict[str, Any]:
    """Metadata of a message that is no part of an answer."""
    return {"event_type": EVENT_TYPE, "event_payload": {"question": question_id, "part": -1, "last": False}}


async def messages_of(client: Client, channel: str, thread_ts: str) -> list[Message]:
    """The thread, oldest first. Raises SlackError."""
    reply = await client.conversations_replies(
        channel=channel, ts=thread_ts, limit=MOST_MESSAGES, include_all_metadata=True
    )
    found = reply.get("messages")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def said_of(messages: Sequence[Message], question_id: str, me: Me) -> Said:
    ours = [message for message in messages if text_field(message, "bot_id") == me.bot]
    parts, last, unmarked = [], False, []
    for message in ours:
        payload = inner(inner(message, "metadata"), "event_payload")
        if payload.get("question") == question_id and isinstance(payload.get("part"), int) and payload["part"] >= 0:
            parts.append((payload["part"], text_field(message, "ts")))
            last = last or payload.get("last") is True
        elif not payload and not message.get("files"):
            unmarked.append(text_field(message, "ts"))
    return Said(last, tuple(parts), any(_has_file(message, question_id) for message in ours), tuple(unmarked))


def file_title(question_id: str) -> str:
    return f"answer-{question_id[:12]}.md"


def _has_file(message: Message, question_id: str) -> bool:
    files = message.get("files")
    names = [str(one.get(name)) for one in files or () if isinstance(one, Mapping) for name in ("title", "name")]
    return file_title(question_id) in names


def history_of(messages: Sequence[Message], question: SlackQuestion, me: Me) -> tuple[Turn, ...]:
    """Earlier questions and our answers to them, and what people said beside, as context.

    A thread is seen by whoever asks in it: nothing of any other place is in here.
    """
    turns: list[Turn] = []
    beside: list[str] = []
    asked = ""
    for message in messages:
        if text_field(message, "ts") == question.ts or _after(message, question):
            continue
        if text_field(message, "bot_id") == me.bot:
            answer = _answer_text(message)
            if asked and answer:
                turns.append(Turn(asked, answer))
                beside, asked = beside[:-1], ""
        elif not message.get("bot_id") and text_field(message, "subtype") in ASKING_SUBTYPES:
            asked = plain_text(text_field(message, "text"), me)[:_TURN_CHARACTERS]
            if asked:
                beside.append(asked[:_CONTEXT_CHARACTERS])
    return (*_context(beside, question), *turns[-MOST_TURNS:])


def _after(message: Message, question: SlackQuestion) -> bool:
    try:
        return bool(question.ts) and float(text_field(message, "ts") or 0) > float(question.ts)
    except ValueError:
        return True


def _context(beside: list[str], question: SlackQuestion) -> tuple[Turn, ...]:
    if not beside:
        return ()
    language = language_of(question.text)
    lines = "\n".join(f"- {' '.join(one.split())}" for one in beside[-MOST_CONTEXT:])
    return (Turn(f"{words('thread_context', language)}\n{lines}", words("noted", language)),)


def _answer_text(message: Message) -> str:
    """The Markdown that we said; "" for a notice."""
    if inner(inner(message, "metadata"), "event_payload").get("part", -1) == -1:
        return ""
    blocks = message.get("blocks")
    said = [
        text_field(one, "text") for one in blocks or () if isinstance(one, Mapping) and one.get("type") == "markdown"
    ]
    text = "\n\n".join(one for one in said if one) or text_field(message, "markdown") or text_field(message, "text")
    plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return _FOOTNOTE_SIGN.sub("", plain).replace("\0", "")[:_TURN_CHARACTERS]
