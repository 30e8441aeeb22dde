"""The judge on a small fixed set, and on faults planted into it: a drop fails. Figures: docs/evaluation.md."""

import pytest

from tests.evals.support.build_gate import GATE
from tests.evals.support.faults import rates
from tests.evals.support.figures import auc, balanced
from tests.evals.support.rows import rows
from tests.evals.support.run import Outcome, figures, judged

pytestmark = [pytest.mark.xdist_group("support_gate")]


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [judged(row) for row in rows(GATE)]


@pytest.mark.parametrize(("language", "least"), [("zh", 0.83), ("en", 0.72)])
def test_the_score_keeps_its_order_and_stays_above_plain_overlap(
    outcomes: list[Outcome], language: str, least: float
) -> None:
    found = figures([one for one in outcomes if one.language == language])

    assert found["auc"] >= least
    assert found["auc"] > found["plain"]


@pytest.fixture(scope="module")
def counted() -> dict[str, tuple[int, int]]:
    return rates(list(rows(GATE)), answers=210)


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        ("numbers", 0.95),
        ("units", 0.95),
        ("citations", 0.95),
        ("invented sources", 1.0),
        ("names", 0.7),
        ("negations", 0.8),
        ("distortions", 0.8),
    ],
)
def test_planted_faults_are_caught(counted: dict[str, tuple[int, int]], kind: str, least: float) -> None:
    caught, planted = counted[kind]

    assert planted >= 20
    assert caught >= least * planted


def test_sentences_of_the_page_raise_no_alarm(counted: dict[str, tuple[int, int]]) -> None:
    alarms, answers = counted["untouched"]

    assert answers >= 50
    assert alarms <= 0.02 * answers


def test_figures_of_a_known_order() -> None:
    assert auc([True, True, False, False], [0.9, 0.4, 0.4, 0.1]) == 0.875
    assert balanced([True, True, False], [1.0, 0.0, 0.0]) == 0.75
