"""A page that says it supports; a page that does not, does not; the quote is the page's own."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.support import supports_of
from tools.page import Webpage

MOON = Webpage(
    "https://a.example/moon",
    "Moon",
    "The moon orbits the earth in 27.3 days. It was first visited by people in 1969. Its radius is 1,737 km.",
)
YUE = Webpage("https://b.example/yue", "月球", "月球绕地球一周需要27.3天。1969年人类首次登月。月球半径为1737公里。")


@pytest.mark.parametrize(
    ("text", "page", "verdict"),
    [
        ("People first visited the moon in 1969[citation:1].", MOON, "supported"),
        ("The moon needs 27.3 days to orbit the earth[citation:1].", MOON, "supported"),
        ("Sourdough bread is baked at high heat[citation:1].", MOON, "unsupported"),
        ("人类在1969年首次登月[citation:1]。", YUE, "supported"),
        ("面包在高温下烘焙[citation:1]。", YUE, "unsupported"),
    ],
)
def test_verdicts(text: str, page: Webpage, verdict: str) -> None:
    (support,) = supports_of(text, [page])

    assert support.verdict == verdict


def test_a_wrong_number_costs_the_verdict() -> None:
    right, wrong = supports_of("Its radius is 1,737 km[citation:1]. Its radius is 2,400 km[citation:1].", [MOON])

    assert right.verdict == "supported"
    assert wrong.score < right.score
    assert wrong.verdict != "supported"


def test_code_is_unavailable_and_never_unsupported() -> None:
    (support,) = supports_of("```\nls -l[citation:1]\n```", [MOON]) or (None,)

    assert support is None or support.verdict == "unavailable"


@given(st.text(alphabet="moon earth 月球1969. 。\n-", max_size=120))
@settings(max_examples=200, deadline=None)
def test_every_quote_stands_on_its_page_where_it_says(text: str) -> None:
    for support in supports_of(text + "[citation:1]", [MOON]):
        assert MOON.text[support.quote_start : support.quote_end] == support.quote
        assert 0 <= support.score <= 1
