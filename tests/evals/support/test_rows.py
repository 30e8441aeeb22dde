"""Labelled files in either form and with any usual label are read; what is not such a file is refused by line."""

import json
from pathlib import Path

import pytest

from tests.evals.support.rows import rows
from tests.evals.support.run import main


@pytest.mark.parametrize(
    ("label", "supported"),
    [
        *(
            (1, True),
            (0, False),
            (True, True),
            (False, False),
            ("1", True),
            ("SUPPORTS", True),
            ("Not_Supported", False),
        ),
        *(("Attributable", True), ("contradictory", False), ("not enough info", False), ("ENTAILMENT", True)),
    ],
)
def test_labels_as_people_write_them(tmp_path: Path, label: object, supported: bool) -> None:
    file = tmp_path / "rows.jsonl"
    plain = {"claim": "The moon is round.", "source": ["The moon", "is round."], "label": label, "lang": "en"}
    cited = {"query": "q", "answer": "a", "statement": "月球是圆的。", "quote": "[1] 月球是圆的。", "label": label}
    file.write_text(f"{json.dumps(plain)}\n\n{json.dumps(cited)}\n", encoding="utf-8")

    assert [(row.supported, row.language) for row in rows(file)] == [(supported, "en"), (supported, "zh")]


@pytest.mark.parametrize("line", ["{", "[]", '{"claim": "x"}', '{"claim": "x", "source": "y", "label": "maybe"}'])
def test_a_bad_line_is_named(tmp_path: Path, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(line, encoding="utf-8")

    assert main([str(file)]) == 2
    assert "bad.jsonl line 1" in capsys.readouterr().err


def test_the_last_line_is_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(
        '{"claim": "The moon is round.", "source": "The moon is round and cold.", "label": 1}\n'
        '{"claim": "The moon is round.", "source": "Bread is baked in ovens.", "label": 0}\n'
        '{"claim": "x", "source": " ", "label": 0}\n',
        encoding="utf-8",
    )

    assert main([str(file)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("support auc 1.000 balanced 1.000 plain 1.000 ms ")
