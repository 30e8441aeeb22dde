"""The doctor on engines, pages, store, disk and settings; and what its command prints and returns."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from redis.asyncio import Redis
from typer.testing import CliRunner, Result

from tests.fake_model import Reply, running_fake_model
from tools.errors import PageRefused, PageUnreachable, SearchDown
from tools.page import Webpage
from tools.search import Search, SearchQuery, SearchResult
from workers import doctor_parts
from workers.doctor import Finding, Probe, examine, failed, quoted
from workers.ops_cli import register
from workers.settings import PREFIX, Settings


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KAOZHENG_DATA_DIR", str(tmp_path / "installation"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "installation"


def command(*words: str) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, list(words))


# --- engines and pages ---


def engine(results: int | SearchDown) -> Search:
    async def search(query: SearchQuery) -> list[SearchResult]:
        if isinstance(results, SearchDown):
            raise results
        return [SearchResult(f"https://a.example/{n}", "T", "S") for n in range(results)]

    return search


@pytest.mark.parametrize(
    ("results", "verdict", "remedy"),
    [
        (3, "works", ""),
        (0, "warning", "indexed"),
        (SearchDown("bocha", "unauthorized", "it does not accept the key"), "fails", "check the key"),
        (SearchDown("searxng", "bad_answer", "it does not answer in JSON"), "fails", "search.formats"),
        (SearchDown("ddgs", "timeout"), "fails", "KAOZHENG_SEARCH_SECONDS"),
        (SearchDown("x", "something_new"), "fails", "docs/search.md"),
    ],
)
async def test_an_engine_that_fails_is_told_from_one_that_finds_nothing(
    results: int | SearchDown, verdict: str, remedy: str
) -> None:
    found = await doctor_parts.engine_probe("it", engine(results))()
    assert (found.verdict, remedy in found.remedy) == (verdict, True)


async def readable(url: str) -> Webpage:
    return Webpage(url, "T", "text", "", "")


async def unreachable(url: str) -> Webpage:
    raise PageUnreachable(url, "dns", "the name does not exist")


async def refusing(url: str) -> Webpage:
    raise PageRefused(url, "ip_private")


async def test_pages_and_the_guard_are_tried() -> None:
    assert (await doctor_parts.pages(readable, "https://a.example/")).verdict == "works"
    assert (await doctor_parts.pages(unreachable, "https://a.example/")).verdict == "warning"
    assert (await doctor_parts.guard(refusing)).verdict == "works"
    assert (await doctor_parts.guard(readable)).verdict == "fails"
    assert (await doctor_parts.guard(unreachable)).verdict == "fails"


# --- store and disk ---


async def test_a_store_that_may_forget_fails(valkey: Redis) -> None:
    try:
        await valkey.config_set("maxmemory-policy", "allkeys-lru")
        assert (await doctor_parts.store(valkey, False)).verdict == "fails"
        await valkey.config_set("maxmemory-policy", "noeviction")
        await valkey.config_set("appendonly", "no")
        found = await doctor_parts.store(valkey, False)
        assert (found.verdict, "appendonly" in found.remedy) == ("warning", True)
    finally:
        await valkey.config_set("appendonly", "yes")
        await valkey.config_set("maxmemory-policy", "noeviction")
    assert (await doctor_parts.store(valkey, False)).verdict == "works"


async def test_a_store_that_is_not_there_fails() -> None:
    async with Redis.from_url("redis://127.0.0.1:9", socket_connect_timeout=1) as client:
        found = await doctor_parts.store(client, False)
    assert found.verdict == "fails"


async def test_a_folder_that_cannot_be_written_fails(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")
    assert (await doctor_parts.disk(tmp_path / "a" / "b")).verdict == "works"
    assert (await doctor_parts.disk(file / "below")).verdict == "fails"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "example pages"),
        ({"model_url": "http://models.example.com/v1", "model_key": "k"}, "unencrypted"),
        ({"host": "0.0.0.0"}, "listens on 0.0.0.0"),
        ({"obey_robots": False}, "robots.txt"),
        ({"allow_internal_hosts": "wiki.local"}, "wiki.local"),
        ({"model_url": "http://gpu:1/v1", "first_token_seconds": 200}, "before the model has begun"),
    ],
)
async def test_settings_that_are_rarely_meant_are_said(settings: dict[str, Any], said: str) -> None:
    found = await doctor_parts.advice(Settings(**settings))
    assert (found.verdict, said in found.said) == ("warning", True)


async def test_sound_settings_have_no_smell(tmp_path: Path) -> None:
    sound = Settings(library=(tmp_path,), model_url="http://10.0.0.7:30000/v1", model_key="k")
    assert (await doctor_parts.advice(sound)).verdict == "works"


# --- the examination ---


async def test_all_probes_share_one_deadline_and_the_late_ones_fail() -> None:
    async def slow() -> Finding:
        await asyncio.sleep(60)
        raise AssertionError

    async def quick() -> Finding:
        return Finding("quick", "works", "x")

    probes = [Probe("slow", slow, 60), Probe("quick", quick, 1), Probe("after", quick, 1, ("slow",))]
    found = [finding async for finding in examine(probes, 0.2)]
    assert [finding.verdict for finding in found] == ["fails", "fails", "skipped"]
    assert failed(found)
    assert found[1].remedy == "give more with --seconds"


def test_what_is_quoted_is_one_short_line() -> None:
    assert quoted("a\x1b[31m\nb\u202e") == "a[31m b"
    assert len(quoted("x" * 9_000)) == 120


# --- the commands ---


@pytest.fixture
def model() -> Iterator[str]:
    models = {"data": [{"id": "m", "max_model_len": 99_000}]}
    with running_fake_model(Reply("ready"), models) as server:
        yield server.url


def test_without_a_model_everything_else_is_looked_at(installation: Path) -> None:
    result = command("doctor", "--page", "-")
    assert result.exit_code == 0, result.output
    assert "the quoting reader answers" in result.output
    for part in ("store", "disk", "guard", "settings", "search library"):
        assert part in result.output


def test_a_failure_is_an_exit_code_and_an_object(installation: Path) -> None:
    result = command("doctor", "--url", "http://127.0.0.1:9/v1", "--page", "-", "--json")
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert report["ok"] is False
    first = report["findings"][0]
    assert (first["part"], first["verdict"]) == ("reachable", "fails")
    assert set(first) == {"part", "verdict", "said", "remedy", "seconds"}


def test_an_engine_without_its_address_is_a_finding_and_no_end(
    installation: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setenv("KAOZHENG_SEARCH_ENGINES", "searxng")
    result = command("doctor", "--url", model, "--page", "-")
    assert result.exit_code == 1
    assert "KAOZHENG_SEARXNG_URL" in result.output
    assert "ok answer" in result.output


def test_the_launch_line_of_a_profile_holds_its_flags_and_no_key() -> None:
    result = command("profile", "launch", "r1-0528-sglang", "--templates", "/my templates")
    assert result.exit_code == 0
    assert "--reasoning-parser deepseek-r1 --tool-call-parser deepseekv3" in result.output
    assert "'/my templates/tool_chat_template_deepseekr1.jinja'" in result.output
    assert '--api-key "$KAOZHENG_MODEL_KEY"' in result.output
    assert "OLLAMA_CONTEXT_LENGTH=32768 ollama serve" in command("profile", "launch", "ollama").output


def test_a_profile_that_is_not_there_or_not_ours_to_start_is_bad_input() -> None:
    assert command("profile", "launch", "nix").exit_code == 2
    assert command("profile", "launch", "deepseek-api").exit_code == 2


def test_the_profiles_are_listed_with_what_was_run() -> None:
    listed = command("profile", "list").output
    assert "r1-0528-vllm" in listed
    assert "unverified here" in listed
