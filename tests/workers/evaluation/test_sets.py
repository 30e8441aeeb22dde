"""Each set is read in the format that its authors publish; a wrong file is named with its line and field."""

import base64
import bz2
import gzip
import hashlib
import json
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from workers.evaluation.cases import BadSet
from workers.evaluation.sets import READERS, read_set


def encrypted(text: str, canary: str) -> str:
    """As the authors of BrowseComp-ZH encrypt a cell."""
    content = text.encode()
    digest = hashlib.sha256(canary.encode()).digest()
    key = digest * (len(content) // len(digest) + 1)
    return base64.b64encode(bytes(a ^ b for a, b in zip(content, key, strict=False))).decode()


def workbook(path: Path, rows: list[list[str]], inline: bool = False) -> Path:
    """The least that Excel opens: one sheet, texts shared or inline."""
    shared = [text for row in rows for text in row]
    lines, number = [], 0
    for at, row in enumerate(rows, 1):
        cells = ""
        for column, text in zip("ABCDEFG", row, strict=False):
            kind = f't="inlineStr"><is><t>{escape(text)}</t></is>' if inline else f't="s"><v>{number}</v>'
            cells += f'<c r="{column}{at}" {kind}</c>'
            number += 1
        lines.append(f'<row r="{at}">{cells}</row>')
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    strings = "".join(f"<si><t>{escape(text)}</t></si>" for text in shared)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(
            "xl/worksheets/sheet1.xml", f"<worksheet {main}><sheetData>{''.join(lines)}</sheetData></worksheet>"
        )
        if not inline:
            file.writestr("xl/sharedStrings.xml", f"<sst {main}>{strings}</sst>")
    return path


def lines(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return path


def test_xquad_gives_each_paragraph_once_with_its_questions(tmp_path: Path) -> None:
    answers = [{"answer_start": 8, "text": "1993"}, {"answer_start": 8, "text": "1993"}]
    qas = [{"id": "a", "question": "When?", "answers": answers}, {"id": "b", "question": "Who?", "answers": []}]
    path = tmp_path / "xquad.en.json.gz"
    content = {"version": "1.1", "data": [{"paragraphs": [{"context": "It was  1993.", "qas": qas}]}]}
    path.write_bytes(gzip.compress(json.dumps(content).encode()))

    found = read_set("xquad", path)

    assert [page.text for page in found.pages] == ["It was  1993."]
    assert [(case.id, case.gold, case.answerable, case.pages) for case in found.cases] == [
        ("a", (("1993",),), True, (0,)),
        ("b", (), False, (0,)),
    ]


def test_rgb_wants_every_part_of_an_answer_in_any_of_its_forms(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "zh.jsonl",
        {
            "id": 1,
            "query": "问？",
            "answer": ["6.4%", ["18%", "百分之十八"]],
            "positive": [["甲"], ["乙"]],
            "negative": ["丙"],
        },
        {"id": 1, "query": "再问？", "answer": "70", "positive": ["丙"], "negative": []},
    )

    first, second = (found := read_set("rgb", path)).cases

    assert first.gold == (("6.4%",), ("18%", "百分之十八"))
    assert second.gold == (("70",),)
    assert [page.text for page in found.pages] == ["甲", "乙", "丙"]
    assert (first.pages, second.pages) == ((0, 1, 2), (2,))
    assert (first.id, second.id) == ("1", "1-2")


def test_crag_brings_html_pages_and_questions_without_an_answer(tmp_path: Path) -> None:
    results = [{"page_name": "T", "page_url": "https://a.example/", "page_result": "<p>x</p>", "page_snippet": "x"}]
    row = {
        "interaction_id": "i",
        "query": "q?",
        "answer": "yes",
        "alternative_answers": '["yep"]',
        "search_results": results,
    }
    path = tmp_path / "dev.jsonl.bz2"
    refused = row | {"interaction_id": "j", "answer": "invalid question"}
    path.write_bytes(bz2.compress("\n".join(map(json.dumps, (row, refused))).encode()))

    found = read_set("crag", path)

    assert [case.gold for case in found.cases] == [(("yes", "yep"),), ()]
    assert [case.answerable for case in found.cases] == [True, False]
    assert (found.pages[0].html, found.pages[0].url) == (True, "https://a.example/")


def test_simpleqa_reads_the_dictionary_of_its_first_column(tmp_path: Path) -> None:
    path = tmp_path / "simple_qa_test_set.csv.gz"
    content = (
        'metadata,problem,answer\n"{\'topic\': \'Art\', \'urls\': [\'https://a.example\']}","Who, then?","A ""B"""\n'
    )
    path.write_bytes(gzip.compress(content.encode()))

    (case,) = read_set("simpleqa", path).cases

    assert (case.question, case.gold, case.topic) == ("Who, then?", (('A "B"',),), "Art")


def test_frames_is_read_from_tabs_and_from_commas(tmp_path: Path) -> None:
    head, row = ["", "Prompt", "Answer", "reasoning_types"], ["0", "Who?", "Jane", "Numerical reasoning | Tabular"]
    for name, mark in (("test.tsv", "\t"), ("test.csv", ",")):
        path = tmp_path / name
        path.write_text(mark.join(head) + "\n" + mark.join(row) + "\n", encoding="utf-8")

        (case,) = read_set("frames", path).cases

        assert (case.question, case.gold, case.topic) == ("Who?", (("Jane",),), "Numerical reasoning")


def test_chinese_simpleqa_and_deep_research_bench_are_json_lines(tmp_path: Path) -> None:
    row = {
        "id": "x",
        "question": "伏兔穴属于哪条经脉？",
        "answer": "足阳明胃经",
        "primary_category": "中华文化",
        "urls": [],
    }
    (case,) = read_set("chinese-simpleqa", lines(tmp_path / "c.jsonl", row)).cases
    (task,) = read_set(
        "deep-research-bench", lines(tmp_path / "d.jsonl", {"id": 7, "lang": "en", "prompt": "Compare."})
    ).cases

    assert (case.gold, case.topic, case.spoken) == ((("足阳明胃经",),), "中华文化", "zh")
    assert (task.id, task.gold, task.spoken) == ("7", (), "en")


@pytest.mark.parametrize("inline", [False, True])
def test_browsecomp_zh_is_decrypted_with_the_canary_of_its_row(tmp_path: Path, inline: bool) -> None:
    canary = "a canary & more"
    cells = [encrypted(text, canary) for text in ("影视", "哪一部电影？", "《活着》")]
    path = workbook(tmp_path / "b.xlsx", [["Topic", "Question", "Answer", "canary"], [*cells, canary]], inline)

    (case,) = read_set("browsecomp-zh", path).cases

    assert (case.topic, case.question, case.gold) == ("影视", "哪一部电影？", (("《活着》",),))


def test_browsecomp_zh_with_another_canary_is_refused_by_its_row(tmp_path: Path) -> None:
    cells = [encrypted(text, "one") for text in ("影视", "哪一部电影？", "《活着》")]
    path = workbook(tmp_path / "b.xlsx", [["Topic", "Question", "Answer", "canary"], [*cells, "another"]])

    with pytest.raises(BadSet) as caught:
        read_set("browsecomp-zh", path)

    assert (caught.value.line, caught.value.field) == (2, "Question")


def test_json_lines_of_ones_own_may_bring_pages_and_questions_to_refuse(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "own.jsonl",
        {
            "question": "Who?",
            "answer": ["Ann", "Anne"],
            "pages": ["Ann did.", {"text": "No.", "url": "https://a.example"}],
        },
        {"query": "谁？", "answer": None},
        {"prompt": "Tell me."},
    )

    first, second, third = (found := read_set("jsonl", path)).cases

    assert (first.gold, first.pages, found.pages[1].url) == ((("Ann", "Anne"),), (0, 1), "https://a.example")
    assert (second.answerable, third.answerable, third.gold) == (False, True, ())
    assert (first.id, second.spoken) == ("line-1", "zh")


@pytest.mark.parametrize(
    ("name", "file", "content", "line", "field"),
    [
        ("rgb", "a.jsonl", '{"id": 1, "query": "q", "answer": "a", "positive": ["p"]}', 1, "negative"),
        ("rgb", "a.jsonl", '{"id": 1, "query": "q", "answer": [], "positive": [], "negative": []}', 1, "answer"),
        ("jsonl", "a.jsonl", '{"question": "q"}\n\n{"question": 3', 3, ""),
        ("jsonl", "a.jsonl", '{"question": " "}', 1, "question"),
        ("jsonl", "a.jsonl", "[1]", 1, ""),
        ("jsonl", "a.jsonl", '{"question": "q", "pages": [null]}', 1, "text"),
        ("chinese-simpleqa", "a.jsonl", '{"question": "q"}', 1, "answer"),
        ("simpleqa", "a.csv", "metadata,problem\nx,y\n", 1, "answer"),
        ("simpleqa", "a.csv", 'metadata,problem,answer\n{},"two\nlines",a\n{},q,\n', 4, "answer"),
        ("simpleqa", "a.csv", "metadata,problem,answer\n{oops,q,a\n", 2, "metadata"),
        ("frames", "a.tsv", "Prompt,Answer\nq,a\n", 1, "Prompt"),
        ("deep-research-bench", "a.jsonl", '{"id": 1}', 1, "prompt"),
        ("xquad", "a.json", '{"data": [{"paragraphs": [{"qas": []}]}]}', 1, "context"),
        ("xquad", "a.json", '{"data": 3}', 1, "data"),
        ("crag", "a.jsonl", '{"interaction_id": "i", "query": "q", "answer": "a"}', 1, "search_results"),
        ("jsonl", "empty.jsonl", "\n", 1, ""),
        ("jsonl", "a.jsonl.gz", "not packed", 0, ""),
        ("browsecomp-zh", "a.xlsx", "no zip", 0, ""),
    ],
)
def test_a_wrong_file_is_named_with_its_line_and_field(
    tmp_path: Path, name: str, file: str, content: str, line: int, field: str
) -> None:
    path = tmp_path / file
    path.write_text(content, encoding="utf-8")

    with pytest.raises(BadSet) as caught:
        read_set(name, path)

    assert (caught.value.line, caught.value.field) == (line, field)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "a.jsonl"
    binary.write_bytes(b'{"question": "q"}\n\xff\xfe')

    with pytest.raises(BadSet, match="UTF-8") as caught:
        read_set("jsonl", binary)
    assert caught.value.line == 2
    for name in READERS:
        with pytest.raises(BadSet, match="No such file"):
            read_set(name, tmp_path / "nowhere")


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/worksheets/sheet1.xml", b" " * (65 * 1024**2))

    with pytest.raises(BadSet, match="MiB"):
        read_set("browsecomp-zh", path)
