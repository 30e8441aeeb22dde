"""`kaozheng batch repeat`: the first run at once, the missed ones once, and what has changed each time."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from workers.cli_batch import BatchOptions
from workers.cli_repeat import Clock, RepeatOptions, run

QUESTION = "How high is Mount Tai?\n"
BEGUN = "2026-11-22T06:30:00+08:00"


class Watch:
    """Stands still but for what is slept, and what a test adds. It breaks off at a time."""

    def __init__(self, now: str, until: str = "9999-01-01T00:00:00+00:00") -> None:
        self.time, self.until = datetime.fromisoformat(now), datetime.fromisoformat(until)

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        if self.time > self.until:
            raise KeyboardInterrupt

    @property
    def clock(self) -> Clock:
        return Clock(self.now, self.sleep)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "pages").mkdir()
    height(tmp_path, "1,545")
    (tmp_path / "q.txt").write_text(QUESTION)
    (tmp_path / "kaozheng.toml").write_text(f"data_dir = {json.dumps(str(tmp_path / 'data'))}\nlease_seconds = 1\n")
    return tmp_path


def height(home: Path, metres: str) -> None:
    text = f"# Mount Tai\n\nMount Tai is {metres} m high. It stands in Shandong, and many people climb it.\n"
    (home / "pages" / "tai.md").write_text(text)


def repeated(home: Path, watch: Watch, *, once: bool = True, cron: str = "0 7 * * *") -> int:
    batch = BatchOptions(
        home / "q.txt", home / "runs", library=home / "pages", config=home / "kaozheng.toml", quiet=True
    )
    return run(RepeatOptions(batch, cron, "Asia/Shanghai", once), watch.clock)


def runs(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "runs").iterdir())


def test_the_first_run_is_at_once_the_missed_ones_are_made_up_for_once_and_changes_are_told(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert repeated(home, Watch(BEGUN)) == 0
    assert runs(home) == ["2026-11-22T0630+0800.jsonl", "schedule.json"]
    assert "next: 2026-11-22 07:00" in capsys.readouterr().err

    height(home, "1,533")
    assert repeated(home, Watch("2026-11-26T12:00:00+08:00")) == 0  # five were due meanwhile
    assert runs(home) == [
        "2026-11-22T0630+0800.jsonl",
        "2026-11-26T0700+0800.changes.md",
        "2026-11-26T0700+0800.jsonl",
        "schedule.json",
    ]
    report = (home / "runs" / "2026-11-26T0700+0800.changes.md").read_text()
    assert "- **Changed**" in report
    assert "> Mount Tai is 1,545 m high" in report
    assert "> Mount Tai is 1,533 m high" in report

    assert repeated(home, Watch("2026-11-26T12:01:00+08:00")) == 0
    assert len(runs(home)) == 4, "nothing was due"


def test_it_waits_for_the_next_time_and_ends_with_ctrl_c(home: Path) -> None:
    assert repeated(home, Watch(BEGUN, until="2026-11-23T12:00:00+08:00"), once=False) == 130
    assert [name for name in runs(home) if name.endswith("0.jsonl")] == [
        "2026-11-22T0630+0800.jsonl",
        "2026-11-22T0700+0800.jsonl",
        "2026-11-23T0700+0800.jsonl",
    ]


def test_a_run_that_was_cut_off_is_gone_on_with(home: Path) -> None:
    assert repeated(home, Watch(BEGUN)) == 0
    kept = home / "runs" / "schedule.json"
    kept.write_text(kept.read_text().replace('"done": true', '"done": false'))
    (home / "runs" / "2026-11-22T0630+0800.jsonl").unlink()
    assert repeated(home, Watch("2026-11-22T06:40:00+08:00")) == 0
    assert runs(home) == ["2026-11-22T0630+0800.jsonl", "schedule.json"]


@pytest.mark.parametrize(("cron", "said"), [("0 7 * *", "five fields"), ("0 25 * * *", "no schedule")])
def test_bad_schedules_are_refused(home: Path, capsys: pytest.CaptureFixture[str], cron: str, said: str) -> None:
    assert repeated(home, Watch(BEGUN), cron=cron) == 2
    assert said in capsys.readouterr().err


def test_a_damaged_state_is_named_and_nothing_is_run(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "runs").mkdir()
    (home / "runs" / "schedule.json").write_text("{")
    assert repeated(home, Watch(BEGUN)) == 2
    assert "schedule.json is damaged" in capsys.readouterr().err
    assert runs(home) == ["schedule.json"]
