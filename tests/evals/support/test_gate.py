"""The judge on a small fixed set, and on faults planted into it: a drop fails. Figures: docs/evaluation.md."""

import pytest

from tests.evals.support import second_faults
from tests.evals.support.build_gate import GATE
from tests.evals.support.faults import Tally, rates
from tests.evals.support.figures import auc, balanced
from tests.evals.support.rows import rows
from tests.evals.support.run import Outcome, figures, judged

pytestmark = [pytest.mark.xdist_group("support_gate")]


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [judged(row) for row in rows(GATE)]


@pytest.mark.parametrize(("language", "least"), [("zh", 0.89), ("en", 0.87)])
def test_the_score_keeps_its_order_and_stays_above_plain_overlap(
    outcomes: list[Outcome], language: str, least: float
) -> None:
    found = figures([one for one in outcomes if one.language == language])

    assert found["auc"] >= least
    assert found["auc"] > found["plain"]


@pytest.mark.parametrize(("language", "least"), [("zh", 0.82), ("en", 0.7)])
def test_the_verdict_keeps_its_balanced_accuracy(outcomes: list[Outcome], language: str, least: float) -> None:
    assert figures([one for one in outcomes if one.language == language])["balanced"] >= least


@pytest.fixture(scope="module")
def counted() -> dict[str, Tally]:
    return rates(list(rows(GATE)), answers=210)


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        ("numbers", 0.96),
        ("units", 0.96),
        ("citations", 0.95),
        ("invented sources", 1.0),
        ("names", 0.83),
        ("negations", 0.83),
        ("distortions", 0.83),
    ],
)
def test_planted_faults_are_caught(counted: dict[str, Tally], kind: str, least: float) -> None:
    tally = counted[kind]

    assert tally.answers >= 20
    assert tally.caught >= least * tally.answers


def test_sentences_of_the_page_raise_no_alarm(counted: dict[str, Tally]) -> None:
    tally = counted["untouched"]

    assert tally.answers >= 50
    assert tally.caught <= 0.02 * tally.answers


def test_right_sentences_in_other_words_seldom_raise_an_alarm(counted: dict[str, Tally]) -> None:
    tally = counted["untouched, reworded"]

    assert tally.answers >= 50
    assert tally.alarms <= 0.05 * tally.answers
    assert tally.partial <= 0.15 * tally.answers


def test_figures_of_a_known_order() -> None:
    assert auc([True, True, False, False], [0.9, 0.4, 0.4, 0.1]) == 0.875
    assert balanced([True, True, False], [1.0, 0.0, 0.0]) == 0.75


@pytest.fixture(scope="module")
def second() -> dict[str, tuple[int, int]]:
    return second_faults.shares(second_faults.rates())


def test_faults_by_other_rules_are_caught(second: dict[str, tuple[int, int]]) -> None:
    caught, planted = second["faults"]

    assert planted == 300
    assert caught >= 0.95 * planted


def test_right_sentences_with_other_units_notations_and_rounding_raise_no_alarm(
    second: dict[str, tuple[int, int]],
) -> None:
    (alarms, answers), (partial, _) = second["alarms"], second["partial"]

    assert answers >= 150
    assert alarms <= 0.02 * answers
    assert partial <= 0.05 * answers
