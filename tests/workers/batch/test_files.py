"""Files: kept whole or not at all, each its user's own, by the real openai client."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import pytest
from redis.asyncio import Redis

from tests.workers.serving import service_of, serving
from workers.batch.files import PIECE_BYTES, FileLimits, FileStore, Wanted
from workers.keys import Keys, Wish, create_key
from workers.problems import Problem
from workers.store_errors import RecordPoisoned

LINES = b'{"custom_id": "a"}\n'
LIMITS = FileLimits(max_bytes=3_000_000, all_bytes=4_000_000, seconds=3_600)


@dataclass
class Tenants:
    http: httpx.AsyncClient
    one: openai.AsyncOpenAI
    other: openai.AsyncOpenAI


def client_of(http: httpx.AsyncClient, key: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=key, base_url=f"{http.base_url}/v1", max_retries=0)


@pytest.fixture
async def tenants(valkey: Redis, tmp_path: Path) -> AsyncIterator[Tenants]:
    file = tmp_path / "keys"
    one, other = (create_key(file, Wish(name)) for name in ("one", "other"))
    async with (
        serving(service_of(files=FileStore(valkey, LIMITS), keys=Keys(file=file))) as http,
        client_of(http, one) as first,
        client_of(http, other) as second,
    ):
        yield Tenants(http, first, second)


async def test_a_file_is_given_back_as_it_was_sent(tenants: Tenants) -> None:
    content = bytes(range(256)) * 8_000
    made = await tenants.one.files.create(file=("潮汐 1.jsonl", content), purpose="batch")
    assert (made.bytes, made.filename, made.purpose, made.status) == (2_048_000, "潮汐 1.jsonl", "batch", "processed")
    assert await tenants.one.files.retrieve(made.id) == made
    assert (await tenants.one.files.content(made.id)).content == content


async def test_an_empty_file_is_a_file(tenants: Tenants) -> None:
    made = await tenants.one.files.create(file=("empty.jsonl", b""), purpose="user_data")
    assert (made.bytes, (await tenants.one.files.content(made.id)).content) == (0, b"")


async def test_what_is_another_tenants_is_as_unknown_as_what_never_was(tenants: Tenants) -> None:
    made = await tenants.one.files.create(file=("a.jsonl", LINES), purpose="batch")
    for call in (tenants.other.files.retrieve, tenants.other.files.content, tenants.other.files.delete):
        with pytest.raises(openai.NotFoundError):
            await call(made.id)
    assert (await tenants.other.files.list()).data == []
    assert [each.id for each in (await tenants.one.files.list()).data] == [made.id]


async def test_a_deleted_file_is_gone_with_its_bytes(tenants: Tenants, valkey: Redis) -> None:
    made = await tenants.one.files.create(file=("a.jsonl", LINES), purpose="batch")
    deleted = await tenants.one.files.delete(made.id)
    assert (deleted.id, deleted.deleted) == (made.id, True)
    with pytest.raises(openai.NotFoundError):
        await tenants.one.files.content(made.id)
    assert [key async for key in valkey.scan_iter("*pieces*")] == []


async def test_a_file_that_is_too_large_is_refused_while_it_is_read_and_leaves_nothing(
    tenants: Tenants, valkey: Redis
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        await tenants.one.files.create(file=("big.jsonl", b"x" * 3_000_001), purpose="batch")
    assert (refused.value.status_code, refused.value.body["code"]) == (413, "file_too_large")  # type: ignore[index]
    assert [key async for key in valkey.scan_iter("kz:u:*")] == []


async def test_all_files_of_a_tenant_share_one_bound(tenants: Tenants) -> None:
    await tenants.one.files.create(file=("a.jsonl", b"x" * 2_500_000), purpose="batch")
    with pytest.raises(openai.APIStatusError) as refused:
        await tenants.one.files.create(file=("b.jsonl", b"x" * 2_500_000), purpose="batch")
    assert refused.value.body["code"] == "files_full"  # type: ignore[index]
    await tenants.other.files.create(file=("b.jsonl", b"x" * 2_500_000), purpose="batch")


async def test_a_body_that_stops_half_way_is_no_file(tenants: Tenants, valkey: Redis) -> None:
    head = '--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    part = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Authorization": f"Bearer {tenants.one.api_key}"}
    cut = (head + part + "half of it").encode()
    response = await tenants.http.post("/v1/files", content=cut, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "malformed_body")
    assert [key async for key in valkey.scan_iter("kz:u:*")] == []


@pytest.mark.parametrize(
    ("data", "files", "param"),
    [
        ({"purpose": "fine-tune"}, {"file": ("a", b"x")}, "purpose"),
        ({}, {"file": ("a", b"x")}, "purpose"),
        ({"purpose": "batch"}, {"other": ("a", b"x")}, "file"),
        ({"purpose": "batch", "expires_after[seconds]": "60"}, {"file": ("a", b"x")}, "expires_after.seconds"),
        ({"purpose": "batch", "expires_after[seconds]": "1e4"}, {"file": ("a", b"x")}, "expires_after.seconds"),
    ],
)
async def test_a_wrong_field_is_named(
    tenants: Tenants, data: dict[str, str], files: dict[str, tuple[str, bytes]], param: str
) -> None:
    headers = {"Authorization": f"Bearer {tenants.one.api_key}"}
    response = await tenants.http.post("/v1/files", data=data, files=files, headers=headers)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


async def test_the_list_is_paged_and_filtered_and_the_newest_comes_first(tenants: Tenants) -> None:
    made = [
        await tenants.one.files.create(file=(f"{n}.jsonl", LINES), purpose="batch" if n % 2 else "user_data")
        for n in range(5)
    ]
    ids = [each.id for each in made]
    assert [each.id async for each in tenants.one.files.list(limit=2)] == ids[::-1]
    assert [each.id async for each in tenants.one.files.list(purpose="batch", order="asc")] == [ids[1], ids[3]]


@pytest.mark.parametrize(("wanted", "seconds"), [(0, 900), (7_200, 7_200)])
async def test_a_file_expires_when_it_was_told_to(valkey: Redis, wanted: int, seconds: int) -> None:
    """The server itself forgets both keys; what stands in the list alone is no file."""
    store = FileStore(valkey, FileLimits(seconds=900))
    async with store.writing("u") as writer:
        await writer.write(LINES)
        made = await writer.finish(Wanted("a", "batch", wanted))
    assert made.expires - made.created == seconds
    keys = [f"kz:u:u:{kind}:{made.id}" for kind in ("file", "pieces")]
    assert all([seconds - 60 < await valkey.ttl(key) <= seconds for key in keys])
    assert await store.all("u") == [made]
    await valkey.delete(*keys)
    assert (await store.get("u", made.id), await store.all("u")) == (None, [])
    assert [key async for key in valkey.scan_iter("kz:u:*")] == []


async def test_a_file_that_lost_a_piece_is_never_taken_for_a_shorter_one(valkey: Redis) -> None:
    store = FileStore(valkey)
    async with store.writing("u") as writer:
        await writer.write(b"x" * (PIECE_BYTES + 1))
        made = await writer.finish(Wanted("a", "batch"))
    await valkey.rpop(f"kz:u:u:pieces:{made.id}")  # type: ignore[misc]
    with pytest.raises(RecordPoisoned):
        assert [piece async for piece in store.content("u", made)]


async def test_what_breaks_while_it_is_written_leaves_nothing(valkey: Redis) -> None:
    store = FileStore(valkey, FileLimits(max_bytes=10))
    with pytest.raises(Problem):
        async with store.writing("u") as writer:
            await writer.write(b"x" * 11)
    assert await valkey.keys("*") == []
