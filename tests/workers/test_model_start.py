"""The start says in one line what the model server lacks, and the service answers all the same."""

from pathlib import Path
from typing import Any

import pytest

from agent.answer import Answer
from agent.events import Answered, Event, Failed
from agent.graph import ask
from agent.limits import DepthLimits
from agent.question import Question, Turn
from tests.fake_model import NAME, Reply, fake_model
from workers.build import open_house
from workers.room import LEAST_TOKENS, fitted
from workers.service_build import open_service
from workers.settings import Settings

ANSWER = "Tides are caused by the gravity of the moon[citation:1]."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "tides.md").write_text("# Tides\n\nTides are caused by the gravity of the moon.\n", encoding="utf-8")
    return Settings(data_dir=tmp_path / "data", library=(pages,), search_engines=("library",))


def listing(tokens: int) -> dict[str, Any]:
    return {"data": [{"id": NAME, "owned_by": "sglang", "max_model_len": tokens}]}


def wired(settings: Settings, **changed: object) -> Settings:
    return Settings(**{**settings.model_dump(), **changed})


async def events_of(settings: Settings, question: Question, lines: list[str]) -> list[Event]:
    async with open_house(settings, lines.append) as house:
        return [event async for event in ask(question, house.deps)]


def answer_in(events: list[Event]) -> Answer:
    assert isinstance(events[-1], Answered), events[-1]
    return events[-1].answer


def told(body: dict[str, Any]) -> Reply:
    """A server whose template shows no tools: the prompt does not grow by them."""
    return Reply(ANSWER, "Hm.", prompt_tokens=40)


async def test_the_service_says_what_the_model_server_lacks_and_starts(settings: Settings) -> None:
    lines: list[str] = []
    async with (
        fake_model(told, listing(100_000), api_key="k") as server,
        open_service(wired(settings, model_url=server.url, model_key="k"), lines.append) as service,
    ):
        parts = {part.name: part for part in await service.parts()}
    said = [line for line in lines if line.startswith("model server: tool template:")]
    assert len(said) == 1
    assert "ignored in silence" in said[0]
    assert "--chat-template" in said[0]
    assert all("\n" not in line for line in lines)
    assert (parts["model"].works, parts["model tool template"].works) == (True, False)
    assert not parts["model tool template"].needed


async def test_a_healthy_server_is_not_talked_about(settings: Settings) -> None:
    def healthy(body: dict[str, Any]) -> Reply:
        return Reply("x", prompt_tokens=300 if "tools" in body else 30)

    lines: list[str] = []
    async with (
        fake_model(healthy, listing(100_000), api_key="k") as server,
        open_service(wired(settings, model_url=server.url, model_key="k"), lines.append),
    ):
        pass
    assert [line for line in lines if line.startswith("model server")] == []


async def test_a_context_smaller_than_the_template_is_said_and_answers_are_quoted(settings: Settings) -> None:
    lines: list[str] = []
    async with fake_model(told, listing(2_048)) as server:
        events = await events_of(wired(settings, model_url=server.url), Question("What causes the tides?"), lines)
        assert server.requests == []
    answer = answer_in(events)
    assert answer.model == "quoting-reader"
    assert answer.degraded.startswith("context_too_small")
    said = next(line for line in lines if "model server:" in line)
    assert "2,048 tokens" in said
    assert f"{LEAST_TOKENS:,}" in said
    assert "--context-length" in said


async def test_where_quoting_is_forbidden_such_a_question_fails_with_the_numbers(settings: Settings) -> None:
    lines: list[str] = []
    async with fake_model(told, listing(2_048)) as server:
        changed = wired(settings, model_url=server.url, degrade=False)
        events = await events_of(changed, Question("What causes the tides?", depth="quick"), lines)
    assert isinstance(events[-1], Failed)
    assert "2,048" in str(events[-1])


async def test_a_small_context_shortens_the_answer_instead_of_refusing_every_question(settings: Settings) -> None:
    lines: list[str] = []
    async with fake_model(told, listing(8_192)) as server:
        events = await events_of(wired(settings, model_url=server.url), Question("What causes the tides?"), lines)
        asked = [request["max_tokens"] for request in server.requests]
    assert answer_in(events).status == "answered"
    assert 512 <= max(asked) < 4_096


async def test_a_question_that_cannot_fit_is_refused_with_the_numbers_before_anything_is_searched(
    settings: Settings,
) -> None:
    lines: list[str] = []
    history = tuple(Turn("What are tides? " * 40, "Tides are waves. " * 400) for _ in range(4))
    async with fake_model(told, listing(8_192)) as server:
        events = await events_of(wired(settings, model_url=server.url), Question("And now?", history=history), lines)
        assert server.requests == []
    assert len(events) == 1
    assert isinstance(events[0], Failed)
    assert events[0].code == "bad_question"
    assert "8,192" in str(events[0])


async def test_a_model_without_tools_still_answers(settings: Settings) -> None:
    models = {"data": [{"id": "deepseek-r1-0528-qwen3-8b", "owned_by": "sglang", "max_model_len": 100_000}]}
    lines: list[str] = []
    async with fake_model(told, models) as server:
        question = Question("What causes the tides?", depth="normal")
        events = await events_of(wired(settings, model_url=server.url), question, lines)
        assert all("tools" not in request for request in server.requests)
    assert answer_in(events).status == "answered"


@pytest.mark.parametrize(("context", "answer"), [(163_840, 8_192), (16_384, 7_000), (5_200, 512)])
def test_an_answer_never_takes_the_room_of_all_pages(context: int, answer: int) -> None:
    limits = fitted(DepthLimits(120, 12, 2, 8, 8_192), context)
    assert limits.answer_tokens <= 8_192
    assert limits.answer_tokens == pytest.approx(answer, rel=0.15)
    assert context - limits.answer_tokens > 3_000
