"""Ceilings of a key: a batch that has reached one stops cleanly, says which, and keeps what is done."""

import asyncio
from dataclasses import replace
from typing import Literal

import pytest
from redis.asyncio import Redis

from agent.answer import Asked
from agent.events import Answered
from agent.question import Question
from tests.workers.batch.test_job_store import a_job, all_ends, rows, started
from tests.workers.batch.test_worker import Rows, final
from tests.workers.serving import TAI, answer_to, service_of
from workers.batch.budget import KNOWN_SECONDS, Budget
from workers.batch.job_store import JobStore
from workers.batch.records import Job, Leased, RowEnd
from workers.batch.row_work import run_row
from workers.broker import Room
from workers.keys import Keys
from workers.quota import Prices, Quota
from workers.quota_store import DAY_SECONDS, Quotas
from workers.store_errors import StoreDown
from workers.worker_build import WorkerConfig, open_worker

NOON = 1_795_348_800.0


@pytest.mark.parametrize(
    ("quota", "tokens", "cost", "reached"),
    [
        (Quota(), 10**9, 10.0**6, ""),
        (Quota(tokens_per_day=100), 99, 0.0, ""),
        (Quota(tokens_per_day=100), 100, 0.0, "this key has used up its tokens a day (100)"),
        (Quota(cost_per_day=1.5), 1, 1.49, ""),
        (Quota(cost_per_day=1.5), 1, 1.5, "this key has used up its cost a day (1.5)"),
        (Quota(cost_total=1.0), 1, 1.0, "this key has used up its cost altogether (1)"),
    ],
)
async def test_a_limit_is_reached_when_all_of_it_is_used(
    valkey: Redis, quota: Quota, tokens: int, cost: float, reached: str
) -> None:
    quotas = Quotas(valkey, quota, now=lambda: NOON)
    await quotas.spend("key-a", tokens, cost)
    assert await quotas.used_up("key-a", ()) == reached
    assert await quotas.used_up("key-b", ()) == ""


async def test_the_next_day_begins_anew_but_not_what_the_key_may_cost_altogether(valkey: Redis) -> None:
    quotas = Quotas(valkey, Quota(cost_per_day=1.0, cost_total=1.5), now=lambda: NOON)
    await quotas.spend("key-a", 1, 1.0)
    later = Quotas(valkey, quotas.usual, now=lambda: NOON + DAY_SECONDS)
    assert await later.used_up("key-a", ()) == ""
    await later.spend("key-a", 1, 0.5)
    assert "altogether" in await later.used_up("key-a", ())


async def test_a_key_has_limits_of_its_own(valkey: Redis) -> None:
    quotas = Quotas(valkey, Quota(), now=lambda: NOON)
    await quotas.spend("key-a", 5, 0.0)
    assert "tokens a day (5)" in await quotas.used_up("key-a", (("tokens_per_day", 5),))


async def test_a_batch_stops_at_the_ceiling_of_its_key_and_says_so(empty_valkey: str, valkey: Redis) -> None:
    quotas, jobs = Quotas(valkey, Quota(tokens_per_day=30), now=lambda: NOON), JobStore(valkey)
    budget = Budget(quotas, Keys(), clock=iter(range(0, 10**6, round(2 * KNOWN_SECONDS))).__next__)
    answer = Rows()

    async def run(job: Job, leased: Leased) -> RowEnd:
        await quotas.spend(job.user, 10, 0.0)
        return await answer(job, leased)

    config = WorkerConfig(empty_valkey, room=Room(rows=1), drain_seconds=0.1, objection=budget.objection)
    job = a_job()
    await jobs.create(job)
    await jobs.add_rows(job, rows(10))
    await jobs.start(job)
    stop = asyncio.Event()
    async with open_worker(config, run) as worker:
        task = asyncio.create_task(worker.work(stop))
        try:
            state = await final(jobs, job)
        finally:
            stop.set()
            await task
    assert (state.status, state.reason) == ("cancelled", "this key has used up its tokens a day (30)")
    assert (state.completed, state.cancelled) == (3, 7)
    assert len(await all_ends(jobs, job)) == 10


async def test_what_is_searched_and_read_costs_too() -> None:
    async def two_searches(question: Question):  # type: ignore[no-untyped-def]
        asked = (Asked("a", 3), Asked("b", 0))
        yield Answered(replace(answer_to(question), asked=asked), (TAI,))

    service = service_of(ask=two_searches, prices=Prices(search=1_000, page=10))
    job = a_job()
    end = await run_row(job, rows(1)[0], service)
    assert (end.outcome, end.cost) == ("completed", pytest.approx(2.01))


async def test_for_a_second_the_store_is_asked_once_for_all_rows_of_a_user(valkey: Redis) -> None:
    seconds = [0.0]
    quotas = Quotas(valkey, Quota(tokens_per_day=1), now=lambda: NOON)
    await quotas.spend("key-a", 1, 0.0)
    budget = Budget(quotas, Keys(), clock=lambda: seconds[0])
    first = await budget.objection(a_job())
    await valkey.flushall()
    assert "tokens a day" in first
    assert await budget.objection(a_job()) == first
    seconds[0] += KNOWN_SECONDS
    assert await budget.objection(a_job()) == ""


def budget_without_store(unreachable: Literal["open", "closed"], quota: Quota) -> Budget:
    away = Redis.from_url("redis://127.0.0.1:1/0")
    return Budget(Quotas(away, quota, unreachable, lambda: NOON), Keys())


async def test_while_the_limits_cannot_be_counted_rows_are_let_on_or_wait_as_the_operator_says() -> None:
    limited = Quota(tokens_per_day=1)
    assert await budget_without_store("open", limited).objection(a_job()) == ""
    with pytest.raises(StoreDown):
        await budget_without_store("closed", limited).objection(a_job())
    assert await budget_without_store("closed", Quota()).objection(a_job()) == ""


async def test_rows_that_wait_for_their_limits_run_when_these_can_be_counted(empty_valkey: str, valkey: Redis) -> None:
    jobs, run, asked = JobStore(valkey), Rows(), list[str]()

    async def down_twice(job: Job) -> str:
        asked.append(job.id)
        if len(asked) < 3:
            raise StoreDown("down")
        return ""

    job = await started(jobs, 1)
    stop = asyncio.Event()
    async with open_worker(WorkerConfig(empty_valkey, objection=down_twice), run) as worker:
        task = asyncio.create_task(worker.work(stop))
        try:
            state = await final(jobs, job)
        finally:
            stop.set()
            await task
    assert (state.completed, len(asked), run.began) == (1, 3, [0])
    assert [end.attempts for end in await all_ends(jobs, job)] == [1]
