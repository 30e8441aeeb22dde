"""Numbers, dates and measures are one when they have one value, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.numbers import english_value, han_value, missing, quantities, without_measures

SAME = [
    ("1361万人", "13.61 million people"),
    ("一千三百六十一万", "13,610,000"),
    ("1.2亿", "120 million"),
    ("３０％", "30 percent"),
    ("百分之七十", "70%"),
    ("2017年7月21日", "July 21, 2017"),
    ("2017-07-21", "21 July 2017"),
    ("21/07/2017", "July 21, 2017"),
    ("二〇二一年十月一日", "October 1, 2021"),
    ("5 km", "5,000 米"),
    ("3 miles", "4.8 km"),
    ("104亿美元", "$10.4 billion"),
    ("两百五十", "two hundred and fifty"),
    ("twenty-one days", "3 weeks"),
    ("about 1.2 million", "1,195,000"),
    ("10.9", "10.94"),
    ("version 3.5.1", "3.5.1"),
    ("10:30", "at 10:30"),
    ("三分之一", "1分之3 或 三分之一"),
    ("July 2017", "on July 21, 2017"),
]
OTHER = [
    ("1361万", "161万"),
    ("5 km", "5 miles"),
    ("5 million", "5 billion"),
    ("5万", "5亿"),
    ("$5", "€5"),
    ("30%", "30‰"),
    ("July 21, 2017", "July 1, 2007"),
    ("2017年7月21日", "2017年7月22日"),
    ("3 days", "3 hours"),
    ("3.5.1", "3.5.2"),
    ("7 members", "8 members"),
    ("三个月", "六个月"),
    ("20°C", "20°F"),
    ("0.3 °F", "0.3 to 0.6 °C"),
    ("四周", "四天"),
    ("2米", "两条铁路"),
    ("上百公里", "上百英里"),
]


@pytest.mark.parametrize(("claim", "page"), SAME)
def test_one_value_is_found_in_every_writing(claim: str, page: str) -> None:
    assert missing(quantities(claim), quantities(page)) == ()


@pytest.mark.parametrize(("claim", "page"), OTHER)
def test_another_value_or_unit_is_missing(claim: str, page: str) -> None:
    assert missing(quantities(claim), quantities(page)) != ()


def test_a_word_that_only_looks_like_a_number_need_not_stand_on_the_page() -> None:
    assert missing(quantities("One of them is 十分重要 and 统一, 千万不要忘记"), ()) == ()


@given(st.integers(0, 99_999_999))
def test_chinese_numerals_are_read_back(number: int) -> None:
    assert han_value(written_in_han(number)) == number


def written_in_han(number: int) -> str:
    digits, scales = "零一二三四五六七八九", ((10_000, "万"), (1_000, "千"), (100, "百"), (10, "十"))
    for value, scale in scales:
        if number >= value:
            rest = number % value
            gap = "零" if 0 < rest < value // 10 else ""
            return written_in_han(number // value) + scale + (gap + written_in_han(rest) if rest else "")
    return digits[number]


def test_english_numerals_are_read() -> None:
    assert english_value("three million two hundred and fifty thousand") == 3_250_000


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    found = quantities(text)

    assert missing(found, found) == ()


def test_the_seam_of_two_words_is_no_numeral() -> None:
    assert not [one for one in quantities("秦始皇统一六国后") if 16.0 in one.values]


def test_what_is_said_of_a_measure_is_left_without_it() -> None:
    assert without_measures("隧道全长3.5公里。").replace(" ", "") == without_measures("隧道全长3500米。").replace(
        " ", ""
    )
