"""Uploads: files as pages of the question, bounded while they are read, named when they are refused."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from agent.events import Answered, Event
from agent.question import Question
from tests.workers.serving import ASK, QUESTION, answer_to, service_of, serving
from tools.errors import PageRefused, PageTooLarge, ToolError
from tools.page import Webpage
from workers.service import Limits
from workers.uploads import file_name

MIB = 1024 * 1024
REQUEST = {"request": json.dumps({**QUESTION, "search": False})}
File = tuple[str, tuple[str, bytes, str]]


def file(name: str, content: bytes = b"It is 1,545 m high.") -> File:
    return ("files", (name, content, "application/octet-stream"))


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with serving(service_of()) as client:
        yield client


def check_problem(response: httpx.Response, status: int, code: str, field: str) -> dict[str, Any]:
    members: dict[str, Any] = response.json()
    assert (response.status_code, members["code"], members["field"]) == (status, code, field)
    return members


async def test_files_are_pages_of_the_question_in_their_order() -> None:
    asked: list[Question] = []

    async def noting(question: Question) -> AsyncGenerator[Event, None]:
        asked.append(question)
        yield Answered(answer_to(question))

    async with serving(service_of(ask=noting)) as client:
        response = await client.post(ASK, data=REQUEST, files=[file("泰山.txt"), file("b.txt", b"b")])
    assert response.status_code == 200
    assert [(page.url, page.title) for page in asked[0].files] == [
        ("file:泰山.txt", "泰山.txt"),
        ("file:b.txt", "b.txt"),
    ]
    assert asked[0].files[0].text == "It is 1,545 m high."


async def test_a_file_of_21_mb_is_refused_by_name(client: httpx.AsyncClient) -> None:
    response = await client.post(ASK, data=REQUEST, files=[file("big.txt", b"x" * 21 * MIB)])
    assert "big.txt" in check_problem(response, 413, "file_too_large", "files")["detail"]
    assert (await client.post(ASK, json=QUESTION)).status_code == 200


async def test_a_file_of_20_mib_is_taken(client: httpx.AsyncClient) -> None:
    response = await client.post(ASK, data=REQUEST, files=[file("big.txt", b"x" * 20 * MIB)])
    assert response.status_code == 200


async def test_reading_stops_where_the_file_is_too_large() -> None:
    """The client offers 1 GiB; the refusal comes long before that."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        for _ in range(1024):
            sent += 1
            yield b"x" * MIB

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    async with serving(service_of(limits=Limits(max_file_bytes=MIB))) as client:
        # The service may close the connection while we are still sending: refused all the same.
        with suppress(httpx.NetworkError):
            check_problem(await client.post(ASK, content=endless(), headers=headers), 413, "file_too_large", "files")
    assert sent < 128


async def test_eleven_files_are_refused(client: httpx.AsyncClient) -> None:
    response = await client.post(ASK, data=REQUEST, files=[file(f"{number}.txt") for number in range(11)])
    check_problem(response, 422, "bad_question", "files")


async def test_the_operator_may_allow_fewer_files() -> None:
    async with serving(service_of(limits=Limits(max_files=1))) as client:
        assert (await client.post(ASK, data=REQUEST, files=[file("a.txt")])).status_code == 200
        two = await client.post(ASK, data=REQUEST, files=[file("a.txt"), file("b.txt")])
    check_problem(two, 422, "bad_question", "files")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (PageTooLarge("file:a.pdf", "pages", "more than 500 pages"), 413, "file_too_large"),
        (PageRefused("file:a.pdf", "type", "no text file"), 422, "file_unreadable"),
    ],
)
async def test_a_file_that_cannot_be_read_is_named(error: ToolError, status: int, code: str) -> None:
    async def refusing(name: str, content: bytes) -> Webpage:
        raise error

    async with serving(service_of(read_upload=refusing)) as client:
        response = await client.post(ASK, data=REQUEST, files=[file("a.pdf")])
    assert check_problem(response, status, code, "files")["detail"] == f"a.pdf: {error.detail}"


async def test_an_unreadable_pdf_is_refused_before_any_event(client: httpx.AsyncClient) -> None:
    request = {"request": json.dumps({**QUESTION, "stream": True})}
    response = await client.post(ASK, data=request, files=[file("scan.pdf", b"%PDF-1.7\xff\xfe")])
    assert "scan.pdf" in check_problem(response, 422, "file_unreadable", "files")["detail"]


FORMS: dict[str, tuple[dict[str, str], list[File], str]] = {
    "no request": ({}, [file("a.txt")], "request"),
    "unknown part": ({**REQUEST, "file": "x"}, [], "body"),
    "file without a name": ({**REQUEST, "files": "text"}, [file("a.txt")], "request"),
    "request as a file": ({}, [("request", ("q.json", b"{}", "application/json")), file("a.txt")], "request"),
}


@pytest.mark.parametrize(("texts", "files", "field"), FORMS.values(), ids=FORMS)
async def test_a_form_with_other_parts_is_refused(
    client: httpx.AsyncClient, texts: dict[str, str], files: list[File], field: str
) -> None:
    fields = [(name, (None, value, "text/plain")) for name, value in texts.items()]
    response = await client.post(ASK, files=[*fields, *files])
    check_problem(response, 422, "bad_question", field)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"--b\r\nnonsense", 400),
        (b"no boundary at all", 400),
        (b'--b\r\nContent-Disposition: form-data; filename="a"\r\n\r\nx\r\n--b--\r\n', 400),
        (b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\nX: ' + b"y" * 9_000, 400),
        (b'--b\r\nContent-Disposition: form-data; name="request"\r\n\r\n{"question": "\xcc\xe2"}\r\n--b--\r\n', 400),
        (b'--b\r\nContent-Disposition: form-data; name="request"\r\n\r\n' + b" " * 300_000, 413),
        (b"", 400),
        (b'--b\r\nContent-Disposition: form-data; name="request"\r\n\r\n{"question": "x"}\r\n', 400),
    ],
    ids=["nonsense", "no boundary", "no name", "long header", "GBK", "long request", "empty", "cut off"],
)
async def test_a_broken_form_is_refused(client: httpx.AsyncClient, content: bytes, status: int) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = await client.post(ASK, content=content, headers=headers)
    assert response.status_code == status
    assert response.json()["detail"]
    missing = await client.post(ASK, content=content, headers={"Content-Type": "multipart/form-data"})
    assert missing.status_code == 400


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a b.txt", "a b.txt"),
        ("a\0\x1b[31m\u202etxt.exe", "a[31mtxt.exe"),
        ("", "file"),
        (None, "file"),
        ("..", "file"),
        ("泰" * 300 + ".txt", "泰" * 116 + ".txt"),
    ],
)
def test_a_file_name_is_one_visible_step(given: str | None, shown: str) -> None:
    assert file_name(given) == shown
