"""Means over questions, their intervals, pass@1 and the majority vote."""

import pytest

from tests.workers.evaluation.records import record
from workers.evaluation import figures
from workers.evaluation.figures import MEASURES


def test_each_question_has_one_voice_however_many_samples_it_has() -> None:
    records = [record("a", at) for at in range(9)] + [record("b", grade="incorrect")]

    found = figures.estimate(records, MEASURES["correct"])

    assert found is not None
    assert (found.mean, found.count) == (0.5, 2)
    assert found.low <= 0.5 <= found.high


def test_the_interval_of_many_questions_is_narrower_and_holds_the_mean() -> None:
    few, many = figures.interval([0.0, 1.0] * 10), figures.interval([0.0, 1.0] * 200)

    assert few[0] < many[0] < 0.5 < many[1] < few[1]
    assert many[0] > 0.4


def test_a_refusal_is_right_only_where_nothing_is_known() -> None:
    known = record("a", refused=True, grade="not_attempted")
    unknown = record("b", refused=True, grade="not_attempted", answerable=False, gold=[])
    invented = record("c", refused=False, grade="incorrect", answerable=False, gold=[])

    assert [one.right for one in (known, unknown, invented)] == [False, True, False]
    rightly = figures.estimate([known, unknown, invented], MEASURES["refused where nothing is known"])
    wrongly = figures.estimate([known, unknown, invented], MEASURES["refused though it is known"])
    assert rightly is not None
    assert (rightly.mean, rightly.count) == (0.5, 2)
    assert wrongly is not None
    assert (wrongly.mean, wrongly.count) == (1.0, 1)


def test_the_f_score_is_that_of_simpleqa() -> None:
    records = [record("a"), record("b", grade="incorrect"), record("c", grade="not_attempted", refused=True)]

    assert figures.f_score(records) == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))


def test_pass_at_1_is_the_share_of_right_samples() -> None:
    records = [record("a", at, grade="correct" if at < 4 else "incorrect") for at in range(16)]

    found = figures.pass_at_1(records)

    assert found is not None
    assert found.mean == 0.25


@pytest.mark.parametrize(("paris", "lyon", "right"), [(2, 1, 1.0), (1, 2, 0.0)])
def test_the_majority_votes_without_knowing_the_answer(paris: int, lyon: int, right: float) -> None:
    votes = [("It is Paris", "correct")] * paris + [("Lyon, surely", "incorrect")] * lyon
    records = [record("a", at, text=f"{text} [citation:{at}]", grade=grade) for at, (text, grade) in enumerate(votes)]

    found = figures.majority(records)

    assert found is not None
    assert found.mean == right


def test_what_nobody_can_grade_has_no_say() -> None:
    assert figures.estimate([record(grade="ungraded", gold=[], contains=None)], MEASURES["correct"]) is None
    assert figures.majority([record(grade="ungraded")]) is None
