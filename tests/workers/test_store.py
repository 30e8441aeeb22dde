"""The store keeps what its owner may see again, for as long as was said, and forgets without a trace."""

import asyncio
import os
import secrets
import signal
import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from agent.answer import Answer, Citation, Source
from agent.question import Turn
from tools.page import Webpage
from workers.records import KeptPage
from workers.store import Forgotten, Retention, Store, open_store
from workers.store_errors import StoreDown, StoreTooNew
from workers.store_keys import Owner, all_of, is_id, key_of
from workers.valkey import EmbeddedValkey

RETENTION = Retention(answer_seconds=1_000, thread_seconds=2_000, page_seconds=300)
PAGES = (
    Webpage("https://example.org/a", "甲", "甲页的正文。"),
    Webpage("https://example.org/b", "B", "The text of page b."),
)
KEPT = KeptPage(checked=1.0, page=PAGES[0])
THREAD, OTHER_THREAD = "a" * 32, "b" * 32
ALICE, BOB = Owner("acme/alice", THREAD), Owner("acme/bob")


def answer(text: str = "甲如此说[citation:1]。", question: str = "甲怎么说？") -> Answer:
    return Answer(
        id=secrets.token_hex(16),
        question=question,
        language="zh",
        depth="quick",
        status="answered",
        text=text,
        sources=tuple(Source(n, page.url, page.title) for n, page in enumerate(PAGES, 1)),
        citations=(Citation(1, 4, 16),),
    )


@pytest.fixture
async def store(valkey: Redis) -> Store:
    store = Store(valkey, RETENTION)
    await store.migrate()
    return store


async def everything(client: Redis) -> bytes:
    """All keys and values as the server would write them to disk, uncompressed, for a grep."""
    await client.config_set("rdbcompression", "no")
    keys = sorted([key async for key in client.scan_iter(count=1_000)])
    return b"\n".join([key + (await client.dump(key) or b"") for key in keys])


async def test_an_answer_comes_back_to_its_owner(store: Store) -> None:
    given_answer = answer()
    await store.put_answer(given_answer, PAGES, ALICE)
    kept = await store.get_answer(given_answer.id, ALICE.user)
    assert kept is not None
    assert (kept.answer, kept.thread) == (given_answer, THREAD)


async def test_the_text_of_a_cited_page_is_kept_with_its_hash_and_that_of_another_is_not(store: Store) -> None:
    given_answer = answer()
    await store.put_answer(given_answer, PAGES, ALICE)
    (evidence,) = await store.evidence(given_answer.id, ALICE.user)
    assert (evidence.number, evidence.url, evidence.text) == (1, PAGES[0].url, PAGES[0].text)
    assert evidence.sha256 == PAGES[0].sha256
    assert "page b" not in (await everything(store.client)).decode(errors="replace")


async def test_unknown_foreign_and_malformed_ids_look_the_same(store: Store) -> None:
    given_answer = answer()
    await store.put_answer(given_answer, PAGES, ALICE)
    for answer_id, user in [
        (secrets.token_hex(16), ALICE.user),
        (given_answer.id, BOB.user),
        (given_answer.id.upper() + "X", ALICE.user),
        ("*", ALICE.user),
        (f"{given_answer.id}\n", ALICE.user),
        ("../" + given_answer.id, ALICE.user),
    ]:
        assert await store.get_answer(answer_id, user) is None
        assert await store.evidence(answer_id, user) == ()
        assert await store.forget_answer(user, answer_id) == Forgotten()
    assert await store.thread(BOB.user, THREAD) == ()
    assert await store.forget_thread(BOB.user, THREAD) == Forgotten()
    assert await store.get_answer(given_answer.id, ALICE.user) is not None


