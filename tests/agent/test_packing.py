"""What is shown is what matters, within the budget, in the order of the page."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.packing import pack
from tools.page import Webpage

FILLER = "Nothing of interest stands in this paragraph, which talks about gardens and weather at some length. " * 6
DEEP = Webpage(
    "https://a.example/deep", "Long", f"{FILLER}\n\n" * 20 + "Spring tides come at full moon.\n\n" + FILLER * 3
)
SHORT = Webpage("https://b.example/short", "Short", "The moon pulls the sea; tides follow.")


def words(text: str) -> int:
    return len(text.split())


def test_a_page_is_cut_to_its_passages_that_matter_and_not_to_its_beginning() -> None:
    (shown,) = pack("When do spring tides come?", [DEEP], 200, words)

    assert "Spring tides come at full moon." in shown.text
    assert not shown.whole
    assert words(shown.text) <= 220


def test_what_fits_is_shown_whole_and_unchanged() -> None:
    (shown,) = pack("tides", [SHORT], 1000, words)

    assert shown.whole
    assert shown.text == SHORT.text


def test_the_page_that_bears_on_the_question_comes_first() -> None:
    other = Webpage("https://c.example/", "Gardens", FILLER)

    assert [s.page for s in pack("Why are there tides?", [other, SHORT], 1000, words)] == [SHORT, other]


def test_every_page_gets_its_best_passage_before_any_gets_a_second() -> None:
    pages = [DEEP, SHORT]

    assert {s.page for s in pack("spring tides full moon", pages, 250, words)} == set(pages)


def test_without_any_room_nothing_is_shown() -> None:
    assert pack("tides", [SHORT], 0, words) == ()


@given(
    st.lists(st.text(alphabet="ab 潮汐。\n.", min_size=1, max_size=3000), min_size=1, max_size=5),
    st.integers(0, 600),
)
@settings(max_examples=60, deadline=None)
def test_the_budget_holds_for_any_pages(texts: list[str], budget: int) -> None:
    pages = [Webpage(f"https://a.example/{n}", "", text) for n, text in enumerate(texts) if text.strip()]
    shown = pack("潮汐 ab", pages, budget, len)

    gaps = sum(s.text.count("……") for s in shown) * 5
    assert sum(len(s.text) for s in shown) <= budget + gaps + 2 * len(shown)
    assert len({s.page.url for s in shown}) == len(shown)
