"""The line that a person watches: what is done, how fast, how long it takes, and why it stands still."""

import time
from typing import Any

import pytest

from tests.workers.batch.test_job_store import a_job
from workers.batch.batch_progress import BatchProgress, duration, rate_in_words
from workers.batch.local_run import Standing
from workers.batch.records import JobState


def standing(done: int, failed: int = 0, total: int = 1_000, running: int = 4, **job: Any) -> Standing:
    state = JobState(a_job(**job), "in_progress", total, running=running, prompt_tokens=1_000_000, cost=1.5)
    return Standing(total, done, failed, state)


class Ticking:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def shown(*steps: tuple[float, Standing]) -> str:
    clock = Ticking()
    progress = BatchProgress(quiet=True, currency="EUR", clock=clock)
    for seconds, each in steps:
        clock.seconds = seconds
        progress.show(each)
    return progress.line(steps[-1][1])


def test_the_line_says_rows_rate_time_left_tokens_and_money() -> None:
    line = shown((0, standing(0)), (10, standing(45, 5)))
    assert line == "50 of 1,000 rows · 5 failed · 5.0 rows/s · 3 min 10 s left · 1,000,000 tokens · 1.50 EUR"


def test_the_rate_is_that_of_the_last_minute() -> None:
    assert "1.0 rows/s" in shown((0, standing(0)), (10, standing(500)), (70, standing(560)), (100, standing(590)))


def test_rows_that_take_minutes_have_a_rate_and_a_time_left_too() -> None:
    line = shown((0, standing(0)), (600, standing(2)), (700, standing(2)), (1_200, standing(4)))
    assert line.startswith("4 of 1,000 rows · 12.0 rows/h · 3 d 11 h left")
    assert rate_in_words(0.5) == "30.0 rows/min"


def test_in_a_narrow_terminal_the_line_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    progress = BatchProgress(rewriting=True, currency="EUR", clock=Ticking())
    for done in (0, 500, 1_000):
        progress.show(standing(done, 5))
    said = capsys.readouterr().err
    assert said.count("\r") == 3
    assert all(len(line) < 40 for line in said.split("\r"))


@pytest.mark.parametrize(
    ("running", "said"), [(4, "none has ended for 40 s: does the model server"), (0, "nobody has taken a row for 40 s")]
)
def test_a_batch_that_stands_still_says_so(running: int, said: str) -> None:
    line = shown((0, standing(0)), (10, standing(1, running=running)), (50, standing(1, running=running)))
    assert said in line


def test_a_batch_that_waits_for_its_time_says_when_it_begins() -> None:
    assert "begins at 2" in shown((0, standing(0, running=0, not_before=int(time.time()) + 3_600)))
    assert "only 22:00-06:00 Asia/Shanghai" in shown((0, standing(0, running=0, night="22:00-06:00 Asia/Shanghai")))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.6, "1 min 0 s"), (3_700, "1 h 1 min"), (90_000, "1 d 1 h")]
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
