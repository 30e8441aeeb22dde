"""The operator's commands do what they say, ask before they destroy, and never print a secret."""

import asyncio
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from agent.answer import Answer
from tools.page import Webpage
from workers.keys import FILE_NAME, Keys, listed_keys
from workers.ops import opened_store
from workers.ops_cli import register
from workers.settings import PREFIX, Settings, SettingsError
from workers.store import Store
from workers.store_keys import Owner

USER, THREAD = "acme/alice", "thread-1"


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of its own, which the environment names."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KAOZHENG_DATA_DIR", str(tmp_path / "installation"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "installation"


def command(*words: str) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, list(words))


async def in_store(installation: Path, ids: tuple[str, ...] = ()) -> list[str]:
    """Keeps answers with these ids; returns the texts of the thread."""
    async with opened_store(Settings(data_dir=installation)) as store:
        for id_ in ids:
            await keep(store, id_)
        return [turn.answer for turn in await store.thread(USER, THREAD)]


async def keep(store: Store, id_: str) -> None:
    answer = Answer(id_, "question", "en", "quick", "answered", f"text of {id_}")
    await store.put_answer(answer, (Webpage("https://example.org", "t", "text"),), Owner(USER, THREAD))


def test_config_prints_every_setting_with_its_source_and_no_secret(
    installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAOZHENG_MODEL_KEY", "hunter2")
    shown = command("config")
    assert shown.exit_code == 0
    assert f"{installation}  [environment KAOZHENG_DATA_DIR]" in shown.stdout
    rows = json.loads(command("config", "--json").stdout)
    assert rows["port"] == {"value": 8000, "source": "default"}
    assert set(rows) == set(Settings.model_fields)
    assert "hunter2" not in shown.stdout + json.dumps(rows)


def test_a_wrong_setting_is_said_before_anything_is_done(installation: Path) -> None:
    Path("kaozheng.toml").write_text("prot = 1\n", encoding="utf-8")
    for words in (["config"], ["backup", "b.tar.gz"], ["forget", "--user", "x", "--yes"], ["keys", "list"]):
        assert isinstance(command(*words).exception, SettingsError)
    assert not installation.exists()


def test_a_backup_is_restored_after_yes_and_not_without(installation: Path) -> None:
    asyncio.run(in_store(installation, ("one",)))
    assert command("backup", "b.tar.gz").exit_code == 0
    asyncio.run(in_store(installation, ("two",)))
    asked = command("restore", "b.tar.gz")
    assert (asked.exit_code, "--yes" in asked.stderr) == (1, True)
    assert asyncio.run(in_store(installation)) == ["text of one", "text of two"]
    assert command("restore", "b.tar.gz", "--yes").exit_code == 0
    assert asyncio.run(in_store(installation)) == ["text of one"]


def test_a_backup_says_that_a_queue_of_its_own_is_not_in_it(
    installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "batches" not in command("backup", "a.tar.gz").stderr
    monkeypatch.setenv("KAOZHENG_QUEUE_URL", "redis://queue.example:6379/0")
    made = command("backup", "b.tar.gz")
    assert (made.exit_code, "batches are not in this backup" in made.stderr) == (0, True)
    monkeypatch.setenv("KAOZHENG_QUEUE_URL", "amqp://u:p@rabbit.example/")
    assert "batches" not in command("backup", "c.tar.gz").stderr, "then they lie in the store"


def test_a_backup_that_is_there_or_damaged_is_one_line_and_a_failure(installation: Path) -> None:
    Path("b.tar.gz").write_bytes(b"nonsense")
    for words in (["backup", "b.tar.gz"], ["restore", "b.tar.gz", "--yes"], ["restore", "none", "--yes"]):
        failed = command(*words)
        assert failed.exit_code == 1
        assert failed.stderr.startswith("kaozheng: ")
        assert failed.stderr.count("\n") == 1
    assert Path("b.tar.gz").read_bytes() == b"nonsense"


def test_a_backup_holds_no_secret(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAOZHENG_MODEL_KEY", "hunter2")
    key = command("keys", "create").stdout.strip()
    command("backup", "b.tar.gz")
    with tarfile.open("b.tar.gz") as archive:
        held = b"".join(archive.extractfile(member).read() for member in archive)  # type: ignore[union-attr]
    assert b"hunter2" not in held
    assert key.encode() not in held
    assert listed_keys(installation / FILE_NAME)[0].hash.encode() not in held


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (("--answer", "one"), ["text of two"]),
        (("--thread", THREAD), []),
        (("--user", USER), []),
        (("--answer", "none"), ["text of one", "text of two"]),
        (("--user", "*"), ["text of one", "text of two"]),
    ],
)
def test_what_is_named_is_forgotten_and_nothing_else(
    words: tuple[str, ...], left: list[str], installation: Path
) -> None:
    asyncio.run(in_store(installation, ("one", "two")))
    done = command("forget", *words, "--yes")
    assert done.exit_code == (3 if len(left) == 2 else 0)
    assert f"answers: {2 - len(left)}" in done.stdout
    assert asyncio.run(in_store(installation)) == left


def test_nothing_is_forgotten_without_yes_or_with_two_names(installation: Path) -> None:
    asyncio.run(in_store(installation, ("one",)))
    assert command("forget", "--user", USER).exit_code == 1
    assert command("forget", "--user", USER, "--answer", "one", "--yes").exit_code == 2
    assert command("forget", "--yes").exit_code == 2
    assert asyncio.run(in_store(installation)) == ["text of one"]


def test_what_was_forgotten_is_in_no_file_of_the_store(installation: Path) -> None:
    asyncio.run(in_store(installation, ("one",)))
    command("forget", "--user", USER, "--yes")
    assert not any(b"text of one" in file.read_bytes() for file in installation.rglob("*") if file.is_file())


def test_a_key_is_printed_once_listed_without_itself_and_revoked(installation: Path) -> None:
    key = command("keys", "create", "the bot").stdout.strip()
    known = Keys(file=installation / FILE_NAME)
    listed = command("keys", "list").stdout
    assert known.owner(key) in listed
    assert "the bot" in listed
    assert key not in listed
    assert command("keys", "revoke", known.owner(key)).exit_code == 0
    assert known.owner(key) == ""
    assert command("keys", "revoke", "key-0").exit_code == 1


def test_the_commands_are_known_without_loading_what_they_do() -> None:
    heavy = ["pydantic", "redis", "workers.ops", "workers.settings"]
    code = f"import sys, workers.ops_cli; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert run.stdout.strip() == "[]"
