"""A link to an answer: good for its reader until it expires or is taken back, and silent about its owner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from agent.answer import Asked, Skipped, Source
from agent.question import Question
from tests.workers.serving import TAI, answer_to, service_of, serving
from tools.page import Webpage
from workers.keys import Keys, Wish, create_key, revoke_key
from workers.share_settings import ShareLimits
from workers.shares import MOST_LINKS, Shares, token_hash
from workers.store import Retention, Store
from workers.store_keys import Owner, key_of, shared_key

LINKS = "/v1/answers/mine/shares"
PRIVATE = Webpage("file:salaries.pdf", "salaries.pdf", "Everybody's salary. The offer costs 5.")


class Clock:
    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time


@dataclass
class House:
    """Two keys, an answer of the first one, and a client that sends none."""

    client: httpx.AsyncClient
    valkey: Redis
    owner: dict[str, str]
    other: dict[str, str]
    user: str
    keys: Path
    clock: Clock

    async def link(self, **wanted: Any) -> dict[str, Any]:
        made = await self.client.post(LINKS, json=wanted, headers=self.owner)
        assert made.status_code == 201, made.text
        fields: dict[str, Any] = made.json()
        return fields

    async def read(self, token: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self.client.get(f"/v1/shared/{token}", headers=headers or {})


@asynccontextmanager
async def opened(valkey: Redis, folder: Path, limits: ShareLimits) -> AsyncIterator[House]:
    file, clock, store = folder / "keys", Clock(), Store(valkey, Retention(9_000_000, 9_000_000, 0))
    keys = [create_key(file, Wish(name)) for name in ("owner", "other")]
    user = Keys(file=file).owner(keys[0])
    sources = (
        Source(1, TAI.url, TAI.title, sha256=TAI.sha256, cited=True),
        Source(2, PRIVATE.url, PRIVATE.title, sha256=PRIVATE.sha256, cited=True),
        Source(3, "file:diary.txt", "diary.txt"),
    )
    answer = replace(
        answer_to(Question("How high is Mount Tai?")),
        id="mine",
        text="1,545 m[citation:1]. It costs 5[citation:2].",
        sources=sources,
        asked=(Asked("what I asked before", 3),),
        skipped=(Skipped("https://slow.example/", "timeout"), Skipped("file:secret.pdf", "scanned_pdf")),
    )
    await store.put_answer(answer, [TAI, PRIVATE], Owner(user, "secret-thread"))
    shares = Shares(valkey, limits, clock)
    async with serving(service_of(store=store, keys=Keys(file=file), shares=shares)) as client:
        owner, other = ({"Authorization": f"Bearer {key}"} for key in keys)
        yield House(client, valkey, owner, other, user, file, clock)


@pytest.fixture
async def house(valkey: Redis, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(valkey, tmp_path, ShareLimits()) as house:
        yield house


async def test_a_link_is_read_without_a_key_only_where_its_owner_chose_so(house: House) -> None:
    private, public = await house.link(), await house.link(anybody=True)
    statuses = [(await house.read(private["token"], headers)).status_code for headers in ({}, house.other)]
    anybody = await house.read(public["token"])
    assert statuses == [401, 200]
    assert (anybody.status_code, anybody.json()["text"]) == (200, "1,545 m[citation:1]. It costs 5[citation:2].")


async def test_a_reader_learns_nothing_of_the_owner_or_of_what_was_asked_before(house: House) -> None:
    token = (await house.link(anybody=True))["token"]
    read = await house.read(token)
    fields = read.json()
    assert {"id", "thread", "thinking", "asked", "usage", "stored"}.isdisjoint(fields)
    assert [source["number"] for source in fields["sources"]] == [1, 2]
    assert [skipped["url"] for skipped in fields["skipped"]] == ["https://slow.example/"]
    for secret in ("secret", "Page 1 says it.", "asked before", "diary", house.user, token):
        assert secret not in read.text


async def test_no_search_engine_keeps_what_a_link_leads_to(house: House) -> None:
    token = (await house.link(anybody=True))["token"]
    page = await house.client.get("/shared", headers={"Accept": "text/html"})
    evidence = await house.client.get(f"/v1/shared/{token}/sources/1")
    for response in (page, evidence, await house.read(token)):
        assert response.status_code == 200
        assert response.headers["x-robots-tag"] == "noindex, nofollow, noarchive"
        assert response.headers["referrer-policy"] == "no-referrer"
    assert "script-src 'self'" in page.headers["content-security-policy"]


async def test_the_page_behind_a_quote_is_shown_and_an_owners_file_is_not(house: House) -> None:
    token = (await house.link(anybody=True))["token"]
    page = await house.client.get(f"/v1/shared/{token}/sources/1")
    file = await house.client.get(f"/v1/shared/{token}/sources/2")
    none = await house.client.get(f"/v1/shared/{token}/sources/9")
    assert page.json()["text"] == TAI.text
    assert (file.status_code, file.json()["code"]) == (410, "evidence_gone")
    assert "salary" not in file.text
    assert none.status_code == 404


async def test_a_link_ends_when_it_expires_or_is_taken_back_and_says_which(house: House) -> None:
    short, long = await house.link(days=1, anybody=True), await house.link(days=3, anybody=True)
    gone = await house.client.delete(f"{LINKS}/{long['id']}", headers=house.owner)
    revoked = await house.read(long["token"])
    house.clock.time += timedelta(days=1)
    expired = await house.read(short["token"])
    assert gone.status_code == 204
    assert (revoked.status_code, revoked.json()["code"]) == (410, "share_revoked")
    assert (expired.status_code, expired.json()["code"]) == (410, "share_expired")
    assert TAI.text not in revoked.text + expired.text
    rows = (await house.client.get(LINKS, headers=house.owner)).json()["shares"]
    assert {row["id"]: bool(row["revoked"]) for row in rows} == {short["id"]: False, long["id"]: True}
    assert all("token" not in row and "hash" not in row for row in rows)


async def test_a_link_ends_with_its_owners_key(house: House) -> None:
    token = (await house.link(anybody=True))["token"]
    revoke_key(house.keys, house.user)
    assert (await house.read(token)).json()["code"] == "share_revoked"


async def test_nobody_else_makes_sees_or_takes_back_a_link(house: House) -> None:
    made = await house.link()
    statuses = [
        (await house.client.post(LINKS, json={}, headers=house.other)).status_code,
        (await house.client.get(LINKS, headers=house.other)).status_code,
        (await house.client.delete(f"{LINKS}/{made['id']}", headers=house.other)).status_code,
    ]
    assert statuses == [404, 404, 404]
    assert (await house.read(made["token"], house.other)).status_code == 200


async def test_a_token_has_256_bits_and_only_its_hash_is_kept(house: House) -> None:
    tokens = {(await house.link())["token"] for _ in range(5)}
    assert all(len(token) == 43 for token in tokens)
    assert len(tokens) == 5
    kept = b"".join([key + (await house.valkey.dump(key) or b"") async for key in house.valkey.scan_iter()])
    assert not any(token.encode() in kept for token in tokens)
    assert await house.valkey.exists(shared_key(token_hash(tokens.pop())))


@pytest.mark.parametrize("what", ["answer", "thread", "user"])
async def test_forgetting_leaves_no_trace_of_a_link(house: House, what: str) -> None:
    token = (await house.link(anybody=True))["token"]
    store = Store(house.valkey, Retention(60, 60, 60))
    forgotten = {
        "answer": lambda: store.forget_answer(house.user, "mine"),
        "thread": lambda: store.forget_thread(house.user, "secret-thread"),
        "user": lambda: store.forget_user(house.user),
    }[what]
    assert (await forgotten()).answers == 1
    assert (await house.read(token)).status_code == 404
    assert not await house.valkey.exists(shared_key(token_hash(token)), key_of(house.user, "shares", "mine"))


@pytest.mark.parametrize("body", [{"days": 0}, {"days": 31}, {"days": "7"}, {"anybody": 1}, {"never": True}])
async def test_a_link_that_cannot_be_made_is_refused_with_the_field(house: House, body: dict[str, Any]) -> None:
    refused = await house.client.post(LINKS, json=body, headers=house.owner)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_question")
    assert refused.json()["field"] in body


async def test_the_operator_may_allow_no_links_or_none_without_a_key(valkey: Redis, tmp_path: Path) -> None:
    async with opened(valkey, tmp_path, ShareLimits(most_days=0)) as house:
        none = await house.client.post(LINKS, json={}, headers=house.owner)
    async with opened(valkey, tmp_path, ShareLimits(anybody=False)) as house:
        public = await house.client.post(LINKS, json={"anybody": True}, headers=house.owner)
        assert (await house.read((await house.link())["token"], house.other)).status_code == 200
    assert [(one.status_code, one.json()["code"]) for one in (none, public)] == [(403, "sharing_off")] * 2


async def test_a_link_and_a_stranger_are_served_so_often_and_no_more(valkey: Redis, tmp_path: Path) -> None:
    async with opened(valkey, tmp_path, ShareLimits(reads_per_minute=3)) as house:
        token = (await house.link(anybody=True))["token"]
        reads = [await house.read(token) for _ in range(4)]
        misses = [await house.read("A" * 43) for _ in range(4)]
    assert [one.status_code for one in reads] == [200, 200, 200, 429]
    assert [one.status_code for one in misses] == [404, 404, 404, 429]
    assert 1 <= int(reads[-1].headers["retry-after"]) <= 60


async def test_an_answer_has_so_many_links_and_no_more(house: House) -> None:
    statuses = [
        (await house.client.post(LINKS, json={}, headers=house.owner)).status_code for _ in range(MOST_LINKS + 1)
    ]
    assert statuses == [201] * MOST_LINKS + [422]


@pytest.mark.parametrize("token", ["x", "%00", "A" * 500, "%F0%9F%98%80", "*", "..mine"])
async def test_what_is_no_token_leads_nowhere(house: House, token: str) -> None:
    assert (await house.client.get(f"/v1/shared/{token}")).status_code == 404


async def test_a_link_that_was_changed_in_the_store_is_not_followed(house: House) -> None:
    one, two = await house.link(anybody=True), await house.link()
    key = key_of(house.user, "shares", "mine")
    record = await house.valkey.hget(key, token_hash(one["token"]))  # type: ignore[misc]
    await house.valkey.hset(key, token_hash(two["token"]), record)  # type: ignore[misc, arg-type]
    assert (await house.read(two["token"])).json()["code"] == "record_poisoned"
