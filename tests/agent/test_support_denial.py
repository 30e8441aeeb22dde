"""A denial or an opposite word counts in the clause where it stands, and there alone."""

import pytest

from agent.support_denial import is_flipped
from agent.support_wanted import wanted


def flipped(claim: str, window: str) -> bool:
    want = wanted(claim)
    assert want is not None
    return is_flipped(want, window)


@pytest.mark.parametrize(
    ("claim", "window"),
    [
        ("The drug reduces blood pressure in adults.", "The drug does not reduce blood pressure in adults."),
        ("The drug does not reduce blood pressure.", "Trials show the drug reduces blood pressure."),
        ("Exports of steel increased in 2019.", "Exports of steel decreased in 2019."),
        ("该药物可以降低成人血压。", "该药物不可以降低成人血压。"),
        ("钢铁出口在2019年增加。", "钢铁出口在2019年减少。"),
    ],
)
def test_a_denied_or_opposite_statement_is_flipped(claim: str, window: str) -> None:
    assert flipped(claim, window)


@pytest.mark.parametrize(
    ("claim", "window"),
    [
        (
            "The drug reduces blood pressure in adults.",
            "It is not cheap, but the drug reduces blood pressure in adults.",
        ),
        ("The drug does not reduce blood pressure.", "The drug does not reduce blood pressure, doctors say."),
        ("Exports of steel increased in 2019.", "Exports of steel increased in 2019, while coal decreased."),
        ("即使有投行部，也只是负责投资理财。", "城商行几乎没有投行部，即使有投行部，也只是负责投资理财。"),
    ],
)
def test_a_denial_of_something_else_is_not(claim: str, window: str) -> None:
    assert not flipped(claim, window)