async def test_a_thread_holds_its_turns_in_order_and_at_most_fifty(store: Store) -> None:
    for number in range(52):
        await store.put_answer(answer(f"answer {number}", f"question {number}"), (), ALICE)
    turns = await store.thread(ALICE.user, THREAD)
    assert len(turns) == 50
    assert turns[0] == Turn("question 2", "answer 2")
    assert turns[-1] == Turn("question 51", "answer 51")


async def test_an_answer_that_is_put_twice_is_one_turn(store: Store) -> None:
    given_answer = answer()
    for _ in range(2):
        await store.put_answer(given_answer, PAGES, ALICE)
    assert len(await store.thread(ALICE.user, THREAD)) == 1


async def test_everything_but_the_version_ends_by_itself(store: Store) -> None:
    given_answer = answer()
    await store.put_answer(given_answer, PAGES, ALICE)
    await store.put_page(PAGES[0].url, KEPT, 300)
    times = {key: await store.client.ttl(key) async for key in store.client.scan_iter()}
    assert times.pop(b"kz:version") == -1
    assert sorted(times.values()) == pytest.approx([300, 1_000, 1_000, 1_000, 2_000], abs=2)


async def test_an_answer_is_gone_when_its_time_is_over(valkey: Redis) -> None:
    store = Store(valkey, Retention(1, 1, 1))
    given_answer = answer()
    await store.put_answer(given_answer, PAGES, ALICE)
    await asyncio.sleep(1.1)
    assert await store.get_answer(given_answer.id, ALICE.user) is None
    assert await valkey.dbsize() == 0


async def test_a_forgotten_answer_leaves_nothing_and_its_thread_goes_on(store: Store) -> None:
    secret = answer("A secret reply[citation:1]", "A secret question?")
    other = answer("open reply", "open question")
    for each in (secret, other):
        await store.put_answer(each, (Webpage("https://secret.example", "t", "secret page"),), ALICE)
    assert b"A secret question?" in await everything(store.client)
    assert await store.forget_answer(ALICE.user, secret.id) == Forgotten(answers=1, evidence=1, turns=1)
    left = await everything(store.client)
    assert b"ecret question" not in left
    assert secret.id.encode() not in left
    assert await store.thread(ALICE.user, THREAD) == (Turn("open question", "open reply"),)


async def test_the_turn_of_an_answer_that_ended_by_itself_can_still_be_forgotten(store: Store) -> None:
    given_answer = answer()
    await store.put_answer(given_answer, PAGES, ALICE)
    await store.client.delete(key_of(ALICE.user, "answer", given_answer.id))
    assert await store.forget_answer(ALICE.user, given_answer.id) == Forgotten(evidence=1, turns=1)
    assert given_answer.id.encode() not in await everything(store.client)


async def test_a_forgotten_thread_leaves_nothing_of_itself_and_all_of_the_others(store: Store) -> None:
    for number in range(52):
        await store.put_answer(answer(f"secret {number}", "question"), (), ALICE)
    other = answer("open")
    await store.put_answer(other, (), Owner(ALICE.user, OTHER_THREAD))
    counts = await store.forget_thread(ALICE.user, THREAD)
    assert (counts.answers, counts.threads, counts.turns) == (52, 1, 50)
    left = await everything(store.client)
    assert b"secret" not in left
    assert THREAD.encode() not in left
    assert await store.thread(ALICE.user, OTHER_THREAD) != ()
    assert await store.get_answer(other.id, ALICE.user) is not None


async def test_a_forgotten_user_leaves_nothing_and_nobody_else_is_touched(store: Store) -> None:
    for owner in (ALICE, Owner("acme/alice2"), BOB):
        await store.put_answer(answer(f"words of {owner.user}."), PAGES, owner)
    assert await store.forget_user("acme/alice") == Forgotten(1, 1, 1, 1)
    left = await everything(store.client)
    assert b"acme/alice." not in left
    assert b"acme%2Falice:" not in left
    assert b"acme/alice2" in left
    assert b"acme/bob" in left


