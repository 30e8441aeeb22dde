"""Nothing is changed silently: the list of corrections leads from the streamed text to the final one, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answer import Correction
from agent.corrections import Editing, applied, undone

changes = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12), st.text(max_size=8)), max_size=20)


@given(st.text(alphabet=st.characters(), max_size=60), changes)
def test_corrections_lead_back_to_the_streamed_text_byte_for_byte(streamed: str, wanted: list[tuple[int, int, str]]):
    editing = Editing(streamed)
    for start, length, after in wanted:
        start = min(start, len(editing.text))
        editing.replace(start, min(start + length, len(editing.text)), after, "generated")

    assert undone(editing.text, editing.corrections) == streamed
    assert applied(streamed, editing.corrections) == editing.text


def test_a_change_that_changes_nothing_is_not_listed() -> None:
    editing = Editing("tides")
    editing.replace(0, 5, "tides", "the same")

    assert editing.corrections == ()


@pytest.mark.parametrize("follow", [applied, undone])
def test_corrections_of_another_text_are_refused(follow: object) -> None:
    with pytest.raises(ValueError, match="at 3"):
        follow("The moon", [Correction(3, 5, "xx", "yy", "made up")])  # type: ignore[operator]
