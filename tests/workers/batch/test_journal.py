"""Results on the disk: whole lines only, each row once, in order at the end, whatever dies and whatever is full."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workers.batch.batch_fields import line_of
from workers.batch.journal import Journal, OutputRefused
from workers.batch.records import RowEnd

JOB = "batch_" + "ab" * 16
FINGERPRINT = "ab" * 8


def line(number: int, outcome: str = "completed", text: str = "x") -> bytes:
    body = json.dumps(
        {"text": text} if outcome != "cancelled" else {"code": "batch_cancelled", "message": "m"}
    ).encode()
    status = {"completed": 200, "failed": 503, "cancelled": 0}[outcome]
    return line_of(JOB, RowEnd(number, f"row-{number}", outcome, status, body))  # type: ignore[arg-type]


def journal(folder: Path) -> Journal:
    return Journal(folder / "out.jsonl", FINGERPRINT)


def ids(path: Path) -> list[str]:
    return [json.loads(each)["custom_id"] for each in path.read_bytes().splitlines()]


def test_results_end_in_the_order_of_the_questions_each_row_once(tmp_path: Path) -> None:
    made = journal(tmp_path)
    with made.open():
        made.append([line(2), line(0, "failed"), line(3, "failed")])
        made.append([line(1), line(0)])
        assert not made.output.exists(), "whoever sees the file sees all of it"
        made.finish()
    assert ids(made.output) == ["row-0", "row-1", "row-2"]
    assert ids(made.errors) == ["row-3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.errors.jsonl", "out.jsonl"]


def test_a_completed_row_is_never_replaced_by_a_failed_one(tmp_path: Path) -> None:
    made = journal(tmp_path)
    with made.open():
        made.append([line(0, text="first"), line(0, "failed")])
        made.finish()
    assert b"first" in made.output.read_bytes()
    assert not made.errors.exists()


def test_a_torn_line_is_cut_off_and_the_others_count(tmp_path: Path) -> None:
    made = journal(tmp_path)
    made.part.write_bytes(line(0) + line(1)[:-9])
    with made.open():
        assert list(made.rows) == [0]
        made.append([line(1)])
    assert made.part.read_bytes() == line(0) + line(1)


def test_a_second_run_goes_on_from_finished_files(tmp_path: Path) -> None:
    made = journal(tmp_path)
    with made.open():
        made.append([line(0), line(1, "cancelled"), line(2, "failed")])
        made.finish()
    again = journal(tmp_path)
    with again.open():
        assert {number: place.outcome for number, place in again.rows.items()} == {
            0: "completed",
            1: "stopped",
            2: "failed",
        }
        again.append([line(1), line(2)])
        again.finish()
    assert (ids(made.output), made.errors.exists()) == (["row-0", "row-1", "row-2"], False)


@pytest.mark.parametrize("content", [b"my thesis\n", b"{}\n", line(0).replace(b"abab", b"cdcd"), b"no line end"])
def test_a_file_of_something_else_is_never_touched(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "out.jsonl").write_bytes(content)
    with pytest.raises(OutputRefused, match=r"out\.jsonl"), journal(tmp_path).open():
        pass
    assert (tmp_path / "out.jsonl").read_bytes() == content


def test_two_runs_do_not_write_the_same_file(tmp_path: Path) -> None:
    with journal(tmp_path).open(), pytest.raises(OutputRefused, match="another"), journal(tmp_path).open():
        pass
    with journal(tmp_path).open():
        pass


FULL = """
import resource, signal, sys
from pathlib import Path
from tests.workers.batch.test_journal import journal, line
from workers.batch.journal import OutputFull
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
made = journal(Path(sys.argv[1]))
with made.open():
    made.append([line(0)])
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
    try:
        made.append([line(1, text="y" * 400), line(2, text="y" * 4_000)])
    except OutputFull as full:
        print(full)
    assert list(made.rows) == [0]
"""


def test_a_full_disk_is_said_and_what_was_written_stands(tmp_path: Path) -> None:
    """A bound of the kernel on the file's size stands for the full disk: the write breaks off half-way."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True
    )
    assert "make room and run the same command again" in done.stdout
    made = journal(tmp_path)
    assert made.part.read_bytes() == line(0)
    with made.open():
        made.append([line(1)])
        made.finish()
    assert ids(made.output) == ["row-0", "row-1"]


KILLED = """
import sys
from pathlib import Path
from tests.workers.batch.test_journal import journal, line
made = journal(Path(sys.argv[1]))
with made.open():
    for number in range(100_000):
        made.append([line(number)])
        print(number, flush=True)
"""


def test_what_was_said_to_be_written_is_there_after_a_kill(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        said = [int(next(running.stdout)) for _ in range(5)]
        os.kill(running.pid, signal.SIGKILL)
        said += [int(each) for each in running.stdout]
    made = journal(tmp_path)
    with made.open():
        assert set(said) <= set(made.rows)
