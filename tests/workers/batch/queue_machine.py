"""Everything that can happen to the queue in a real server, and what has to be so after each step.

Run by test_queue_machine.py; what the queue should be is in queue_model.py.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from tests.chaos_batch.parts import Store
from tests.workers.batch.queue_faults import Altered, Fault
from tests.workers.batch.queue_model import DELIVERIES, NOBODY, ModelJob, ModelRow
from tests.workers.batch.test_job_store import a_job, rows, silence
from workers.batch.job_keys import keys_of_job
from workers.batch.job_scripts import QUEUE, RELEASED, STOP
from workers.batch.job_state import end_of
from workers.batch.job_store import JobStore
from workers.batch.records import Leased, Outcome, RowEnd
from workers.batch.row_leases import LeaseRules, RowLeases

WORKERS = ("w0", "w1")
NAMES = st.sampled_from(WORKERS)
HOLDERS = st.sampled_from(["", QUEUE, RELEASED])
RULES = LeaseRules(seconds=600, deliveries=DELIVERIES)
REMEMBERED = 8
"""Rows that a worker believes to hold, however long ago: it need not be so any more."""
ENDED = ("completed", "failed", "cancelled", "expired")
Value = TypeVar("Value")


class Queue(RuleBasedStateMachine):
    server: Store
    fault: Fault | None = None
    most_restarts = 0

    @initialize()
    def open(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = Altered.from_url(self.server.url, retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 3))
        self.client.fault = self.fault
        self.do(self.client.flushall())
        self.store = JobStore(self.client)
        self.leases = {name: RowLeases(self.client, name, RULES) for name in WORKERS}
        self.known: list[Leased] = []
        self.jobs: dict[str, ModelJob] = {}
        self.forgotten: list[str] = []
        self.restarts = self.stops = 0

    def do(self, work: Coroutine[Any, Any, Value]) -> Value:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        if hasattr(self, "client"):
            self.do(self.client.aclose())
            self.loop.close()

    def one(self, data: st.DataObject) -> ModelJob:
        """More often one that is not over."""
        jobs = sorted(self.jobs.values(), key=lambda job: job.final)
        return data.draw(st.sampled_from([*(job for job in jobs if not job.final), *jobs]))

    def delivered(self, job: ModelJob, worker: str, found: list[Leased]) -> None:
        for each in found:
            job.row(each).deliver(worker)
            assert (each.token, each.owner, each.row) == (job.row(each).token, worker, rows(9)[each.row.number])
        self.known = [*self.known, *found][-REMEMBERED:]

    def held(self, data: st.DataObject) -> tuple[ModelJob | None, Leased, bool]:
        """What a worker believes to hold, its job (None: it was forgotten), and whether it is so: mostly it is."""
        leased = data.draw(st.sampled_from([*3 * [each for each in self.known if self.owned(each)], *self.known]))
        return self.jobs.get(leased.job_id), leased, self.owned(leased)

    def owned(self, leased: Leased) -> bool:
        return leased.job_id in self.jobs and self.jobs[leased.job_id].owns(leased)

    # --- jobs ----------------------------------------------------------------

    @precondition(lambda self: len(self.jobs) < 2)
    @rule(count=st.integers(1, 3))
    def enqueue(self, count: int) -> None:
        job = a_job()
        self.do(self.store.create(job))
        self.do(self.store.add_rows(job, rows(count)))
        self.do(self.store.start(job))
        self.jobs[job.id] = ModelJob(job, [ModelRow(number, f"{number + 1}-0") for number in range(count)])

    @precondition(lambda self: self.jobs and self.known and self.stops < 4)
    @rule(data=st.data(), ending=st.sampled_from(["cancelled", "expired"]), swept=st.booleans())
    def stop(self, data: st.DataObject, ending: str, swept: bool) -> None:
        """Also by a door that dies before it has swept what waits."""
        job = self.one(data)
        self.stopped(job, ending)
        if swept:
            self.swept(job, ending)

    def stopped(self, job: ModelJob, ending: str) -> None:
        self.stops += 1
        self.do(self.client.register_script(STOP)(keys_of_job(job.job.id), [ending, "why"]))
        job.stop(ending)

    @precondition(lambda self: any(job.ending for job in self.jobs.values()))
    @rule(data=st.data())
    def sweep(self, data: st.DataObject) -> None:
        """By whoever comes by."""
        job = data.draw(st.sampled_from([job for job in self.jobs.values() if job.ending]))
        self.swept(job, job.ending)

    def swept(self, job: ModelJob, ending: str) -> None:
        self.do(self.store.sweep(job.job.id, ending, "why"))
        job.sweep(ending)

    @precondition(lambda self: any(job.ended("failed") for job in self.jobs.values()))
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from([job for job in self.jobs.values() if job.ended("failed")]))
        told = self.do(self.store.retry(job.job.user, job.job.id))
        assert told == job.retry()

    @precondition(lambda self: self.jobs and not self.forgotten and self.stops)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        job = self.one(data)
        assert self.do(self.store.forget(job.job.user, job.job.id))
        del self.jobs[job.job.id]
        self.forgotten.append(job.job.id)

    @precondition(lambda self: self.restarts < self.most_restarts and self.known)
    @rule()
    def restart(self) -> None:
        """The server is killed with -9 and comes back with its append-only file."""
        self.restarts += 1
        self.server.kill()
        self.server.start()

    # --- who gets a row ------------------------------------------------------

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), worker=NAMES, count=st.integers(1, 3))
    def take(self, data: st.DataObject, worker: str, count: int) -> None:
        self.taken(self.one(data), worker, count)

    def taken(self, job: ModelJob, worker: str, count: int) -> None:
        expected = [] if job.ending else [row.number for row in job.waiting[:count]]
        taken = self.do(self.leases[worker].take(job.job.id, count))
        assert [each.row.number for each in taken] == expected
        self.delivered(job, worker, taken)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), worker=NAMES)
    def take_up(self, data: st.DataObject, worker: str) -> None:
        """What was given back."""
        job = self.one(data)
        free = [row.number for row in job.open if row.holder == RELEASED]
        found = self.do(self.leases[worker].released(job.job.id, 2))
        assert sorted(each.row.number for each in found) == free[:2]
        self.delivered(job, worker, found)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), worker=NAMES, count=st.integers(1, 3))
    def reclaim(self, data: st.DataObject, worker: str, count: int) -> None:
        self.reclaimed(self.one(data), worker, count)

    def reclaimed(self, job: ModelJob, worker: str, count: int) -> None:
        over = [row for row in job.open if row.over]
        dead = [row for row in over if row.given_up]
        found = self.do(self.leases[worker].reclaim(job.job.id, count))
        numbers = {each.row.number for each in found}
        assert numbers <= {row.number for row in over if not row.given_up}
        assert len(numbers) == min(count, len(over) - len(dead))
        self.delivered(job, worker, found)
        for number in job_order(self, job)[len(job.order) :]:
            assert job.rows[number] in dead
            job.end(job.rows[number], "failed")
        assert len(numbers) == count or not [row for row in dead if not row.end]

    @precondition(lambda self: any(self.owned(each) for each in self.known) and self.stops < 4)
    @rule(
        data=st.data(),
        worker=NAMES,
        ending=st.sampled_from(["cancelled", "expired"]),
        before=HOLDERS,
        after=st.sampled_from(["sweep", "begin", "take", "claim"]),
    )
    def stop_amid_work(self, data: st.DataObject, worker: str, ending: str, before: str, after: str) -> None:
        """A row is held, announced or given back; its job is stopped; and somebody comes before it is swept."""
        leased = data.draw(st.sampled_from([each for each in self.known if self.owned(each)]))
        job = self.jobs[leased.job_id]
        if before:
            self.handed_over(leased, before)
        self.stopped(job, ending)
        if after == "begin":
            self.begun(leased)
        elif after == "take":
            self.taken(job, worker, 3)
        elif after == "claim":
            self.claimed(job, job.row(leased), worker)
        else:
            self.swept(job, ending)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), worker=NAMES, claims=st.booleans(), times=st.integers(1, DELIVERIES + 1), to=HOLDERS)
    def die_at_work(self, data: st.DataObject, worker: str, claims: bool, times: int, to: str) -> None:
        """Worker after worker is lost with the row that it has begun; the last one may give it back."""
        _, leased, _ = self.held(data)
        for _ in range(times):
            mine = [each for each in self.known if self.owned(each) and each.entry == leased.entry]
            for each in mine[-1:]:
                job = self.jobs[each.job_id]
                self.begun(each)
                self.silence(job, each.owner)
                if claims:
                    self.claimed(job, job.row(each), worker)
                else:
                    self.reclaimed(job, worker, 3)
        for each in [each for each in self.known if to and self.owned(each) and each.entry == leased.entry]:
            self.handed_over(each, to)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), worker=NAMES)
    def wear_out(self, data: st.DataObject, worker: str) -> None:
        """Workers that die one after the other as soon as they have rows."""
        job = self.one(data)
        known = self.known
        for _ in range(10 * DELIVERIES + 1):
            self.known = known
            holders = {row.holder for row in job.open if row.worker}
            for holder in holders:
                self.silence(job, holder)
            if holders:
                self.reclaimed(job, worker, 3)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), worker=NAMES)
    def claim(self, data: st.DataObject, worker: str) -> None:
        """A message of another queue, which may be late or come twice."""
        job = self.one(data)
        self.claimed(job, data.draw(st.sampled_from(job.rows)), worker)

    def claimed(self, job: ModelJob, row: ModelRow, worker: str) -> None:
        free = not job.ending and not row.end and (row.over or row.holder in (QUEUE, RELEASED)) and not row.given_up
        found = self.do(self.leases[worker].claim(job.job.id, row.entry))
        assert (found is not None) == free
        self.delivered(job, worker, [found] if found else [])

    # --- what its holder does ------------------------------------------------

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.begun(self.held(data)[1])

    def begun(self, leased: Leased) -> None:
        told = self.do(self.leases[leased.owner].begin(leased))
        if not self.owned(leased):
            assert told == (0, "")
            return
        job = self.jobs[leased.job_id]
        row = job.row(leased)
        if not job.ending:
            row.begun, row.last = row.begun + (row.last != row.token), row.token
        assert told == (row.begun, job.ending)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), outcome=st.sampled_from(["completed", "failed"]))
    def finish(self, data: st.DataObject, outcome: Outcome) -> None:
        job, leased, owned = self.held(data)
        end = RowEnd(leased.row.number, leased.row.custom_id, outcome, 200, b"{}", prompt_tokens=7)
        told = self.do(self.leases[leased.owner].finish(leased, end))
        assert told.written == owned
        if job is not None and owned:
            job.tokens += 7
            job.end(job.row(leased), outcome)
            assert (told.status, told.tokens) == (job.status, job.tokens)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), to=st.sampled_from([RELEASED, QUEUE]))
    def hand_over(self, data: st.DataObject, to: str) -> None:
        self.handed_over(self.held(data)[1], to)

    def handed_over(self, leased: Leased, to: str) -> None:
        owned, leases = self.owned(leased), self.leases[leased.owner]
        assert self.do(leases.release(leased) if to == RELEASED else leases.announce(leased)) == owned
        if owned:
            self.jobs[leased.job_id].row(leased).hand_over(to)

    @rule(worker=NAMES)
    def beat(self, worker: str) -> None:
        for job_id, job in self.jobs.items():
            mine = [each for each in self.known if (each.job_id, each.owner) == (job_id, worker)]
            held = list({each.entry: each for each in mine}.values())  # the last of each: it has forgotten the others
            if not held:
                continue
            lost, ending = self.do(self.leases[worker].renew(held))
            assert lost == [each for each in held if not job.owns(each)]
            assert ending == job.ending
            for each in held:
                if each not in lost:
                    job.row(each).silent = False

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), holder=st.sampled_from([*WORKERS, QUEUE]))
    def crash_or_suspend(self, data: st.DataObject, holder: str) -> None:
        """It is silent for longer than its lease. It may come back and write: it does not know what happened."""
        self.silence(self.one(data), holder)

    def silence(self, job: ModelJob, holder: str) -> None:
        mine = [row for row in job.open if row.holder == holder]
        if mine:
            self.do(silence(self.client, job.job, holder))
        for row in mine:
            row.silent = True

    # --- what always holds ---------------------------------------------------

    @invariant()
    def everything_lies_where_the_model_has_it(self) -> None:
        for job in getattr(self, "jobs", {}).values():
            key = f"kz:q:{{{job.job.id}}}:"
            pipe = self.server.client.pipeline(transaction=False)
            pipe.hgetall(f"{key}begun").hgetall(f"{key}job").lrange(f"{key}order", 0, -1).hgetall(f"{key}ends")
            pipe.ttl(f"{key}job")
            if job.open:
                pipe.xpending_range(f"{key}rows", "rows", "-", "+", 99)
            begun, kept, order, ends, left, *pending = pipe.execute()
            counted = {name: value for row in job.open for name, value in row.counted.items()}
            assert {name.decode(): value.decode() for name, value in begun.items()} == counted
            self._check_job(job, {name.decode(): value.decode() for name, value in kept.items()})
            assert (left > 0) == bool(job.final)
            assert [int(number) for number in order] == job.order
            found = {int(number): end_of(value) for number, value in ends.items()}
            assert {n: (end.number, end.outcome) for n, end in found.items()} == {
                row.number: (row.number, row.end) for row in job.rows if row.end
            }
            self._check_held(job, pending[0] if pending else [])

    def _check_job(self, job: ModelJob, kept: dict[str, str]) -> None:
        assert {name: int(kept.get(name, 0)) for name in ENDED} == {name: len(job.ended(name)) for name in ENDED}
        assert (kept["status"], kept.get("ending", "")) == (job.status, job.ending)
        assert int(kept.get("prompt_tokens", 0)) == job.tokens

    def _check_held(self, job: ModelJob, pending: list[dict[str, Any]]) -> None:
        held = {each["message_id"].decode(): each for each in pending}
        rows = {row.entry: row for row in job.open if row.holder != NOBODY}
        assert held.keys() == rows.keys()
        for entry, row in rows.items():
            assert (held[entry]["consumer"].decode(), held[entry]["times_delivered"]) == (row.holder, row.token)
            silent = held[entry]["time_since_delivered"] > RULES.milliseconds
            assert silent == (row.silent or row.holder == RELEASED)

    @precondition(lambda self: getattr(self, "forgotten", None))
    @invariant()
    def nothing_is_left_of_a_job_that_was_forgotten(self) -> None:
        for job_id in self.forgotten:
            assert self.do(self.client.keys(f"*{job_id}*")) == []


def job_order(machine: Queue, job: ModelJob) -> list[int]:
    found = machine.do(machine.client.lrange(f"kz:q:{{{job.job.id}}}:order", 0, -1))  # type: ignore[arg-type]
    return [int(number) for number in found]
