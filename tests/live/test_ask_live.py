"""Whole questions through the graph and the real SGLang: plan -> search -> read -> write -> verify."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.answer import Answer
from agent.events import Answered, Event, Planned, Text, Thinking
from agent.graph import ask
from agent.limits import DEPTH_LIMITS, Limits
from agent.model import ModelServer
from agent.nodes.deps import Deps
from agent.question import Question
from tests.fakes import CHAOXI, SUN, TIDES, FakeWeb, deps
from tests.live.faults import idle

sys.path.insert(0, str(Path(__file__).parent))  # as the script inside SGLang finds its tables

from talks import TALKS, Talk

SECONDS = 600.0  # for a question: what a busy machine takes is not the subject


def given(model: ModelServer, web: FakeWeb | None = None) -> Deps:
    short = {depth: replace(limits, answer_tokens=160, seconds=SECONDS) for depth, limits in DEPTH_LIMITS.items()}
    return deps(
        web or FakeWeb(TIDES, SUN, CHAOXI),
        generate=model.generate,
        model_name="deepseek-r1-0528",
        limits=Limits(depths=short),
    )


async def events_of(model: ModelServer, question: Question, web: FakeWeb | None = None) -> list[Event]:
    async with aclosing(ask(question, given(model, web))) as events:
        return [event async for event in events]


def answer_in(events: list[Event]) -> Answer:
    assert isinstance(events[-1], Answered), events[-1]
    return events[-1].answer


HERE = [talk for talk in TALKS.values() if not talk.name.startswith("debian")]


@pytest.mark.parametrize("talk", HERE, ids=lambda talk: talk.name)
async def test_each_talk_ends_as_the_table_says(talk: Talk, model: ModelServer) -> None:
    events = await events_of(model, Question(f"{talk.question} talk:{talk.name}"))
    answer, plan = answer_in(events), next(event for event in events if isinstance(event, Planned))
    assert (plan.queries, plan.fallback) == (talk.queries, talk.fallback)
    assert (answer.status, answer.degraded.partition(":")[0], answer.dropped_markers) == (
        talk.status,
        talk.degraded,
        talk.dropped,
    )
    assert talk.text in (None, answer.text)
    assert {flaw.rule for flaw in answer.flaws} >= set(talk.flaws)
    assert talk.supports in (None, tuple((support.number, support.verdict) for support in answer.supports))
    assert not talk.all_supported or {support.verdict for support in answer.supports} == {"supported"}
    assert "<｜" not in answer.text
    assert "think>" not in answer.text


async def test_reasoning_is_streamed_apart_from_the_answer(model: ModelServer) -> None:
    events = await events_of(model, Question("Why are there tides? talk:good"))
    assert "".join(event.text for event in events if isinstance(event, Thinking)).strip() == "Two pages."
    assert "Two pages" not in "".join(event.text for event in events if isinstance(event, Text))


async def test_a_second_planner_round_reuses_the_servers_cache(model: ModelServer) -> None:
    answer = answer_in(await events_of(model, Question("Why are there tides? talk:two-rounds")))
    assert answer.usage.cached_tokens > answer.usage.prompt_tokens / 3


async def test_when_the_asker_leaves_the_model_stops(model: ModelServer, url: str, key: str) -> None:
    async with aclosing(ask(Question("Why? talk:cut-by-max-tokens"), given(model))) as events:
        async for event in events:
            if isinstance(event, Text):
                break
    assert await idle(url, key, 1.0)


async def test_four_questions_at_once_are_all_answered(model: ModelServer) -> None:
    asked = [events_of(model, Question(f"Why are there tides? {n} talk:good")) for n in range(4)]
    answers = [answer_in(events) for events in await asyncio.gather(*asked)]
    assert {answer.status for answer in answers} == {"answered"}
    assert {answer.degraded for answer in answers} == {""}


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("How do I upgrade Debian to the next stable release? talk:debian", "en"),
        ("如何在 Debian 中配置静态 IP 地址？ talk:debian-zh", "zh"),
    ],
)
def test_the_command_line_answers_from_the_example_pages(
    question: str, language: str, url: str, key: str, tmp_path: Path
) -> None:
    """Nothing of ours is replaced: settings, library, reader, graph and client are those of `make ask`."""
    root = Path(__file__).parents[2]
    asked = subprocess.run(
        [sys.executable, "-m", "workers.cli", "ask", "--json", "--", question],
        cwd=root,
        env={**os.environ, "KAOZHENG_MODEL_URL": url, "KAOZHENG_MODEL_KEY": key, "KAOZHENG_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    answer = json.loads(asked.stdout)
    assert (answer["status"], answer["language"], answer["degraded"]) == ("answered", language, "")
    assert answer["model"] == "deepseek-r1-0528"
    assert len({citation["number"] for citation in answer["citations"]}) >= 2
    assert all(support["verdict"] == "supported" for support in answer["supports"])
