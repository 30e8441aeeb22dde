"""Prompts that Open WebUI writes itself, told from what its users write.

Its tasks (titles, tags, follow-up questions, queries, completions, emojis, tool choice) are for the model alone. A
question with the user's documents is a question: the documents are pages among the others, so that the answer cites
them and the citations are checked.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from agent.question import MAX_FILES
from tools.page import Webpage
from workers.dialects.parts import ChatMessage
from workers.uploads import file_name

_TASK = re.compile(
    r"\A\s*(?:### Task:\s"
    r"|Your task is to reflect the speaker's likely facial expression through a fitting emoji"
    r"|You have been provided with a set of responses from various models to the latest user query)"
)
_TOOL_CHOICE = re.compile(r"\A\s*Available Tools: ")  # the system prompt of its own way of calling tools
_DOCUMENTS = re.compile(r"\A\s*### Task:\s+Respond to the user query using the provided context\b")
_NAME = re.compile(r"\bname=\"([^\"]*)\"")


@dataclass(frozen=True, slots=True)
class Provided:
    """A question with the user's own documents."""

    question: str
    pages: tuple[Webpage, ...]


def is_task(messages: Sequence[ChatMessage]) -> bool:
    """Whether the last message wants something of the model alone."""
    last = next((each.text for each in reversed(messages) if each.role == "user"), "")
    choosing = any(_TOOL_CHOICE.match(each.text) for each in messages if each.role == "system")
    return choosing or (_TASK.match(last) is not None and provided(last) is None)


def provided(text: str) -> Provided | None:
    """None for anything but a question with documents."""
    first, last = text.find("<context>"), text.rfind("</context>")
    if not _DOCUMENTS.match(text) or not 0 <= first < last:
        return None
    asked = text[last:].removeprefix("</context>")
    question = asked.replace("<user_query>", "").replace("</user_query>", "").strip()
    pages = _pages(text[first:last])
    return Provided(question, pages) if question and pages else None


def _pages(context: str) -> tuple[Webpage, ...]:
    """The passages of one document are one page; what is beyond the most pages stands on the last one."""
    texts: dict[str, list[str]] = {}
    for piece in context.split("</source>")[:-1]:
        name, text = _passage(piece)
        if text:
            known = name in texts or len(texts) < MAX_FILES
            texts.setdefault(name if known else list(texts)[-1], []).append(text)
    return tuple(Webpage(f"file:{quote(name)}", name, "\n\n".join(parts)) for name, parts in texts.items())


def _passage(piece: str) -> tuple[str, str]:
    """Name and text of what stands behind the first `<source`; by hand, for a pattern would take its time on a text
    that is made of openings."""
    head, _, body = piece.partition("<source")[2].partition(">")
    named = _NAME.search(head)
    _, older, rest = body.partition("<source_id>")
    if older:
        name, _, rest = rest.partition("</source_id>")
        return file_name(name), rest.partition("<source_context>")[2].partition("</source_context>")[0].strip()
    return file_name(named[1] if named else ""), body.strip()
