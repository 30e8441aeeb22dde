"""Files by their id and within a request, in every dialect: each its user's own, each refusal with its field."""

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from agent.events import Event
from agent.question import Question
from tests.workers.serving import QUESTION, quick, service_of, serving
from workers.batch.files import FileStore
from workers.batch.records import Job, Row, new_job_id
from workers.batch.request_lines import check_body
from workers.batch.row_work import run_row
from workers.keys import Keys, Wish, create_key
from workers.service import Limits, Service

LIMITS = Limits(max_file_bytes=10_000, max_files=2)
TEXT = b"The moon pulls the sea."
BASE64 = base64.b64encode(TEXT).decode()


@dataclass
class Asking:
    """questions: as they reached the agent."""

    http: httpx.AsyncClient
    one: str
    other: str
    questions: list[Question]
    service: Service

    def owner(self, key: str) -> str:
        return self.service.keys.owner(key)

    async def upload(self, content: bytes = TEXT, name: str = "sea.txt") -> str:
        form = {"files": {"file": (name, content)}, "data": {"purpose": "user_data"}}
        return str((await self.http.post("/v1/files", **form, headers=bearer(self.one))).json()["id"])  # type: ignore[arg-type]

    async def ask(self, path: str, body: dict[str, Any], key: str = "") -> httpx.Response:
        return await self.http.post(path, json=body, headers=bearer(key or self.one))


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
async def asking(valkey: Redis, tmp_path: Path) -> AsyncIterator[Asking]:
    questions: list[Question] = []

    async def noted(question: Question) -> AsyncGenerator[Event, None]:
        questions.append(question)
        async for event in quick(question):
            yield event

    file = tmp_path / "keys"
    one, other = (create_key(file, Wish(name)) for name in ("one", "other"))
    service = service_of(ask=noted, files=FileStore(valkey), keys=Keys(file=file), limits=LIMITS)
    async with serving(service) as http:
        yield Asking(http, one, other, questions, service)


