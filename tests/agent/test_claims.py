"""An answer is cut into claims, and each marker belongs to the claim before it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.claims import citations_of, claims_of


def pairs(text: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(claim.text, claim.numbers) for claim in claims_of(text)]


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("A is one[citation:1]. B is two[citation:2][citation:3].", [("A is one.", (1,)), ("B is two.", (2, 3))]),
        ("A is one.[citation:1] B is two.", [("A is one.", (1,)), ("B is two.", ())]),
        ("The moon[citation:1] pulls the sea.", [("The moon pulls the sea.", (1,))]),
        (
            "月球引力[citation:1]。满月大潮。[citation:2]完。",
            [("月球引力。", (1,)), ("满月大潮。", (2,)), ("完。", ())],
        ),
        ("- one[citation:1]\n- two[citation:2]", [("one", (1,)), ("two", (2,))]),
        ("One.[citation:1][citation:1]", [("One.", (1,))]),
        ("[citation:1] First.", [("First.", (1,))]),
    ],
)
def test_markers_belong_to_the_claim_before_them(text: str, claims: list[tuple[str, tuple[int, ...]]]) -> None:
    assert pairs(text) == claims


@given(st.lists(st.sampled_from(["A b. ", "中文。", "[citation:1]", "[citation:2]", "\n", "- x\n", "# H\n", "```\n"])))
@settings(max_examples=300, deadline=None)
def test_offsets_point_at_the_claim_in_the_answer_and_no_marker_is_lost(parts: list[str]) -> None:
    text = "".join(parts)
    for claim in claims_of(text):
        inside = text[claim.start : claim.end].replace("[citation:1]", "").replace("[citation:2]", "")
        assert inside == claim.text
    cited = {number for claim in claims_of(text) for number in claim.numbers}
    if claims_of(text):
        assert cited == {citation.number for citation in citations_of(text)}


def test_text_without_a_claim_has_none() -> None:
    assert claims_of("[citation:1]") == ()
    assert claims_of("") == ()
