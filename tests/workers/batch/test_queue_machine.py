"""The queue against a model of it: whatever order things happen in, a row has one holder at most and one end at last.

KAOZHENG_QUEUE_EXAMPLES=500 tries more of them (make test: 6).
"""

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from tests.workers.batch.test_job_store import a_job, all_ends, rows, silence
from workers.batch.job_store import JobStore
from workers.batch.records import Job, Leased, Outcome, RowEnd
from workers.batch.row_leases import LeaseRules, RowLeases

WORKERS, DELIVERIES, NOBODY = 3, 3, -1
Value = TypeVar("Value")


@dataclass
class ModelRow:
    """holder: of the lease, None while it waits; silent: the lease is over; token: of its last delivery; begun: how
    often it began, and the token of the last time; lost: how often its worker was."""

    holder: int | None = None
    token: int = 0
    begun: int = 0
    last: int = 0
    lost: int = 0
    silent: bool = False
    released: bool = False
    end: str = ""

    @property
    def given_up(self) -> bool:
        return self.begun >= DELIVERIES or self.lost >= 10 * DELIVERIES


@dataclass
class ModelJob:
    job: Job
    rows: list[ModelRow]
    ending: bool = False
    taken: int = 0

    @property
    def status(self) -> str:
        over = all(row.end for row in self.rows)
        if self.ending:
            return "cancelled" if over else "cancelling"
        return "completed" if over else "in_progress"


@dataclass
class Known:
    """What a worker believes to hold: it need not be so any more."""

    leased: list[Leased] = field(default_factory=list)


