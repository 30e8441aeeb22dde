"""A slip of the finger in a question costs nothing where the pages hold the word that was meant."""

import pytest

from agent.question import Question
from agent.quoting import reply
from tools.page import Webpage

TEXT = (
    "The Abilene network linked universities from 1999 on. ARPANET became operational in 1969. "
    "Oded Galor and Joseph Zeira showed in 1993 how inequality hinders growth. The state of the sea is calm. "
    "Kenya founded a commission against corruption in 2011."
)


def quoted(question: str, text: str = TEXT) -> str:
    found = reply(Question(question), [Webpage("https://a.example/1", "Notes", text)])
    return "\n".join(unit.text for quote in found.quotes for unit in quote.units)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When did ARPNET become operational?", "1969"),
        ("When did the ARPAANET become operational?", "1969"),
        ("When did the ARPENET become operational?", "1969"),
        ("When did Zeria show how inequality hinders growth?", "1993"),
        ("What did Kenya found against coruption?", "commission"),
    ],
    ids=["a letter less", "a letter more", "another letter", "two changed round", "in a stem"],
)
def test_a_word_with_one_slip_finds_the_word_of_the_page(question: str, answer: str) -> None:
    assert answer in quoted(question)


def test_a_word_with_two_slips_finds_nothing() -> None:
    assert quoted("When did the APRENT become operational?") == ""


def test_a_word_of_the_language_is_meant_as_it_stands() -> None:
    assert quoted("What is the stage of the sea?", "The state of the sea is calm.") == quoted(
        "What is the storm of the sea?", "The state of the sea is calm."
    )


def test_short_words_and_numbers_are_no_slips() -> None:
    text = "The Abel prize of 2003 went to Serre."
    assert quoted("Who got the Abol prize of 2004?", text) == ""


def test_a_word_that_the_pages_hold_is_left_alone() -> None:
    text = "Zeria is a town in the north. Zeira is a river in the south."
    assert quoted("Where is Zeria?", text).startswith("Zeria")
