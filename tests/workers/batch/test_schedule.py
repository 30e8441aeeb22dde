"""When recurring research is due: in its own time zone, through changes of the clock, and once for all it missed."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.batch.night import is_open
from workers.batch.schedule import NAME, BadSchedule, Kept, Schedule, kept, run_name
from workers.batch.wishes import time_of

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("cron", "zone", "moment", "after"),
    [
        ("0 7 * * 1-5", "Asia/Shanghai", "2026-11-20T07:00:00+08:00", "2026-11-23T07:00:00+08:00"),
        ("0 7 * * *", "Asia/Shanghai", "2026-11-22T00:00:00+00:00", "2026-11-23T07:00:00+08:00"),
        ("30 2 * * *", BERLIN, "2026-03-28T12:00:00+01:00", "2026-03-29T03:30:00+02:00"),  # 02:30 is not there
        ("30 2 * * *", BERLIN, "2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00"),  # and there twice
        ("30 2 * * *", BERLIN, "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"),  # but runs once
    ],
)
def test_times_are_those_of_the_named_zone(cron: str, zone: str, moment: str, after: str) -> None:
    found = Schedule(cron, zone).after(at(moment))
    assert abs(found - at(after)) <= timedelta(minutes=30), found
    assert found.date() == at(after).date()


def test_of_many_missed_runs_one_is_made_up_for() -> None:
    daily = Schedule("0 7 * * *", "Asia/Shanghai")
    last, now = at("2026-11-10T07:00:00+08:00"), at("2026-11-22T06:59:00+08:00")
    missed = daily.missed(last, now)
    assert missed == at("2026-11-21T07:00:00+08:00")
    assert daily.missed(missed, now) is None


@pytest.mark.parametrize(("years", "found"), [(1, 2026), (4, 2024)])
def test_a_rare_run_is_found_however_long_ago(years: int, found: int) -> None:
    rare = Schedule("0 0 1 1 *" if years == 1 else "0 0 29 2 *", "UTC")
    missed = rare.missed(at("2022-06-01T00:00:00+00:00"), at("2026-11-22T00:00:00+00:00"))
    assert missed is not None
    assert missed.year == found


@given(
    st.sampled_from(["*/5 * * * *", "0 */3 * * *", "15 9 * * 1-5", "0 0 1 * *", "30 2 * * *"]),
    st.sampled_from(["UTC", "Asia/Shanghai", BERLIN, "America/Sao_Paulo"]),
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),
    st.integers(0, 90 * 1_440),
)
def test_what_is_missed_is_the_latest_that_was_due_and_nothing_else_is(
    cron: str, zone: str, begun: datetime, minutes: int
) -> None:
    schedule, last = Schedule(cron, zone), begun.replace(tzinfo=UTC)
    now = last + timedelta(minutes=minutes)
    missed = schedule.missed(last, now)
    if missed is None:
        assert schedule.after(last) > now
    else:
        assert last < missed <= now < schedule.after(missed)
        assert schedule.missed(missed, now) is None


@pytest.mark.parametrize(
    ("cron", "zone"),
    [
        ("0 7 * *", "UTC"),
        ("61 7 * * *", "UTC"),
        ("0 7 30 2 *", "UTC"),
        ("0 7 * * *", "Mars"),
        ("", ""),
        ("a b c d e", "UTC"),
    ],
)
def test_what_is_no_schedule_is_refused(cron: str, zone: str) -> None:
    with pytest.raises(BadSchedule):
        Schedule(cron, zone)


def test_what_was_run_is_read_again(tmp_path: Path) -> None:
    assert kept(tmp_path) is None
    made = Kept(Schedule("0 7 * * *", "Asia/Shanghai"), "ab" * 8, "2026-11-22T07:00:00+08:00", False, "")
    made.write(tmp_path)
    assert kept(tmp_path) == made
    assert run_name(made.last) == "2026-11-22T0700+0800"
    assert made.moment.astimezone(ZoneInfo("UTC")).hour == 23


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"last": "x"}', "\x00"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    with pytest.raises(BadSchedule, match=NAME):
        kept(tmp_path)


@pytest.mark.parametrize(
    ("written", "now", "begins"),
    [
        ("03:30", "2026-03-28T22:00:00+01:00", "2026-03-29T03:30:00+02:00"),  # the clock goes forward at 2
        ("03:30", "2026-10-24T22:00:00+02:00", "2026-10-25T03:30:00+01:00"),  # and back at 3
        ("2026-07-01T08:00", "2026-01-01T00:00:00+01:00", "2026-07-01T08:00:00+02:00"),
        ("22:00", "2026-11-22T21:59:00+01:00", "2026-11-22T22:00:00+01:00"),
        ("22:00", "2026-11-22T22:00:00+01:00", "2026-11-23T22:00:00+01:00"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_time_is_what_the_clock_shows_then(
    written: str, now: str, begins: str, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        found = time_of(written, "Europe/Berlin" if named else "", "--at", at(now))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == at(begins).timestamp()


@pytest.mark.parametrize(
    ("now", "is_in"),
    [
        ("2026-03-29T00:59:00+00:00", True),  # 1:59 in Berlin, before the clock goes forward
        ("2026-03-29T01:00:00+00:00", False),  # 3:00
        ("2026-10-25T00:30:00+00:00", True),  # 2:30, for the first time
        ("2026-10-25T01:30:00+00:00", True),  # 2:30 again
        ("2026-10-25T02:00:00+00:00", False),  # 3:00
        ("2026-10-24T22:30:00+00:00", True),
        ("2026-10-24T20:59:00+00:00", False),
    ],
)
def test_a_window_over_midnight_follows_the_clock(now: str, is_in: bool) -> None:
    assert is_open("23:00-03:00 Europe/Berlin", at(now)) is is_in
