"""Words of like meaning lie near each other, whatever their letters; what the table does not hold says nothing."""

import pytest

from agent.support_meaning import likeness, meaning_of
from tools.text import content_words


def near(one: str, other: str) -> float:
    return likeness(meaning_of(content_words(one)), meaning_of(content_words(other)))


@pytest.mark.parametrize(
    ("text", "paraphrase", "other"),
    [
        ("The doctor treated the sick child.", "A physician cured an ill infant.", "The company sold its old factory."),
    ],
)
def test_a_paraphrase_is_nearer_than_another_subject(text: str, paraphrase: str, other: str) -> None:
    assert near(text, paraphrase) > near(text, other) + 0.2


def test_a_text_is_as_near_to_itself_as_can_be_and_an_empty_one_to_nothing() -> None:
    assert near("the sick child", "the sick child") == pytest.approx(1.0)
    assert near("", "the sick child") == 0.0
    assert near("1969 qzxv", "the sick child") == 0.0
