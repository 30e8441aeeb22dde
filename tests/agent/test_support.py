"""A page that says it supports; a page that does not, does not; the quote is the page's own."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.claims import Claim
from agent.support import Judge, supports_of
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


DOCS = Webpage(
    "https://c.example/docs",
    "Upgrading",
    "# Upgrading\n\nRun **apt full-upgrade** as [root](https://c.example/r),\nand read the *release notes* first.\n\n"
    "- Back up `/etc` before you start.\n- Never interrupt `dpkg`.\n\n| Release | Year | Packages |\n|---|---|---|\n"
    "| bookworm | 2023 | 64,419 |\n\n```\napt update\napt full-upgrade\n```\n",
)


@pytest.mark.parametrize(
    "text",
    [
        "Run apt full-upgrade as root, and read the release notes first[citation:1].",
        "- Back up /etc before you start.[citation:1]",
        "- Back  up   `/etc` before you start[citation:1]",
        "| bookworm | 2023 | 64,419 |[citation:1]",
        "bookworm | 2023 | 64,419[citation:1]",
        "```\napt update\napt full-upgrade\n```\n[citation:1]",
    ],
)
def test_the_page_s_own_words_support_whatever_marks_stand_around_them(text: str) -> None:
    (support,) = supports_of(text, [DOCS])

    assert (support.verdict, support.score) == ("supported", 1.0)
    assert DOCS.text[support.quote_start : support.quote_end] == support.quote


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("The moon does not orbit the earth in 27.3 days[citation:1].", MOON),
        ("The moon orbits the earth in 27.3 hours[citation:1].", MOON),
        ("The moon orbits the earth in 29.3 days[citation:1].", MOON),
        ("The moon orbits the earth in 273 days[citation:1].", MOON),
        ("Saturn orbits the earth in 27.3 days[citation:1].", MOON),
        ("It was last visited by people in 1969[citation:1].", MOON),
        ("月球半径为1737米[citation:1]。", YUE),
        ("月球绕地球一周需要29.3天[citation:1]。", YUE),
        ("1969年人类没有首次登月[citation:1]。", YUE),
        ("- Always interrupt `dpkg`.[citation:1]", DOCS),
    ],
)
def test_a_changed_number_unit_name_or_denial_is_never_supported(text: str, page: Webpage) -> None:
    (support,) = supports_of(text, [page])

    assert support.verdict != "supported"


@pytest.mark.parametrize(
    "text", ["The moon's radius is 2,400 km[citation:1].", "Its radius is 1,737 miles[citation:1]."]
)
def test_another_number_where_all_else_agrees_contradicts(text: str) -> None:
    (support,) = supports_of(text, [MOON])

    assert support.verdict == "contradicted"
    assert "1,737 km" in support.quote


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("The moon's radius is 1737 kilometres[citation:1].", MOON),
        ("月球的半径是1,737公里[citation:1]。", YUE),
        ("月球的半徑為1737公里[citation:1]。", YUE),
        ("人类于一九六九年首次登月[citation:1]。", YUE),
        ("１９６９年人类首次登月[citation:1]。", YUE),
    ],
)
def test_numbers_and_characters_are_compared_by_value(text: str, page: Webpage) -> None:
    (support,) = supports_of(text, [page])

    assert support.verdict == "supported"


def test_an_invented_source_is_unavailable_and_no_crash() -> None:
    first, second = supports_of("People first visited the moon in 1969[citation:1][citation:7].", [MOON])

    assert (first.verdict, second.verdict) == ("supported", "unavailable")


def test_a_quote_is_short_even_on_a_page_without_full_stops() -> None:
    page = Webpage(
        "https://d.example", "", "navigation menu item " * 3_000 + "the moon is 4.5 billion years old " + "x " * 900
    )
    (support,) = supports_of("The moon is 4.5 billion years old[citation:1].", [page])

    assert support.verdict == "supported"
    assert "billion" in support.quote
    assert len(support.quote) <= 600


BAD = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "[citation:1]",
            "[citation:2]",
            "[citation:99]",
            "```\nx = 1\n```\n",
            "| a | 1 |\n|---|---|\n",
            "$$\\frac{1}{2}$$",
            "月球 radius １７３７ km。",
            "- item\n",
            "# heading\n",
            "not 不 没有 never ",
            "\u202è",
            "第三届百分之一万亿",
            "?？",
        ]
    ),
)


@given(st.lists(BAD, max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_answer_is_judged_or_unavailable(pieces: list[str]) -> None:
    pages = [MOON, YUE]
    for support in supports_of("".join(pieces), pages):
        assert support.verdict in ("supported", "partial", "unsupported", "contradicted", "unavailable")
        if support.quote:
            text = pages[support.number - 1].text
            assert text[support.quote_start : support.quote_end] == support.quote


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"[citation:{number % 3 + 1}]" for number in range(500)),
        "People visited the moon" + "".join(f"[citation:{number % 3 + 1}]" for number in range(500)) + ".",
        "The moon orbits the earth in 27.3 days[citation:1]. " * 500,
        "moon " * 20_000 + "[citation:1]",
        "月" * 100_000 + "[citation:2]",
        "1" * 100_000 + "[citation:1]",
        "不没有" * 30_000 + "[citation:2]。",
        "一千万亿" * 25_000 + "[citation:2]。",
        "? a " * 900 + "[citation:1]",
        "Aa " * 1_300 + "[citation:1]",
    ],
    ids=[
        "only markers",
        "500 markers",
        "500 claims",
        "words",
        "one character",
        "digits",
        "denials",
        "numerals",
        "?",
        "A",
    ],
)
@pytest.mark.timeout(20)
def test_long_answers_are_judged_in_linear_time(text: str) -> None:
    supports = supports_of(text, [MOON, YUE])

    assert all(support.number > 2 for support in supports if support.verdict == "unavailable" and len(text) < 3_900)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Who designed the tower? Gustave Eiffel", "Who designed the tower? Stephen Sauvestre"),
        ("When was the tower opened? 1889", "When was the tower opened? 1964"),
    ],
)
def test_a_short_answer_must_stand_where_its_question_does(right: str, wrong: str) -> None:
    page = Webpage(
        "https://e.example",
        "",
        "The tower was designed by the company of Gustave Eiffel. The tower was opened in 1889. "
        "Stephen Sauvestre painted the arches. Since 1964 it is a monument.",
    )
    judge = Judge([page])
    yes, no = (judge.judge(Claim(text, 0, len(text), (1,)), 1) for text in (right, wrong))

    assert yes.verdict == "supported"
    assert no.score < yes.score
    assert no.verdict != "supported"


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("Moreover, people first visited the moon in 1969[citation:1].", MOON),
        ("Among its features, its radius is 1,737 km[citation:1].", MOON),
        ("此外，人类于1969年首次登月[citation:1]。", YUE),
        ("半径: 月球半径为1737公里[citation:1]。", YUE),
    ],
)
def test_words_that_tie_a_sentence_to_others_cost_nothing(text: str, page: Webpage) -> None:
    (support,) = supports_of(text, [page])

    assert support.verdict == "supported"


SEVERAL = Webpage(
    "https://e.example/several",
    "",
    "In 1987 the Alvar ferry sold 350 tickets and 20 passes a day. Shops were shut. Many visitors left. It rained. "
    "In 1993 the owner of the Torvik ferry said that he sold 480 tickets and 30 passes a day.",
)


@pytest.mark.parametrize(
    ("tickets", "verdicts"), [(480, ("supported",)), (460, ("partial", "unsupported", "contradicted"))]
)
def test_a_sentence_may_gather_numbers_from_several_places(tickets: int, verdicts: tuple[str, ...]) -> None:
    text = f"The Alvar ferry sold 350 tickets a day in 1987, and the Torvik ferry sold {tickets} tickets a day in 1993"
    (support,) = supports_of(f"{text}[citation:1].", [SEVERAL])

    assert support.verdict in verdicts


@pytest.mark.parametrize(("name", "supported"), [("埃琳娜·科瓦奇", True), ("阿德里安·莫雷蒂", False)])
def test_a_foreign_name_in_chinese_must_stand_on_the_page(name: str, supported: bool) -> None:
    page = Webpage(
        "https://h.example/", "", "该桥由工程师埃琳娜·科瓦奇设计，全长三百米，连接河流两岸的老城区和新城区。"
    )
    (support,) = supports_of(f"连接河流两岸老城区和新城区的桥是由工程师{name}设计的[citation:1]。", [page])

    assert (support.verdict == "supported") is supported


@pytest.mark.parametrize(
    ("denying", "page"),
    [
        (
            "其次，该品牌的电脑并没有在海外市场取得成功，特别是在疫情期间，居家学习使教育需求大增，销量创下新高",
            "疫情期间，居家学习使教育需求大增。该品牌的电脑在海外市场取得成功，销量创下新高。",
        ),
        (
            "The new ferry does not run in winter, and it carries cars and lorries between the two islands",
            "The new ferry carries cars and lorries between the two islands. It runs in winter and in summer alike.",
        ),
    ],
)
def test_a_denial_that_the_page_does_not_hold_is_never_supported(denying: str, page: str) -> None:
    affirming = denying.replace("并没有", "").replace("does not run", "runs")
    supports = supports_of(
        f"{affirming}[citation:1]\n\n{denying}[citation:1]", [Webpage("https://f.example/", "", page)]
    )

    assert [support.verdict == "supported" for support in supports] == [True, False]


def test_chinese_letters_in_the_order_of_the_page_count_for_more() -> None:
    page = Webpage("https://g.example/", "", "春天的时候村民们在山坡上种下茶树，秋天采摘的茶叶卖到省城。")
    ordered, scattered = supports_of(
        "春天村民们在山坡上种下茶树[citation:1]。\n\n茶树山坡种下，村民们春天的茶叶[citation:1]。", [page]
    )

    assert ordered.score > scattered.score


def test_a_short_name_in_the_place_of_a_long_one_is_never_supported() -> None:
    page = Webpage(
        "https://i.example/",
        "",
        "西班牙人将之改名为圣马特奥要塞，随着法国人被驱逐，该城作为半岛上最重要的定居点的地位得到巩固。",
    )
    text = page.text.replace("圣马特奥要塞", "沈括")
    (support,) = supports_of(f"{text[:-1]}[citation:1]。", [page])

    assert support.verdict != "supported"
