"""The command line, run as a person runs it: in a process of its own, over a small library."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.terminal import MarkdownStream, safe

ROOT = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]
PAGES = {
    "tides.md": "# Tides\n\nTides are caused by the gravity of the moon and the sun. Spring tides occur at full moon.",
    "moon.md": "# The moon\n\nThe moon orbits the earth in 27.3 days. "
    "Its pull on the oceans causes the tides, which follow it with a delay.\n",
    "chaoxi.md": "# 潮汐\n\n潮汐是由月球和太阳的引力引起的海水涨落。满月时出现大潮。\n",
    "yueqiu.md": "# 月球\n\n月球绕地球公转一周需要27.3天。它对海洋的吸引力引起潮汐，所以涨潮每天推迟约五十分钟。\n",
}


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KAOZHENG_")}
    return {**kept, "KAOZHENG_DATA_DIR": str(folder / "data"), "PYTHONDONTWRITEBYTECODE": "1", **more}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    pages = folder / "pages"
    pages.mkdir()
    for name, text in PAGES.items():
        (pages / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def kaozheng(home: Path) -> Run:
    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "workers.cli", *arguments],
            cwd=ROOT,
            env=environment(home, **more),
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )

    return run


@pytest.mark.parametrize(("question", "page"), [("What causes the tides?", "tides"), ("潮汐是由什么引起的？", "潮汐")])
def test_a_question_is_answered_from_a_folder_with_citations_of_two_pages(
    kaozheng: Run, home: Path, question: str, page: str
) -> None:
    done = kaozheng("ask", "--library", str(home / "pages"), "--json", question)
    answer = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert answer["status"] == "answered"
    assert len({citation["number"] for citation in answer["citations"]}) >= 2
    assert {support["verdict"] for support in answer["supports"]} == {"supported"}
    assert page in answer["text"]


def test_progress_goes_to_standard_error_and_the_answer_with_its_sources_to_standard_output(
    kaozheng: Run, home: Path
) -> None:
    done = kaozheng("ask", "--library", str(home / "pages"), "What causes the tides?")

    assert "[citation:1]" in done.stdout
    assert "Sources\n[1]" in done.stdout
    assert "supported: “" in done.stdout
    assert "searched" in done.stderr
    assert "read      pages/" in done.stderr
    assert "searched" not in done.stdout


def test_every_event_is_a_line_of_json_and_the_last_one_is_the_answer(kaozheng: Run, home: Path) -> None:
    done = kaozheng("ask", "--library", str(home / "pages"), "--events", "What causes the tides?")
    names = [json.loads(line)["event"] for line in done.stdout.splitlines()]

    assert names[0] == "planned"
    assert names[-1] == "answered"
    assert names.count("answered") == 1
    assert done.stderr == ""


def test_a_question_that_the_pages_cannot_answer_is_refused_without_a_citation(kaozheng: Run, home: Path) -> None:
    done = kaozheng("ask", "--library", str(home / "pages"), "--json", "Who won the 2022 football World Cup?")
    answer = json.loads(done.stdout)

    assert done.returncode == 3
    assert answer["status"] == "no_sources"
    assert answer["citations"] == []
    assert answer["text"]


def test_a_file_is_answered_from_without_a_search(kaozheng: Run, home: Path) -> None:
    done = kaozheng("ask", "--file", str(home / "pages" / "tides.md"), "--json", "What causes tides?")
    answer = json.loads(done.stdout)

    assert done.returncode == 0, done.stdout + done.stderr
    assert answer["asked"] == []
    assert [source["title"] for source in answer["sources"]] == ["tides.md"]
    assert answer["citations"]


def test_a_conversation_goes_on_where_it_was_left(kaozheng: Run, home: Path) -> None:
    library = ("--library", str(home / "pages"), "--thread", "sea", "--json")
    kaozheng("ask", *library, "What causes the tides?")
    second = kaozheng("ask", *library, "And when do spring tides occur?")
    answer = json.loads(second.stdout)

    assert "And when do spring tides occur? What causes the tides?" in [one["query"] for one in answer["asked"]]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("ask", ""), "question"),
        (("ask", "x" * 8_001), "8,001"),
        (("ask", "x", "--depth", "deep"), "depth"),
        (("ask", "x", "--recency", "century"), "recency"),
        (("ask", "x", "--library", "/nowhere"), "library"),
        (("ask", "x", "--file", "/nowhere.txt"), "file"),
        (("ask", "x", "--thread", "../../x"), "thread"),
    ],
)
def test_bad_input_is_one_line_that_names_the_field_and_exit_code_2(
    kaozheng: Run, arguments: tuple[str, ...], names: str
) -> None:
    done = kaozheng(*arguments)

    assert done.returncode == 2, done.stderr
    assert names in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_file_of_21_megabytes_and_a_broken_pdf_are_refused_by_name(kaozheng: Run, home: Path) -> None:
    big, broken = home / "big.txt", home / "broken.pdf"
    big.write_bytes(b"x" * 21_000_001)
    broken.write_bytes(b"%PDF-1.7\nnonsense")

    for path in (big, broken):
        done = kaozheng("ask", "--file", str(path), "What?")
        assert done.returncode == 2
        assert path.name in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("more", "says"),
    [({"KAOZHENG_PROT": "1"}, "KAOZHENG_PORT"), ({"KAOZHENG_PORT": "many"}, "port")],
    ids=["unknown", "wrong"],
)
def test_a_bad_setting_is_one_line_and_exit_code_78(kaozheng: Run, more: dict[str, str], says: str) -> None:
    done = kaozheng("ask", "x", **more)

    assert done.returncode == 78
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_unreachable_model_server_is_said_at_start_and_the_quoting_reader_answers(kaozheng: Run, home: Path) -> None:
    done = kaozheng(
        "ask", "--library", str(home / "pages"), "What causes the tides?", KAOZHENG_MODEL_URL="http://127.0.0.1:9/v1"
    )

    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("model server:")]
    assert "! This was quoted, not reasoned: the model server could not be used (" in done.stdout
    assert "unreachable" in done.stdout
    assert "stamina" not in done.stdout + done.stderr


def test_what_is_retried_on_the_way_stays_out_of_the_json(kaozheng: Run, home: Path) -> None:
    asked = ("ask", "--json", "--library", str(home / "pages"), "What causes the tides?")
    done = kaozheng(*asked, KAOZHENG_MODEL_URL="http://127.0.0.1:9/v1")

    assert "unreachable" in json.loads(done.stdout)["degraded"]


def test_ctrl_c_ends_cleanly_with_130(home: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "workers.cli", "serve", "--port", "0"],
        cwd=ROOT,
        env=environment(home, KAOZHENG_LIBRARY=str(home / "pages")),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    running.stderr.readline()
    time.sleep(1)
    running.send_signal(signal.SIGINT)

    assert running.wait(timeout=20) in (0, 130)
    assert "Traceback" not in running.stderr.read()


def test_the_library_is_added_to_listed_and_removed_from(kaozheng: Run, home: Path) -> None:
    own = {"KAOZHENG_DATA_DIR": str(home / "other")}
    added = kaozheng("library", "add", str(home / "pages"), **own)
    listed = kaozheng("library", "list", **own)
    removed = kaozheng("library", "remove", "pages", **own)

    assert "4 new" in added.stderr
    assert "pages\t4 pages" in listed.stdout
    assert "4 pages removed" in removed.stderr
    assert "pages\t" not in kaozheng("library", "list", **own).stdout
    assert "holds no pages of pages" in kaozheng("library", "remove", "pages", **own).stderr


def test_what_a_page_or_model_writes_cannot_move_the_cursor() -> None:
    assert safe("a\x1b[31mred\x9b0m\x07\u202eb\nc\td") == "a[31mred0mb\nc\td"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_link_in_an_answer_hides_no_address_from_who_reads_it_on_a_terminal() -> None:
    screen = Screen()
    stream = MarkdownStream(screen)
    stream.write(
        "[docs](https://evil.test/?q=1) ![p](https://evil.test/p.png) <img src=x>\n\n[d](javascript:alert(1))\n"
    )
    stream.close()

    assert "\x1b]8" not in screen.getvalue()
    assert "https://evil.test/?q=1" in screen.getvalue()


def test_into_a_pipe_markdown_goes_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    stream = MarkdownStream(sys.stdout)
    stream.write("**a** [citation:1]")
    stream.close()

    assert capsys.readouterr().out == "**a** [citation:1]\n"
