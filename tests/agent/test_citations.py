"""Citations are found however the stream is cut, and nothing but citations."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.citations import MARKER, CitationReader

TEXT = (
    "The moon [citation:1] pulls [sic] the sea[citation:2][citation: 3], twice【citation:1】a day［citation：２］.\n"
    "Both [citation:1,3] and [citation:1, citation:2] and [webpage 3]; none [citation:9], [citation:0], [citation:].\n"
    "```python\nx = a[citation:1]\n```\nRange [citation:1-3]. 月球［ｃｉｔａｔｉｏｎ：３］引力。"
    "[[citation:2]] 【citation:1、2】[cit"
)
PAGES = 3


def read(pieces: list[str], pages: int = PAGES) -> tuple[list[str | int], int]:
    reader = CitationReader(pages)
    found = [part for piece in pieces for part in reader.feed(piece)] + reader.close()
    merged: list[str | int] = []
    for part in found:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return merged, reader.dropped


def shown(text: str, pages: int = PAGES) -> str:
    return "".join(f"<{part}>" if isinstance(part, int) else part for part in read([text], pages)[0])


@given(cuts=st.sets(st.integers(0, len(TEXT)), max_size=60))
@settings(max_examples=1000, deadline=None)
def test_any_cut_of_the_stream_gives_the_pieces_of_the_uncut_answer(cuts: set[int]) -> None:
    places = [0, *sorted(cuts), len(TEXT)]
    pieces = [TEXT[start:end] for start, end in pairwise(places)]

    assert read(pieces) == read([TEXT])


def test_one_character_at_a_time_gives_the_same_too() -> None:
    assert read(list(TEXT)) == read([TEXT])


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("a[citation:3]", "a<3>"),
        ("a[citation:3][citation:1]", "a<3><1>"),
        ("a[citation:3,1]", "a<3><1>"),
        ("a[citation: 3]", "a<3>"),
        ("a[Citation:3]", "a<3>"),
        ("a［citation：３］", "a<3>"),
        ("a【citation:3】", "a<3>"),
        ("a[webpage 3]", "a<3>"),
        ("a[citation:1、2]", "a<1><2>"),
        ("a[citation:1-3]", "a<1><2><3>"),
        ("a[citation:1] and [citation 2]", "a<1> and <2>"),
        ("a[[citation:2]]", "a[<2>]"),
        ("a[sic]", "a[sic]"),
        ("a[citation needed]", "a[citation needed]"),
        ("x[1] = y[2]", "x[1] = y[2]"),
        ("a[webpage 1 begin]", "a[webpage 1 begin]"),
        ("a[citation:1", "a[citation:1"),
        ("a[cita[citation:1]", "a[cita<1>"),
    ],
)
def test_what_is_a_marker_and_what_is_not(written: str, means: str) -> None:
    assert shown(written) == means


@pytest.mark.parametrize("written", ["[citation:4]", "[citation:0]", "[citation:99999999999]", "[citation:]"])
def test_a_number_that_no_page_has_is_dropped_and_counted(written: str) -> None:
    assert read([f"a{written}b"]) == (["ab"], 1)


def test_the_valid_half_of_a_marker_stays() -> None:
    assert read(["a[citation:2,7]"]) == (["a", 2], 1)


@pytest.mark.parametrize("fence", ["```", "~~~", "````", "  ```"])
def test_code_blocks_are_left_alone(fence: str) -> None:
    code = f"{fence}\nlist[citation:1]\n{fence}\n"

    assert shown(f"{code}after[citation:1]") == f"{code}after<1>"


def test_a_shorter_fence_does_not_close_a_longer_one() -> None:
    assert shown("````\n```\n[citation:1]\n````\n[citation:1]") == "````\n```\n[citation:1]\n````\n<1>"


def test_three_backticks_within_one_line_are_no_block() -> None:
    assert shown("```x``` [citation:1]\n[citation:2]") == "```x``` <1>\n<2>"


def test_plain_text_is_never_held_back() -> None:
    assert CitationReader(3).feed("The moon [sic]") == ["The moon [sic]"]


@given(st.text(alphabet="[]【】［］citaonwebpg :：,1239０\n`~-", max_size=200))
@settings(max_examples=500, deadline=None)
def test_what_is_held_back_is_at_most_one_unfinished_marker(text: str) -> None:
    reader = CitationReader(3)
    out = "".join(part if isinstance(part, str) else f"[citation:{part}]" for part in reader.feed(text))
    held = "".join(str(part) for part in reader.close())

    assert len(held) <= 80
    assert held == "" or held[0] in "[［【〔"
    assert all(1 <= int(number) <= 3 for number in MARKER.findall(out) if "`" not in text and "~" not in text)
