"""Workers on a real Valkey: every row ends once, whoever works, leaves, dies or is stopped."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from redis import Redis as SyncRedis
from redis.asyncio import Redis

from tests.workers.batch.test_job_store import a_job, all_ends, rows, silence, started
from workers.batch.job_store import JobStore
from workers.batch.records import Job, JobState, Leased, Row, RowEnd
from workers.batch.row_leases import LeaseRules, RowLeases
from workers.broker import Room
from workers.interactive import Handler, enqueue_interactive
from workers.row_task import RunRow
from workers.store_flights import StoreFlights
from workers.worker_build import Worker, WorkerConfig, open_worker, shared_rows

PATIENCE_SECONDS = 60


class Rows:
    """Answers rows, and remembers which. gate: waits for it before each; failing: these numbers raise."""

    def __init__(self, gate: asyncio.Event | None = None, failing: tuple[int, ...] = ()) -> None:
        self.began: list[int] = []
        self.by_user: list[str] = []
        self.cancelled: list[int] = []
        self._gate, self._failing = gate, failing

    async def __call__(self, job: Job, leased: Leased) -> RowEnd:
        number = leased.row.number
        self.began.append(number)
        self.by_user.append(job.user)
        try:
            if self._gate is not None:
                await self._gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        if number in self._failing:
            raise ZeroDivisionError
        return RowEnd(number, leased.row.custom_id, "completed", 200, leased.row.body, 0, 0.1, 10, 5)


@asynccontextmanager
async def working(
    address: str,
    run: RunRow,
    rules: LeaseRules | None = None,
    room: Room | None = None,
    handlers: Mapping[str, Handler] | None = None,
) -> AsyncIterator[Worker]:
    config = WorkerConfig(address, rules or LeaseRules(), room or Room(), 0.1, handlers or {})
    stop = asyncio.Event()
    async with open_worker(config, run) as worker:
        task = asyncio.create_task(worker.work(stop))
        try:
            yield worker
        finally:
            stop.set()
            await task


async def until(wanted: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not wanted():  # noqa: ASYNC110 - what changes is in another task or process
            await asyncio.sleep(0.01)


async def final(store: JobStore, job: Job) -> JobState:
    deadline = time.monotonic() + PATIENCE_SECONDS  # no time-out, whose cancel the store's client may swallow
    while time.monotonic() < deadline:
        state = await store.state(job.user, job.id)
        assert state is not None
        if state.final:
            return state
        await asyncio.sleep(0.02)
    raise AssertionError(f"not final within {PATIENCE_SECONDS} s: {state}")


async def test_every_row_is_answered_once(empty_valkey: str, valkey: Redis) -> None:
    store, run = JobStore(valkey), Rows()
    job = await started(store, 100)
    async with working(empty_valkey, run), working(empty_valkey, run):
        state = await final(store, job)
    assert (state.status, state.completed) == ("completed", 100)
    assert Counter(run.began) == Counter(range(100))
    assert sorted(end.number for end in await all_ends(store, job)) == list(range(100))


async def test_a_row_that_breaks_the_work_fails_and_the_others_do_not(empty_valkey: str, valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 5)
    async with working(empty_valkey, Rows(failing=(2,))):
        state = await final(store, job)
    assert (state.completed, state.failed) == (4, 1)
    assert [end.status_code for end in await all_ends(store, job) if end.outcome == "failed"] == [500]


async def test_what_a_dead_worker_held_goes_to_a_live_one(empty_valkey: str, valkey: Redis) -> None:
    store, run = JobStore(valkey), Rows()
    job = await started(store, 6)
    dead = RowLeases(valkey, "dead")
    for held in (await dead.take(job.id, 3))[:2]:
        await dead.begin(held)
    async with working(empty_valkey, run, LeaseRules(seconds=2)):
        state = await final(store, job)
    assert state.completed == 6
    assert sorted(run.began) == list(range(6))
    assert Counter(end.attempts for end in await all_ends(store, job)) == {1: 4, 2: 2}


async def test_the_lease_of_a_slow_row_is_renewed_also_while_the_loop_is_blocked(
    empty_valkey: str, valkey: Redis
) -> None:
    store, gate = JobStore(valkey), asyncio.Event()
    slow = Rows(gate)
    job = await started(store, 1)
    stream = f"kz:q:{{{job.id}}}:rows"
    async with working(empty_valkey, slow, LeaseRules(seconds=1), Room(rows=1)):
        await until(lambda: bool(slow.began))
        (owner,) = await valkey.xinfo_consumers(stream, "rows")
        await silence(valkey, job, owner["name"].decode(), 10_000)
        with SyncRedis.from_url(empty_valkey) as beside:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while beside.xpending_range(stream, "rows", "-", "+", 1)[0]["time_since_delivered"] > 9_000_000:
                assert time.monotonic() < deadline
                time.sleep(0.01)  # noqa: ASYNC251 - the loop is to be blocked
        gate.set()
        await final(store, job)
    assert [end.attempts for end in await all_ends(store, job)] == [1]


async def test_a_worker_that_is_stopped_gives_its_rows_back_uncounted(empty_valkey: str, valkey: Redis) -> None:
    store, stuck = JobStore(valkey), Rows(asyncio.Event())
    job = await started(store, 3)
    async with working(empty_valkey, stuck):
        await until(lambda: len(stuck.began) == 3)
    assert sorted(stuck.cancelled) == [0, 1, 2]
    async with working(empty_valkey, Rows(), LeaseRules(seconds=600)):
        await final(store, job)
    assert {end.attempts for end in await all_ends(store, job)} == {1}


async def test_a_cancelled_job_stops_what_runs(empty_valkey: str, valkey: Redis) -> None:
    store, stuck = JobStore(valkey), Rows(asyncio.Event())
    job = await started(store, 40)
    async with working(empty_valkey, stuck, LeaseRules(seconds=1), Room(rows=4)):
        await until(lambda: len(stuck.began) == 4)
        await store.cancel(job.user, job.id)
        state = await final(store, job)
    assert (state.status, state.cancelled, len(stuck.cancelled)) == ("cancelled", 40, 4)


async def test_rows_that_wait_for_a_place_are_cancelled_without_one(empty_valkey: str, valkey: Redis) -> None:
    store, stuck = JobStore(valkey), Rows(asyncio.Event())
    rules = LeaseRules(seconds=600)
    slow = await started(store, 1)
    dead = RowLeases(valkey, "dead", rules)
    async with working(empty_valkey, stuck, rules, Room(rows=1)) as worker:
        await until(lambda: bool(stuck.began))
        waiting = await started(store, 2)
        for held in await dead.take(waiting.id, 2):
            await dead.release(held)
        await until(lambda: worker.hands.counts()[0] == 2)
        await store.cancel(waiting.user, waiting.id)
        worker.hands.stop(worker.hands.unbegun(), "cancelled")  # as the next beat does, in 150 s
        state = await final(store, waiting)
        assert (state.status, state.cancelled, len(stuck.began)) == ("cancelled", 2, 1)
        assert (await store.state(slow.user, slow.id)).running == 1  # type: ignore[union-attr]


async def test_a_job_stops_at_its_ceiling_and_says_so(empty_valkey: str, valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 40, ceiling_tokens=60)
    async with working(empty_valkey, Rows(), room=Room(rows=1)):
        state = await final(store, job)
    assert (state.status, state.completed, state.cancelled) == ("cancelled", 4, 36)
    assert "60 tokens" in state.reason


async def test_a_job_whose_window_is_over_expires(empty_valkey: str, valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 3, created=1, window_seconds=60)
    async with working(empty_valkey, Rows(asyncio.Event()), LeaseRules(seconds=1)):
        state = await final(store, job)
    assert (state.status, state.expired) == ("expired", 3)


async def test_tenants_take_turns(empty_valkey: str, valkey: Redis) -> None:
    store, run = JobStore(valkey), Rows()
    many, few = await started(store, 60, user="many"), await started(store, 5, user="few")
    async with working(empty_valkey, run, room=Room(rows=2)):
        await final(store, few)
        await final(store, many)
    assert max(place for place, user in enumerate(run.by_user) if user == "few") < 20


async def test_somebody_who_waits_comes_before_a_batch(empty_valkey: str, valkey: Redis) -> None:
    store, stuck, said = JobStore(valkey), Rows(asyncio.Event()), []

    async def say(payload: Mapping[str, Any]) -> None:
        said.append(payload["text"])

    await started(store, 40)
    async with working(empty_valkey, stuck, room=Room(rows=2, interactive=1), handlers={"say": say}):
        await until(lambda: len(stuck.began) == 2)
        assert await enqueue_interactive(valkey, "say", {"text": "hello"}, "event-1")
        assert not await enqueue_interactive(valkey, "say", {"text": "hello"}, "event-1")
        await until(lambda: bool(said))
        await enqueue_interactive(valkey, "say", {"text": "again"}, "event-2")
        await until(lambda: len(said) == 2)
    assert said == ["hello", "again"]
    assert await valkey.xlen("kz:q:{interactive-v1}:rows") == 0


async def test_a_door_that_died_while_it_read_a_file_leaves_no_half_batch(empty_valkey: str, valkey: Redis) -> None:
    store, run, job = JobStore(valkey), Rows(), a_job()
    await store.create(job)
    await store.add_rows(job, rows(2))
    await valkey.hset(f"kz:q:{{{job.id}}}:job", "touched", 1)
    async with working(empty_valkey, run):
        state = await final(store, job)
    assert (state.status, run.began) == ("failed", [])


async def test_rows_that_the_store_has_lost_end_where_it_can_be_seen(empty_valkey: str, valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 3)
    await valkey.xdel(f"kz:q:{{{job.id}}}:rows", "2-0")
    async with working(empty_valkey, Rows()):
        state = await final(store, job)
    assert (state.status, state.completed, state.failed) == ("completed", 2, 1)


async def test_a_job_that_is_damaged_keeps_nobody_from_the_others(empty_valkey: str, valkey: Redis) -> None:
    store = JobStore(valkey)
    unread, broken = [await started(store, 2, created=1_795_348_000 + number) for number in range(2)]
    await valkey.hset(f"kz:q:{{{unread.id}}}:job", "record", "{")
    await valkey.delete(f"kz:q:{{{broken.id}}}:rows")
    await valkey.set(f"kz:q:{{{broken.id}}}:rows", "no stream")
    job = await started(store, 5)
    async with working(empty_valkey, Rows()):
        assert (await final(store, job)).completed == 5


async def test_an_entry_that_is_no_row_is_taken_out_and_the_rows_run(empty_valkey: str, valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 3)
    stream = f"kz:q:{{{job.id}}}:rows"
    await valkey.xdel(stream, "2-0")
    await valkey.xadd(stream, {"n": "one", "c": "row-1", "b": "{}"}, "4-0")
    await RowLeases(valkey, "dead").take(job.id, 9)
    async with working(empty_valkey, Rows(), LeaseRules(seconds=1)):
        state = await final(store, job)
    assert (state.status, state.completed, state.failed) == ("completed", 2, 1)
    assert sorted(end.number for end in await all_ends(store, job)) == [0, 1, 2]


async def test_identical_rows_are_answered_once_and_each_has_its_end(empty_valkey: str, valkey: Redis) -> None:
    store, run, job = JobStore(valkey), Rows(), a_job()
    await store.create(job)
    bodies = [b"same" if number % 2 else b"own %d" % number for number in range(20)]
    await store.add_rows(job, [Row(number, f"c{number}", body) for number, body in enumerate(bodies)])
    await store.start(job)
    shared = [shared_rows(run, StoreFlights(valkey), store) for _ in range(2)]
    async with working(empty_valkey, shared[0]), working(empty_valkey, shared[1]):
        state = await final(store, job)
    assert state.completed == 20
    assert len(run.began) == 11
    assert state.prompt_tokens == 11 * 10
    ends = {end.custom_id: end.body for end in await all_ends(store, job)}
    assert ends == {f"c{number}": body for number, body in enumerate(bodies)}
