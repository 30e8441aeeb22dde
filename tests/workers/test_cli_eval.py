"""`kaozheng eval`, run as a person runs it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workers.cli_eval import EvalArguments, as_set, evaluate
from workers.evaluation.options import EvalOptions
from workers.quota import Prices
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
ROW = {"id": "1", "question": "When was the Eiffel Tower completed?", "answer": "1889"}
PAGES = ["The Eiffel Tower was completed in 1889.", "Lisbon lies on the Tagus."]


def kaozheng(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KAOZHENG_")}
    return subprocess.run(
        [sys.executable, "-m", "workers.cli", *arguments],
        cwd=folder,
        env={**kept, "KAOZHENG_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.parametrize(
    ("given", "prices"), [({}, Prices(1.5, 6.0)), ({"prompt_price": 0.0}, Prices(0.0, 6.0))], ids=["settings", "given"]
)
def test_prices_are_the_settings_own_unless_the_command_names_others(
    tmp_path: Path, given: dict[str, Any], prices: Prices
) -> None:
    settings = Settings(data_dir=tmp_path, price_prompt=1.5, price_completion=6.0)
    options = EvalOptions(tmp_path / "own.jsonl", "jsonl", tmp_path, "quick", "own")

    assert as_set(options, EvalArguments(set_name="jsonl", **given), settings).prices == prices


def test_a_set_is_run_reported_and_compared_with_itself(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text(json.dumps(ROW | {"pages": PAGES}) + "\n", encoding="utf-8")

    done = kaozheng(tmp_path, "eval", "own.jsonl", "--set", "jsonl", "--no-plots")
    run = tmp_path / "eval-runs" / "jsonl-own"
    compared = kaozheng(tmp_path, "eval", "compare", str(run), str(run))

    assert done.returncode == 0, done.stderr
    assert "correct                              100.0%" in done.stdout
    assert (run / "report.md").read_text(encoding="utf-8").startswith("# Evaluation: jsonl\n")
    assert compared.returncode == 0, compared.stderr
    assert "| correct | 100.0% | 100.0% | +0.000 |" in compared.stdout


@pytest.mark.parametrize(
    ("row", "given", "said"),
    [
        (ROW | {"question": ""}, {}, "own.jsonl, line 1, field 'question': the text is empty"),
        (ROW, {"set_name": ""}, "which format has this file?"),
        (ROW, {"pages": "own"}, "brings no pages"),
        (ROW, {"depth": "deep"}, "field '--depth'"),
        (ROW, {"library": Path("nowhere")}, "there is no such folder"),
        (ROW, {"set_name": "xlsx"}, "there is no set 'xlsx'"),
    ],
)
def test_bad_input_is_one_line_that_names_it_and_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: object, given: dict[str, Any], said: str
) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    arguments = replace(EvalArguments(set_name="jsonl", out=tmp_path / "run"), **given)

    assert evaluate(path, arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "run").exists()
