"""What to search for and which pages to open next: R1 by function calling, or the question itself."""

import re
from dataclasses import replace
from itertools import chain

from langgraph.runtime import Runtime

from agent.delta import Usage
from agent.errors import ModelDown
from agent.events import Planned as PlannedEvent
from agent.nodes.deps import Run
from agent.nodes.state import Gathering, Plan, Planned, PlannedPage, PlannedSearch
from agent.planner import MAX_QUERY_CHARACTERS, plan_from, plan_prompt, transcript
from agent.planning import Planner
from tools.address import canonical

_URL = re.compile(r"https?://[^\s<>\"'“”‘’「」（）()\[\]【】，。；！？、]+")
_MOST_ASKED_URLS = 4


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
            made.outcome,
            made.refused,
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
        return _without_model(run, number, f"model_down:{down.reason}")
    except TimeoutError:
        return _without_model(run, number, "planner_timeout")
    if made.empty and number == 1:
        return replace(_question_itself(run, "no_call"), outcome="fallback", refused=made.refused)
    return made


def _without_model(run: Run, number: int, why: str) -> Plan:
    made = _question_itself(run, why) if number == 1 else Plan(fallback=why)
    return replace(made, outcome="fallback")


async def _by_model(state: Gathering, run: Run, left: int) -> Plan:
    deps, number = run.deps, len(state["rounds"]) + 1
    assert deps.generate is not None
    run.told += [transcript([past], run.pages) for past in state["rounds"][len(run.told) :]]
    prompt = plan_prompt(run.question, tuple(chain.from_iterable(run.told)), deps.templates, deps.today(), run.limits)
    prompt = replace(prompt, max_tokens=deps.limits.plan_tokens)

    def spend(usage: Usage) -> None:
        run.usage += usage

    order = deps.templates[f"plan_json_{run.question.language}"].text
    planner = Planner(deps.generate, deps.count_tokens, spend, order, most=left, needed=number == 1)
    async with run.until(run.seconds_for_sources):
        planned = await planner.round(prompt)
    calls = [replace(call, id=f"call_{number}_{place}") for place, call in enumerate(planned.turn.calls, 1)]
    return replace(plan_from(calls, left), outcome=planned.outcome, refused=planned.refused)


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
