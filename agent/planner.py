"""What the planner may call, what it is shown, and how its calls become a plan."""

import json
from collections.abc import Sequence
from datetime import date
from typing import get_args

from agent.asking import earlier
from agent.calls import Call
from agent.fence import fence, fence_line, fence_tokens
from agent.limits import DepthLimits
from agent.nodes.state import Plan, PlannedPage, PlannedSearch, Round
from agent.prompt import Message, Prompt, Tool, ToolCall
from agent.question import Question
from agent.templates import Templates, written_date
from tools.page import Webpage
from tools.search import Recency, SearchResult

MAX_QUERY_CHARACTERS = 400
_SHOWN_CHARACTERS = 700  # of a page's beginning, after it was read
TOOLS = (
    Tool(
        "web_search",
        "Search the web. Returns titles, addresses, dates and snippets.",
        {
            "type": "object",
            "properties": {
                "query": {
                    "type": "string",
                    "description": "a few specific words",
                    "maxLength": MAX_QUERY_CHARACTERS,
                },
                "recency": {
                    "type": "string",
                    "enum": list(get_args(Recency)),
                    "description": "how old at most",
                },
            },
            "required": ["query"],
        },
    ),
    Tool(
        "open_page",
        "Read one page whose address stands in the user's message or in the results so far.",
        {
            "type": "object",
            "properties": {"url": {"type": "string", "description": "the address, unchanged"}},
            "required": ["url"],
        },
    ),
)


def plan_prompt(
    question: Question, history: tuple[Message, ...], templates: Templates, today: date, limits: DepthLimits
) -> Prompt:
    """One planner round. history: what `transcript` made of the rounds so far; the prefix never changes in a run."""
    language = question.language
    order = templates[f"planner_{language}"].fill(
        research=templates[f"research_{language}"].text + "\n\n" if question.depth == "research" else "",
        rounds=str(limits.rounds),
        calls=str(limits.calls),
        current_date=written_date(today, language),
    )
    messages = (
        Message("system", order),
        *earlier(question.history),
        Message("user", fence(question.text)),
        *history,
    )
    return Prompt(question=question, messages=messages, tools=TOOLS, max_tokens=4_096)


def plan_from(calls: Sequence[Call], left: int) -> Plan:
    """At most `left` calls of a turn, as a plan. Queries are trimmed to 400 characters."""
    kept = list(calls)[: max(left, 0)]
    searches = tuple(
        PlannedSearch(call.arguments["query"][:MAX_QUERY_CHARACTERS], _recency(call), call.id)
        for call in kept
        if call.name == "web_search"
    )
    pages = tuple(PlannedPage(call.arguments["url"], call.id) for call in kept if call.name == "open_page")
    return Plan(searches, pages, tuple(_written(call) for call in kept))


def _written(call: Call) -> ToolCall:
    """As it goes back into the history: mended, with its arguments encoded once (sglang thread 11700).

    Its words are the model's own, who may have them from a page: control tokens among them stay text.
    """
    arguments = {name: fence_tokens(value) for name, value in call.arguments.items()}
    return ToolCall(call.id, call.name, json.dumps(arguments, ensure_ascii=False))


def _recency(call: Call) -> Recency | None:
    wanted = call.arguments.get("recency", "")
    return next((known for known in get_args(Recency) if known == wanted), None)


def transcript(rounds: Sequence[Round], pages: dict[str, Webpage]) -> tuple[Message, ...]:
    """The rounds so far as messages: calls, then their results in call order. Rounds without calls leave no trace."""
    messages: list[Message] = []
    for past in rounds:
        if not past.plan.calls:
            continue
        messages.append(Message("assistant", "", past.plan.calls))
        told = _told(past, pages)
        messages += [
            Message("tool", told.get(call.id, "Nothing came of this call."), tool_call_id=call.id)
            for call in past.plan.calls
        ]
    return tuple(messages)


def _told(past: Round, pages: dict[str, Webpage]) -> dict[str, str]:
    told = {call: text for call, text in past.failures if call}
    for search, results in past.results:
        told[search] = _results(results, pages)
    for page in past.plan.pages:
        if page.call and page.url in pages:
            told[page.call] = _beginning(pages[page.url])
    return told


def _results(results: Sequence[SearchResult], pages: dict[str, Webpage]) -> str:
    if not results:
        return "The search works and found nothing."
    listed = "\n\n".join(
        f"{place}. {fence_line(result.title)} {fence_line(result.date)}\n{fence_line(result.url)}\n"
        f"{fence_line(result.snippet, 500)}" + ("\n(read)" if result.url in pages else "")
        for place, result in enumerate(results, 1)
    )
    return fence(listed)  # as a whole, too: a marker may begin in one field and end in the next


def _beginning(page: Webpage) -> str:
    return fence(f"{fence_line(page.title)}\n{page.text[:_SHOWN_CHARACTERS]}")
