"""The whole agent on one screen: which step follows which, and how to run it.

plan -> search -> read -> (plan again, while rounds and budget last and something is missing) -> write -> verify
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import wraps
from typing import Any, Literal, cast

from langgraph.graph import END, START, StateGraph
from langsmith import tracing_context

from agent.errors import AgentError
from agent.events import Event, Failed
from agent.nodes.deps import Deps, Run
from agent.nodes.plan import plan
from agent.nodes.read import read
from agent.nodes.search import search
from agent.nodes.state import Gathering, Planned, Whole
from agent.nodes.verify import verify
from agent.nodes.write import room_for_pages, write
from agent.question import Question

__all__ = ["Deps", "ask"]

_SECONDS_WORTH_A_ROUND = 2.0
_STEPS_A_ROUND, _STEPS_BESIDE = 3, 10  # LangGraph stops a graph that takes more steps than it is told


def _after_plan(state: Planned) -> Literal["search", "write"]:
    return "write" if state["plan"].empty else "search"


def _wire() -> Any:  # LangGraph's types end here; everything inside and outside is strict
    graph = StateGraph(Whole, context_schema=Run, input_schema=Gathering)
    graph.add_node("plan", _watched("plan", plan))
    graph.add_node("search", _watched("search", search))
    graph.add_node("read", _watched("read", read))
    graph.add_node("write", _watched("write", write))
    graph.add_node("verify", _watched("verify", verify))
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", _after_plan, ["search", "write"])
    graph.add_edge("search", "read")
    graph.add_conditional_edges("read", _after_read, ["plan", "write"])
    graph.add_edge("write", "verify")
    graph.add_edge("verify", END)
    return graph.compile()


def _watched(name: str, step: Callable[[Any, Any], Awaitable[Any]]) -> Any:
    """The same step, held in what watches steps. LangGraph reads the signature, which stays."""

    @wraps(step)
    async def watched(state: Any, runtime: Any) -> Any:
        async with cast(Run, runtime.context).deps.step(name):
            return await step(state, runtime)

    return watched


def _after_read(state: Gathering, runtime: Any) -> Literal["plan", "write"]:
    """Plan again only where a model plans, rounds and pages are left, and there is time to use them."""
    run = cast(Run, runtime.context)
    planning = run.deps.generate is not None and len(state["rounds"]) < run.limits.rounds
    room = len(state["read"]) < run.limits.pages and run.seconds_for_sources > _SECONDS_WORTH_A_ROUND
    return "plan" if planning and room and not state["rounds"][-1].plan.fallback else "write"


_GRAPH = _wire()  # immutable; everything that differs between runs is in Run


async def ask(question: Question, deps: Deps) -> AsyncGenerator[Event, None]:
    """Answer `question`: yields events as they happen, the last one is Answered or Failed.

    Raises nothing of its own: an AgentError becomes Failed. When the caller closes the generator, every step is
    cancelled and the model stops generating; no event follows.
    """
    try:
        run = Run(question, deps)
        if deps.generate is not None:  # refused before anything is searched, with the numbers
            await asyncio.to_thread(room_for_pages, run, 1)
        async with aclosing(_events(run)) as events:
            async for event in events:
                yield event
    except AgentError as error:
        yield Failed(error.code, str(error))


async def _events(run: Run) -> AsyncGenerator[Event, None]:
    """The graph's own stream. LANGSMITH_TRACING in the environment would send every question to a third party."""
    start: Gathering = {"rounds": (), "asked": (), "skipped": (), "read": ()}
    steps = {"recursion_limit": _STEPS_A_ROUND * run.limits.rounds + _STEPS_BESIDE}
    with tracing_context(enabled=False):
        stream = _GRAPH.astream(start, steps, context=run, stream_mode="custom")
        async with aclosing(stream) as events:
            async for event in events:
                yield cast(Event, event)