class Queue(RuleBasedStateMachine):
    address = ""

    @initialize()
    def open(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = Redis.from_url(self.address)
        self.do(self.client.flushall())
        self.store = JobStore(self.client)
        rules = LeaseRules(seconds=600, deliveries=DELIVERIES)
        self.workers = [RowLeases(self.client, f"w{number}", rules) for number in range(WORKERS)]
        self.known = [Known() for _ in range(WORKERS)]
        self.jobs: list[ModelJob] = []

    def do(self, work: Coroutine[Any, Any, Value]) -> Value:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        if hasattr(self, "client"):
            self.do(self.client.aclose())
            self.loop.close()

    def job(self, leased: Leased) -> ModelJob:
        (job,) = [each for each in self.jobs if each.job.id == leased.job_id]
        return job

    def row(self, leased: Leased) -> ModelRow:
        return self.job(leased).rows[leased.row.number]

    # --- what happens --------------------------------------------------------

    @precondition(lambda self: len(self.jobs) < 3)
    @rule(count=st.integers(1, 6))
    def enqueue(self, count: int) -> None:
        job = a_job()
        self.do(self.store.create(job))
        self.do(self.store.add_rows(job, rows(count)))
        self.do(self.store.start(job))
        self.jobs.append(ModelJob(job, [ModelRow() for _ in range(count)]))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), worker=st.integers(0, WORKERS - 1), count=st.integers(1, 4))
    def lease(self, data: st.DataObject, worker: int, count: int) -> None:
        job = data.draw(st.sampled_from(self.jobs))
        waiting = [n for n, row in enumerate(job.rows) if row.holder is None and not row.end]
        expected = [] if job.ending else waiting[:count]
        taken = self.do(self.workers[worker].take(job.job.id, count))
        assert [each.row.number for each in taken] == expected
        for each in taken:
            job.rows[each.row.number] = ModelRow(worker, 1)
        self.known[worker].leased += taken

    @rule(worker=st.integers(0, WORKERS - 1))
    def beat(self, worker: int) -> None:
        for job in self.jobs:
            held = [each for each in self.known[worker].leased if each.job_id == job.job.id]
            if not held:
                continue
            lost, ending = self.do(self.workers[worker].renew(held))
            assert lost == [each for each in held if not self.owns(worker, each)]
            assert ending == ("cancelled" if job.ending else "")
            for each in held:
                if each not in lost:
                    self.row(each).silent = self.row(each).released = False

    @rule(worker=st.integers(0, WORKERS - 1))
    def crash_or_suspend(self, worker: int) -> None:
        """It is silent for longer than its lease. It may come back and write: it does not know what happened."""
        for job in self.jobs:
            mine = [row for row in job.rows if row.holder == worker and not row.end]
            if mine:
                self.do(silence(self.client, job.job, f"w{worker}"))
            for row in mine:
                row.silent, row.released = True, False

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), worker=st.integers(0, WORKERS - 1), count=st.integers(1, 6))
    def take_up(self, data: st.DataObject, worker: int, count: int) -> None:
        """What was given back."""
        job = data.draw(st.sampled_from(self.jobs))
        free = {n for n, row in enumerate(job.rows) if row.released and not row.end}
        found = self.do(self.workers[worker].released(job.job.id, count))
        assert {each.row.number for each in found} <= free
        assert len(found) == min(count, len(free))
        self.deliver(worker, job, found)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), worker=st.integers(0, WORKERS - 1), count=st.integers(1, 6))
    def reclaim(self, data: st.DataObject, worker: int, count: int) -> None:
        job = data.draw(st.sampled_from(self.jobs))
        over = {n for n, row in enumerate(job.rows) if row.holder is not None and row.silent and not row.end}
        dead = {n for n in over if job.rows[n].given_up}
        found = self.do(self.workers[worker].reclaim(job.job.id, count))
        numbers = {each.row.number for each in found}
        assert numbers <= over - dead
        assert len(numbers) == min(count, len(over - dead))
        for each in found:
            job.rows[each.row.number].lost += 1
        self.deliver(worker, job, found)
        for number in dead:
            job.rows[number].end = "failed"

    def deliver(self, worker: int, job: ModelJob, found: list[Leased]) -> None:
        for each in found:
            row = job.rows[each.row.number]
            row.holder, row.token, row.silent, row.released = worker, row.token + 1, False, False
            assert each.token == row.token
        self.known[worker].leased += found

    @rule(data=st.data(), worker=st.integers(0, WORKERS - 1))
    def begin(self, data: st.DataObject, worker: int) -> None:
        """Also what was lost, what has begun already, and what is being cancelled."""
        if not self.known[worker].leased:
            return
        held = data.draw(st.sampled_from(self.known[worker].leased))
        row, told = self.row(held), self.do(self.workers[worker].begin(held))
        if not self.owns(worker, held):
            assert told == (0, "")
        elif self.job(held).ending:
            assert told == (row.begun, "cancelled")
        else:
            row.begun, row.last = row.begun + (row.last != row.token), row.token
            assert told == (row.begun, "")

    @rule(data=st.data(), worker=st.integers(0, WORKERS - 1), outcome=st.sampled_from(["completed", "failed"]))
    def acknowledge(self, data: st.DataObject, worker: int, outcome: Outcome) -> None:
        """Also of rows that were lost, or that have their end."""
        if not self.known[worker].leased:
            return
        held = data.draw(st.sampled_from(self.known[worker].leased))
        owned = self.owns(worker, held)
        end = RowEnd(held.row.number, held.row.custom_id, outcome, 200, b"{}", held.token)
        assert self.do(self.workers[worker].finish(held, end)).written == owned
        if owned:
            self.row(held).end = outcome

    @rule(data=st.data(), worker=st.integers(0, WORKERS - 1))
    def release(self, data: st.DataObject, worker: int) -> None:
        if not self.known[worker].leased:
            return
        held = data.draw(st.sampled_from(self.known[worker].leased))
        owned = self.owns(worker, held)
        assert self.do(self.workers[worker].release(held)) == owned
        if owned:
            row = self.row(held)
            if row.last == row.token:
                row.begun, row.last = row.begun - 1, 0
            row.holder, row.silent, row.released = NOBODY, False, True

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(self.jobs))
        over = job.status in ("completed", "cancelled")
        self.do(self.store.cancel(job.job.user, job.job.id))
        if not over:
            job.ending = True
            for row in job.rows:
                if row.holder is None and not row.end:
                    row.end = "cancelled"

    # --- what always holds ---------------------------------------------------

    def owns(self, worker: int, held: Leased) -> bool:
        row = self.row(held)
        return row.holder == worker and row.token == held.token and not row.end

    @invariant()
    def every_row_is_where_the_model_has_it(self) -> None:
        for job in getattr(self, "jobs", []):
            state = self.do(self.store.state(job.job.user, job.job.id))
            assert state is not None
            assert state.status == job.status
            ended = [row.end for row in job.rows if row.end]
            assert (state.total, state.ended) == (len(job.rows), len(ended))
            assert state.completed == ended.count("completed")
            assert state.failed == ended.count("failed")
            assert state.running == sum(bool(row.holder is not None and not row.end) for row in job.rows)

    @invariant()
    def every_end_is_there_once(self) -> None:
        for job in getattr(self, "jobs", []):
            ends = self.do(all_ends(self.store, job.job))
            expected = {n: row.end for n, row in enumerate(job.rows) if row.end}
            assert {end.number: end.outcome for end in ends} == expected
            assert len(ends) == len(expected)


def test_a_row_has_one_holder_at_most_and_one_end(empty_valkey: str) -> None:
    class Here(Queue):
        address = empty_valkey

    examples = int(os.environ.get("KAOZHENG_QUEUE_EXAMPLES", "6"))
    health = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples, stateful_step_count=40, deadline=None, database=None, suppress_health_check=health
        ),
    )
