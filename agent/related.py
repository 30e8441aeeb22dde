"""Questions that an asker may well ask next, by the model alone; none where it has none to give."""

import asyncio
import json
from contextlib import aclosing

from agent.alone import Complete
from agent.answer import Answer
from agent.citations import MARKER
from agent.errors import AgentError
from agent.fence import fence, fence_line
from agent.prompt import Message
from agent.templates import Templates
from agent.thinking import without_reasoning

RELATED_SECONDS = 30.0
MOST_QUESTIONS = 5
MAX_CHARACTERS = 200
_SHOWN_CHARACTERS = 6_000
_LONGEST_REPLY = 20_000


async def related_questions(answer: Answer, complete: Complete, templates: Templates) -> tuple[str, ...]:
    """At most MOST_QUESTIONS, each one line; none when the model is down, late, or says no list of texts."""
    shown = MARKER.sub("", answer.text)[:_SHOWN_CHARACTERS]
    text = templates[f"related_{answer.language}"].fill(question=fence(answer.question), answer=fence(shown))
    pieces: list[str] = []
    try:
        async with asyncio.timeout(RELATED_SECONDS), aclosing(complete([Message("user", text)])) as deltas:
            async for delta in deltas:
                pieces.append(delta.text)
                if sum(map(len, pieces)) > _LONGEST_REPLY:
                    return ()
    except (AgentError, TimeoutError):
        return ()
    return questions_in(without_reasoning("".join(pieces)), answer.question)


def questions_in(reply: str, asked: str) -> tuple[str, ...]:
    """The texts of the list in a reply, also one within a fence; the question itself and repetitions are left out."""
    try:
        found = json.loads(reply[reply.find("[") : reply.rfind("]") + 1])
    except (ValueError, RecursionError):
        return ()
    lines = [fence_line(each).strip() for each in found if isinstance(each, str)] if isinstance(found, list) else []
    wanted = dict.fromkeys(line for line in lines if 0 < len(line) <= MAX_CHARACTERS and line != asked.strip())
    return tuple(wanted)[:MOST_QUESTIONS]
