"""The parts, put together as settings say: over real files, a real index, and a model server on loopback."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from agent.answer import Answer
from agent.events import Answered, Text, Thinking
from agent.graph import ask
from agent.question import Question
from tests.fake_model import Fault, Reply, fake_model
from tools.errors import PageRefused, SearchDown
from tools.search import SearchQuery
from tools.tokens import estimated_tokens
from workers.build import open_house
from workers.service_build import open_service
from workers.settings import Settings
from workers.settings_error import SettingsError

TIDES = "# Tides\n\nTides are caused by the gravity of the moon and the sun. Spring tides occur at full moon.\n"
MOON = "# The moon\n\nThe moon orbits the earth in 27.3 days. The gravity of the moon causes the tides.\n"
ANSWER = "Tides are caused by the gravity of the moon[citation:1]. It orbits the earth in 27.3 days[citation:2]."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "tides.md").write_text(TIDES, encoding="utf-8")
    (pages / "moon.md").write_text(MOON, encoding="utf-8")
    return Settings(data_dir=tmp_path / "data", library=(pages,), search_engines=("library",))


def said(_line: str) -> None:
    pass


def script(body: dict[str, Any]) -> Reply:
    """Plans one search, then writes."""
    if "tools" not in body:
        return Reply(content=ANSWER, reasoning="Both pages agree.")
    searched = any(message["role"] == "tool" for message in body["messages"])
    calls = () if searched else (("web_search", json.dumps({"query": "gravity moon tides"})),)
    return Reply(content="enough" if searched else "", calls=calls)


async def answer_of(settings: Settings, question: Question) -> tuple[Answer, list[object]]:
    async with open_house(settings, said) as house:
        events = [event async for event in ask(question, house.deps)]
    assert isinstance(events[-1], Answered), events[-1]
    return events[-1].answer, events


async def test_a_model_server_plans_by_tool_calls_and_writes_from_the_pages(settings: Settings) -> None:
    async with fake_model(script) as server:
        wired = Settings(**{**settings.model_dump(), "model_url": server.url})
        answer, events = await answer_of(wired, Question("What causes the tides?"))

    assert answer.status == "answered"
    assert answer.model == "deepseek-r1-0528"
    assert [one.query for one in answer.asked] == ["gravity moon tides"]
    assert {support.verdict for support in answer.supports} == {"supported"}
    assert "".join(e.text for e in events if isinstance(e, Thinking)) == "Both pages agree."
    assert "Both pages agree" not in "".join(e.text for e in events if isinstance(e, Text))
    assert "tools" not in server.requests[-1]
    assert server.requests[-1]["temperature"] == 0.6


async def test_when_the_caller_leaves_the_server_sees_it_within_a_second(settings: Settings) -> None:
    slow = Reply(content="tides " * 2_000, pause=0.01)
    async with fake_model(lambda body: slow if "tools" not in body else script(body)) as server:
        wired = Settings(**{**settings.model_dump(), "model_url": server.url})
        async with open_house(wired, said) as house:
            answering = ask(Question("What causes the tides?"), house.deps)
            async for event in answering:
                if isinstance(event, Text):
                    break
            await answering.aclose()
            await server.wait_left(within=1.0)


@pytest.mark.parametrize("fault", [Fault(status=503, after=0), Fault(cut=True), Fault(stall=True)])
async def test_a_server_that_fails_leaves_a_marked_answer_and_never_hangs(settings: Settings, fault: Fault) -> None:
    broken = Reply(content="", fault=fault)
    async with fake_model(broken) as server:
        changed = {"model_url": server.url, "first_token_seconds": 0.5, "silent_seconds": 0.5}
        wired = Settings(**{**settings.model_dump(), **changed})
        answer, _ = await asyncio.wait_for(answer_of(wired, Question("What causes the tides?")), 20)

    assert answer.model == "quoting-reader"
    assert answer.degraded
    assert answer.citations


async def test_an_unreachable_model_is_said_in_one_line(settings: Settings) -> None:
    lines: list[str] = []
    wired = Settings(**{**settings.model_dump(), "model_url": "http://127.0.0.1:9/v1"})
    async with open_house(wired, lines.append) as house:
        assert await house.probe_model() == "unreachable"

    assert [line for line in lines if line.startswith("model server:")]
    assert all("\n" not in line for line in lines)


async def test_the_library_answers_and_its_pages_are_read_from_the_index(settings: Settings) -> None:
    async with open_house(settings, said) as house:
        results = await house.deps.search(SearchQuery("gravity of the moon"))
        page = await house.deps.read(results[0].url)

    assert {result.engine for result in results} == {"library"}
    assert "gravity" in page.text


async def test_a_folder_that_vanished_no_longer_answers(settings: Settings, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "gold.md").write_text("# Gold\n\nGold melts at 1064 degrees.\n", encoding="utf-8")
    both = Settings(**{**settings.model_dump(), "library": (*settings.library, old)})
    async with open_house(both, said) as house:
        assert await house.deps.search(SearchQuery("gold melts"))
    shutil.rmtree(old)
    async with open_house(settings, said) as house:
        assert await house.deps.search(SearchQuery("gold melts")) == []


async def test_a_damaged_index_is_said_at_start_and_by_each_search(settings: Settings) -> None:
    lines: list[str] = []
    settings.library_index.parent.mkdir(parents=True)
    settings.library_index.write_bytes(b"this is no database" * 100)
    async with open_house(settings, lines.append) as house:
        with pytest.raises(SearchDown):
            await house.deps.search(SearchQuery("tides"))

    assert [line for line in lines if line.startswith("library:")]


async def test_a_private_address_is_refused_whatever_asks_for_it(settings: Settings) -> None:
    async with open_house(settings, said) as house:
        with pytest.raises(PageRefused):
            await house.deps.read("http://169.254.169.254/latest/meta-data/")


async def test_an_engine_without_its_address_is_a_settings_error(settings: Settings) -> None:
    wired = Settings(**{**settings.model_dump(), "search_engines": ("searxng",)})
    with pytest.raises(SettingsError, match="SEARXNG_URL"):
        async with open_house(wired, said):
            pass


async def test_a_folder_that_is_not_there_is_a_settings_error(settings: Settings, tmp_path: Path) -> None:
    wired = Settings(**{**settings.model_dump(), "library": (tmp_path / "nowhere",)})
    with pytest.raises(SettingsError, match="nowhere"):
        async with open_house(wired, said):
            pass


async def test_a_search_engine_that_is_down_is_a_failed_search(settings: Settings) -> None:
    changed = {"search_engines": ("searxng",), "searxng_url": "http://127.0.0.1:9", "search_seconds": 1.0}
    async with open_house(Settings(**{**settings.model_dump(), **changed}), said) as house:
        with pytest.raises(SearchDown):
            await house.deps.search(SearchQuery("tides"))


async def test_the_service_opens_every_part_and_says_what_works(settings: Settings) -> None:
    async with open_service(settings, said) as service:
        parts = await service.parts()

        assert {part.name: part.works for part in parts} == {"store": True, "model": True}
        page = await service.read_upload("notes.md", TIDES.encode())
        assert (page.url, page.title) == ("file:notes.md", "notes.md")


@pytest.mark.parametrize(("text", "tokens"), [("x" * 350, 101), ("潮" * 150, 101), ("", 1)])
def test_tokens_are_estimated_where_no_model_reads_them(text: str, tokens: int) -> None:
    assert estimated_tokens(text) == tokens
