"""Reasoning and answer come apart, however the text is cut."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.thinking import ThinkTags

WORDS = ["<", "think", "/think", ">", "<think>", "</think>", "a", "。", "\n", " ", "`"]
contents = st.lists(st.sampled_from(WORDS), max_size=14).map("".join)
cuts = st.lists(st.integers(1, 80), max_size=14)


def split(content: str, places: list[int], inside: bool = False) -> tuple[str, str, ThinkTags]:
    tags = ThinkTags(inside)
    ends = [0, *sorted(place for place in set(places) if place < len(content)), len(content)]
    pieces = [tags.split(content[start:stop]) for start, stop in pairwise(ends)] + [tags.end()]
    return "".join(piece[0] for piece in pieces), "".join(piece[1] for piece in pieces), tags


@given(contents, cuts, st.booleans())
@example("<think>a</think>\n\nb", [1, 3, 9, 15], False)
def test_any_cut_gives_the_same_as_the_uncut_text(content: str, places: list[int], inside: bool) -> None:
    whole, cut = split(content, [], inside), split(content, places, inside)
    assert cut[:2] == whole[:2]
    assert (cut[2].closed, cut[2].stray) == (whole[2].closed, whole[2].stray)


@given(contents.map(lambda text: text.replace("</think>", "")), cuts)
def test_what_stands_between_the_tags_never_reaches_the_text(thought: str, places: list[int]) -> None:
    thinking, text, tags = split(f"<think>§{thought}§</think>\n\nAnswer.", places)
    assert text == "\n\nAnswer."
    assert "§" in thinking
    assert tags.closed
    assert not tags.stray


@given(contents.map(lambda text: text.replace("think>", "")), cuts)
def test_text_without_tags_passes_unchanged(content: str, places: list[int]) -> None:
    assert split(content, places)[:2] == ("", content)


@pytest.mark.parametrize(
    ("content", "thinking", "text"),
    [
        ("Use `<think>` and `</think>`.", "", "Use `<think>` and `</think>`."),
        ("One.\n<think>two</think>\nThree.", "two", "One.\n\nThree."),
        ("  <think>two</think>Three.", "two", "  Three."),
        ("<think>open", "open", ""),
        ("<think></think>", "", ""),
    ],
)
def test_tags_open_only_at_the_start_of_a_line(content: str, thinking: str, text: str) -> None:
    assert split(content, [])[:2] == (thinking, text)


def test_a_closing_tag_that_nothing_opened_is_noted() -> None:
    assert split("thought\n</think>\nAnswer.", [])[2].stray
    assert not split("thought\n</think>\nAnswer.", [], inside=True)[2].stray
    assert not split("<think>\n</think>\nAnswer.\n</think>\n", [])[2].stray
