"""Only answers whose every claim is supported become training examples, in the form that ms-swift documents."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.workers.evaluation.records import record
from workers.cli_export import export
from workers.evaluation.record import Journal, Record
from workers.export import Wanted, export_swift, fault_of

PROMPT = [{"role": "system", "content": "You are R1."}, {"role": "user", "content": "[webpage 1 begin] … Who?"}]
PROVEN: dict[str, Any] = {
    "model": "r1",
    "prompt": PROMPT,
    "thinking": "The page says Ann.",
    "licence": "MIT",
    "citations": 1,
    "claims": 1,
    "claims_supported": 1,
    "citation_precision": 1.0,
    "citation_recall": 1.0,
}


def proven(case: str = "a", **changed: Any) -> Record:
    return record(case, **{**PROVEN, **changed})


def messages(wanted: Wanted, *records: Record) -> list[list[dict[str, str]]]:
    return [json.loads(line)["messages"] for line in export_swift(records, wanted).lines]


def test_a_proven_answer_becomes_prompt_reasoning_and_answer() -> None:
    (found,) = messages(Wanted(), proven())

    assert found[:2] == PROMPT
    assert found[2] == {
        "role": "assistant",
        "content": "<think>\nThe page says Ann.\n</think>\nAnn did it. [citation:1]",
    }


@pytest.mark.parametrize(
    ("thinking", "begins"),
    [
        ("keep", ["<think>\nThe page"]),
        ("empty", ["<think>\n\n</think>\nAnn"]),
        ("both", ["<think>\nThe page", "<think>\n\n</think>\nAnn"]),
    ],
)
def test_reasoning_is_kept_or_left_empty(thinking: Any, begins: list[str]) -> None:
    found = messages(Wanted(thinking=thinking), proven())

    assert [one[-1]["content"][: len(begin)] for one, begin in zip(found, begins, strict=True)] == begins


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"claims": 2}, "a claim is not supported"),
        ({"citations": 0, "claims": 0, "claims_supported": 0}, "without a citation"),
        ({"citation_precision": 0.5}, "citation score"),
        ({"grade": "incorrect"}, "not right"),
        ({"grade": "ungraded"}, "not compared with a right answer"),
        ({"licence": "CC BY-NC 4.0"}, "licence"),
        ({"licence": ""}, "licence"),
        ({"language": "zh"}, "another language"),
        ({"model": "quoting-reader"}, "quoted, not written by a model"),
        ({"degraded": "unreachable"}, "quoted, not written by a model"),
        ({"status": "partial"}, "failed"),
        ({"failure": "model_down: gone"}, "failed"),
        ({"prompt": []}, "no prompt kept"),
        ({"thinking": "a </think> b"}, "tags of reasoning inside"),
    ],
)
def test_everything_else_is_left_out_and_counted_by_its_reason(changed: dict[str, Any], reason: str) -> None:
    found = export_swift([proven(**changed), proven("b", text="Bo did. [citation:1]")], Wanted(language="en"))

    assert found.left_out == {reason: 1}
    assert len(found.lines) == 1


def test_the_same_answer_is_taken_once() -> None:
    found = export_swift([proven(), proven("b"), proven("c", text="Ann  did it. [citation:1]")], Wanted())

    assert (len(found.lines), found.left_out) == (1, {"the same answer again": 2})


@pytest.mark.parametrize(
    "line",
    [
        '{"messages": [{"role": "system", "content": "<system>"}, {"role": "user", "content": "<query1>"}, '
        '{"role": "assistant", "content": "<response1>"}, {"role": "user", "content": "<query2>"}, '
        '{"role": "assistant", "content": "<response2>"}]}',
        '{"messages": [{"role": "user", "content": "浙江的省会在哪？"}, '
        '{"role": "assistant", "content": "<think>\\n\\n</think>\\n\\n浙江的省会在杭州。"}]}',
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], '
        '"rejected_response": "c"}',
    ],
)
def test_the_documented_examples_are_fit(line: str) -> None:
    assert fault_of(json.loads(line)) == ""


@pytest.mark.parametrize(
    "example",
    [
        [],
        {"messages": []},
        {"conversation": [{"human": "a", "assistant": "b"}]},
        {"messages": [{"role": "user", "content": "a"}]},
        {"messages": [{"role": "user", "content": None}, {"role": "assistant", "content": "b"}]},
        {"messages": [{"role": "human", "content": "a"}, {"role": "assistant", "content": "b"}]},
        {
            "messages": [
                {"role": "user", "content": "a"},
                {"role": "user", "content": "b"},
                {"role": "assistant", "content": "c"},
            ]
        },
        {
            "messages": [
                {"role": "user", "content": "a"},
                {"role": "system", "content": "b"},
                {"role": "assistant", "content": "c"},
            ]
        },
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "licence": "MIT"},
    ],
)
def test_what_ms_swift_would_not_take_is_found(example: object) -> None:
    assert fault_of(example)


def test_a_run_is_exported_to_a_file_and_the_rest_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal, out = Journal(tmp_path / "answers.jsonl"), tmp_path / "train.jsonl"
    journal.append(proven())
    journal.append(proven("b", grade="incorrect"))

    assert export(tmp_path, out, Wanted()) == 0
    assert len(out.read_text(encoding="utf-8").splitlines()) == 1
    assert "1 examples in" in (said := capsys.readouterr().out)
    assert "left out 1: not right" in said


def test_stored_answers_are_exported_where_their_sources_carry_their_text(tmp_path: Path) -> None:
    report = {"claims": 1, "supported": 1, "citations": 1, "citation_precision": 1.0, "citation_recall": 1.0}
    answer = {
        "id": "x",
        "question": "What pulls the sea?",
        "language": "en",
        "status": "answered",
        "text": "The moon does. [citation:1]",
        "model": "r1",
        "created": "2025-05-28T10:00:00+00:00",
        "report": report,
        "sources": [{"number": 1, "url": "https://a.example", "title": "Tides", "text": "The moon pulls the sea."}],
    }
    bare = answer | {"id": "y", "sources": [{"number": 1, "url": "https://a.example", "title": "Tides"}]}
    path, out = tmp_path / "answers.jsonl", tmp_path / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, (answer, bare))), encoding="utf-8")

    assert export(path, out, Wanted(ungraded=True, licences=("unknown",))) == 0
    (line,) = out.read_text(encoding="utf-8").splitlines()
    found = json.loads(line)["messages"]
    assert "[webpage 1 begin]" in found[1]["content"]
    assert "May 28, 2025" in found[0]["content"] + found[1]["content"]


@pytest.mark.parametrize(("content", "said"), [("{", "line 1: this line is no JSON"), ('{"id": 3}', "field 'id'")])
def test_a_file_that_holds_no_answers_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    (tmp_path / "x.jsonl").write_text(content, encoding="utf-8")

    assert export(tmp_path / "x.jsonl", tmp_path / "out.jsonl", Wanted()) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()
