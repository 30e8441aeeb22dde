"""A request that the model answers alone: no plan, no search, no pages (a client's own tasks, such as a title)."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace

from agent.delta import Delta, Generate
from agent.fence import fence
from agent.prompt import Message, Prompt
from agent.question import MAX_QUESTION_CHARACTERS, Question
from agent.thinking import without_reasoning

Complete = Callable[[Sequence[Message]], AsyncGenerator[Delta, None]]
"""Streams the model's reply to a conversation; closing it stops the model. Raises ModelDown."""

MAX_TASK_TOKENS = 4_096  # reasoning included: R1 thinks before it writes a title


def alone(generate: Generate) -> Complete:
    """The conversation may hold earlier answers, and with them words of pages: it is fenced like a page, and their
    reasoning is taken out before that hides its tags."""

    def complete(messages: Sequence[Message]) -> AsyncGenerator[Delta, None]:
        fenced = tuple(replace(message, content=fence(_said(message))) for message in messages)
        named = Question(fenced[-1].content[:MAX_QUESTION_CHARACTERS].strip() or "?")
        return generate(Prompt(question=named, messages=fenced, max_tokens=MAX_TASK_TOKENS))

    return complete


def _said(message: Message) -> str:
    return without_reasoning(message.content) if message.role == "assistant" else message.content
