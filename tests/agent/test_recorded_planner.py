"""What the real SGLang 0.5.23 sent for each row of the table of cases, read by our client without it (`make live`)."""

import pytest

from tests.live.cases import ANSWERS, CASES, PLANS
from tests.live.ending import end_of
from tests.live.replay import replaying
from tests.live.rescues import RESCUES, Rescue
from tests.live.samples import SGLANG, Sample, read
from tests.live.without import switched_off

SAMPLES = read()
NAMES = {sample.name for sample in SAMPLES}
LONG = {"echo", "long", "cut-in-thought", "cut-in-answer", "runaway", "runaway-in-thought"}
"""Rows whose bytes would be most of the file; they are run on the real server only."""


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_each_recorded_reply_ends_as_the_table_says(sample: Sample) -> None:
    case = CASES[sample.case]
    async with replaying(sample) as replay:
        ended = await end_of(case, replay.url, "a-key", sample.streamed)
        assert ended.failures(case, received_bytes=0) == []
        assert replay.asked == len(sample.responses)


def test_the_bytes_are_those_that_were_recorded() -> None:
    assert [sample.name for sample in SAMPLES if not sample.whole or sample.sglang != SGLANG] == []


def test_every_row_is_recorded_streamed_and_not() -> None:
    wanted = {f"{case.name}-{way}" for case in (*ANSWERS, *PLANS) for way in ("1", "whole") if case.name not in LONG}
    wanted |= {f"{case.name}-64" for case in PLANS if case.name not in LONG}
    assert wanted - NAMES == set()


@pytest.mark.parametrize("rescue", RESCUES, ids=lambda rescue: rescue.name)
def test_with_a_rescue_switched_off_its_case_turns_red(rescue: Rescue) -> None:
    if rescue.case in LONG:
        pytest.skip("run on the real server: tests/live/run --without " + rescue.name)
    assert switched_off(rescue, {}) != []


def test_each_rescue_has_a_row() -> None:
    assert {rescue.case for rescue in RESCUES} <= set(CASES)