def native(file: dict[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/answers", {**QUESTION, "files": [file], **more}


def chat(file: dict[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
    content = [{"type": "text", "text": "How?"}, {"type": "file", "file": file}]
    return "/v1/chat/completions", {"model": "kaozheng", "messages": [{"role": "user", "content": content}], **more}


def response(file: dict[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
    content = [{"type": "input_text", "text": "How?"}, {"type": "input_file", **file}]
    return "/v1/responses", {"model": "kaozheng", "input": [{"role": "user", "content": content}], **more}


def sonar(file: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "/async/chat/completions", {"request": chat(file)[1]}


FIELDS = {
    native: "files.0.file_id",
    chat: "messages.0.content.1.file.file_id",
    response: "input.0.content.1.file_id",
    sonar: "request.messages.0.content.1.file.file_id",
}


@pytest.mark.parametrize("dialect", [native, chat, response])
async def test_an_uploaded_file_is_a_page_of_the_question(asking: Asking, dialect: Any) -> None:
    answered = await asking.ask(*dialect({"file_id": await asking.upload()}))
    assert answered.status_code == 200, answered.text
    (page,) = asking.questions[0].files
    assert (page.title, page.text, asking.questions[0].search) == ("sea.txt", TEXT.decode(), True)


@pytest.mark.parametrize("dialect", [native, chat, response, sonar])
async def test_what_is_another_tenants_is_as_unknown_as_what_never_was(asking: Asking, dialect: Any) -> None:
    told = []
    for file_id in (await asking.upload(), f"file-{'0' * 32}", "../x", "file-\u6f6e"):
        refused = await asking.ask(*dialect({"file_id": file_id}), key=asking.other)
        fields = refused.json().get("error") or refused.json()
        told.append((refused.status_code, fields["code"], fields.get("param") or fields.get("field")))
    assert told == [(404, "not_found", FIELDS[dialect])] * 4
    assert not asking.questions


@pytest.mark.parametrize("dialect", [chat, response])
@pytest.mark.parametrize("head", ["", "data:text/plain;base64,"])
async def test_a_file_in_base64_is_a_page_of_the_question(asking: Asking, dialect: Any, head: str) -> None:
    answered = await asking.ask(*dialect({"file_data": head + BASE64, "filename": "sea.txt"}))
    assert answered.status_code == 200, answered.text
    assert [(page.title, page.text) for page in asking.questions[0].files] == [("sea.txt", TEXT.decode())]


@pytest.mark.parametrize(
    ("file", "status", "code"),
    [
        ({"file_data": "not base64!"}, 400, "bad_file"),
        ({"file_data": "data:text/plain,hello"}, 400, "bad_file"),
        ({"file_data": "data:"}, 400, "bad_file"),
        ({"file_data": base64.b64encode(b"A" * 10_001).decode()}, 413, "file_too_large"),
        ({"file_data": "A" * 60_000}, 413, "file_too_large"),
        ({"file_data": base64.b64encode(b"\xff\xfe").decode()}, 400, "file_unreadable"),
        ({"file_data": BASE64, "file_id": "file-1"}, 400, "bad_question"),
        ({"filename": "a"}, 400, "bad_question"),
        ({"file_url": "http://127.0.0.1/secret"}, 400, "bad_question"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_by_its_field(
    asking: Asking, file: dict[str, Any], status: int, code: str
) -> None:
    for dialect in (chat, response):
        refused = await asking.ask(*dialect(file))
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (status, code), error
        assert "file" in error["param"] or error["param"] == "input.0.content.1"
    assert not asking.questions


async def test_a_kept_file_that_is_too_large_or_unreadable_is_refused_by_its_field(asking: Asking) -> None:
    for content, status, code in ((b"A" * 10_001, 413, "file_too_large"), (b"\xff\xfe", 422, "file_unreadable")):
        refused = await asking.ask(*native({"file_id": await asking.upload(content)}))
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
            status,
            code,
            "files.0.file_id",
        )


async def test_files_by_id_and_parts_of_a_form_are_counted_together(asking: Asking) -> None:
    file_id = await asking.upload()
    request = f'{{"question": "How?", "files": [{{"file_id": "{file_id}"}}]}}'
    for parts, status in ((1, 200), (2, 422)):
        form: Any = [("request", (None, request)), *[("files", (f"{n}.txt", b"a")) for n in range(parts)]]
        answered = await asking.http.post("/v1/answers", files=form, headers=bearer(asking.one))
        assert answered.status_code == status, answered.text
    assert [page.title for page in asking.questions[0].files] == ["0.txt", "sea.txt"]


async def test_a_conversation_that_names_a_file_again_reads_it_once(asking: Asking) -> None:
    file_id = await asking.upload()
    message = chat({"file_id": file_id})[1]["messages"][0]
    messages = [message, {"role": "assistant", "content": "So."}, message, {"role": "user", "content": "Why?"}]
    await asking.ask("/v1/chat/completions", {"model": "kaozheng", "messages": messages})
    assert len(asking.questions[0].files) == 1


async def test_without_a_search_the_files_are_all_that_is_answered_from(asking: Asking) -> None:
    file = {"file_id": await asking.upload()}
    for path, body in (
        native(file, search=False),
        chat(file, disable_search=True),
        response(file, tool_choice="none"),
    ):
        assert (await asking.ask(path, body)).status_code == 200
    assert [question.search for question in asking.questions] == [False] * 3


async def test_without_a_search_and_without_files_there_is_nothing_to_answer_from(asking: Asking) -> None:
    asked = {"model": "kaozheng", "input": "How?", "tool_choice": "none"}
    refused = await asking.ask("/v1/responses", asked)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "tool_choice")


async def test_a_row_of_a_batch_names_a_file_of_its_owner(asking: Asking) -> None:
    file_id = await asking.upload()
    told = []
    for user in (asking.owner(asking.one), asking.owner(asking.other)):
        for path, body in (native({"file_id": file_id}, search=False), chat({"file_id": file_id})):
            check_body(path, body, "quick")
            row = Row(0, "a", json.dumps(body).encode())
            told.append((await run_row(Job(new_job_id(), user, path, 1), row, asking.service)).status_code)
    assert told == [200, 200, 404, 404]
    assert [question.files[0].text for question in asking.questions] == [TEXT.decode()] * 2


async def test_a_large_body_without_files_is_still_refused(asking: Asking) -> None:
    asked = {"model": "kaozheng", "messages": [{"role": "user", "content": "a" * 300_000}]}
    refused = await asking.ask("/v1/chat/completions", asked)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "body_too_large")
