import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.library_passages import MAX_PASSAGE_CHARACTERS, MIN_PASSAGE_CHARACTERS, passages

LONGEST = MAX_PASSAGE_CHARACTERS + MIN_PASSAGE_CHARACTERS


def test_a_section_is_a_passage_under_its_headings() -> None:
    words = "Some words about it. " * 20
    text = f"# Book\n\n{words}\n\n## One\n\n{words}\n\n### Deep\n\n{words}\n\n## Two\n\n{words}"
    assert [passage.headings for passage in passages(text)] == [
        ("Book",),
        ("Book", "One"),
        ("Book", "One", "Deep"),
        ("Book", "Two"),
    ]


def test_a_caption_opens_no_section() -> None:
    words = "Some words about it. " * 20
    text = f"# Book\n\n## One\n\n{words}\n\n**Table 1**\n\n{words}\n\n### Deep\n\n{words}"
    assert passages(text)[-1].headings == ("Book", "One", "Deep")


def test_short_sections_share_a_passage() -> None:
    text = "\n\n".join(f"## Part {number}\n\nA few words." for number in range(8))
    assert len(passages(text)) == 1


@pytest.mark.parametrize("unit", ["字", "A sentence. ", "| a | b |\n", "- item\n", "x\n", "word " * 3000 + "\n\n"])
def test_no_passage_is_longer_than_the_bound(unit: str) -> None:
    text = (unit * 20_000)[:20_000]
    assert all(passage.end - passage.start <= LONGEST for passage in passages(text))


@given(st.text(alphabet="aZ。. \n#*-|`1字", max_size=4_000))
def test_passages_follow_one_another_and_lose_no_word(text: str) -> None:
    found = passages(text)
    ends = [0, *(passage.end for passage in found)]
    assert all(end <= passage.start < passage.end for end, passage in zip(ends, found, strict=False))
    kept = "".join(text[passage.start : passage.end] for passage in found)
    assert [letter for letter in kept if letter in "aZ字"] == [letter for letter in text if letter in "aZ字"] or (
        "`" in text
    ), "only the line of a fence may be left out"
