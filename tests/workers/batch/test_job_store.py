"""A job in a real Valkey: every row ends once, whoever writes late; what is stopped says so."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from workers.batch.batch_fields import batch_fields
from workers.batch.job_store import JobStore, NotAccepting
from workers.batch.records import Job, Leased, LineError, Row, RowEnd, new_job_id
from workers.batch.row_leases import LeaseRules, RowLeases

LEASE = LeaseRules(seconds=600, deliveries=3)


def a_job(user: str = "key-a", **changed: object) -> Job:
    given = {"id": new_job_id(), "user": user, "endpoint": "/v1/answers", "created": 1_795_348_800}
    return Job(**{**given, "window_seconds": 10**9, **changed})  # type: ignore[arg-type]


def rows(count: int, start: int = 0) -> list[Row]:
    return [Row(number, f"row-{number}", f'{{"question":"{number}?"}}'.encode()) for number in range(start, count)]


def done(leased: Leased, outcome: str = "completed") -> RowEnd:
    return RowEnd(leased.row.number, leased.row.custom_id, outcome, 200, b"{}", leased.token, 0.1, 10, 5)  # type: ignore[arg-type]


async def started(store: JobStore, count: int = 3, **changed: object) -> Job:
    job = a_job(**changed)  # type: ignore[arg-type]
    await store.create(job)
    await store.add_rows(job, rows(count))
    await store.start(job)
    return job


async def all_ends(store: JobStore, job: Job, after: int = 0) -> list[RowEnd]:
    return [end async for end in store.ends(job.user, job.id, after)]


async def status(store: JobStore, job: Job) -> str:
    state = await store.state(job.user, job.id)
    assert state is not None
    return state.status


async def silence(valkey: Redis, job: Job, owner: str, seconds: int = 601) -> None:
    """As if the owner had not renewed its leases for so long."""
    stream = f"kz:q:{{{job.id}}}:rows"
    held = await valkey.xpending_range(stream, "rows", "-", "+", 1_000, consumername=owner)
    ids = [each["message_id"] for each in held]
    await valkey.xclaim(stream, "rows", owner, 0, ids, idle=seconds * 1_000, justid=True)


async def taken_over(leases: RowLeases, job: Job, count: int = 100) -> list[Leased]:
    """What reclaim finds when every owner has been silent for longer than its lease."""
    for consumer in await leases.client.xinfo_consumers(f"kz:q:{{{job.id}}}:rows", "rows"):
        if consumer["pending"]:
            await silence(leases.client, job, consumer["name"].decode())
    return await leases.reclaim(job.id, count)


async def test_nothing_of_a_job_runs_before_it_is_started(valkey: Redis) -> None:
    store, worker = JobStore(valkey), RowLeases(valkey, "w1")
    job = a_job()
    await store.create(job)
    await store.add_rows(job, rows(2))
    assert await worker.take(job.id) == []
    assert await store.start(job) == "in_progress"
    assert [each.row for each in await worker.take(job.id, 5)] == rows(2)


async def test_a_piece_of_rows_that_is_sent_twice_is_added_once(valkey: Redis) -> None:
    store, job = JobStore(valkey), a_job()
    await store.create(job)
    await store.add_rows(job, rows(2))
    await store.add_rows(job, rows(4))
    await store.start(job)
    state = await store.state(job.user, job.id)
    assert state is not None
    assert state.total == 4
    assert [each.row.number for each in await RowLeases(valkey, "w1").take(job.id, 9)] == [0, 1, 2, 3]


async def test_a_job_that_was_started_takes_no_more_rows(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store)
    with pytest.raises(NotAccepting):
        await store.add_rows(job, rows(9, 3))
    with pytest.raises(NotAccepting):
        await store.reject_row(job, RowEnd(9, "x", "failed", 400, b"{}"))


async def test_a_file_that_is_refused_whole_runs_nothing_and_says_why(valkey: Redis) -> None:
    store, job = JobStore(valkey), a_job()
    await store.create(job)
    await store.add_rows(job, rows(2))
    assert await store.fail(job, "2 lines are bad", [LineError("bad_line", "no JSON", 3)])
    state = await store.state(job.user, job.id)
    assert state is not None
    assert (state.status, state.reason, state.errors) == (
        "failed",
        "2 lines are bad",
        (LineError("bad_line", "no JSON", 3),),
    )
    assert await store.start(job) == "failed"
    assert await RowLeases(valkey, "w1").take(job.id) == []


async def test_a_bad_line_counts_as_failed_and_the_others_run(valkey: Redis) -> None:
    store, job = JobStore(valkey), a_job()
    await store.create(job)
    await store.add_rows(job, rows(1))
    await store.reject_row(job, RowEnd(1, "bad", "failed", 400, b'{"error":{}}'))
    await store.start(job)
    worker = RowLeases(valkey, "w1")
    (held,) = await worker.take(job.id, 9)
    assert (await worker.finish(held, done(held))).status == "completed"
    state = await store.state(job.user, job.id)
    assert state is not None
    assert (state.total, state.completed, state.failed, state.prompt_tokens) == (2, 1, 1, 10)
    assert [end.custom_id for end in await all_ends(store, job)] == ["bad", "row-0"]


async def test_a_job_of_bad_lines_alone_ends_when_it_starts(valkey: Redis) -> None:
    store, job = JobStore(valkey), a_job()
    await store.create(job)
    await store.reject_row(job, RowEnd(0, "bad", "failed", 400, b"{}"))
    assert await store.start(job) == "completed"


async def test_a_row_is_taken_once_whoever_asks(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 50)
    workers = [RowLeases(valkey, f"w{number}") for number in range(5)]
    taken = await asyncio.gather(*(worker.take(job.id, 4) for worker in workers for _ in range(4)))
    numbers = [each.row.number for some in taken for each in some]
    assert sorted(numbers) == list(range(50))


async def test_the_late_write_of_a_worker_that_lost_its_row_is_refused(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 1)
    zombie, heir = RowLeases(valkey, "zombie", LEASE), RowLeases(valkey, "heir", LEASE)
    (lost,) = await zombie.take(job.id)
    (taken,) = await taken_over(heir, job)
    assert taken.token == 2
    assert not (await zombie.finish(lost, done(lost))).written
    assert (await heir.finish(taken, done(taken))).written
    assert not (await zombie.finish(lost, done(lost))).written
    assert [end.attempts for end in await all_ends(store, job)] == [2]


async def test_a_row_that_was_reclaimed_by_its_own_worker_again_refuses_the_older_token(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 1)
    worker = RowLeases(valkey, "w1", LEASE)
    (first,) = await worker.take(job.id)
    (second,) = await taken_over(worker, job)
    assert not (await worker.finish(first, done(first))).written
    assert (await worker.finish(second, done(second))).written


async def test_an_end_that_is_written_twice_counts_once(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 2)
    worker = RowLeases(valkey, "w1")
    held, _ = await worker.take(job.id, 2)
    assert [(await worker.finish(held, done(held))).written for _ in range(2)] == [True, False]
    state = await store.state(job.user, job.id)
    assert state is not None
    assert (state.completed, state.running, state.status) == (1, 1, "in_progress")


async def test_a_lease_that_is_renewed_is_not_taken_over(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 1)
    worker, other = RowLeases(valkey, "w1", LEASE), RowLeases(valkey, "w2", LEASE)
    held = await worker.take(job.id)
    await silence(valkey, job, "w1")
    assert await worker.renew(held) == ([], "")
    assert await other.reclaim(job.id, 9) == []


async def test_a_lease_that_is_not_over_is_not_taken_over(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 1)
    await RowLeases(valkey, "w1", LEASE).take(job.id)
    await silence(valkey, job, "w1", 300)
    assert await RowLeases(valkey, "w2", LEASE).reclaim(job.id, 9) == []


async def test_renewing_does_not_take_a_lost_row_back(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 2)
    zombie, heir = RowLeases(valkey, "zombie", LEASE), RowLeases(valkey, "heir", LEASE)
    lost = await zombie.take(job.id, 2)
    taken = await taken_over(heir, job, 1)
    assert await zombie.renew(lost) == ([lost[0]], "")
    assert (await heir.finish(taken[0], done(taken[0]))).written


async def test_a_row_whose_workers_die_on_it_three_times_fails_where_it_can_be_seen(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 1)
    workers = [RowLeases(valkey, f"w{number}", LEASE) for number in range(4)]
    (held,) = await workers[0].take(job.id)
    for times, heir in enumerate(workers[1:3], 1):
        assert await workers[times - 1].begin(held) == (times, "")
        (held,) = await taken_over(heir, job)
    assert await workers[2].begin(held) == (3, "")
    assert await taken_over(workers[3], job) == []
    (end,) = await all_ends(store, job)
    assert (end.outcome, end.attempts, json.loads(end.body)["code"]) == ("failed", 3, "worker_lost")
    assert await status(store, job) == "completed"


async def test_a_row_that_only_waited_in_the_hands_of_dead_workers_runs(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 1)
    worker = RowLeases(valkey, "w1", LEASE)
    await worker.take(job.id)
    for _ in range(10):
        (held,) = await taken_over(worker, job)
    assert held.token == 11
    assert await worker.begin(held) == (1, "")
    assert (await worker.finish(held, done(held))).written
    assert not await valkey.exists(f"kz:q:{{{job.id}}}:begun")


async def test_a_row_whose_mere_taking_kills_is_given_up_at_last(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 1)
    worker = RowLeases(valkey, "w1", LEASE)
    await worker.take(job.id)
    for _ in range(30):
        assert len(await taken_over(worker, job)) == 1
    assert await taken_over(worker, job) == []
    (end,) = await all_ends(store, job)
    assert (end.outcome, end.attempts, json.loads(end.body)["code"]) == ("failed", 0, "worker_lost")
    assert "before they began" in json.loads(end.body)["message"]


async def test_work_that_is_said_to_begin_twice_counts_once(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 1)
    worker = RowLeases(valkey, "w1", LEASE)
    (held,) = await worker.take(job.id)
    assert [await worker.begin(held) for _ in range(2)] == [(1, ""), (1, "")]


async def test_nobody_begins_a_row_that_was_lost_or_whose_job_is_stopped(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 2)
    zombie, heir = RowLeases(valkey, "zombie", LEASE), RowLeases(valkey, "heir", LEASE)
    lost = (await zombie.take(job.id, 2))[0]
    taken = (await taken_over(heir, job, 1))[0]
    assert await zombie.begin(lost) == (0, "")
    assert await heir.begin(taken) == (1, "")
    await store.cancel(job.user, job.id)
    assert await heir.begin(taken) == (1, "cancelled")


async def test_rows_of_the_dead_go_to_others_also_while_the_store_is_full(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 1)
    worker = RowLeases(valkey, "w1", LEASE)
    await worker.take(job.id)
    await valkey.config_set("maxmemory", "1")
    try:
        assert len(await taken_over(worker, job)) == 1
    finally:
        await valkey.config_set("maxmemory", "0")


async def test_dead_rows_behind_those_that_were_given_back_are_found(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 151)
    leaving, dead = RowLeases(valkey, "leaving", LEASE), RowLeases(valkey, "dead", LEASE)
    for held in await leaving.take(job.id, 150):
        await leaving.release(held)
    await dead.take(job.id)
    await silence(valkey, job, "dead")
    assert [each.row.number for each in await RowLeases(valkey, "heir", LEASE).reclaim(job.id, 9)] == [150]


async def test_dead_rows_behind_hundreds_of_live_ones_are_found(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 400)
    live, dead = RowLeases(valkey, "live", LEASE), RowLeases(valkey, "dead", LEASE)
    await live.take(job.id, 350)
    assert len(await dead.take(job.id, 50)) == 50
    await silence(valkey, job, "dead")
    found = await RowLeases(valkey, "heir", LEASE).reclaim(job.id, 400)
    assert [each.row.number for each in found] == list(range(350, 400))


async def test_a_released_row_comes_back_at_once_and_what_it_began_does_not_count(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 1)
    leaving, other = RowLeases(valkey, "w1", LEASE), RowLeases(valkey, "w2", LEASE)
    for token in range(1, 40):
        (held,) = await leaving.take(job.id) or await leaving.released(job.id, 1)
        assert held.token == token
        assert await leaving.begin(held) == (1, "")
        assert await leaving.release(held)
    assert await other.reclaim(job.id, 1) == []
    (held,) = await other.released(job.id, 1)
    assert (held.token, held.owner) == (40, "w2")
    assert await other.begin(held) == (1, "")


async def test_giving_back_takes_back_what_this_worker_began_and_nothing_else(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 1)
    dead, leaving, heir = (RowLeases(valkey, name, LEASE) for name in ("dead", "leaving", "heir"))
    (held,) = await dead.take(job.id)
    await dead.begin(held)
    (held,) = await taken_over(leaving, job)
    await leaving.release(held)
    (held,) = await heir.released(job.id, 1)
    assert await heir.begin(held) == (2, "")


async def test_a_cancelled_job_ends_its_waiting_rows_at_once_and_the_others_when_they_are_stopped(
    valkey: Redis,
) -> None:
    store = JobStore(valkey)
    job = await started(store, 1_200)
    worker = RowLeases(valkey, "w1")
    held = await worker.take(job.id, 2)
    await worker.finish(held[0], done(held[0]))
    state = await store.cancel(job.user, job.id)
    assert state is not None
    assert (state.status, state.completed, state.cancelled, state.running) == ("cancelling", 1, 1_198, 1)
    assert await worker.take(job.id) == []
    assert await worker.renew(held[1:]) == ([], "cancelled")
    assert (await worker.finish(held[1], done(held[1], "cancelled"))).status == "cancelled"
    ends = await all_ends(store, job)
    assert sorted(end.number for end in ends) == list(range(1_200))
    assert {json.loads(end.body).get("code") for end in ends[1:-1]} == {"batch_cancelled"}


async def test_a_cancelled_job_ends_what_was_given_back_or_announced_and_is_in_nobodys_hands(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 3)
    worker = RowLeases(valkey, "w1")
    released, announced, kept = await worker.take(job.id, 3)
    await worker.release(released)
    await worker.announce(announced)
    state = await store.cancel(job.user, job.id)
    assert state is not None
    assert (state.status, state.cancelled, state.running) == ("cancelling", 2, 1)
    assert await RowLeases(valkey, "w2").claim(job.id, announced.entry) is None
    assert (await worker.finish(kept, done(kept))).status == "cancelled"
    assert sorted(end.number for end in await all_ends(store, job)) == [0, 1, 2]


async def test_a_job_whose_window_is_over_is_expired_with_what_it_has_done(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 3)
    worker = RowLeases(valkey, "w1")
    (held,) = await worker.take(job.id)
    await worker.finish(held, done(held))
    await store.stop(job.id, "expired", "the window is over")
    assert await status(store, job) == "expired"
    assert [end.outcome for end in await all_ends(store, job)] == ["completed", "expired", "expired"]


async def test_odd_custom_ids_survive_a_sweep(valkey: Redis) -> None:
    store, job = JobStore(valkey), a_job()
    names = ['"quoted"\\', "行\u2028\n", "987654321", "</script>", "😀"]
    await store.create(job)
    await store.add_rows(job, [Row(number, name, b"{}") for number, name in enumerate(names)])
    await store.start(job)
    await store.cancel(job.user, job.id)
    assert [end.custom_id for end in await all_ends(store, job)] == names


async def test_failed_rows_are_tried_again_and_end_once(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 3)
    worker = RowLeases(valkey, "w1")
    for held, outcome in zip(await worker.take(job.id, 3), ("failed", "completed", "failed"), strict=True):
        await worker.finish(held, done(held, outcome))
    assert await status(store, job) == "completed"
    assert await store.retry(job.user, job.id) == 2
    assert await status(store, job) == "in_progress"
    again = await worker.take(job.id, 9)
    assert [each.row for each in again] == [rows(3)[0], rows(3)[2]]
    for held in again:
        await worker.finish(held, done(held))
    ends = await all_ends(store, job)
    assert [(end.number, end.outcome) for end in ends] == [(1, "completed"), (0, "completed"), (2, "completed")]
    assert await store.retry(job.user, job.id) == 0
    assert await status(store, job) == "completed"


async def test_ends_are_read_on_from_where_the_reader_was(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 250)
    worker = RowLeases(valkey, "w1")
    for held in await worker.take(job.id, 250):
        await worker.finish(held, done(held))
    ends = await all_ends(store, job)
    assert [end.place for end in ends] == list(range(1, 251))
    assert await all_ends(store, job, after=ends[200].place) == ends[201:]


async def test_what_is_another_users_is_unknown(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 1)
    assert await store.state("key-b", job.id) is None
    assert await store.cancel("key-b", job.id) is None
    assert await store.retry("key-b", job.id) is None
    assert not await store.forget("key-b", job.id)
    assert [end async for end in store.ends("key-b", job.id)] == []
    assert await store.list("key-b") == []
    assert await store.state("key-a", "batch_../../x") is None


async def test_jobs_are_listed_page_by_page_the_latest_first(valkey: Redis) -> None:
    store = JobStore(valkey)
    jobs = [await started(store, 1, created=1_795_348_800 + number) for number in range(5)]
    ids = [job.id for job in reversed(jobs)]
    first = [state.job.id for state in await store.list("key-a", limit=2)]
    assert first == ids[:2]
    assert [state.job.id for state in await store.list("key-a", after=first[-1])] == ids[2:]


async def test_a_worker_whose_job_was_forgotten_has_lost_its_rows(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 1)
    worker = RowLeases(valkey, "w1")
    held: Sequence[Leased] = await worker.take(job.id)
    assert await store.forget(job.user, job.id)
    assert await worker.renew(held) == (list(held), "")
    assert not (await worker.finish(held[0], done(held[0]))).written
    assert await worker.take(job.id) == []
    assert await worker.reclaim(job.id, 9) == []


async def test_a_job_of_a_newer_version_is_left_to_newer_workers(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 1)
    await valkey.hset(f"kz:q:{{{job.id}}}:job", "version", 2)
    assert await RowLeases(valkey, "w1").take(job.id) == []


async def test_a_job_waits_for_its_time(valkey: Redis) -> None:
    store = JobStore(valkey)
    later = await started(store, 1, not_before=4_000_000_000)
    assert await RowLeases(valkey, "w1").take(later.id) == []


async def test_a_full_store_refuses_the_end_and_changes_nothing(valkey: Redis) -> None:
    from workers.store_errors import StoreDown

    store = JobStore(valkey)
    job = await started(store, 1)
    worker = RowLeases(valkey, "w1")
    (held,) = await worker.take(job.id)
    await valkey.config_set("maxmemory", "1")
    try:
        with pytest.raises(StoreDown):
            await worker.finish(held, done(held))
        assert await worker.renew([held]) == ([], "")
    finally:
        await valkey.config_set("maxmemory", "0")
    assert await all_ends(store, job) == []
    assert (await worker.finish(held, done(held))).written


async def test_all_keys_of_a_job_share_one_slot_of_a_cluster(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 1)
    await store.cancel(job.user, job.id)
    keys = [key async for key in valkey.scan_iter(f"*{job.id}*")]
    assert len(keys) >= 3
    assert all(b"{" + job.id.encode() + b"}" in key for key in keys)


async def test_a_job_that_has_ended_is_kept_for_its_time_alone(valkey: Redis) -> None:
    store = JobStore(valkey, kept_seconds=1_000)
    job = await started(store, 1)
    key = f"kz:q:{{{job.id}}}:ends"
    worker = RowLeases(valkey, "w1")
    (held,) = await worker.take(job.id)
    await worker.finish(held, done(held, "failed"))
    assert 0 < await valkey.ttl(key) <= 1_000
    await store.retry(job.user, job.id)
    assert await valkey.ttl(f"kz:q:{{{job.id}}}:job") == -1


async def test_a_row_that_was_announced_goes_to_the_first_who_claims_it_with_a_token_of_its_own(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 1)
    announcer, first, second = (RowLeases(valkey, name, LEASE) for name in ("a", "b", "c"))
    (held,) = await announcer.take(job.id)
    assert await announcer.announce(held)
    claimed = await first.claim(job.id, held.entry)
    assert claimed is not None
    assert (claimed.token, claimed.owner, claimed.row) == (2, "b", held.row)
    assert await second.claim(job.id, held.entry) is None
    assert not (await announcer.finish(held, done(held))).written
    assert (await first.finish(claimed, done(claimed))).written
    assert await second.claim(job.id, held.entry) is None


async def test_a_claimed_row_of_a_dead_worker_can_be_claimed_anew(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 1)
    dead, heir = RowLeases(valkey, "dead", LEASE), RowLeases(valkey, "heir", LEASE)
    (held,) = await dead.take(job.id)
    assert await heir.claim(job.id, held.entry) is None
    await silence(valkey, job, "dead")
    claimed = await heir.claim(job.id, held.entry)
    assert claimed is not None
    assert claimed.token == 2


async def test_a_row_that_kills_whoever_claims_it_is_claimed_three_times_and_given_up(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 1)
    worker = RowLeases(valkey, "w1", LEASE)
    (taken,) = await worker.take(job.id)
    await worker.announce(taken)
    for times in (1, 2, 3):
        claimed = await worker.claim(job.id, taken.entry)
        assert claimed is not None
        assert await worker.begin(claimed) == (times, "")
        await silence(valkey, job, "w1")
    assert await worker.claim(job.id, taken.entry) is None
    assert await worker.reclaim(job.id, 1) == []
    assert [end.attempts for end in await all_ends(store, job)] == [3]


async def test_a_row_that_waits_in_another_queue_for_long_is_not_given_up(valkey: Redis) -> None:
    job = await started(JobStore(valkey), 1)
    worker = RowLeases(valkey, "w1", LEASE)
    (held,) = await worker.take(job.id)
    for _ in range(40):
        assert await worker.announce(held)
        (held,) = await taken_over(worker, job)


async def test_what_rows_took_of_the_model_and_of_its_cache_is_summed(valkey: Redis) -> None:
    store, worker = JobStore(valkey), RowLeases(valkey, "w1", LEASE)
    job = await started(store)
    for leased in await worker.take(job.id, 2):
        await worker.finish(leased, replace(done(leased), cached_tokens=7))
    state = await store.state(job.user, job.id)
    assert state is not None
    assert (state.prompt_tokens, state.cached_tokens, state.completion_tokens) == (20, 14, 10)
    assert batch_fields(state)["usage"]["input_tokens_details"] == {"cached_tokens": 14}


async def test_what_was_taken_over_is_ours_also_when_what_is_given_up_cannot_be_written(valkey: Redis) -> None:
    store = JobStore(valkey)
    job = await started(store, 2)
    worker = RowLeases(valkey, "w1", LEASE)
    killing, other = await worker.take(job.id, 2)
    for _ in range(2):
        await worker.begin(killing)
        await silence(valkey, job, "w1")
        (killing,) = await worker.reclaim(job.id, 1)
    await worker.begin(killing)
    await silence(valkey, job, "w1")
    await valkey.config_set("maxmemory", "1")
    try:
        assert [each.row.number for each in await worker.reclaim(job.id, 9)] == [other.row.number]
    finally:
        await valkey.config_set("maxmemory", "0")
    await worker.reclaim(job.id, 9)
    assert [(end.number, end.attempts) for end in await all_ends(store, job)] == [(killing.row.number, 3)]
