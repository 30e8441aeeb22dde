"""Who did something is also called by a noun."""

import pytest

from tools.library_ranking import maker_words


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("Who founded Debian?", {"founder", "foundor"}),
        ("Who originally created it?", {"creater", "creator"}),
        ("Who is the founder of Debian?", set()),
        ("When was Debian founded?", set()),
        ("谁创建了 Debian？", set()),
    ],
)
def test_a_question_for_who_did_it_also_seeks_the_doer(question: str, terms: set[str]) -> None:
    assert set(maker_words(question)) == terms
