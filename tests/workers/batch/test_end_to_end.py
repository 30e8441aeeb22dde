"""Must show 3: the real openai client runs a batch of good and bad lines from one end to the other: real REST service,
real Valkey, real worker, the quoting reader over a folder of pages. `make batch` sends 1,000 lines, the suite fewer."""

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.workers.batch.test_checking import CHAT, good
from tests.workers.serving import serving
from workers.batch.answer_rows import answer_rows
from workers.cli_worker import working_beside
from workers.service_build import open_service
from workers.settings import Settings

LINES = int(os.environ.get("KAOZHENG_BATCH_LINES", "60"))
SEED = 20261122
SUBJECTS = ("Tai", "Hua", "Heng", "Song", "Lu", "Emei", "Huang")


def bad_line(number: int, random_: random.Random) -> bytes:
    line = good(f"row-{number}")
    faults: tuple[Any, ...] = (
        b'{"custom_id": ',
        b"\xc4\xe3\xba\xc3",
        {**line, "url": "/v1/embeddings"},
        {**line, "method": "GET"},
        {**line, "custom_id": 7},
        {**line, "body": {"model": "kaozheng"}},
        {**line, "body": {**line["body"], "model": "gpt-4o"}},
    )
    fault = random_.choice(faults)
    return fault if isinstance(fault, bytes) else json.dumps(fault).encode()


def mixed(count: int) -> tuple[bytes, dict[str, str], set[int]]:
    """The file, the question of each good custom_id, and the numbers of the bad lines, from 1."""
    random_ = random.Random(SEED)
    lines, questions, bad = [], {}, set()
    for number in range(1, count + 1):
        if random_.random() < 0.2:
            bad.add(number)
            lines.append(bad_line(number, random_))
            continue
        question = f"How high is Mount {random_.choice(SUBJECTS)}?"
        questions[f"row-{number}"] = question
        lines.append(json.dumps(good(f"row-{number}", question)).encode())
    return b"\n".join(lines), questions, bad


def library(folder: Path) -> Path:
    folder.mkdir()
    for height, name in enumerate(SUBJECTS, 1_500):
        text = f"<h1>Mount {name}</h1><p>Mount {name} is {height} m high. It stands in China.</p>"
        (folder / f"{name}.html").write_text(f"<html><title>Mount {name}</title><body>{text}</body></html>")
    return folder


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        data_dir=folder / "data", library=(library(folder / "pages"),), search_engines=("library",), worker_rows=8
    )
    async with AsyncExitStack() as opened:
        service = await opened.enter_async_context(open_service(settings, lambda _line: None))
        await opened.enter_async_context(working_beside(settings, service))
        yield await opened.enter_async_context(serving(service))


async def ended(client: openai.AsyncOpenAI, batch_id: str) -> Any:
    async with asyncio.timeout(60 + LINES):
        while (batch := await client.batches.retrieve(batch_id)).status not in ("completed", "failed"):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    return batch


async def lines_of(client: openai.AsyncOpenAI, file_id: str | None) -> list[dict[str, Any]]:
    assert file_id is not None
    return [json.loads(line) for line in (await client.files.content(file_id)).content.splitlines()]


@pytest.mark.timeout(60 + 2 * LINES)
async def test_a_batch_of_good_and_bad_lines_runs_from_one_end_to_the_other(tmp_path: Path) -> None:
    content, questions, bad = mixed(LINES)
    async with house(tmp_path) as http, openai.AsyncOpenAI(api_key="none", base_url=f"{http.base_url}/v1") as client:
        file = await client.files.create(file=("questions.jsonl", content), purpose="batch")
        made = await client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        batch = await ended(client, made.id)
        output = await lines_of(client, batch.output_file_id)
        errors = await lines_of(client, batch.error_file_id)
    counts = batch.request_counts
    assert (batch.status, counts.total, counts.completed, counts.failed) == (
        "completed",
        LINES,
        len(questions),
        len(bad),
    )
    assert sorted(line["custom_id"] for line in output) == sorted(questions)
    assert {line["response"]["body"]["error"]["line"] for line in errors} == bad
    assert len(errors) == len(bad)
    for line in output:
        message = line["response"]["body"]["choices"][0]["message"]
        name = questions[line["custom_id"]].split()[4].rstrip("?")
        assert f"Mount {name} is" in message["content"], line
        assert message["annotations"], line


async def test_a_batch_of_responses_runs_too(tmp_path: Path) -> None:
    bodies = [{"model": "kaozheng", "input": f"How high is Mount {name}?"} for name in SUBJECTS[:3]]
    bodies += [{"model": "kaozheng", "input": "?", "stream": True}, {"model": "kaozheng", "input": []}]
    wrapped = [
        {"custom_id": f"row-{at}", "method": "POST", "url": "/v1/responses", "body": body}
        for at, body in enumerate(bodies)
    ]
    content = b"\n".join(json.dumps(line).encode() for line in wrapped)
    async with house(tmp_path) as http, openai.AsyncOpenAI(api_key="none", base_url=f"{http.base_url}/v1") as client:
        file = await client.files.create(file=("questions.jsonl", content), purpose="batch")
        made = await client.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h")
        batch = await ended(client, made.id)
        output = await lines_of(client, batch.output_file_id)
        errors = await lines_of(client, batch.error_file_id)
        kept = await client.responses.retrieve(output[0]["response"]["body"]["id"])
    assert sorted(line["custom_id"] for line in output) == ["row-0", "row-1", "row-2"]
    assert [line["response"]["body"]["error"]["param"] for line in errors] == ["body.stream", "body.input"]
    for line in output:
        response = openai.types.responses.Response.model_validate(line["response"]["body"])
        name = SUBJECTS[int(line["custom_id"][4:])]
        assert f"Mount {name} is" in response.output_text
        assert (response.status, response.usage and response.usage.total_tokens) == ("completed", 0)
    assert kept.output_text == output[0]["response"]["body"]["output"][-1]["content"][0]["text"]
    (row,) = answer_rows([json.dumps(output[0]).encode()], {})
    assert (row.status, [cited.number for cited in row.sources][:1]) == ("answered", [1])
    assert all(f"[{cited.number}]" in row.text for cited in row.sources)
