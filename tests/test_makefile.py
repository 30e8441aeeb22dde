"""`make ask` as a person types it, with a stand-in for the Python that it would run."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A virtual environment, ready as far as make can see, whose python prints its arguments between NULs."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n")
    python.chmod(0o755)
    (tmp_path / ".runtime").touch()
    return tmp_path


def arguments(venv: Path, *words: str, **variables: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"Q", "LIBRARY", "MAKEFLAGS", "MAKELEVEL"}}
    command = ["make", "-s", "ask", f"VENV={venv}", *words]
    done = subprocess.run(command, cwd=ROOT, env={**kept, **variables}, capture_output=True, check=True, timeout=30)
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize(
    "question",
    [
        'What\'s "apt pinning" & how; do | I > use it?',
        "What is $HOME, $$, $(shell echo made), ${HOME} and `id`?",
        "two\nlines # and \\ a backslash %s *",
        "如何升级“Debian”？😀（到下一版）",
        "-h",
    ],
)
def test_a_question_reaches_the_command_as_it_was_typed(venv: Path, question: str) -> None:
    assert arguments(venv, f"Q={question}") == ["-m", "workers.cli", "ask", "--", question]
    assert arguments(venv, Q=question)[-1] == question


def test_without_a_question_one_of_our_own_is_asked(venv: Path) -> None:
    assert arguments(venv)[-1] == "How do I upgrade Debian to the next stable release?"


def test_a_folder_may_have_any_name(venv: Path) -> None:
    folder = "my $HOME 论文 'x' folder"
    asked = ["-m", "workers.cli", "ask", "--library", folder, "--", "Why?"]
    assert arguments(venv, "Q=Why?", LIBRARY=folder) == asked
    assert arguments(venv, "Q=Why?", f"LIBRARY={folder}") == asked


@pytest.mark.parametrize(("code", "made"), [(0, 0), (3, 0), (1, 2), (2, 2), (5, 2)])
def test_an_honest_refusal_is_no_failure_of_make_and_everything_else_is(venv: Path, code: int, made: int) -> None:
    (venv / "bin" / "python").write_text(f"#!/bin/sh\nexit {code}\n")
    done = subprocess.run(["make", "-s", "ask", f"VENV={venv}"], cwd=ROOT, capture_output=True, check=False, timeout=30)

    assert done.returncode == made
