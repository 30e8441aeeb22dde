"""--strict shows what a page supports, and lists all that it took out."""

from agent.strict import only_supported
from agent.support import supports_of
from tests.fakes import TIDES

TEXT = "The moon pulls the sea twice a day[citation:1]. Bread is baked in ovens[citation:1]. Nobody knows."


def test_unsupported_sentences_go_and_each_is_listed() -> None:
    text, removed = only_supported(TEXT, supports_of(TEXT, [TIDES]), "en")

    assert text.strip() == "The moon pulls the sea twice a day[citation:1]."
    assert {r.before for r in removed} == {"Bread is baked in ovens[citation:1].", "Nobody knows."}
    replayed = TEXT
    for change in removed:
        assert replayed[change.start : change.end] == change.before
        replayed = replayed[: change.start] + change.after + replayed[change.end :]
    assert replayed == text


def test_an_answer_that_is_all_supported_stays() -> None:
    text = "The moon pulls the sea twice a day[citation:1]."

    assert only_supported(text, supports_of(text, [TIDES]), "en") == (text, ())


def test_when_nothing_is_left_the_answer_says_so() -> None:
    text, removed = only_supported(
        "Bread is baked[citation:1].", supports_of("Bread is baked[citation:1].", [TIDES]), "en"
    )

    assert text == "No sentence of the answer is supported by the pages that were read."
    assert removed[0].before == "Bread is baked[citation:1]."
