"""One question of a set through ask(), and the scores of its answer."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.delta import Delta, Usage
from agent.prompt import Prompt
from agent.templates import Templates
from tests.fakes import SUN, TIDES, FakeModel, FakeWeb, deps, down
from tools.page import Webpage
from workers.evaluation.asking import Asker
from workers.evaluation.cases import Case
from workers.evaluation.grading import ModelGrader
from workers.evaluation.kept import Kept, Withheld, kept_read, kept_search
from workers.evaluation.options import EvalOptions
from workers.quota import Prices

CASE = Case("q1", "What pulls the sea twice a day, and when are the spring tides?", (("twice a day",),))
ANSWER = "The moon pulls the sea twice a day. [citation:1]"


def options(tmp_path: Path, **changed: object) -> EvalOptions:
    return replace(EvalOptions(tmp_path / "q.jsonl", "jsonl", tmp_path, "quick", "search"), **changed)  # type: ignore[arg-type]


def asker(web: FakeWeb, model: FakeModel | None, tmp_path: Path, **changed: object) -> Asker:
    return Asker(deps(web, model), options(tmp_path, **changed))


async def test_an_answer_is_scored_and_keeps_the_prompt_it_was_written_from(tmp_path: Path) -> None:
    record = await asker(FakeWeb(TIDES, SUN), FakeModel([[ANSWER]]), tmp_path).record(CASE, 2)

    assert (record.case, record.sample, record.status, record.right) == ("q1", 2, "answered", True)
    assert (record.grade, record.graded_by, record.contains, record.exact) == ("correct", "text", True, False)
    assert (record.citation_precision, record.citation_recall, record.cited_gold) == (1.0, 1.0, 1.0)
    assert record.pages == [TIDES.url, SUN.url]
    assert [message["role"] for message in record.prompt] == ["system", "user"]
    assert TIDES.text in record.prompt[1]["content"]
    assert record.thinking == "hm"


async def test_a_citation_that_the_page_does_not_support_lowers_precision_and_recall(tmp_path: Path) -> None:
    said = f"{ANSWER} Whales sing in the harbour on Sundays. [citation:2] The sun is hot."
    record = await asker(FakeWeb(TIDES, SUN), FakeModel([[said]]), tmp_path).record(CASE, 0)

    assert record.citation_precision == 0.5
    assert record.citation_recall == pytest.approx(1 / 3, abs=0.001)
    assert record.cited_gold == 0.5


async def test_a_question_without_a_page_is_a_refusal(tmp_path: Path) -> None:
    record = await asker(FakeWeb(), FakeModel(), tmp_path).record(CASE, 0)
    unknown = await asker(FakeWeb(), FakeModel(), tmp_path).record(replace(CASE, gold=(), answerable=False), 0)

    assert (record.refused, record.grade, record.right) == (True, "not_attempted", False)
    assert (unknown.refused, unknown.right) == (True, True)


async def test_a_question_that_fails_is_a_record_with_its_failure(tmp_path: Path) -> None:
    model = FakeModel([[""], [""]])
    record = await Asker(deps(FakeWeb(TIDES), model, degrade=False), options(tmp_path)).record(CASE, 0)
    bad = await asker(FakeWeb(TIDES), model, tmp_path).record(replace(CASE, question="x" * 9_000), 0)

    assert record.failure.startswith("model_misbehaved:")
    assert bad.failure.startswith("question:")
    assert not record.right


async def test_blocked_hosts_are_left_out_of_the_search_and_echoes_are_counted(tmp_path: Path) -> None:
    copy = Webpage("https://datasets.huggingface.co/x", "set", f"{CASE.question}\nthe moon")
    mirror = Webpage("https://mirror.example/x", "set", f"id,question\n1,{CASE.question.upper()}")
    web = FakeWeb(copy, TIDES, mirror)
    withheld = Withheld(web.search, options(tmp_path).blocked)
    asking = Asker(deps(web, FakeModel([[ANSWER]]), search=withheld.search), options(tmp_path))

    record = await asking.record(CASE, 0)

    assert copy.url not in web.opened
    assert record.pages == [TIDES.url, mirror.url]
    assert (withheld.count, record.echoed) == (1, 1)
    assert "huggingface.co" in web.queries[0].exclude_domains


async def test_tokens_are_paid_for(tmp_path: Path) -> None:
    async def generate(_: Prompt) -> AsyncGenerator[Delta, None]:
        yield Delta(text=ANSWER)
        yield Delta(finish="stop", usage=Usage(1_000_000, 500_000))

    asking = Asker(deps(FakeWeb(TIDES), generate=generate), options(tmp_path, prices=Prices(0.5, 2.0)))
    record = await asking.record(CASE, 0)

    assert (record.prompt_tokens, record.completion_tokens, record.cost) == (1_000_000, 500_000, 1.5)


@pytest.mark.parametrize(
    ("said", "grade", "by"),
    [
        ("CORRECT", "correct", "model"),
        ("It is not right, so: incorrect", "incorrect", "model"),
        ("NOT ATTEMPTED", "not_attempted", "model"),
        ("no idea", "correct", "text"),
    ],
)
async def test_the_model_grades_where_it_says_a_grade(tmp_path: Path, said: str, grade: str, by: str) -> None:
    judge = FakeModel([[said], [said]])
    grader = ModelGrader(judge.generate, Templates.load(), Kept(tmp_path / "cache.sqlite3"))
    asking = Asker(deps(FakeWeb(TIDES), FakeModel([[ANSWER], [ANSWER]])), options(tmp_path), None, grader)

    record = await asking.record(CASE, 0)
    again = await asking.record(CASE, 1)

    assert (record.grade, record.graded_by) == (again.grade, again.graded_by) == (grade, by)
    assert len(judge.prompts) == (1 if by == "model" else 2), "a grade is kept for the same answer"
    assert "twice a day" in judge.prompts[0].messages[0].content
    assert "[citation" not in judge.prompts[0].messages[0].content


async def test_a_judge_that_is_down_leaves_the_grade_to_the_text(tmp_path: Path) -> None:
    grader = ModelGrader(FakeModel([[down()]]).generate, Templates.load(), Kept(tmp_path / "cache.sqlite3"))
    record = await Asker(deps(FakeWeb(TIDES), FakeModel([[ANSWER]])), options(tmp_path), None, grader).record(CASE, 0)

    assert (record.grade, record.graded_by) == ("correct", "text")


async def test_searches_and_pages_are_asked_for_once_and_failures_again(tmp_path: Path) -> None:
    web, kept = FakeWeb(TIDES, dead=["https://dead.example/"]), Kept(tmp_path / "cache.sqlite3")
    for _ in range(2):
        given = deps(web, FakeModel([[ANSWER]]), search=kept_search(web.search, kept), read=kept_read(web.read, kept))
        await Asker(given, options(tmp_path)).record(CASE, 0)

    assert len(web.queries) == 1
    assert sorted(web.opened) == ["https://a.example/tides", "https://dead.example/", "https://dead.example/"]
