"""Files of questions on this machine: whatever Excel, a script or a colleague has written, nothing is lost unsaid."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from workers.batch.lines import FileRefused
from workers.batch.questions import Asking, QuestionFile, RecordReader, endpoint_of
from workers.batch.records import Row
from workers.batch.request_lines import BadLine, LineReader
from workers.batch.tables import text_of


def read(
    path: Path, asking: Asking | None = None, max_body_bytes: int = 64_000
) -> tuple[list[tuple[str, dict[str, Any]]], list[tuple[int, str]]]:
    """custom_id and body of each good row; line and code of each bad one."""
    asking = asking or Asking()
    endpoint, records = endpoint_of(QuestionFile(path, asking).records(max_body_bytes))
    reader = RecordReader(LineReader(endpoint, "quick", max_body_bytes), asking)
    good: list[Row] = []
    bad: list[tuple[int, str]] = []
    for number, record in enumerate(records):
        try:
            good.append(reader.row(record, number))
        except BadLine as error:
            bad.append((record.number, error.code))
    return [(row.custom_id, json.loads(row.body)) for row in good], bad


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


TABLE = '编号,问题,备注\r\n1,泰山有多高？,a\r\n2,"黄山\n有多高？",b\r\n'
TABLE_ROWS = [("1", {"question": "泰山有多高？"}), ("2", {"question": "黄山\n有多高？"})]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk", "gb18030"])
def test_a_table_is_read_in_the_encodings_that_people_have(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "q.csv", TABLE.encode(encoding))
    assert read(path) == (TABLE_ROWS, [])


def test_the_encoding_that_was_guessed_is_known(tmp_path: Path) -> None:
    assert text_of(TABLE.encode("gbk")).encoding == "GBK"
    assert QuestionFile(written(tmp_path, "q.csv", TABLE.encode("utf-8")), Asking()).encoding == "utf-8"


def test_of_a_table_in_two_encodings_the_lines_in_the_other_one_are_told(tmp_path: Path) -> None:
    mixed = "id,question\n1,泰山有多高？\n".encode() + "2,黄山有多高？\n".encode("gbk") + "3,华山有多高？\n".encode()
    good, bad = read(written(tmp_path, "q.csv", mixed))
    assert ([custom_id for custom_id, _ in good], bad) == (["1", "3"], [(3, "wrong_encoding")])


def test_a_western_encoding_is_never_read_as_chinese(tmp_path: Path) -> None:
    content = "id,question\n1,Où sont les cafés à Genève et les hôtels?\n2,Who?\n".encode("cp1252")
    good, bad = read(written(tmp_path, "q.csv", content))
    assert ([custom_id for custom_id, _ in good], bad) == (["2"], [(2, "wrong_encoding")])


def test_of_a_table_in_gbk_only_what_is_broken_is_told(tmp_path: Path) -> None:
    lines = [f"{number},泰山有多高？\n".encode("gbk") for number in range(1, 31)]
    content = "编号,问题\n".encode("gbk") + b"".join(lines[:20]) + b"x,\xd5\xe2\xff\xfe\n" + b"".join(lines[20:])
    good, bad = read(written(tmp_path, "q.csv", content))
    assert ([custom_id for custom_id, _ in good], bad) == ([str(at) for at in range(1, 31)], [(22, "wrong_encoding")])
    assert {body["question"] for _, body in good} == {"泰山有多高？"}


def test_a_text_tells_its_lines_in_another_encoding(tmp_path: Path) -> None:
    content = "泰山有多高？\n".encode() + "华山有多高？\n".encode("gbk") + b"How high?\n"
    good, bad = read(written(tmp_path, "q.txt", content))
    assert ([body["question"] for _, body in good], bad) == (["泰山有多高？", "How high?"], [(2, "wrong_encoding")])


@pytest.mark.parametrize("custom_id", [{"a": 1}, [1], True])
def test_an_id_is_a_text_or_a_number(tmp_path: Path, custom_id: object) -> None:
    lines = [{"question": "A?", "id": custom_id}, {"question": "B?", "id": 1.5}]
    good, bad = read(written(tmp_path, "q.jsonl", "\n".join(json.dumps(line) for line in lines)))
    assert (good, bad) == ([("1.5", {"question": "B?"})], [(1, "invalid_custom_id")])


def test_files_are_asked_with_their_question(tmp_path: Path) -> None:
    asked = {"question": "A?", "files": [{"file_id": f"file-{'a' * 32}"}]}
    assert read(written(tmp_path, "q.jsonl", json.dumps(asked)))[0] == [("row-1", asked)]


@pytest.mark.timeout(30)
def test_a_pipe_and_a_device_are_refused_before_they_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "zero.jsonl").symlink_to("/dev/zero")
    for name in ("pipe.jsonl", "zero.jsonl"):
        with pytest.raises(FileRefused, match="is no file"):
            QuestionFile(tmp_path / name, Asking()).fingerprint("")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_that_of_the_head(tmp_path: Path, delimiter: str) -> None:
    content = f"id{delimiter}question{delimiter}depth\na{delimiter}How high?{delimiter}quick\n"
    assert read(written(tmp_path, "q.csv", content)) == ([("a", {"question": "How high?", "depth": "quick"})], [])


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("q.csv", "", "empty_file"),
        ("q.csv", "\r\n\r\n", "empty_file"),
        ("q.csv", "id,text\n1,x\n", "no_question_column"),
        ("q.csv", "question,question\n1,x\n", "doubled_column"),
        ("q.csv", 'question\n"never closed\n', "broken_table"),
        ("q.csv", b"id,question\n1," + b"x" * 2_000_000, "broken_table"),
        ("q.csv", "編號,問題\n1,泰山有多高？\n".encode("big5"), "wrong_encoding"),
        ("q.csv", "id,question\n1,a?\n".encode("utf-16-le"), "wrong_encoding"),
        ("q.csv", "id,question\n1,a?\n".encode("utf-32"), "wrong_encoding"),
        ("q.jsonl", b"\xff\xfea\x00", "wrong_encoding"),
        ("q.parquet", b"PAR1 no", "broken_table"),
        ("q.docx", b"x", "unknown_kind"),
        ("gone/q.csv", None, "unreadable"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(
    tmp_path: Path, name: str, content: str | bytes | None, code: str
) -> None:
    path = tmp_path / name if content is None else written(tmp_path, name, content)
    with pytest.raises(FileRefused) as refused:
        read(path)
    assert refused.value.errors[0].code == code


def test_too_many_cells_are_told_by_line(tmp_path: Path) -> None:
    good, bad = read(written(tmp_path, "q.csv", "question\nHow high, and how wide?\nHow deep?\n"))
    assert (good, bad) == ([("row-3", {"question": "How deep?"})], [(2, "too_many_cells")])


def test_a_file_above_the_bound_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "q.csv", "question\n" + "x" * 100)
    with pytest.raises(FileRefused, match="KAOZHENG_KEPT_FILE_BYTES"):
        QuestionFile(path, Asking(), max_bytes=100).records(1_000)


def test_lines_of_json_may_be_objects_texts_and_batch_lines(tmp_path: Path) -> None:
    lines = [
        {"question": "A?", "id": 7, "answer": "gold"},
        "B?",
        {"custom_id": "c", "method": "POST", "url": "/v1/answers", "body": {"question": "C?", "depth": "quick"}},
        {"query": "D?", "custom_id": "d", "include_domains": ["a.example"]},
        {"id": 9},
        [1],
        {"question": "E?", "custom_id": "d"},
    ]
    path = written(tmp_path, "q.jsonl", "\ufeff" + "\n\n".join(json.dumps(line) for line in lines))
    assert read(path) == (
        [
            ("7", {"question": "A?"}),
            ("row-3", {"question": "B?"}),
            ("c", {"question": "C?", "depth": "quick"}),
            ("d", {"question": "D?", "include_domains": ["a.example"]}),
        ],
        [(9, "missing_required_parameter"), (11, "invalid_json_line"), (13, "duplicate_custom_id")],
    )


def test_a_line_that_is_too_long_is_told_and_the_others_run(tmp_path: Path) -> None:
    path = written(tmp_path, "q.jsonl", '{"question": "' + "x" * 2_000_000 + '"}\n{"question": "B?"}')
    assert read(path) == ([("row-2", {"question": "B?"})], [(1, "line_too_long")])


def test_chat_lines_are_asked_as_chat(tmp_path: Path) -> None:
    body = {"model": "kaozheng", "messages": [{"role": "user", "content": "A?"}]}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    path = written(tmp_path, "q.jsonl", json.dumps(line))
    assert read(path, Asking("research")) == ([("a", {**body, "model": "kaozheng-research"})], [])


def test_a_depth_for_all_holds_where_a_question_names_none(tmp_path: Path) -> None:
    path = written(tmp_path, "q.csv", "question,depth\nA?,quick\nB?,\n")
    good, _ = read(path, Asking("research", strict=True))
    assert [(body["depth"], body["strict"]) for _, body in good] == [("quick", True), ("research", True)]


def test_a_text_has_one_question_a_line(tmp_path: Path) -> None:
    assert read(written(tmp_path, "q.txt", "A?\r\n\r\n B? \n")) == (
        [("row-1", {"question": "A?"}), ("row-3", {"question": "B?"})],
        [],
    )


def test_a_parquet_file_is_read(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({"id": [1, 2, 3], "question": ["A?", None, "C?"], "gold": ["x", "y", "z"]})
    parquet.write_table(table, tmp_path / "q.parquet")
    assert read(tmp_path / "q.parquet") == (
        [("1", {"question": "A?"}), ("3", {"question": "C?"})],
        [(2, "missing_required_parameter")],
    )


def test_the_fingerprint_is_that_of_the_bytes_and_of_how_they_are_asked(tmp_path: Path) -> None:
    path = written(tmp_path, "q.txt", "A?")
    made = {
        QuestionFile(path, Asking()).fingerprint("x"),
        QuestionFile(path, Asking()).fingerprint("y"),
        QuestionFile(path, Asking("research")).fingerprint("x"),
        QuestionFile(written(tmp_path, "r.txt", "B?"), Asking()).fingerprint("x"),
    }
    assert len(made) == 4
    assert QuestionFile(path, Asking()).fingerprint("x") in made
