"""`kaozheng batch`, run as a person runs it: alone on a machine, stopped, killed, full, and started again."""

import csv
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.workers.test_cli import PAGES, ROOT, environment
from workers import cli_jobs
from workers.cli_batch import BatchOptions
from workers.cli_batch import run as run_batch
from workers.valkey import EmbeddedValkey

DEADLINE = 60.0
QUESTIONS = "id,question\n1,What causes the tides?\n2,潮汐是由什么引起的？\n3,How long does the moon orbit the earth?\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    pages = tmp_path / "pages"
    pages.mkdir()
    for name, text in PAGES.items():
        (pages / name).write_text(text, encoding="utf-8")
    return tmp_path


def command(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "workers.cli", "batch", *arguments]


def settings(home: Path, **more: str) -> dict[str, str]:
    return environment(home, KAOZHENG_LEASE_SECONDS="1", PYTHONPATH=str(ROOT), **more)


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def batch(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process: what it says, and its exit code."""
    config = home / "kaozheng.toml"

    def run(questions: str, out: str = "out.jsonl", **changed: Any) -> Done:
        given = {"data_dir": str(home / "data"), "library_index": str(home / "index.sqlite3"), "lease_seconds": 1}
        given |= changed.pop("settings", {})
        config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in given.items()))
        named = {name: home / value for name, value in changed.items() if name == "report"}
        known = {"library": home / "pages", "config": config}
        options = BatchOptions(home / questions, home / out, **{**known, **changed, **named})
        code = run_batch(options)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run


def asked(home: Path, questions: str, *more: str) -> tuple[str, ...]:
    return ("run", questions, "-o", "out.jsonl", "--library", str(home / "pages"), *more)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def texts(home: Path, name: str, count: int) -> str:
    (home / name).write_text("".join(f"What causes the tides, asked {n} times?\n" for n in range(1, count + 1)))
    return name


def test_a_table_becomes_answers_in_its_order_and_the_same_command_again_asks_nothing(home: Path, batch: Run) -> None:
    (home / "q.csv").write_bytes(QUESTIONS.encode("gbk"))
    done = batch("q.csv")
    assert done.returncode == 0, done.stderr
    found = lines(home / "out.jsonl")
    assert [line["custom_id"] for line in found] == ["1", "2", "3"]
    assert [line["response"]["body"]["status"] for line in found] == ["answered"] * 3
    assert "is read as GBK" in done.stderr
    assert "3 of 3 rows" in done.stderr
    before = (home / "out.jsonl").read_bytes()
    again = batch("q.csv")
    assert (again.returncode, (home / "out.jsonl").read_bytes()) == (0, before)
    assert "cancel" not in again.stderr, "no batch was begun"


def test_bad_lines_are_told_and_end_in_a_file_of_their_own(home: Path, batch: Run) -> None:
    (home / "q.jsonl").write_text('"What causes the tides?"\n{"custom_id": \n{"id": "c"}\n', encoding="utf-8")
    done = batch("q.jsonl")
    assert done.returncode == 4, done.stderr
    assert "line 2:" in done.stderr
    assert [line["custom_id"] for line in lines(home / "out.jsonl")] == ["row-1"]
    errors = lines(home / "out.errors.jsonl")
    assert [line["response"]["body"]["error"]["line"] for line in errors] == [2, 3]


def test_a_table_of_answers_holds_no_formula_and_a_report_names_its_sources(home: Path, batch: Run) -> None:
    (home / "q.csv").write_text("id,question\n=1+1,What causes the tides?\n@x,=cmd|'/c calc'!A1\n", encoding="utf-8")
    done = batch("q.csv", "out.csv", report="report.html")
    assert done.returncode == 0, done.stderr
    with (home / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["custom_id"] for row in rows] == ["'=1+1", "'@x"]
    assert rows[1]["question"] == "'=cmd|'/c calc'!A1"
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    assert [line["custom_id"] for line in lines(home / "out.csv.jsonl")] == ["=1+1", "@x"]
    report = (home / "report.html").read_text(encoding="utf-8")
    assert '<a href="#q-1">What causes the tides?</a>' in report
    assert '<p id="q-1-1">[1] Tides</p><blockquote>' in report.replace("\n", "")


def test_a_dry_run_reckons_and_asks_nothing(home: Path, batch: Run) -> None:
    (home / "q.jsonl").write_text('"What causes the tides?"\n"And the moon?"\n{\n', encoding="utf-8")
    done = batch("q.jsonl", dry_run=True, depth="research", settings={"price_search": 1000, "currency": "EUR"})
    assert done.returncode == 0, done.stderr
    assert "2 rows would run, 1 lines cannot be asked" in done.stdout
    told = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.strip()}
    assert told["searches"] == ["14", "80"]
    assert told["money"] == ["14.00", "80.00", "EUR"]
    assert not (home / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("questions", "changed", "said"),
    [
        ("q.csv", {"out": "out.docx"}, "--out"),
        ("gone.csv", {}, "gone.csv"),
        ("q.csv", {}, "column question"),
        ("q.txt", {"report": "r.pdf"}, "--report"),
        ("q.txt", {"depth": "deep"}, "--depth"),
        ("q.txt", {"library": Path("/gone")}, "--library"),
        ("empty.jsonl", {}, "no request"),
        ("q.txt", {"at": "soon"}, "--at"),
        ("q.txt", {"window": "at night"}, "--window"),
        ("q.txt", {"settings": {"batch_rows": 2}}, "line 3: a batch may have 2 requests"),
        ("q.txt", {"settings": {"kept_file_bytes": 1_024}}, "1,024 are allowed"),
    ],
)
def test_bad_input_is_refused_by_name_before_anything_is_opened(
    home: Path, batch: Run, questions: str, changed: dict[str, Any], said: str
) -> None:
    (home / "q.csv").write_text("a,b\n1,2\n")
    (home / "empty.jsonl").write_text("")
    (home / "q.txt").write_text(("What causes the tides?" + " " * 400 + "\n") * 3)
    done = batch(questions, **changed)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert not (home / "data").exists()


def test_a_run_that_was_killed_ends_with_each_row_once(home: Path, batch: Run) -> None:
    name, part = texts(home, "q.txt", 120), home / "out.jsonl.part"
    with subprocess.Popen(
        command(home, *asked(home, name, "--rows", "1", "-q")), cwd=home, env=settings(home), stderr=subprocess.PIPE
    ) as running:
        until(lambda: part.is_file() and part.read_bytes().count(b"\n") >= 5, running)
        running.kill()
    kept = {line["id"]: line["response"]["body"]["id"] for line in whole(part)}
    assert 5 <= len(kept) < 120
    done = batch(name)
    assert done.returncode == 0, done.stderr
    found = lines(home / "out.jsonl")
    assert [line["custom_id"] for line in found] == [f"row-{number}" for number in range(1, 121)]
    assert {line["id"]: line["response"]["body"]["id"] for line in found}.items() >= kept.items(), "asked once only"
    assert sorted(path.name for path in home.glob("*out*")) == ["out.jsonl"]


def until(wanted: Callable[[], bool], running: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + DEADLINE
    while not wanted():
        assert running.poll() is None, running.stderr.read() if running.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.01)


def whole(part: Path) -> list[dict[str, Any]]:
    """The lines that a kill has not torn."""
    content = part.read_bytes()
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]


def test_ctrl_c_keeps_what_is_answered_and_the_batch_can_be_watched_and_cancelled(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, part = texts(home, "q.txt", 200), home / "out.jsonl.part"
    with subprocess.Popen(
        command(home, *asked(home, name, "--rows", "2")), cwd=home, env=settings(home), stderr=subprocess.PIPE
    ) as running:
        until(lambda: part.is_file() and part.read_bytes().count(b"\n") >= 3, running)
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        said = running.stderr.read().decode()
        assert running.wait(DEADLINE) == 130
    assert "the same command goes on" in said
    config = home / "kaozheng.toml"
    config.write_text(f"data_dir = {json.dumps(str(home / 'data'))}\n")
    assert cli_jobs.status("", True, config) == 0
    state = json.loads(capsys.readouterr().out)
    assert (state["status"], state["request_counts"]["total"]) == ("in_progress", 200)
    assert cli_jobs.cancel(state["id"], config) == 0
    assert "cancelled" in capsys.readouterr().out
    assert cli_jobs.retry(state["id"], config) in (0, 2)
    assert lines(part), "what was answered is still there"


@contextmanager
def small_disk(most_bytes: int) -> Iterator[None]:
    """A bound of the kernel on the size of every file that this process writes stands for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_and_the_same_command_goes_on(home: Path, batch: Run) -> None:
    name = texts(home, "q.txt", 6)
    store = EmbeddedValkey(home / "data" / "store")  # a process of its own, whose disk has room
    store.start()
    try:
        assert batch(texts(home, "w.txt", 1)).returncode == 0, "the pages are indexed"
        (home / "out.jsonl").unlink()
        with small_disk(3_000):
            done = batch(name)
        assert done.returncode == 1, done.stderr
        assert "no space left" in done.stderr
        assert not (home / "out.jsonl").exists()
        again = batch(name)
    finally:
        store.stop()
    assert again.returncode == 0, again.stderr
    assert len(lines(home / "out.jsonl")) == 6


def test_a_ceiling_stops_the_run_and_says_so_and_the_next_run_asks_the_rest(
    home: Path, batch: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    name = texts(home, "q.txt", 12)
    prices = {"price_search": 1_000, "price_prompt": 1_000_000, "price_completion": 1_000_000}
    done = batch(name, rows=1, ceiling_cost=2, ceiling_tokens=1, settings=prices)
    assert done.returncode == 4, done.stderr
    assert "the ceiling of 2 is reached" in done.stderr
    assert "0 tokens" in done.stderr, "the quoting reader's words are no tokens of a model"
    answered = len(lines(home / "out.jsonl"))
    assert 2 <= answered < 12
    assert len(lines(home / "out.errors.jsonl")) == 12 - answered
    assert batch(name).returncode == 0
    assert len(lines(home / "out.jsonl")) == 12
    assert not (home / "out.errors.jsonl").exists()
    cli_jobs.status("", True, home / "kaozheng.toml")
    asked = [json.loads(line)["request_counts"] for line in capsys.readouterr().out.splitlines()]
    assert sorted(counts["total"] for counts in asked) == [12 - answered, 12], "what is answered is not asked again"


@pytest.mark.parametrize("name", ["status", "cancel", "retry"])
def test_an_unknown_batch_is_said_to_be_none(home: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = home / "kaozheng.toml"
    config.write_text(f"data_dir = {json.dumps(str(home / 'data'))}\n")
    code = {
        "status": lambda: cli_jobs.status("batch_x", False, config),
        "cancel": lambda: cli_jobs.cancel("batch_x", config),
        "retry": lambda: cli_jobs.retry("batch_x", config),
    }[name]()
    assert (code, "there is no batch batch_x" in capsys.readouterr().err) == (2, True)