async def test_what_was_forgotten_is_gone_from_the_disk_too_once_the_file_is_written_anew(
    store: Store, valkey_folder: Path
) -> None:
    def on_disk() -> bytes:
        return b"".join(file.read_bytes() for file in (valkey_folder / "appendonlydir").iterdir())

    await store.client.config_set("rdbcompression", "no")
    await store.put_answer(answer("words that must go"), PAGES, ALICE)
    await store.client.waitaof(1, 0, 2_000)
    assert b"words that must go" in on_disk()
    await store.forget_user(ALICE.user)
    assert await store.rewrite_file()
    assert b"words that must go" not in on_disk()


@pytest.mark.parametrize("user", ["*", "acme/*", "[a-z]?", "acme%2Falice", "a:b", "用户"])
async def test_a_users_name_is_never_a_pattern(user: str, store: Store) -> None:
    await store.put_answer(answer(), PAGES, ALICE)
    assert await store.forget_user(user) == Forgotten()
    await store.put_answer(answer(), PAGES, Owner(user))
    assert (await store.forget_user(user)).answers == 1
    assert await store.client.dbsize() == 5


async def test_damage_counts_as_absence_and_is_counted(store: Store) -> None:
    given_answer = answer()
    await store.put_answer(given_answer, PAGES, ALICE)
    await store.put_page(PAGES[0].url, KEPT, 300)
    await store.client.set(key_of(ALICE.user, "answer", given_answer.id), b"\x80\x04.")
    await store.client.hset(key_of(ALICE.user, "evidence", given_answer.id), "1", b"{}")
    await store.client.rpush(key_of(ALICE.user, "thread", THREAD), b"null")
    for key in await store.client.keys("kz:page:*"):
        await store.client.set(key, b"[]")
    assert await store.get_answer(given_answer.id, ALICE.user) is None
    assert await store.evidence(given_answer.id, ALICE.user) == ()
    assert len(await store.thread(ALICE.user, THREAD)) == 1
    assert await store.get_page(PAGES[0].url) is None
    assert store.poisoned == 4
    assert (await store.health()).poisoned == 4
    await store.forget_user(ALICE.user)
    assert given_answer.id.encode() not in await everything(store.client)


async def test_a_key_of_another_type_is_store_down_and_not_a_crash(store: Store) -> None:
    given_answer = answer()
    await store.client.rpush(key_of(ALICE.user, "answer", given_answer.id), "x")
    with pytest.raises(StoreDown):
        await store.get_answer(given_answer.id, ALICE.user)


async def test_a_fetched_page_is_kept_under_the_address_that_was_asked_for(store: Store) -> None:
    assert await store.put_page("http://example.org/short", KEPT, 60)
    assert await store.get_page("http://example.org/short") == KEPT
    assert await store.get_page(PAGES[0].url) is None


async def test_uploads_and_files_of_the_library_never_enter_the_shared_cache(store: Store, tmp_path: Path) -> None:
    upload = Webpage("file:salaries.pdf", "salaries.pdf", "secret")
    assert not await store.put_page(upload.url, replace(KEPT, page=upload), 60)
    assert not await store.put_page(
        "https://a.org", replace(KEPT, page=replace(upload, url=f"file://{tmp_path}/a.html")), 60
    )
    assert not await store.put_page("https://a.org", replace(KEPT, page=replace(PAGES[0], text="x" * 5_000_000)), 60)
    assert not await store.put_page("library://folder/a.html", KEPT, 60)
    assert b"secret" not in await everything(store.client)


async def test_no_page_is_kept_when_the_operator_says_so(valkey: Redis) -> None:
    store = Store(valkey, Retention.of(30, 30, 0))
    assert not await store.put_page(PAGES[0].url, KEPT, 300)
    assert await valkey.dbsize() == 0


