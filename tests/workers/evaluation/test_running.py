"""A run: every answer kept at once, gone on with by the same command, reported with its intervals."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from workers.evaluation.cases import BadSet
from workers.evaluation.options import EvalOptions
from workers.evaluation.plots import plots
from workers.evaluation.record import Record, read_records
from workers.evaluation.report import Reported, cell_of, markdown
from workers.evaluation.running import Finished, chosen, run
from workers.evaluation.sets import read_set
from workers.settings import load_settings

PAGES = ["The Eiffel Tower was completed in 1889 in Paris by Gustave Eiffel's company.", "Lisbon lies on the Tagus."]
ROWS = [
    {"id": "tower", "question": "When was the Eiffel Tower completed?", "answer": "1889", "pages": PAGES},
    {"id": "塔", "question": "长城有多长？", "answer": "21196公里", "pages": ["长城总长21196公里，历经多个朝代修建。"]},
    {"id": "never", "question": "Who won the 2046 chess olympiad?", "answer": None, "pages": PAGES},
    {"id": "lost", "question": "In which city was the Eiffel Tower completed?", "answer": "Rome", "pages": PAGES},
]


@pytest.fixture
def options(tmp_path: Path) -> EvalOptions:
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS), encoding="utf-8")
    return EvalOptions(path, "jsonl", tmp_path / "run", "quick", "own", concurrency=2)


async def finished(options: EvalOptions, asked: list[str] | None = None) -> Finished:
    settings = load_settings(
        data_dir=options.out, library=(), search_engines=("library",), library_index=options.out / "index.sqlite3"
    )

    def show(record: Record) -> None:
        if asked is not None:
            asked.append(record.case)

    return await run(settings, options, read_set("jsonl", options.path), (show, lambda _: None))


async def test_a_run_answers_from_the_set_s_own_pages_and_reports(options: EvalOptions) -> None:
    done = await finished(options)
    found = {one.case: one for one in done.records}

    assert {case: one.right for case, one in found.items()} == {"tower": True, "塔": True, "never": True, "lost": False}
    assert found["never"].refused
    assert found["lost"].grade == "incorrect"
    report = markdown(Reported(options, done, plots(done.records, options.out)))
    assert "| correct | 66.7% | 0.0% to 100.0% | 3 |" in report
    assert "| refused where nothing is known | 100.0%" in report
    assert "| lost | In which city was the Eiffel Tower completed? | Rome |" in report
    assert "![measures](measures.png)" in report
    for picture, first in (("measures.png", b"\x89PNG"), ("measures.svg", b"<?xml"), ("seconds.png", b"\x89PNG")):
        assert (options.out / picture).read_bytes().startswith(first)


async def test_the_same_run_goes_on_where_it_was_killed(options: EvalOptions) -> None:
    await finished(options)
    answers = options.out / "answers.jsonl"
    lines = answers.read_bytes().splitlines(keepends=True)
    answers.write_bytes(b"".join(lines[:2]) + lines[2][:50])
    kept = {one.case for one in read_records(answers)}

    asked: list[str] = []
    done = await finished(options, asked)

    assert len(kept) == 2
    assert {one.case for one in done.records} == {row["id"] for row in ROWS}
    assert len(asked) == 4, "old answers are shown as well"
    assert answers.read_bytes().startswith(b"".join(lines[:2]))
    assert len(read_records(answers)) == 4
    before = answers.read_bytes()
    await finished(options)
    assert answers.read_bytes() == before


async def test_another_run_in_the_same_folder_is_refused_and_nothing_is_lost(options: EvalOptions) -> None:
    await finished(replace(options, limit=1))
    before = (options.out / "answers.jsonl").read_bytes()

    with pytest.raises(BadSet) as caught:
        await finished(replace(options, depth="normal"))
    options.path.write_text(options.path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(BadSet) as changed:
        await finished(options)

    assert (caught.value.field, changed.value.field) == ("depth", "sha256")
    assert (options.out / "answers.jsonl").read_bytes() == before


async def test_samples_are_answers_of_their_own(options: EvalOptions) -> None:
    done = await finished(replace(options, samples=3, limit=2))

    assert sorted((one.case, one.sample) for one in done.records) == sorted(
        (case.id, sample) for case in chosen(done.set, replace(options, limit=2)) for sample in range(3)
    )
    assert "| pass@1 |" in markdown(Reported(replace(options, samples=3), done))


def test_a_limited_run_draws_the_same_questions_for_the_same_seed(options: EvalOptions) -> None:
    found = read_set("jsonl", options.path)
    two = replace(options, limit=2)

    assert chosen(found, two) == chosen(found, two)
    assert {tuple(case.id for case in chosen(found, replace(two, seed=seed))) for seed in range(20)} != {
        tuple(case.id for case in chosen(found, two))
    }
    assert len(chosen(found, replace(options, limit=99))) == 4


def test_nothing_that_was_answered_is_read_as_markup_of_the_report() -> None:
    assert cell_of("a | b\n<img src=x> `c` [d](https://e)") == "a ¦ b ‹img src=x> 'c' (d)(https://e)"
