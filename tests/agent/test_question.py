"""A question that exists is fit to be answered; anything else names its field."""

import pytest

from agent.errors import BadQuestion
from agent.question import Filters, Question, Turn
from tests.fakes import TIDES


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"text": ""}, "question"),
        ({"text": " \n\t"}, "question"),
        ({"text": "x" * 8_001}, "question"),
        ({"text": "a\ud800b"}, "question"),
        ({"text": "a\0b"}, "question"),
        ({"text": "x", "depth": "deep"}, "depth"),
        ({"text": "x", "history": (Turn("a\0", "b"),)}, "history"),
        ({"text": "x", "history": (Turn("a", "b"),) * 51}, "history"),
        ({"text": "x", "files": (TIDES,) * 11}, "files"),
        ({"text": "x", "search": False}, "search"),
    ],
)
def test_bad_input_names_the_field_that_is_wrong(given: dict[str, object], field: str) -> None:
    with pytest.raises(BadQuestion) as raised:
        Question(**given)  # type: ignore[arg-type]

    assert raised.value.field == field
    str(raised.value).encode("utf-8")


def test_8000_characters_are_a_question() -> None:
    assert len(Question("x" * 8_000).text) == 8_000


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I upgrade Debian?", "en"),
        ("如何在 Debian 中配置静态 IP 地址？", "zh"),
        ("為什麼會有潮汐？", "zh"),
        ("Was ist der Unterschied zwischen apt und dpkg?", "en"),
    ],
)
def test_the_language_picks_the_template(text: str, language: str) -> None:
    assert Question(text).language == language


def test_instructions_have_a_bound_and_whole_characters() -> None:
    assert Question("Why?", instructions="x" * 16_000).instructions
    for wrong in ("x" * 16_001, "\ud800"):
        with pytest.raises(BadQuestion) as bad:
            Question("Why?", instructions=wrong)
        assert bad.value.field == "instructions"


@pytest.mark.parametrize(
    ("day", "kept"),
    [("2025-02-28", False), ("2025-03-01", True), ("2025-12-31", True), ("2026-01-01", False), ("", True)],
)
def test_a_source_of_another_day_is_left_out_and_one_without_a_day_stays(day: str, kept: bool) -> None:
    assert Filters(after="2025-03-01", before="2025-12-31").keeps(day) is kept