async def test_the_operator_finds_whose_an_answer_and_a_thread_are(store: Store) -> None:
    given_answer = answer()
    await store.put_answer(given_answer, PAGES, ALICE)
    assert await store.owners("answer", given_answer.id) == (ALICE.user,)
    assert await store.owners("thread", THREAD) == (ALICE.user,)
    assert await store.owners("thread", "*") == ()


async def test_a_store_of_a_newer_version_is_refused_and_stays_as_it_is(empty_valkey: str, valkey: Redis) -> None:
    await valkey.set("kz:version", 2)
    with pytest.raises(StoreTooNew, match="version 2"):
        async with open_store(empty_valkey, RETENTION):
            pass
    assert await valkey.get("kz:version") == b"2"


async def test_an_empty_store_gets_our_version_and_says_that_it_is_well(empty_valkey: str, valkey: Redis) -> None:
    async with open_store(empty_valkey, RETENTION) as store:
        health = await store.health()
    assert (health.version, health.poisoned) == (1, 0)
    assert health.server
    assert await valkey.get("kz:version") == b"1"


async def test_no_server_is_store_down_and_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreDown, match="KAOZHENG_REDIS_URL"):
        async with open_store(f"unix://{tmp_path}/none.sock", RETENTION):
            pass


async def test_an_address_that_is_not_understood_is_reported_without_its_password() -> None:
    with pytest.raises(StoreDown, match="KAOZHENG_REDIS_URL") as caught:
        async with open_store("http://user:hunter2@example.org", RETENTION):
            pass
    assert "hunter2" not in str(caught.value)


async def test_a_server_that_dies_and_comes_back_is_used_again(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    async with open_store(server.start(), RETENTION) as store:
        given_answer = answer()
        await store.put_answer(given_answer, PAGES, ALICE)
        await store.client.waitaof(1, 0, 2_000)
        os.kill(int((await store.client.info("server"))["process_id"]), signal.SIGKILL)
        with pytest.raises(StoreDown):
            await store.get_answer(given_answer.id, ALICE.user)
        second = EmbeddedValkey(tmp_path)
        second.start()
        assert await store.get_answer(given_answer.id, ALICE.user) is not None
    second.stop()
    server.stop()


async def test_an_answer_without_a_proper_id_is_not_kept(store: Store) -> None:
    with pytest.raises(ValueError, match="1 to 64 letters"):
        await store.put_answer(replace(answer(), id="answer:1"), PAGES, ALICE)
    with pytest.raises(ValueError, match="1 to 64 letters"):
        Owner("alice", "*")
    with pytest.raises(ValueError, match="characters"):
        Owner("")


@given(st.text(max_size=70))
def test_an_id_is_neither_a_pattern_nor_a_path_nor_part_of_a_key(text: str) -> None:
    allowed = set(string.ascii_letters + string.digits + "-_")
    assert is_id(text) == (1 <= len(text) <= 64 and set(text) <= allowed)


async def test_an_id_inside_another_or_in_a_text_forgets_no_turn(store: Store) -> None:
    short, long = replace(answer(), id="a1"), replace(answer(), id="a1b", question='"answer_id":"a1"')
    for each in (short, long):
        await store.put_answer(each, PAGES, ALICE)
    assert (await store.forget_answer(ALICE.user, "a1")).turns == 1
    assert [turn.question for turn in await store.thread(ALICE.user, THREAD)] == [long.question]


@given(st.text(min_size=1, max_size=50), st.text(min_size=1, max_size=50))
def test_two_users_never_share_a_key(one: str, other: str) -> None:
    assert (key_of(one, "answer", "0" * 32) == key_of(other, "answer", "0" * 32)) == (one == other)
    assert not set("*?[]\\") & set(all_of(one)[:-1])


def test_retention_is_said_in_days_and_never_rounds_down_to_forever() -> None:
    assert Retention.of(30, 1, 24) == Retention(2_592_000, 86_400, 86_400)
    assert Retention.of(0.000_001, 0.000_001, 0).answer_seconds == 1
