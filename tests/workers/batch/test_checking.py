"""A file is checked whole: each bad line is told with its number and its field, and no line is ever lost."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.batch.checking import Checked, checked
from workers.batch.filling import FillRules
from workers.batch.lines import FileRefused, Line, lines_of
from workers.batch.records import Row, RowEnd

CHAT = "/v1/chat/completions"
RULES = FillRules(max_body_bytes=64_000)


def good(custom_id: str, text: str = "How high is Mount Tai?", **changed: Any) -> dict[str, Any]:
    body = {"model": "kaozheng", "messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body, **changed}


def jsonl(*lines: dict[str, Any] | bytes) -> bytes:
    return b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in lines)


async def pieces(content: bytes, size: int = 7_919) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def read(content: bytes, max_rows: int = 50_000, rules: FillRules = RULES) -> tuple[list[Row], list[RowEnd]]:
    reader = rules.reader(CHAT)
    rows: list[Row] = []
    bad: list[RowEnd] = []
    async for piece in checked(lines_of(pieces(content), reader.max_line_bytes), reader.row, max_rows, Checked()):
        rows += piece.rows
        bad += piece.bad
    return rows, bad


def error(end: RowEnd) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(end.body)["error"]
    return found


async def fault(line: dict[str, Any] | bytes) -> tuple[int, str, str | None]:
    """Line, code and field of the only bad line, which stands between two good ones, which run."""
    rows, bad = await read(jsonl(good("first"), line, good("last")))
    assert [(row.number, row.custom_id) for row in rows] == [(0, "first"), (2, "last")]
    assert [(end.number, end.outcome, end.status_code) for end in bad] == [(1, "failed", 400)]
    found = error(bad[0])
    assert found["message"].startswith(f"line {found['line']}: ")
    return found["line"], found["code"], found["param"]


def with_body(**changed: Any) -> dict[str, Any]:
    line = good("bad")
    return {**line, "body": {**line["body"], **changed}}


@pytest.mark.parametrize(
    ("line", "code", "param"),
    [
        (b'{"custom_id": "a"', "invalid_json_line", None),
        (b"\xc4\xe3\xba\xc3, GBK", "invalid_json_line", None),
        (b"[1]", "invalid_json_line", None),
        (b'{"a": NaN}', "invalid_json_line", None),
        (b"[" * 9_000, "invalid_json_line", None),
        (b"x" * 70_000, "line_too_long", "body"),
        (b"x" * 2_000_000, "line_too_long", "body"),
        ({"method": "POST"}, "missing_required_parameter", "custom_id"),
        (good("", url=CHAT), "invalid_custom_id", "custom_id"),
        ({**good("x"), "custom_id": 7}, "invalid_custom_id", "custom_id"),
        (good("x" * 513), "invalid_custom_id", "custom_id"),
        (good("first"), "duplicate_custom_id", "custom_id"),
        (good("x", method="GET"), "invalid_method", "method"),
        (good("x", url="/v1/embeddings"), "invalid_url", "url"),
        (good("x", url=["/v1"]), "invalid_url", "url"),
        (good("x", url="/v1/answers"), "mismatched_url", "url"),
        (good("x", body="hello"), "missing_required_parameter", "body"),
        (with_body(messages=[]), "bad_question", "body.messages"),
        (with_body(model="gpt-4o"), "unknown_model", "body.model"),
        (with_body(stream=True), "invalid_request", "body.stream"),
        (with_body(n=2), "bad_question", "body.n"),
        (good("x", " "), "bad_question", "body.messages"),
        (good("x", "long " * 1_700), "bad_question", "body.messages"),
    ],
)
async def test_a_bad_line_is_told_by_its_number_and_field_and_the_others_run(
    line: dict[str, Any] | bytes, code: str, param: str | None
) -> None:
    assert await fault(line) == (2, code, param)


async def test_a_bad_line_keeps_the_custom_id_that_could_be_read() -> None:
    _, bad = await read(jsonl(good("a", method="PUT"), b"{", good("b")))
    assert [end.custom_id for end in bad] == ["a", ""]


@pytest.mark.parametrize("content", [b"", b"\n \r\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
async def test_a_file_without_a_request_is_refused(content: bytes) -> None:
    with pytest.raises(FileRefused) as refused:
        await read(content)
    assert refused.value.errors[0].code == "empty_file"


async def test_a_byte_order_mark_is_passed_over() -> None:
    rows, bad = await read(b"\xef\xbb\xbf" + jsonl(good("a")))
    assert (len(rows), bad) == (1, [])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
async def test_a_file_in_utf_16_is_refused_whole_and_says_so(encoding: str) -> None:
    with pytest.raises(FileRefused) as refused:
        await read(("\ufeff" + jsonl(good("a")).decode()).encode(encoding))
    assert refused.value.errors[0].code == "wrong_encoding"
    assert "UTF-8" in str(refused.value)


async def test_a_file_with_one_line_too_many_is_refused_and_names_the_line() -> None:
    content = jsonl(*(good(f"row-{number}") for number in range(101)))
    with pytest.raises(FileRefused) as refused:
        await read(content, max_rows=100)
    assert (refused.value.errors[0].code, refused.value.errors[0].line) == ("too_many_tasks", 101)
    assert len((await read(content, max_rows=101))[0]) == 101


def test_a_batch_has_50_000_rows_at_most_unless_the_operator_says_otherwise() -> None:
    assert FillRules().max_rows == 50_000


async def test_a_line_that_never_ends_is_not_held() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(3_200):  # 200 MB
            yield b"x" * 65_536
        yield b"\nlast"

    found = [(line.number, len(line.content), line.cut) async for line in lines_of(endless(), 1_000)]
    assert found == [(1, 1_000, True), (2, 4, False)]


LINE = st.binary(max_size=40).map(lambda content: content.replace(b"\n", b"").replace(b"\r", b""))


@given(st.lists(LINE, max_size=20), st.integers(1, 30), st.sampled_from([b"\n", b"\r\n"]))
async def test_lines_are_the_same_however_the_bytes_come(lines: list[bytes], size: int, end: bytes) -> None:
    content = b"a" + end + end.join(lines)
    found = [line async for line in lines_of(pieces(content, size), 100)]
    expected = [Line(number, each) for number, each in enumerate([b"a", *lines], 1) if each.strip()]
    assert found == expected


async def test_a_file_that_is_checked_leaves_others_their_turn() -> None:
    """Many lines that take long to read come without any wait of their own between them."""
    content = jsonl(*(good(f"row-{number}", "x" * 60_000) for number in range(200)))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    before = time.process_time()
    _, bad = await read(content)
    busy_seconds = time.process_time() - before
    other.cancel()
    assert len(bad) == 200
    assert turns >= min(3, busy_seconds / 0.1)
