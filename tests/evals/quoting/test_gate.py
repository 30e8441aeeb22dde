"""The quoting reader on a small fixed set of XQuAD, beside BM25's first sentence: a drop fails. See docs/eval.md."""

import asyncio
from pathlib import Path

import pytest

from tests.evals.quoting.run import Outcome, figures, last_line, measured, table
from workers.evaluation.sets import read_set

pytestmark = [pytest.mark.xdist_group("quoting_gate")]
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[Outcome]]:
    def of(language: str) -> list[Outcome]:
        return asyncio.run(measured(read_set("xquad", HERE / f"xquad_gate.{language}.json"), "pool", 1_000))

    return {language: of(language) for language in ("en", "zh")}


@pytest.mark.parametrize(("language", "answer", "cited"), [("en", 0.74, 0.97), ("zh", 0.84, 0.97)])
def test_answers_hold_the_gold_answer_and_cite_its_page(
    outcomes: dict[str, list[Outcome]], language: str, answer: float, cited: float
) -> None:
    found = figures(outcomes[language])

    assert len(outcomes[language]) == 58
    assert found["answer"] >= answer
    assert found["cited"] >= cited


@pytest.mark.parametrize(("language", "points"), [("en", 0.0), ("zh", 0.14)])
def test_more_answers_hold_it_than_the_first_sentence_of_bm25(
    outcomes: dict[str, list[Outcome]], language: str, points: float
) -> None:
    found = figures(outcomes[language])

    assert found["answer"] - found["bm25"] >= points
    assert found["answer"] > found["first"]


def test_the_last_line_names_the_least_gain() -> None:
    one = {"answer": 0.9, "cited": 0.8, "bm25": 0.7, "bm25 cited": 0.75}
    two = {"answer": 0.8, "cited": 0.9, "bm25": 0.5, "bm25 cited": 0.7}

    line = last_line({"one": one, "two": two})

    assert line == "quoting answer 0.850 cited 0.850 bm25 0.600 bm25cited 0.725 least gains +0.200 +0.050"


def test_the_table_has_a_line_for_each_collection(outcomes: dict[str, list[Outcome]]) -> None:
    lines = list(table({language: figures(found) for language, found in outcomes.items()}))

    assert [line.split()[0] for line in lines] == ["answer", "en", "zh"]
