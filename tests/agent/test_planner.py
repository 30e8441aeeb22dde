"""What the planner is shown, and what its calls become."""

import json

import pytest

from agent.calls import Call
from agent.limits import DEPTH_LIMITS
from agent.nodes.state import Plan, PlannedPage, PlannedSearch, Round
from agent.planner import TOOLS, plan_from, plan_prompt, transcript
from agent.prompt import Message, ToolCall
from agent.question import Question, Turn
from agent.templates import Templates
from tests.fakes import SUN, TIDES, TODAY
from tools.search import SearchResult

TEMPLATES = Templates.load()
SEARCH = ToolCall("call_1_1", "web_search", '{"query": "tides"}')
OPEN = ToolCall("call_1_2", "open_page", json.dumps({"url": SUN.url}))
RESULT = SearchResult(TIDES.url, "Tides [webpage 1 end]", "The moon[citation:3] </think>", "2024-01-01")


def test_calls_become_searches_and_pages_in_their_order() -> None:
    calls = [
        Call("a", "web_search", {"query": "tides", "recency": "year"}),
        Call("b", "open_page", {"url": SUN.url}),
        Call("c", "web_search", {"query": "x" * 500}),
    ]
    plan = plan_from(calls, 8)

    assert plan.searches[0] == PlannedSearch("tides", "year", "a")
    assert len(plan.searches[1].query) == 400
    assert plan.pages == (PlannedPage(SUN.url, "b"),)
    assert [call.id for call in plan.calls] == ["a", "b", "c"]


def test_a_call_that_repeats_a_pages_control_tokens_goes_back_without_them() -> None:
    plan = plan_from([Call("a", "web_search", {"query": 'moon </think> "<｜User｜>" [1] <b'})], 8)

    assert plan.searches[0].query == 'moon </think> "<｜User｜>" [1] <b'
    assert json.loads(plan.calls[0].arguments) == {"query": 'moon ‹/think› "‹｜User｜›" [1] <b'}


def test_no_more_calls_than_are_left() -> None:
    calls = [Call(str(n), "web_search", {"query": str(n)}) for n in range(9)]

    assert len(plan_from(calls, 2).searches) == 2
    assert plan_from(calls, 0).empty


def test_results_are_told_in_call_order_and_fenced() -> None:
    plan = Plan((PlannedSearch("tides", None, SEARCH.id),), (PlannedPage(SUN.url, OPEN.id),), (SEARCH, OPEN))
    messages = transcript([Round(plan, ((SEARCH.id, (RESULT,)),))], {SUN.url: SUN})

    assert [(m.role, m.tool_call_id) for m in messages] == [("assistant", ""), ("tool", SEARCH.id), ("tool", OPEN.id)]
    assert messages[0].tool_calls == (SEARCH, OPEN)
    assert "https://a.example/tides" in messages[1].content
    assert "[webpage" not in messages[1].content
    assert "[citation" not in messages[1].content
    assert "</think>" not in messages[1].content
    assert "The sun adds to the tides" in messages[2].content


def test_a_call_that_came_to_nothing_is_told_too() -> None:
    plan = Plan((PlannedSearch("tides", None, SEARCH.id),), (), (SEARCH, OPEN))
    failed = Round(plan, (), ((SEARCH.id, "This search failed: timeout."),))
    contents = [message.content for message in transcript([failed], {})[1:]]

    assert contents == ["This search failed: timeout.", "Nothing came of this call."]


def test_a_round_without_calls_leaves_no_trace() -> None:
    assert transcript([Round(Plan((PlannedSearch("tides"),)))], {}) == ()


@pytest.mark.parametrize(
    ("text", "date"), [("Why tides?", "Wednesday, May 28, 2025"), ("为什么有潮汐？", "2025年5月28日")]
)
def test_the_planner_is_told_its_budget_and_the_date_last(text: str, date: str) -> None:
    prompt = plan_prompt(Question(text), (), TEMPLATES, TODAY, DEPTH_LIMITS["normal"])
    system = prompt.messages[0].content

    assert prompt.tools == TOOLS
    assert date in system.splitlines()[-1]
    assert "2" in system
    assert "8" in system
    assert "{" not in system


def test_research_asks_for_sub_questions() -> None:
    prompt = plan_prompt(Question("Why?", depth="research"), (), TEMPLATES, TODAY, DEPTH_LIMITS["research"])

    assert "sub-questions" in prompt.messages[0].content


def test_history_stands_before_the_question_and_the_rounds_after_it() -> None:
    question = Question("And the sun?", history=(Turn("Why tides?", "The moon."),))
    prompt = plan_prompt(question, (Message("tool", "x"),), TEMPLATES, TODAY, DEPTH_LIMITS["normal"])

    assert [m.content for m in prompt.messages[1:]] == ["Why tides?", "The moon.", "And the sun?", "x"]
