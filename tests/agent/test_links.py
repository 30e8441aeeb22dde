"""Links to the quoted words, as browsers read text fragments."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.links import text_link

URL = "https://a.example/tides?x=1"
TEXT = "The moon pulls. It is far, well-known & big. The moon pulls. 潮汐由月球引力引起。"


def link(quote: str, text: str = TEXT, url: str = URL, start: int | None = None) -> str:
    at = text.index(quote) if start is None else start
    return text_link(url, text, at, at + len(quote))


def test_what_means_something_in_a_fragment_is_encoded() -> None:
    assert link("It is far, well-known & big.") == f"{URL}#:~:text=It%20is%20far%2C%20well%2Dknown%20%26%20big."


def test_chinese_is_percent_encoded_utf_8() -> None:
    assert link("潮汐") == f"{URL}#:~:text=%E6%BD%AE%E6%B1%90"


def test_a_quote_that_stands_twice_is_told_apart_by_the_words_beside_it() -> None:
    assert link("The moon pulls.") == f"{URL}#:~:text=The%20moon%20pulls.,-It%20is%20far%2C%20well%2Dknown%20%26"
    second = TEXT.rindex("The moon")
    assert unquote(link("The moon pulls.", start=second)).endswith(
        "#:~:text=far, well-known & big.-,The moon pulls.,-潮汐由月球引力引起。"
    )


def test_a_long_quote_is_given_by_its_ends_in_whole_words() -> None:
    long = " ".join(f"word{n}" for n in range(60))
    start, end = unquote(link(long, long)).partition("text=")[2].split(",")

    assert (long.startswith(start + " "), long.endswith(" " + end)) == (True, True)


def test_a_quote_over_two_paragraphs_is_a_range_from_one_to_the_other() -> None:
    text = "Tides are high.\n\n- They come **twice** a day, see [here](https://x.example/)."

    assert unquote(link(text, text)).endswith("text=Tides are high.,They come twice a day, see here.")


def test_a_fragment_of_the_address_itself_gives_way() -> None:
    assert link("潮汐", url=f"{URL}#top") == f"{URL}#:~:text=%E6%BD%AE%E6%B1%90"


@pytest.mark.parametrize("url", ["library:debian/x.html", "file:notes.md", "javascript:alert(1)", "data:text/html,x"])
def test_only_pages_of_the_web_are_linked(url: str) -> None:
    assert link("潮汐", url=url) == ""


@given(st.text(min_size=1, max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_any_text_gives_an_address_in_plain_ascii_without_a_space(text: str, start: int, length: int) -> None:
    made = text_link(URL, text, start, start + length)

    assert made.startswith(URL)
    assert made.isascii()
    assert made.isprintable()
    assert " " not in made
