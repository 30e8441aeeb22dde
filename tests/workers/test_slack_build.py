import re
from pathlib import Path

import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from tests.fake_slack import APP_TOKEN, BOT_TOKEN, SCOPES, SECRET, FakeSlack, fake_slack
from tests.workers.slack.botting import answer_in, text_of
from workers.cli_slack import print_manifest
from workers.doctor import Finding, examine
from workers.service_build import open_service
from workers.settings import Settings
from workers.settings_error import SettingsError
from workers.slack.looking import NEEDED_SCOPES
from workers.slack_build import check_slack, running_slack, slack_beside
from workers.slack_doctor import slack_probes
from workers.valkey import store_address

ROOT = Path(__file__).parents[2]


def settings_of(slack: FakeSlack, folder: Path, **changes: object) -> Settings:
    given = {
        "slack_bot_token": BOT_TOKEN,
        "slack_app_token": APP_TOKEN,
        "slack_api_url": slack.api_url,
        "data_dir": folder,
        "search_engines": ("library",),
    }
    return Settings(**{**given, **changes})  # type: ignore[arg-type]


async def test_the_bot_as_it_is_built_answers_from_the_library(tmp_path: Path) -> None:
    async with fake_slack() as slack, running_slack(settings_of(slack, tmp_path), lambda _line: None):
        event = slack.mention("C1", "U1", "How do I upgrade Debian to the next stable release?")
        await slack.tell(event)
        answer = await answer_in(slack, event)

    assert "[1] " in text_of(answer)
    assert "supported" in text_of(answer)


async def test_a_worker_answers_what_a_bot_that_only_listens_has_taken_in(tmp_path: Path) -> None:
    async with fake_slack() as slack:
        settings = settings_of(slack, tmp_path)
        listening = settings_of(slack, tmp_path, slack_answers=0)
        said: list[str] = []
        async with (
            running_slack(listening, said.append),
            store_address("", tmp_path) as address,
            open_service(settings, said.append) as service,
            slack_beside(settings, service, address, said.append),
        ):
            event = slack.mention("C1", "U1", "How do I upgrade Debian to the next stable release?")
            await slack.tell(event)
            answer = await answer_in(slack, event)

    assert "[1] " in text_of(answer)


async def test_a_worker_without_slack_works_all_the_same(tmp_path: Path) -> None:
    async with fake_slack() as slack:
        wrong = settings_of(slack, tmp_path, slack_bot_token="xoxb-wrong")
        said: list[str] = []
        async with (
            store_address("", tmp_path) as address,
            open_service(wrong, said.append) as service,
            slack_beside(wrong, service, address, said.append),
        ):
            assert "left to others" in said[-1]


async def findings(settings: Settings) -> dict[str, Finding]:
    return {found.part: found async for found in examine(slack_probes(settings), 60)}


async def test_the_doctor_finds_that_all_works(tmp_path: Path) -> None:
    async with fake_slack() as slack:
        found = await findings(settings_of(slack, tmp_path))

    assert {part: one.verdict for part, one in found.items()} == {
        "tokens": "works",
        "bot token": "works",
        "scopes": "works",
        "socket mode": "works",
        "store": "works",
    }


async def test_the_doctor_says_what_is_wrong_with_a_token(tmp_path: Path) -> None:
    async with fake_slack() as slack:
        wrong = await findings(settings_of(slack, tmp_path, slack_bot_token="xoxb-other"))
        swapped = await findings(settings_of(slack, tmp_path, slack_bot_token=APP_TOKEN))

    assert wrong["bot token"].verdict == "fails"
    assert "copy it again" in wrong["bot token"].remedy
    assert "begins with xoxb-" in swapped["tokens"].said


async def test_the_doctor_names_the_scopes_that_an_older_app_lacks(tmp_path: Path) -> None:
    async with fake_slack() as slack:
        slack.scopes -= {"mpim:history", "files:read"}
        found = await findings(settings_of(slack, tmp_path))

    assert found["scopes"].verdict == "fails"
    assert "files:read, mpim:history" in found["scopes"].said


def test_a_bot_without_its_tokens_does_not_start(tmp_path: Path) -> None:
    for missing in ("slack_bot_token", "slack_app_token"):
        tokens = {"slack_bot_token": BOT_TOKEN, "slack_app_token": APP_TOKEN, missing: ""}
        with pytest.raises(SettingsError, match="KAOZHENG_SLACK"):
            check_slack(Settings(data_dir=tmp_path, **tokens))  # type: ignore[arg-type]
    check_slack(Settings(data_dir=tmp_path, slack_bot_token=BOT_TOKEN, slack_signing_secret=SECRET))  # type: ignore[arg-type]


def test_the_manifest_asks_for_what_the_bot_needs(capsys: pytest.CaptureFixture[str]) -> None:
    print_manifest()
    manifest = yaml.safe_load(capsys.readouterr().out)

    assert set(manifest["oauth_config"]["scopes"]["bot"]) == NEEDED_SCOPES
    assert "agent_session_stopped" in manifest["settings"]["event_subscriptions"]["bot_events"]
    assert manifest["features"]["shortcuts"][0]["callback_id"] == "check_claim"


def test_every_method_that_the_bot_calls_has_its_scope_and_every_event_its_subscription() -> None:
    code = "\n".join(file.read_text("utf-8") for file in (ROOT / "workers" / "slack").glob("*.py"))
    manifest = yaml.safe_load((ROOT / "templates" / "slack" / "slack-manifest.yml").read_text("utf-8"))
    names = {name for name in dir(AsyncWebClient) if not name.startswith("_")}
    called = {name.replace("_", ".") for name in re.findall(r"\.([a-z]+_[a-zA-Z_]+)\(", code) if name in names}
    called = called - {"api.call", "files.upload.v2"} | {"files.getUploadURLExternal", "files.completeUploadExternal"}
    scopes = set(manifest["oauth_config"]["scopes"]["bot"])

    assert called >= {"chat.startStream", "chat.update", "conversations.replies", "views.open"}
    assert called <= set(SCOPES)
    assert set().union(*(SCOPES[method] for method in called)) <= scopes
    assert scopes == NEEDED_SCOPES
    for heard in re.findall(r'\("([a-z_]+)", listening', code):
        assert [e for e in manifest["settings"]["event_subscriptions"]["bot_events"] if e.split(".")[0] == heard]
