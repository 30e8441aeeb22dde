"""What to search for and which pages to open next: R1 by function calling, or the question itself."""

import re
from contextlib import aclosing
from dataclasses import replace

from langgraph.runtime import Runtime

from agent.calls import Turn as CallTurn
from agent.calls import read_calls
from agent.delta import Generate
from agent.errors import ModelDown
from agent.events import Planned as PlannedEvent
from agent.nodes.deps import Run
from agent.nodes.state import Gathering, Plan, Planned, PlannedPage, PlannedSearch
from agent.planner import MAX_QUERY_CHARACTERS, TOOLS, plan_from, plan_prompt, transcript
from agent.prompt import Prompt, ToolCall
from tools.address import canonical

_URL = re.compile(r"https?://[^\s<>\"'“”‘’「」（）()\[\]【】，。；！？、]+")
_MOST_ASKED_URLS = 4
_LONGEST_RUNAWAY = 200_000  # characters of one planner turn; R1 can repeat a token for ever (sglang PR 5224)


async def plan(state: Gathering, runtime: Runtime[Run]) -> Planned:
    """The next round's plan. An empty plan means: enough is known, write."""
    run, number = runtime.context, len(state["rounds"]) + 1
    made = await _made(state, run)
    if number == 1:
        asked = tuple(PlannedPage(url) for url in _asked_urls(run))
        run.known_urls.update(canonical(page.url) for page in asked)
        made = replace(made, pages=made.pages + asked)
    runtime.stream_writer(
        PlannedEvent(
            number,
            tuple(search.query for search in made.searches),
            tuple(page.url for page in made.pages),
            made.fallback,
        )
    )
    return {**state, "plan": made}


async def _made(state: Gathering, run: Run) -> Plan:
    number = len(state["rounds"]) + 1
    if not run.question.search:
        return Plan()
    if run.limits.rounds == 0 or run.deps.generate is None:
        return _question_itself(run, "quick" if run.deps.generate else "no_model")
    left = run.limits.calls - sum(len(past.plan.calls) for past in state["rounds"])
    if left <= 0:
        return Plan()
    try:
        made = await _by_model(state, run, left)
    except ModelDown as down:
        return _question_itself(run, f"model_down:{down.reason}") if number == 1 else Plan(fallback=down.reason)
    except TimeoutError:
        return _question_itself(run, "planner_timeout") if number == 1 else Plan(fallback="planner_timeout")
    if made.empty and number == 1:
        return _question_itself(run, "no_call")
    return made


async def _by_model(state: Gathering, run: Run, left: int) -> Plan:
    deps = run.deps
    assert deps.generate is not None
    history = transcript(state["rounds"], run.pages)
    prompt = plan_prompt(run.question, history, deps.templates, deps.today(), run.limits)
    prompt = replace(prompt, max_tokens=deps.limits.plan_tokens)
    async with run.until(run.seconds_for_sources):
        turn = await _turn(deps.generate, prompt, run, left)
    number = len(state["rounds"]) + 1
    calls = [replace(call, id=f"call_{number}_{place}") for place, call in enumerate(turn.calls, 1)]
    return plan_from(calls, left)


async def _turn(generate: Generate, prompt: Prompt, run: Run, left: int) -> CallTurn:
    text, thinking = "", ""
    calls: list[ToolCall] = []
    async with aclosing(generate(prompt)) as deltas:
        async for delta in deltas:
            text, thinking = text + delta.text, thinking + delta.thinking
            calls += delta.calls
            if delta.usage:
                run.usage += delta.usage
            if len(text) + len(thinking) > _LONGEST_RUNAWAY:
                break
    return read_calls(TOOLS, tuple(calls), text, thinking, left)


def _question_itself(run: Run, why: str) -> Plan:
    """The question is the query. A follow-up is searched together with the question before it, too."""
    question = run.question
    searches = [PlannedSearch(question.text[:MAX_QUERY_CHARACTERS], question.filters.recency)]
    if question.history:
        both = f"{question.text} {question.history[-1].question}"[:MAX_QUERY_CHARACTERS]
        searches.append(PlannedSearch(both, question.filters.recency))
    return Plan(tuple(searches), fallback=why)


def _asked_urls(run: Run) -> list[str]:
    """Addresses that the user wrote are read without being searched for."""
    found = (match.rstrip(".,;:!?") for match in _URL.findall(run.question.text))
    return list(dict.fromkeys(found))[:_MOST_ASKED_URLS] if run.question.search else []
