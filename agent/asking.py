"""The prompts: how pages are laid out in the vendor's templates, and what the planner and the repair are shown."""

from collections.abc import Sequence
from datetime import date

from agent.citations import MARKER
from agent.fence import fence, fence_line, fence_tokens
from agent.packing import Shown
from agent.prompt import Message, Prompt
from agent.question import Question, Turn
from agent.templates import Templates, written_date
from agent.thinking import without_reasoning

_LABELS = {
    "zh": ("标题", "网站", "日期", "网址"),
    "en": ("title", "site", "date", "url"),
}


def search_prompt(
    question: Question, shown: Sequence[Shown], templates: Templates, today: date, max_tokens: int
) -> Prompt:
    """The vendor's search template with its three fields filled; `shown[0]` is [webpage 1]."""
    day = written_date(today, question.language)
    text = templates[f"search_answer_{question.language}"].fill(
        search_results=_laid_out(question, shown), cur_date=day, question=fence(question.text)
    )
    return Prompt(
        question=question,
        messages=_conversation(question, text, templates, day),
        pages=tuple(part.page for part in shown),
        max_tokens=max_tokens,
    )


def file_prompt(
    question: Question, shown: Sequence[Shown], templates: Templates, today: date, max_tokens: int
) -> Prompt:
    """The vendor's file template; with several files its head is repeated for each, the question stands once, last."""
    head, tail = templates["file"].text.split("{question}")
    heads = [
        type(templates["file"])(head).fill(file_name=fence_line(part.page.title), file_content=fence(part.text))
        for part in shown
    ]
    text = "".join(heads) + fence(question.text) + tail
    day = written_date(today, question.language)
    return Prompt(
        question=question,
        messages=_conversation(question, text, templates, day),
        pages=tuple(part.page for part in shown),
        max_tokens=max_tokens,
    )


def repair_prompt(prompt: Prompt, answer: str, flaws: Sequence[str], templates: Templates) -> Prompt:
    """The same conversation, the faulty answer, and what is wrong with it; the server's prefix cache holds the rest."""
    order = templates[f"repair_{prompt.question.language}"].fill(
        flaws=fence_tokens("\n".join(f"- {flaw}" for flaw in flaws))
    )
    added = (Message("assistant", fence_tokens(answer)), Message("user", order))
    return Prompt(
        question=prompt.question,
        messages=prompt.messages + added,
        pages=prompt.pages,
        max_tokens=prompt.max_tokens,
    )


def earlier(history: Sequence[Turn]) -> tuple[Message, ...]:
    """History as earlier messages, without reasoning (the fence would hide its tags from request_body). Its citation
    numbers meant other pages, so they are taken out."""
    messages: list[Message] = []
    for turn in history:
        messages.append(Message("user", fence(turn.question)))
        messages.append(Message("assistant", fence(MARKER.sub("", without_reasoning(turn.answer)))))
    return tuple(messages)


def system_message(language: str, day: str, templates: Templates) -> Message:
    return Message("system", templates[f"system_{language}"].fill(current_date=day))


def _system(question: Question, day: str, templates: Templates) -> Message:
    """The vendor's line, and after it what the asker's program wants, which no page can forge: it is fenced."""
    system = system_message(question.language, day, templates)
    wanted = fence(question.instructions).strip()
    return Message("system", f"{system.content}\n\n{wanted}") if wanted else system


def _conversation(question: Question, text: str, templates: Templates, day: str) -> tuple[Message, ...]:
    if question.script == "zh-Hant":  # the template is in Simplified characters (decision 14)
        text += "\n" + templates["traditional"].text
    return (
        _system(question, day, templates),
        *earlier(question.history),
        Message("user", text),
    )


def _laid_out(question: Question, shown: Sequence[Shown]) -> str:
    blocks = (_block(number, part, question.language) for number, part in enumerate(shown, 1))
    return "\n".join(blocks)


def _block(number: int, part: Shown, language: str) -> str:
    page = part.page
    values = (page.title, page.site, page.date, page.url)
    head = "\n".join(
        f"{label}: {fence_line(value)}" for label, value in zip(_LABELS[language], values, strict=True) if value
    )
    body = fence(f"{head}\n\n{part.text}")  # as a whole: a marker may begin in one field and end in the next
    return f"[webpage {number} begin]\n{body}\n[webpage {number} end]"
