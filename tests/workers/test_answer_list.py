"""Whoever comes back finds the answers that are kept, the latest first, and nobody else's."""

import asyncio
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from agent.question import Question
from tests.workers.serving import answer_to, service_of, serving
from workers.answer_list import enlist, ids_behind
from workers.store import Retention, Store
from workers.store_keys import LOCAL_USER, Owner, key_of

ALICE, BOB = Owner("acme/alice", "a" * 32), Owner("acme/bob")


@pytest.fixture
def store(valkey: Redis) -> Store:
    return Store(valkey, Retention(1_000, 1_000, 0))


async def put(store: Store, owner: Owner, *ids: str) -> None:
    """One after the other, each at a time of its own."""
    for id_ in ids:
        await store.put_answer(replace(answer_to(Question(f"Question {id_}?")), id=id_), (), owner)
        await asyncio.sleep(0.002)


async def listed(store: Store, owner: Owner, after: str, limit: int) -> list[str] | None:
    found = await store.list_answers(owner.user, after, limit)
    return None if found is None else [each.answer.id for each in found]


async def test_a_users_answers_are_listed_the_latest_first_and_page_by_page(store: Store) -> None:
    await put(store, ALICE, "a0", "a1", "a2", "a3", "a4")
    await put(store, BOB, "b")
    assert await listed(store, ALICE, "", 2) == ["a4", "a3"]
    await store.client.delete(key_of(ALICE.user, "answer", "a2"))  # its time was over
    assert await listed(store, ALICE, "a3", 2) == ["a1", "a0"]
    assert await listed(store, ALICE, "a2", 2) is None
    assert await listed(store, ALICE, "b", 2) is None
    assert await listed(store, ALICE, "*", 2) is None
    assert await listed(store, BOB, "", 50) == ["b"]


async def test_what_is_forgotten_is_not_listed(store: Store) -> None:
    await put(store, ALICE, "a0", "a1")
    await put(store, Owner(ALICE.user), "a2")
    await store.forget_answer(ALICE.user, "a1")
    assert await listed(store, ALICE, "", 50) == ["a2", "a0"]
    await store.forget_thread(ALICE.user, ALICE.thread)
    assert await ids_behind(store.client, ALICE.user, "") == ["a2"]
    await store.forget_user(ALICE.user)
    assert await store.client.keys("*answers*") == []


async def test_the_latest_thousand_are_listed_as_long_as_answers_are_kept(store: Store) -> None:
    async with store.client.pipeline() as pipe:
        for number in range(1_003):
            enlist(pipe, ALICE.user, f"a{number}", 60)
        await pipe.execute()
    assert len(await ids_behind(store.client, ALICE.user, "") or ()) == 1_000
    assert 0 < await store.client.ttl(key_of(ALICE.user, "answers", "all")) <= 60


async def test_the_list_over_http_says_what_was_asked_and_whether_there_is_more(store: Store) -> None:
    await put(store, Owner(LOCAL_USER, "t"), "a0", "a1", "a2")
    async with serving(service_of(store=store)) as client:
        first = (await client.get("/v1/answers?limit=2")).json()
        rest = (await client.get(f"/v1/answers?limit=2&after={first['answers'][-1]['id']}")).json()
        wrong = [await client.get(f"/v1/answers?{query}") for query in ("limit=0", "limit=51", "limit=x", "after=zz")]
    assert [row["id"] for row in first["answers"]] == ["a2", "a1"]
    assert (first["has_more"], rest["has_more"], [row["id"] for row in rest["answers"]]) == (True, False, ["a0"])
    row = rest["answers"][0]
    assert (row["question"], row["thread"], row["status"]) == ("Question a0?", "t", "answered")
    assert "text" not in row
    assert [(answer.status_code, answer.json()["field"]) for answer in wrong] == [
        *[(422, "limit")] * 3,
        (404, "after"),
    ]
