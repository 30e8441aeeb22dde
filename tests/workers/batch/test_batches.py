"""Batches by the real openai client, against the real service and a real Valkey; a worker of the test ends the rows."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai.types import Batch
from redis.asyncio import Redis

from tests.workers.batch.test_checking import CHAT, good, jsonl
from tests.workers.serving import service_of, serving
from workers.batch.files import FileStore
from workers.batch.filling import FillRules
from workers.batch.job_store import JobStore
from workers.batch.records import Job, RowEnd, new_job_id
from workers.batch.row_leases import RowLeases
from workers.keys import Keys, Wish, create_key
from workers.store import Retention, Store

DEADLINE = 30.0


@dataclass
class Scene:
    http: httpx.AsyncClient
    one: openai.AsyncOpenAI
    other: openai.AsyncOpenAI
    leases: RowLeases

    async def created(self, content: bytes, **changed: Any) -> Batch:
        file = await self.one.files.create(file=("questions.jsonl", content), purpose="batch")
        given = {"input_file_id": file.id, "endpoint": CHAT, "completion_window": "24h", **changed}
        return await self.one.batches.create(**given)

    async def reached(self, batch_id: str, *wanted: str) -> Batch:
        async with asyncio.timeout(DEADLINE):
            while (found := await self.one.batches.retrieve(batch_id)).status not in wanted:  # noqa: ASYNC110  # as clients wait
                await asyncio.sleep(0.02)
        return found

    async def run(self, batch_id: str, outcome: str = "completed") -> None:
        """What a worker does, for all rows that wait."""
        while taken := await self.leases.take(batch_id, 10):
            for leased in taken:
                row = leased.row
                status = 200 if outcome == "completed" else 503
                body = json.dumps({"asked": json.loads(row.body)["messages"][0]["content"]}).encode()
                end = RowEnd(row.number, row.custom_id, outcome, status, body, leased.token, 0.1, 10, 5)  # type: ignore[arg-type]
                await self.leases.finish(leased, end)

    async def lines(self, file_id: str | None) -> list[dict[str, Any]]:
        assert file_id is not None
        text = (await self.one.files.content(file_id)).content
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
async def scene(valkey: Redis, tmp_path: Path) -> AsyncIterator[Scene]:
    file = tmp_path / "keys"
    keys = [create_key(file, Wish(name)) for name in ("one", "other")]
    rules = FillRules(max_rows=300, max_body_bytes=8_000)
    served = service_of(files=FileStore(valkey), jobs=JobStore(valkey), fill_rules=rules, keys=Keys(file=file))
    async with serving(served) as http:
        url = f"{http.base_url}/v1"
        one, other = (openai.AsyncOpenAI(api_key=key, base_url=url, max_retries=0) for key in keys)
        async with one, other:
            yield Scene(http, one, other, RowLeases(valkey, "test-worker"))


async def test_good_lines_run_and_bad_ones_are_in_the_error_file(scene: Scene) -> None:
    made = await scene.created(
        jsonl(good("潮汐", "什么是潮汐？"), b"{", good("b", url="/x"), good("c")), metadata={"a": "b"}
    )
    assert (made.status, made.metadata, made.completion_window) == ("validating", {"a": "b"}, "24h")
    running = await scene.reached(made.id, "in_progress")
    assert (running.output_file_id, running.error_file_id) == (None, None)
    await scene.run(made.id)
    batch = await scene.reached(made.id, "completed")
    assert batch.request_counts is not None
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (4, 2, 2)
    assert batch.usage is not None
    assert (batch.usage.input_tokens, batch.usage.output_tokens) == (20, 10)
    output, errors = await scene.lines(batch.output_file_id), await scene.lines(batch.error_file_id)
    assert {each["custom_id"]: each["response"]["body"]["asked"] for each in output} == {
        "潮汐": "什么是潮汐？",
        "c": "How high is Mount Tai?",
    }
    assert [set(each) for each in output] == [{"id", "custom_id", "response", "error"}] * 2
    assert [(each["custom_id"], each["response"]["body"]["error"]["line"]) for each in errors] == [(None, 2), ("b", 3)]
    assert all(each["response"]["status_code"] == 400 and each["error"] is None for each in errors)


async def test_the_size_of_an_output_file_is_that_of_its_bytes(scene: Scene) -> None:
    made = await scene.created(jsonl(*(good(f"row-{number}") for number in range(250))))
    await scene.reached(made.id, "in_progress")
    await scene.run(made.id)
    batch = await scene.reached(made.id, "completed")
    assert batch.output_file_id
    file = await scene.one.files.retrieve(batch.output_file_id)
    content = (await scene.one.files.content(batch.output_file_id)).content
    assert (file.bytes, file.purpose, content.count(b"\n")) == (len(content), "batch_output", 250)
    with pytest.raises(openai.BadRequestError, match="belongs to a batch"):
        await scene.one.files.delete(batch.output_file_id)


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"\xff\xfea\x00", "wrong_encoding", None),
        (jsonl(*(good(f"row-{number}") for number in range(301))), "too_many_tasks", 301),
    ],
    ids=["empty", "utf-16", "too many"],
)
async def test_a_file_that_is_refused_whole_says_why_and_runs_nothing(
    scene: Scene, content: bytes, code: str, line: int | None
) -> None:
    made = await scene.created(content)
    batch = await scene.reached(made.id, "failed")
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert [(each.code, each.line) for each in batch.errors.data] == [(code, line)]
    assert await scene.leases.take(made.id, 10) == []
    assert (batch.output_file_id, batch.error_file_id) == (None, None)


async def test_nothing_runs_before_the_whole_file_is_checked(scene: Scene, valkey: Redis) -> None:
    """Rows lie in the job while it is read; no worker gets them before it is started."""
    made = await scene.created(jsonl(*(good(f"row-{number}") for number in range(300))))
    async with asyncio.timeout(DEADLINE):
        while True:
            taken = await scene.leases.take(made.id, 1)
            status = (await scene.one.batches.retrieve(made.id)).status
            if taken:
                assert status == "in_progress"
                return


async def test_what_is_another_tenants_is_as_unknown_as_what_never_was(scene: Scene) -> None:
    made = await scene.created(jsonl(good("a")))
    await scene.reached(made.id, "in_progress")
    await scene.run(made.id)
    done = await scene.reached(made.id, "completed")
    for unknown in (scene.other.batches.retrieve(made.id), scene.other.batches.cancel(made.id)):
        with pytest.raises(openai.NotFoundError):
            await unknown
    with pytest.raises(openai.NotFoundError):
        await scene.other.files.content(done.output_file_id or "")
    with pytest.raises(openai.NotFoundError):
        await scene.other.batches.create(input_file_id=made.input_file_id, endpoint=CHAT, completion_window="24h")
    assert (await scene.other.batches.list()).data == []


async def test_a_cancelled_batch_keeps_what_is_done_and_says_what_became_of_the_rest(scene: Scene) -> None:
    made = await scene.created(jsonl(good("a"), good("b")))
    await scene.reached(made.id, "in_progress")
    await scene.one.batches.cancel(made.id)
    batch = await scene.reached(made.id, "cancelled")
    errors = await scene.lines(batch.error_file_id)
    assert [(each["custom_id"], each["response"], each["error"]["code"]) for each in errors] == [
        ("a", None, "batch_cancelled"),
        ("b", None, "batch_cancelled"),
    ]


async def post(scene: Scene, path: str, **fields: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {scene.one.api_key}"}
    return await scene.http.post(path, headers=headers, json=fields)


async def test_rows_that_failed_can_be_tried_again(scene: Scene) -> None:
    made = await scene.created(jsonl(good("a"), b"{", good("b")))
    await scene.reached(made.id, "in_progress")
    await scene.run(made.id, "failed")
    await scene.reached(made.id, "completed")
    again = await post(scene, f"/v1/batches/{made.id}/retry")
    assert (again.status_code, again.json()["status"]) == (200, "in_progress")
    await scene.run(made.id)
    batch = await scene.reached(made.id, "completed")
    assert batch.request_counts is not None
    assert (batch.request_counts.completed, batch.request_counts.failed) == (2, 1)


async def test_rows_come_page_by_page_with_their_outcome(scene: Scene) -> None:
    made = await scene.created(jsonl(*(good(f"row-{number}") for number in range(5)), b"{"))
    await scene.reached(made.id, "in_progress")
    await scene.run(made.id)
    headers = {"Authorization": f"Bearer {scene.one.api_key}"}
    seen: list[str] = []
    after, more = 0, True
    while more:
        asked = f"/v1/batches/{made.id}/rows?outcome=completed&limit=2&after={after}"
        page = (await scene.http.get(asked, headers=headers)).json()
        seen += [row["custom_id"] for row in page["data"]]
        after, more = page["last_place"], page["has_more"]
    assert seen == [f"row-{number}" for number in range(5)]
    failed = (await scene.http.get(f"/v1/batches/{made.id}/rows?outcome=failed", headers=headers)).json()["data"]
    assert [(row["outcome"], row["response"]["body"]["error"]["line"]) for row in failed] == [("failed", 6)]


async def test_a_forgotten_batch_is_unknown(scene: Scene) -> None:
    made = await scene.created(jsonl(good("a")))
    headers = {"Authorization": f"Bearer {scene.one.api_key}"}
    assert (await scene.http.delete(f"/v1/batches/{made.id}", headers=headers)).json()["deleted"] is True
    with pytest.raises(openai.NotFoundError):
        await scene.one.batches.retrieve(made.id)


async def test_a_user_can_be_forgotten_with_all_batches_and_files_and_no_other(scene: Scene, valkey: Redis) -> None:
    jobs, store = JobStore(valkey), Store(valkey, Retention(60, 60, 0))
    made = await scene.created(jsonl(good("a")))
    await scene.reached(made.id, "in_progress")
    state = await jobs.anybodys(made.id)
    assert state is not None
    user = state.job.user
    other = Job(new_job_id(), "somebody", CHAT, 1)
    await jobs.create(other)
    assert (await jobs.forget_user(user), (await store.forget_user(user)).files) == (1, 1)
    assert await jobs.forget_user(user) == 0
    assert await jobs.state("somebody", other.id) is not None
    left = [key.decode() async for key in valkey.scan_iter("*")]
    assert not [key for key in left if user in key or made.id in key]


async def test_the_list_is_paged(scene: Scene) -> None:
    ids = [(await scene.created(jsonl(good("a")))).id for _ in range(3)]
    assert {each.id async for each in scene.one.batches.list(limit=2)} == set(ids)


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"endpoint": "/v1/embeddings"}, "endpoint"),
        ({"completion_window": "soon"}, "completion_window"),
        ({"completion_window": "31d"}, "completion_window"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a"),
        ({"input_file_id": "file-0"}, "input_file_id"),
        ({"kaozheng": {"at": "tomorrow"}}, "kaozheng.at"),
        ({"kaozheng": {"at": "2026-11-22T22:00:00"}}, "kaozheng.at"),
        ({"kaozheng": {"window": "22:00-06:00 Mars/Olympus"}}, "kaozheng.window"),
        ({"kaozheng": {"ceiling_cost": -1}}, "kaozheng.ceiling_cost"),
        ({"kaozheng": {"windows": "x"}}, "kaozheng.windows"),
    ],
)
async def test_a_wrong_field_is_named(scene: Scene, changed: dict[str, Any], param: str) -> None:
    file = await scene.one.files.create(file=("a.jsonl", jsonl(good("a"))), purpose="batch")
    fields = {"input_file_id": file.id, "endpoint": CHAT, "completion_window": "24h", **changed}
    response = await post(scene, "/v1/batches", **fields)
    assert (response.status_code // 100, response.json()["error"]["param"]) == (4, param)


async def test_a_dry_run_counts_and_reckons_and_keeps_nothing(scene: Scene) -> None:
    file = await scene.one.files.create(file=("a.jsonl", jsonl(good("a"), b"{", good("b"))), purpose="batch")
    ordered = {"input_file_id": file.id, "endpoint": CHAT, "kaozheng": {"dry_run": True}}
    found = (await post(scene, "/v1/batches", **ordered)).json()
    assert found["request_counts"] == {"total": 3, "good": 2, "bad": 1}
    assert (found["errors"][0]["line"], found["about"]["searches"] > 0) == (2, True)
    assert (await scene.one.batches.list()).data == []


QUESTIONS = "编号,问题\r\n1,泰山有多高？\r\n2,\r\n=3,黄山有多高？\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "utf-16"])
async def test_a_table_of_questions_is_a_batch_too(scene: Scene, encoding: str) -> None:
    file = await scene.one.files.create(file=("q.csv", QUESTIONS.encode(encoding)), purpose="batch")
    made = await scene.one.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    await scene.reached(made.id, "in_progress")
    await scene.run(made.id)
    batch = await scene.reached(made.id, "completed")
    output = await scene.lines(batch.output_file_id)
    assert [(each["custom_id"], each["response"]["body"]["asked"]) for each in output] == [
        ("1", "泰山有多高？"),
        ("=3", "黄山有多高？"),
    ]
    errors = await scene.lines(batch.error_file_id)
    assert [each["response"]["body"]["error"]["line"] for each in errors] == [3]


async def test_lines_of_json_are_read_whatever_the_name_of_their_file_is(scene: Scene) -> None:
    file = await scene.one.files.create(file=("q.csv", jsonl(good("a"))), purpose="batch")
    made = await scene.one.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    found = await scene.reached(made.id, "in_progress")
    assert found.request_counts is not None
    assert (found.request_counts.total, found.request_counts.failed) == (1, 0)


async def test_a_table_without_questions_is_refused(scene: Scene) -> None:
    file = await scene.one.files.create(file=("q.csv", b"a,b\n1,2\n"), purpose="batch")
    made = await scene.one.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    batch = await scene.reached(made.id, "failed")
    assert batch.errors is not None
    assert [each.code for each in batch.errors.data or ()] == ["no_question_column"]


async def test_all_rows_can_be_had_as_a_table_without_formulas(scene: Scene) -> None:
    made = await scene.created(jsonl(good("=1+1"), b"{"))
    await scene.reached(made.id, "in_progress")
    await scene.run(made.id, "failed")
    headers = {"Authorization": f"Bearer {scene.one.api_key}"}
    response = await scene.http.get(f"/v1/batches/{made.id}/table", headers=headers)
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [(row["custom_id"], row["status"]) for row in rows] == [("", "failed"), ("'=1+1", "failed")]
    assert "line 2" in rows[0]["error"]
    assert f"{made.id}.csv" in response.headers["content-disposition"]


async def test_times_and_ceilings_are_told_again(scene: Scene) -> None:
    ours = {"at": "2036-11-22T22:00:00+08:00", "window": "22:00-06:00 Asia/Shanghai", "ceiling_tokens": 5}
    made = await scene.created(jsonl(good("a")), extra_body={"kaozheng": ours})
    told = (await scene.reached(made.id, "in_progress")).model_dump()["kaozheng"]
    assert (told["not_before"], told["window"], told["ceiling_tokens"]) == (2_110_975_200, ours["window"], 5)
    assert await scene.leases.take(made.id, 10) == []
