"""The file of answers: appended line by line, read whatever a kill left of it."""

from pathlib import Path

import pytest

from tests.workers.evaluation.records import record
from workers.evaluation.cases import BadSet
from workers.evaluation.record import Journal, read_records


def test_what_was_appended_is_read_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "answers.jsonl")
    one, two = record("甲", text="潮汐 [citation:1]\u2028 and \ud800"), record("b", 3, f1=0.25, cited_gold=None)
    journal.append(one)
    journal.append(two)

    found = read_records(journal.path)

    assert found[1] == two
    assert found[0].text.startswith("潮汐 [citation:1]\u2028 and ")


def test_a_torn_last_line_is_passed_over_and_cut_off_before_the_next(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "answers.jsonl")
    journal.append(record("a"))
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + whole[: len(whole) // 2])

    assert [one.case for one in read_records(journal.path)] == ["a"]
    journal.mend()
    journal.append(record("b"))

    assert [one.case for one in read_records(journal.path)] == ["a", "b"]


def test_the_later_of_two_answers_with_one_key_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "answers.jsonl")
    journal.append(record("a", failure="model_down: gone"))
    journal.append(record("a"))

    assert [one.failure for one in read_records(journal.path)] == [""]


@pytest.mark.parametrize(
    ("line", "field"),
    [("[]", ""), ("{", ""), ('{"case": "a"}', "sample")],
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str, field: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text("\n" + line + "\n", encoding="utf-8")

    with pytest.raises(BadSet) as caught:
        read_records(path)

    assert (caught.value.line, caught.value.field) == (2, field)
