"""What the real SGLang 0.5.23 sent for each row of the table of errors, read by our client without it (`make live`)."""

import pytest

from tests.live.faults import FAULTS, end_of
from tests.live.replay import replaying
from tests.live.samples import FAULTS as RECORDED
from tests.live.samples import SGLANG, Sample, read

SAMPLES = read(RECORDED)
TABLE = {fault.name: fault for fault in FAULTS}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_each_recorded_error_ends_as_the_table_says(sample: Sample) -> None:
    fault = TABLE[sample.case]
    async with replaying(sample) as replay:
        assert await end_of(fault, replay.url, "", "a-key", sample.streamed) == fault.ended
        assert replay.asked == len(sample.responses)


def test_every_error_that_its_bytes_alone_bring_is_recorded_streamed_and_not() -> None:
    assert {(sample.case, sample.streamed) for sample in SAMPLES} == {
        (fault.name, stream) for fault in FAULTS for stream in (True, False) if fault.replayed
    }


def test_the_bytes_are_those_that_were_recorded() -> None:
    assert [sample.name for sample in SAMPLES if not sample.whole or sample.sglang != SGLANG] == []
