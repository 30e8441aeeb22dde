"""Bad requests: a 4xx that names the field, never a 500, and the service goes on."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.question import MAX_HISTORY_TURNS
from tests.workers.serving import ASK, QUESTION, service_of, serving
from workers.problems import Problem
from workers.requests import AskBody, parse_body, strict_json
from workers.service import Limits

JSON = {"Content-Type": "application/json"}
DEEP = 100_000
TURN = {"question": "a", "answer": "b"}
BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{question",
    "a list": b"[]",
    "a string": b'"question"',
    "null": b"null",
    "two objects": b"{}{}",
    "NaN": b'{"question": "x", "depth": NaN}',
    "infinity": b'{"question": -Infinity}',
    "1e999": b'{"question": 1e999}',
    "5,000 digits": b'{"question": ' + b"9" * 5_000 + b"}",
    "100,000 deep list": b'{"question": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "100,000 deep object": b'{"question": ' + b'{"a":' * 40_000 + b"1" + b"}" * 40_000 + b"}",
    "UTF-16": json.dumps(QUESTION).encode("utf-16"),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + json.dumps(QUESTION).encode(),
    "GBK": json.dumps({"question": "问题"}, ensure_ascii=False).encode("gbk"),
    "raw NUL": b'{"question": "a\x00b"}',
    "doubled key": b'{"question": "a", "question": "b"}',
    "surrogate as a name": b'{"question": "a", "\\ud800": 1}',
}
WRONG: dict[str, tuple[object, str]] = {
    "no question": ({}, "question"),
    "empty": ({"question": ""}, "question"),
    "blank": ({"question": " \n\u3000"}, "question"),
    "8,001 characters": ({"question": "山" * 8_001}, "question"),
    "lone surrogate": ({"question": "a\ud800b"}, "question"),
    "NUL": ({"question": "a\0b"}, "question"),
    "a number": ({"question": 7}, "question"),
    "unknown depth": ({**QUESTION, "depth": "deepest"}, "depth"),
    "surrogate in depth": ({**QUESTION, "depth": "\udfff"}, "depth"),
    "stream as a word": ({**QUESTION, "stream": "true"}, "stream"),
    "unknown field": ({**QUESTION, "qestion": "x"}, "qestion"),
    "long unknown field": ({**QUESTION, "y" * 50_000: "x"}, "y" * 80),
    "thread with a path": ({**QUESTION, "thread": "../../etc"}, "thread"),
    "history without answers": ({**QUESTION, "history": [{"question": "a"}]}, "history.0.answer"),
    "history too long": ({**QUESTION, "history": [TURN] * (MAX_HISTORY_TURNS + 1)}, "history"),
    "history and thread": ({**QUESTION, "history": [TURN], "thread": "t"}, "history"),
    "surrogate in history": ({**QUESTION, "history": [{"question": "a", "answer": "\ud800"}]}, "history"),
    "no search, no files": ({**QUESTION, "search": False}, "search"),
    "a domain with a path": ({**QUESTION, "include_domains": ["debian.org/doc"]}, "include_domains.0"),
    "101 domains": ({**QUESTION, "exclude_domains": ["a.example"] * 101}, "exclude_domains"),
    "unknown recency": ({**QUESTION, "recency": "decade"}, "recency"),
}  # fmt: skip


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with serving(service_of()) as client:
        yield client


def check_problem(response: httpx.Response, status: int, code: str, field: str) -> None:
    assert response.headers["content-type"] == "application/problem+json"
    members = json.loads(response.content.decode("utf-8"))
    assert (response.status_code, members["code"], members["field"]) == (status, code, field)
    assert members["detail"]
    assert not [character for character in response.text if "\ud800" <= character <= "\udfff"]
    assert "\\ud" not in response.text


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
async def test_a_broken_body_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    check_problem(await client.post(ASK, content=body, headers=JSON), 400, "malformed_body", "body")
    assert (await client.post(ASK, json=QUESTION)).status_code == 200


@pytest.mark.parametrize(("body", "field"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_wrong_field_is_named_before_any_event(
    client: httpx.AsyncClient, body: dict[str, object], field: str, stream: bool
) -> None:
    content = json.dumps({"stream": stream, **body}).encode()
    response = await client.post(ASK, content=content, headers=JSON)
    check_problem(response, 422, "bad_question", field)


async def test_the_longest_question_is_taken(client: httpx.AsyncClient) -> None:
    response = await client.post(ASK, json={"question": "山" * 8_000, "depth": "quick"})
    assert len(response.json()["question"]) == 8_000


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"Content-Type": "text/plain"}, "content-type"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "content-type"),
        ({"Content-Type": "application/json; charset=utf-16"}, "content-type"),
        ({"Content-Type": "multipart/form-data; boundary=x; charset=utf-7"}, "content-type"),
        ({"Content-Type": ""}, "content-type"),
        ({**JSON, "Content-Encoding": "gzip"}, "content-encoding"),
        ({**JSON, "Content-Encoding": "br"}, "content-encoding"),
    ],
)
async def test_a_body_of_another_type_is_refused(
    client: httpx.AsyncClient, headers: dict[str, str], field: str
) -> None:
    response = await client.post(ASK, content=gzip.compress(b"{}"), headers=headers)
    check_problem(response, 415, "unsupported_type", field)


async def in_pieces(piece: bytes, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield piece


async def test_a_body_is_bounded_while_it_is_read_without_a_length_too(client: httpx.AsyncClient) -> None:
    long = json.dumps({"question": "x" * 300_000}).encode()
    check_problem(await client.post(ASK, content=long, headers=JSON), 413, "body_too_large", "body")
    unlimited = in_pieces(b" " * 65_536, 5)
    check_problem(await client.post(ASK, content=unlimited, headers=JSON), 413, "body_too_large", "body")


async def test_a_body_that_drips_is_refused_in_time() -> None:
    async def dripping() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(1)
        yield b"}"

    async with serving(service_of(limits=Limits(body_seconds=0.2))) as client:
        response = await client.post(ASK, content=dripping(), headers=JSON)
    check_problem(response, 408, "body_timeout", "")


async def test_a_client_who_leaves_within_its_body_holds_no_place() -> None:
    async with serving(service_of(limits=Limits(max_concurrent_answers=1))) as client:
        _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        head = f"POST {ASK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
        writer.write(head.encode() + b"{")
        await asyncio.sleep(0.1)
        assert (await client.post(ASK, json=QUESTION)).json()["code"] == "overloaded"
        writer.transport.abort()
        await asyncio.sleep(0.1)
        assert (await client.post(ASK, json=QUESTION)).status_code == 200


def text_or_half_of_one() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=()), max_size=20)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text_or_half_of_one(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text_or_half_of_one(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([*AskBody.model_fields, "other"])


def refusal_of(body: bytes) -> Problem | None:
    """None: it was understood. Anything but a Problem is a law broken."""
    try:
        parse_body(body)
    except Problem as problem:
        return problem
    return None


def check_sendable(problem: Problem | None) -> None:
    if problem:
        assert 400 <= problem.kind.status < 500
        assert (problem.detail + problem.field).encode()


@given(st.dictionaries(FIELDS, VALUES), st.booleans())
def test_any_json_is_understood_or_refused_with_a_problem(fields: dict[str, object], escaped: bool) -> None:
    check_sendable(refusal_of(json.dumps(fields, ensure_ascii=escaped).encode("utf-8", "surrogatepass")))


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_any_bytes_are_understood_or_refused_with_a_problem(body: bytes) -> None:
    check_sendable(refusal_of(body))


def test_numbers_that_json_allows_are_read() -> None:
    assert strict_json(b'{"a": -12, "b": 1.5e3, "c": 1234567890123456789}') == {
        "a": -12,
        "b": 1500.0,
        "c": 1234567890123456789,
    }


def test_a_doubled_key_is_refused_at_any_depth() -> None:
    with pytest.raises(Problem, match="twice"):
        strict_json(b'{"a": [{"b": 1, "b": 2}]}')
