"""Two runs of the same questions."""

from pathlib import Path

import pytest

from tests.workers.evaluation.records import record
from workers.evaluation.cases import BadSet
from workers.evaluation.compare import compared, differences, flips, records_of


def test_only_questions_that_both_runs_answered_are_compared() -> None:
    first = [record("a", grade="incorrect"), record("b"), record("only first")]
    second = [record("a"), record("b"), record("only second", grade="incorrect")]

    correct = next(one for one in differences(first, second) if one.name == "correct")

    assert (correct.first, correct.second, correct.count) == (0.5, 1.0, 2)
    assert correct.low <= 0.5 <= correct.high


def test_a_clear_difference_has_a_small_p_and_none_has_a_large_one() -> None:
    wrong = [record(str(at), grade="incorrect") for at in range(40)]
    right = [record(str(at)) for at in range(40)]

    assert next(one.p for one in differences(wrong, right) if one.name == "correct") < 0.01
    assert next(one.p for one in differences(right, right) if one.name == "correct") == 1.0


def test_the_questions_that_flipped_are_named() -> None:
    first = [record("a", grade="incorrect"), record("b"), record("c")]
    second = [record("a"), record("b", grade="incorrect"), record("c")]

    won, lost = flips(first, second)
    text = compared(first, second, ("one", "two"))

    assert ([one.case for one in won], [one.case for one in lost]) == (["a"], ["b"])
    assert "## Became right: 1\n\n- a: Who?" in text
    assert "## Became wrong: 1\n\n- b: Who?" in text


def test_runs_without_a_common_question_and_files_that_are_no_runs_are_said_so(tmp_path: Path) -> None:
    assert "no question in common" in compared([record("a")], [record("b")], ("one", "two"))
    (tmp_path / "answers.jsonl").write_text('{"case": "a"}\n', encoding="utf-8")
    with pytest.raises(BadSet) as caught:
        records_of(tmp_path)
    assert (caught.value.line, caught.value.field) == (1, "sample")
    with pytest.raises(BadSet, match="No such file"):
        records_of(tmp_path / "nowhere")
