"""A text that is still being written: finished sentences come out once, in order, as they stand in the end."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.citations import MARKER
from agent.claims import claims_of
from agent.settling import Piece, Settling

EN = [
    "The moon pulls the sea twice a day[citation:1]. ",
    "Spring tides come at full moon.[citation:2][citation:11] ",
    "It is 150.5 million km away, e.g. in July[citation:1]. ",
    "Mr. Smith of the U.S. Navy said so (see Fig. 3). ",
    'He said: "The tides rise."[citation:3] ',
    "Is it **really** so?! ",
    "Use `apt full-upgrade` … then wait. ",
]
ZH = [
    "潮汐由月球引力引起[citation:1]。",
    "满月时出现大潮。[citation:2][citation:3]",
    "**注意**：每天涨潮两次！",
    "他说：“月球如此。”[citation:4]",
]
BLOCKS = [
    "## Tides\n\n",
    "- **Spring tide**: at full moon[citation:1]\n- Neap tide. At half moon[citation:2].\n\n",
    "1. First step[citation:1].\n2. Second step.\n   - nested item[citation:3]\n\n",
    "| Tide | Time |\n|---|---|\n| high | noon[citation:1] |\n| low | six |\n\n",
    "```sh\necho one. Two.\n\necho [citation:9]\n```\n\n",
    "> Quoted words stand here[citation:2].\n\n",
    "一、原因\n\n",
    "***\n\n",
]


@st.composite
def answers(draw: st.DrawFn) -> str:
    def paragraph() -> str:
        kind = draw(st.sampled_from([EN, ZH]))
        return "".join(draw(st.lists(st.sampled_from(kind), min_size=1, max_size=4))).rstrip(" ") + "\n\n"

    return "".join(paragraph() if draw(st.booleans()) else draw(st.sampled_from(BLOCKS)) for _ in range(4))


def cut(text: str, seed: int) -> list[str]:
    """The prefixes of a stream that was cut anywhere but inside of a marker: the citation reader gives these whole."""
    chance = random.Random(seed)
    inside = {at for match in MARKER.finditer(text) for at in range(match.start() + 1, match.end())}
    places = sorted({chance.randrange(len(text) + 1) for _ in range(chance.choice((0, 3, 20, len(text))))})
    return [text[:place] for place in places if place not in inside]


def settled(text: str, prefixes: list[str]) -> list[Piece]:
    settling = Settling()
    found = [piece for prefix in prefixes for piece in settling.pieces(prefix)]
    return [*found, *settling.pieces(text, whole=True)]


@given(answers(), st.integers())
def test_however_a_text_is_cut_its_sentences_are_those_of_the_whole(text: str, seed: int) -> None:
    pieces = settled(text, cut(text, seed))

    assert [piece.claim for piece in pieces if piece.claim] == list(claims_of(text))
    assert "".join(text[piece.start : piece.end] for piece in pieces) == text


@example("First. Second one\n---\nThird.", 1)
@example("**a**\n**b**\nprose", 3)
@example("```\n\nx", 2)
@given(
    st.text(alphabet=st.sampled_from('aB1.。!?，“”"*_`#|-=>[]():~ \n\t月citation:1')) | st.text(max_size=60),
    st.integers(),
)
def test_of_any_text_every_character_comes_out_once_and_in_its_place(text: str, seed: int) -> None:
    pieces = settled(text, cut(text, seed))

    assert "".join(text[piece.start : piece.end] for piece in pieces) == text
    assert [piece.end for piece in pieces[:-1]] == [piece.start for piece in pieces[1:]]
    for piece in pieces:
        assert piece.start < piece.end
        assert piece.claim is None or piece.start <= piece.claim.start < piece.claim.end <= piece.end


@pytest.mark.parametrize(
    ("so_far", "finished"),
    [
        ("The moon pulls the sea. ", ""),
        ("The moon pulls the sea[citation:1]. The ", "The moon pulls the sea[citation:1]. "),
        ("The moon pulls the sea. Th", ""),
        ("About 3.", ""),
        ("潮汐由月球引起[citation:1]。满", "潮汐由月球引起[citation:1]。"),
        ("潮汐由月球引起。", ""),
        ("One line\n\n- ", "One line\n\n"),
        ("One line\n\n[", ""),
        ("- one item\n- two", ""),
        ("- one item\n- two\n", "- one item\n"),
        ("```\ncode\n\nmore", ""),
    ],
)
def test_a_sentence_is_finished_when_the_next_one_has_begun(so_far: str, finished: str) -> None:
    assert "".join(so_far[piece.start : piece.end] for piece in Settling().pieces(so_far)) == finished


def test_nothing_is_given_twice_and_an_empty_text_gives_nothing() -> None:
    settling = Settling()
    assert settling.pieces("", whole=True) == []
    assert len(settling.pieces("One thing. Two things. Three")) == 1
    assert settling.pieces("One thing. Two things. Three") == []
    assert [piece.start for piece in settling.pieces("One thing. Two things. Three", whole=True)] == [11, 23]
