"""Tables and reports for people: every answer, its sources and their words, and nothing of theirs that acts."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.workers.batch.test_claims import answer, chat
from workers.batch.answer_rows import answer_rows
from workers.batch.reports import Report, html_report, markdown_report
from workers.batch.sheets import MAX_CELL_CHARACTERS, cells, csv_lines, defused

HOSTILE = "<script>alert(1)</script> ![x](http://evil/p.png) [y](javascript:alert(1)) <img src=x onerror=alert(1)>"


def lines(*bodies: dict[str, Any]) -> list[bytes]:
    made = []
    for number, body in enumerate(bodies):
        status = 400 if "error" in body else 200
        response = {"status_code": status, "request_id": "r", "body": body}
        name = f"batch_req_{'ab' * 8}{number:08d}"
        made.append(json.dumps({"id": name, "custom_id": f"c{number}", "response": response, "error": None}).encode())
    return made


ROWS = list(
    answer_rows(
        lines(
            answer("It is high[citation:1].", "so *high*", HOSTILE),
            chat(f"## Heights\n\n- **Tall** [1]\n{HOSTILE}", HOSTILE),
            {"error": {"message": f"line 3: {HOSTILE}", "line": 3}},
        ),
        {1: "How tall?"},
    )
)


def test_a_row_knows_what_was_asked_answered_and_cited() -> None:
    assert [(row.name, row.status, len(row.sources)) for row in ROWS] == [
        (HOSTILE, "answered", 1),
        ("How tall?", "answered", 1),
        ("c2", "failed", 0),
    ]


def test_in_html_everything_of_others_is_text() -> None:
    text = "\n".join(html_report(ROWS, HOSTILE, "today"))
    for word in ("<script", "<img", "javascript:alert(1)<", 'href="javascript'):
        assert word not in text
    assert "default-src 'none'" in text
    assert '<sup><a href="#q-2-1">[1]</a></sup>' in text
    assert "<h4>Heights</h4>" in text
    assert "<strong>Tall</strong>" in text
    assert '<a href="https://a.example/x" rel="noreferrer nofollow">T</a>' in text


def test_in_markdown_neither_html_nor_pictures_nor_links_of_others_act() -> None:
    text = "\n".join(markdown_report(ROWS, "t", "today"))
    assert "<script" not in text
    assert "<img" not in text
    assert "![x](" not in text
    assert not re.search(r"(?<!\\)\]\(javascript", text)
    assert "[\\[1\\]](https://a.example/x)" in text
    assert "  > so \\*high\\*" in text
    assert "**No answer:** line 3" in text


@pytest.mark.parametrize("name", ["r.md", "r.html"])
def test_a_report_is_written_whole_with_a_page_of_contents(tmp_path: Path, name: str) -> None:
    Report(tmp_path / name, "questions.csv").write(ROWS)
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert "Contents" in text
    assert "3 questions · 1 without an answer · 1 of 1 cited sentences supported" in text
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "＋", "－", "＠"])
def test_a_cell_that_would_be_a_formula_is_defused(cell: str) -> None:
    assert defused(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "a=1", "1-1", "泰山", "'=1"])
def test_other_cells_are_as_they_are(cell: str) -> None:
    assert defused(cell) == cell


def test_a_table_can_be_read_again_and_long_cells_are_cut_and_say_so() -> None:
    long = answer("x" * 40_000, "q", 'a,"b"\nc')
    found = list(answer_rows(lines(long), {}))
    (row,) = csv.reader(io.StringIO(csv_lines([cells(found[0])]).decode(), newline=""))
    assert row[1] == 'a,"b"\nc'
    assert len(row[3]) == MAX_CELL_CHARACTERS
    assert row[3].endswith("the whole answer is in the .jsonl file)")


def test_what_a_reader_must_know_is_said_in_words() -> None:
    unproven = answer("High[citation:1].\n\n---\n\n*The pages disagree.*", "so")
    unproven["report"] = {**unproven["report"], "cited": 3, "supported": 1}
    empty = {**answer("Nothing.", ""), "status": "no_sources"}
    rows = list(answer_rows(lines(unproven, empty, {"error": {"message": "no"}}), {}))
    page, text = "\n".join(html_report(rows, "t", "today")), "\n".join(markdown_report(rows, "t", "today"))
    for said in (page, text):
        assert "1 of 3 cited sentences are supported by their pages" in said
        assert "1 for which nothing was found" in said
        assert "(nothing found)" in said
        assert "(no answer)" in said
        assert "no_sources" not in said
    assert "<hr>" in page
    assert '<p class="note">The pages disagree.</p>' in page
