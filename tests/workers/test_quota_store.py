"""Limits of a key: counted once for all replicas, let through exactly, and said in every header form."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from agent.delta import Usage
from agent.events import Answered, Event
from agent.question import Question
from tests.workers.serving import ASK, QUESTION, TAI, Endless, answer_to, service_of, serving
from workers.problems import Problem
from workers.quota import LIMIT_NAMES, Prices, Quota
from workers.quota_store import DAY_SECONDS, Quotas
from workers.run_log import RunLog
from workers.store import Retention, Store
from workers.store_errors import StoreDown

NOON = 1_795_348_800.0  # a UTC noon
CHAT = {"model": "kaozheng", "messages": [{"role": "user", "content": "How high is Mount Tai?"}]}


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.seconds = NOON

    def __call__(self) -> float:
        return self.seconds


async def refusal_of(quotas: Quotas, user: str = "key-a", body_bytes: int = 0) -> Problem | None:
    try:
        await quotas.admit(user, (), body_bytes)
    except Problem as problem:
        return problem
    return None


@pytest.mark.parametrize(("seconds", "let_in"), [(0, 0), (59.9, 0), (60.1, 3)])
async def test_no_60_seconds_hold_more_requests_than_a_minute_may(valkey: Redis, seconds: float, let_in: int) -> None:
    clock = Clock()
    quotas = Quotas(valkey, Quota(requests_per_minute=3), now=clock)
    assert [await refusal_of(quotas) for _ in range(3)] == [None] * 3
    clock.seconds += seconds
    later = [await refusal_of(quotas) for _ in range(4)]
    assert later.count(None) == let_in


async def test_a_refusal_says_when_the_oldest_request_is_forgotten(valkey: Redis) -> None:
    clock = Clock()
    quotas = Quotas(valkey, Quota(requests_per_minute=1), now=clock)
    await quotas.admit("key-a", ())
    clock.seconds += 20
    refused = await refusal_of(quotas)
    assert refused is not None
    assert (refused.code, refused.retry_headers["Retry-After"]) == ("rate_limit_exceeded", "40")


async def test_a_day_ends_at_midnight(valkey: Redis) -> None:
    clock = Clock()
    quotas = Quotas(valkey, Quota(requests_per_day=1), now=clock)
    await quotas.admit("key-a", ())
    refused = await refusal_of(quotas)
    assert refused is not None
    assert refused.retry_seconds == DAY_SECONDS / 2
    clock.seconds += DAY_SECONDS / 2
    assert await refusal_of(quotas) is None


async def test_replicas_that_ask_at_once_let_through_exactly_the_limit(valkey: Redis, empty_valkey: str) -> None:
    async with Redis.from_url(empty_valkey) as other:
        quota, clock = Quota(requests_per_minute=7, concurrent_runs=5), Clock()
        replicas = [Quotas(valkey, quota, now=clock), Quotas(other, quota, now=clock)]
        refused = await asyncio.gather(*(refusal_of(replicas[each % 2]) for each in range(40)))
    assert refused.count(None) == 5


async def test_each_key_has_a_count_of_its_own_and_its_own_limits(valkey: Redis) -> None:
    quotas = Quotas(valkey, Quota(requests_per_minute=1), now=Clock())
    await quotas.admit("key-a", ())
    assert await refusal_of(quotas) is not None
    assert await refusal_of(quotas, "key-b") is None
    await quotas.admit("key-a", (("requests_per_minute", 0.0),))


async def test_a_run_that_ends_makes_room_and_one_whose_replica_died_does_in_time(valkey: Redis) -> None:
    clock = Clock()
    quotas = Quotas(valkey, Quota(concurrent_runs=1), now=clock)
    lease = await quotas.admit("key-a", ())
    assert await refusal_of(quotas) is not None
    await quotas.leave(lease)
    await quotas.admit("key-a", ())  # and is never given back
    assert await refusal_of(quotas) is not None
    clock.seconds += quotas.lease_seconds + 1
    assert await refusal_of(quotas) is None


async def test_a_run_that_goes_on_keeps_its_place(valkey: Redis) -> None:
    clock = Clock()
    quotas = Quotas(valkey, Quota(concurrent_runs=1), now=clock, lease_seconds=0.3)
    async with quotas.keeping():
        await quotas.admit("key-a", ())
        clock.seconds += 0.29
        await asyncio.sleep(0.3)
        clock.seconds += 0.2
        assert await refusal_of(quotas) is not None


@pytest.mark.parametrize(
    ("quota", "code"),
    [
        (Quota(tokens_per_day=100), "rate_limit_exceeded"),
        (Quota(cost_per_day=0.5), "insufficient_quota"),
        (Quota(cost_total=0.5), "insufficient_quota"),
    ],
)
async def test_what_was_spent_is_refused_from_then_on(valkey: Redis, quota: Quota, code: str) -> None:
    clock = Clock()
    quotas = Quotas(valkey, quota, now=clock)
    await quotas.spend("key-a", 99, 0.4)
    assert await refusal_of(quotas) is None
    await quotas.spend("key-a", 1, 0.1)
    refused = await refusal_of(quotas)
    assert refused is not None
    assert refused.code == code
    clock.seconds += DAY_SECONDS
    assert (await refusal_of(quotas) is None) == (not quota.cost_total)


async def test_an_upload_that_does_not_fit_into_the_day_is_refused_before_it_is_read(valkey: Redis) -> None:
    quotas = Quotas(valkey, Quota(upload_bytes_per_day=1_000), now=Clock())
    assert await refusal_of(quotas, body_bytes=600) is None
    assert await refusal_of(quotas, body_bytes=600) is not None
    assert await refusal_of(quotas, body_bytes=400) is None


@pytest.mark.parametrize("unreachable", ["open", "closed"])
async def test_a_store_that_is_down_lets_in_or_refuses_as_was_chosen(unreachable: Any) -> None:
    async with Redis.from_url("redis://127.0.0.1:1") as nobody:
        quotas = Quotas(nobody, Quota(requests_per_minute=1), unreachable)
        if unreachable == "open":
            assert [await refusal_of(quotas) for _ in range(2)] == [None, None]
        else:
            with pytest.raises(StoreDown):
                await quotas.admit("key-a", ())


def test_every_limit_can_be_a_keys_own() -> None:
    quota = Quota().but([(name, 2.0) for name in LIMIT_NAMES])
    assert all(getattr(quota, name) == 2 for name in LIMIT_NAMES)
    with pytest.raises(ValueError, match="limits"):
        Quota().but([("rpm", 1.0)])


# --- over the wire ------------------------------------------------------------


async def costly(question: Question) -> AsyncIterator[Event]:
    """10 tokens at a price of 1 each."""
    answer = answer_to(question)
    object.__setattr__(answer, "usage", Usage(6, 4))
    yield Answered(answer, (TAI,))


@asynccontextmanager
async def limited(valkey: Redis, quota: Quota, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    quotas = Quotas(valkey, quota, now=Clock())
    store = Store(valkey, Retention(60, 60, 0))
    parts = {"quotas": quotas, "store": store, "run_log": RunLog(valkey), "prices": Prices(1e6, 1e6)}
    async with quotas.keeping(), serving(service_of(**{**parts, **changes})) as client:
        yield client


async def test_headers_say_how_the_limits_stand_in_both_forms(valkey: Redis) -> None:
    async with limited(valkey, Quota(requests_per_minute=2, tokens_per_day=50), ask=costly) as client:
        first = await client.post(ASK, json=QUESTION)
        second = await client.post("/v1/chat/completions", json=CHAT)
    assert [first.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset")] == ["2", "1", "60"]
    openai = {name: second.headers[f"x-ratelimit-{name}"] for name in ("remaining-requests", "reset-requests")}
    assert openai == {"remaining-requests": "0", "reset-requests": "60s"}
    tokens = [each.headers["x-ratelimit-remaining-tokens"] for each in (first, second)]
    assert tokens == ["50", "40"]


async def test_a_refusal_has_the_form_of_its_dialect(valkey: Redis) -> None:
    async with limited(valkey, Quota(requests_per_minute=1)) as client:
        await client.post(ASK, json=QUESTION)
        native, openai = await client.post(ASK, json=QUESTION), await client.post("/v1/chat/completions", json=CHAT)
    assert (native.status_code, native.json()["code"]) == (429, "rate_limit_exceeded")
    error = openai.json()["error"]
    assert (openai.status_code, error["code"], error["type"]) == (429, "rate_limit_exceeded", "rate_limit_error")
    assert {each.headers["retry-after"] for each in (native, openai)} == {"60"}
    assert native.headers["x-ratelimit-remaining"] == "0"


async def test_what_an_answer_cost_counts_against_its_key(valkey: Redis) -> None:
    async with limited(valkey, Quota(cost_total=25.0), ask=costly) as client:
        codes = [(await client.post(ASK, json=QUESTION)).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]


async def test_questions_one_after_the_other_never_meet_and_two_at_once_do(valkey: Redis) -> None:
    endless = Endless()
    async with limited(valkey, Quota(concurrent_runs=1)) as client:
        assert [(await client.post(ASK, json=QUESTION)).status_code for _ in range(5)] == [200] * 5
    async with limited(valkey, Quota(concurrent_runs=1), ask=endless) as client:
        run = (await client.post(ASK, json={**QUESTION, "background": True})).json()["id"]
        assert (await client.post(ASK, json=QUESTION)).status_code == 429
        await client.post(f"{ASK}/{run}/cancel")
        for _ in range(100):
            if (await client.post(ASK, json={**QUESTION, "background": True})).status_code == 202:
                return
            await asyncio.sleep(0.05)
    raise AssertionError("a run that was cancelled never made room")


async def test_a_body_of_unknown_length_is_cut_off_at_what_is_left(valkey: Redis) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000

    async with limited(valkey, Quota(upload_bytes_per_day=5_000)) as client:
        headers = {"Content-Type": "application/json"}
        refused = await client.post(ASK, content=pieces(), headers=headers)
        again = await client.post(ASK, json=QUESTION)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limit_exceeded")
    assert again.status_code == 429


async def test_reading_ones_answers_counts_against_nothing(valkey: Redis) -> None:
    async with limited(valkey, Quota(requests_per_minute=1)) as client:
        await client.post(ASK, json=QUESTION)
        assert [(await client.get(f"{ASK}/answer-1")).status_code for _ in range(3)] == [200] * 3
