"""An answer ends where a tool call begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.markup import BEGINNINGS, CallCut

WORDS = ["<", "｜", "tool▁", "<tool_", "<｜tool▁call", "a", "。", "1 < 2", *BEGINNINGS]


def passed(text: str, size: int) -> str:
    cut = CallCut()
    return "".join(cut.pass_on(text[start : start + size]) for start in range(0, len(text), size)) + cut.end()


@given(st.lists(st.sampled_from(WORDS), max_size=12).map("".join), st.integers(1, 9))
def test_any_cut_gives_the_text_before_the_first_call(text: str, size: int) -> None:
    first = min((text.find(beginning) for beginning in BEGINNINGS if beginning in text), default=len(text))
    assert passed(text, size) == text[:first]


@pytest.mark.parametrize("text", ["1 < 2", "a <b> c", "<｜tool", "ends with <"])
def test_what_only_looks_like_a_beginning_is_shown(text: str) -> None:
    assert passed(text, 1) == text
