"""Rows about the same thing follow each other in the queue, and nothing else of a batch changes by it."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from tests.workers.batch.test_checking import good, jsonl, pieces
from tests.workers.batch.test_job_store import a_job
from workers.batch.filling import FillRules, fill
from workers.batch.job_store import JobStore, NotAccepting
from workers.batch.nearness import near_order
from workers.batch.row_leases import RowLeases
from workers.batch.uploaded import Uploaded

COMPANIES = [f"{stem}{number} Corp" for stem in ("Alpha", "Beta", "Gamma", "Delta", "Omega") for number in range(6)]
ASKED_OF_A_COMPANY = (
    "When was {} founded?",
    "Who is the chief executive of {}?",
    "Where does {} have its seat?",
    "How many people work for {}?",
    "What does {} make?",
    "What is the revenue of {}?",
)
PLACES = (
    "泰山 华山 衡山 恒山 嵩山 黄山 庐山 峨眉山 武夷山 普陀山 北京大学 清华大学 复旦大学 浙江大学 南京大学"
).split()
ASKED_OF_A_PLACE = ("{}在哪个省？", "{}是世界遗产吗？", "怎么坐火车去{}？", "{}的门票多少钱？", "什么季节去{}最好？")


def shuffled(subjects: list[str], asked: tuple[str, ...]) -> list[tuple[str, str]]:
    """Subject and question, as a table asks them when it was sorted by something else."""
    questions = [(subject, each.format(subject)) for subject in subjects for each in asked]
    random.Random(20261122).shuffle(questions)
    return questions


def near(subjects: list[str], within: int = 8) -> float:
    """The share of rows whose subject stood among the few rows before, of all rows but a subject's first."""
    hits = [subject in subjects[max(0, at - within) : at] for at, subject in enumerate(subjects)]
    return sum(hits) / (len(subjects) - len(set(subjects)))


@pytest.mark.parametrize(("subjects", "asked"), [(COMPANIES, ASKED_OF_A_COMPANY), (PLACES, ASKED_OF_A_PLACE)])
def test_questions_about_one_thing_follow_each_other(subjects: list[str], asked: tuple[str, ...]) -> None:
    questions = shuffled(subjects, asked)
    before = near([subject for subject, _ in questions])
    after = near([questions[place][0] for place in near_order([text for _, text in questions])])
    assert before < 0.5
    assert after > 0.9


@given(st.lists(st.text(alphabet="ab 泰山高?\ud800\n", max_size=9), max_size=40))
def test_every_text_has_one_place_whatever_it_is(texts: list[str]) -> None:
    assert sorted(near_order(texts)) == list(range(len(texts)))


def test_an_equal_text_waits_until_its_answer_is_there() -> None:
    texts = ["How high is Tai?", "How high is Tai?", "Where is Hua?", "How high is Tai?"]
    assert near_order(texts)[2:] == [1, 3]


def test_the_same_texts_have_the_same_order() -> None:
    texts = [text for _, text in shuffled(COMPANIES, ASKED_OF_A_COMPANY)]
    assert near_order(texts) == near_order(list(texts))


async def content(lines: bytes) -> AsyncIterator[bytes]:
    async for piece in pieces(lines):
        yield piece


@pytest.mark.parametrize("held", [32 * 1024 * 1024, 2_000])
async def test_a_job_holds_its_rows_near_each_other_with_their_own_numbers(valkey: Redis, held: int) -> None:
    questions = shuffled(COMPANIES, ASKED_OF_A_COMPANY)
    lines = [good(f"c{number}", text) for number, (_, text) in enumerate(questions)]
    store, job = JobStore(valkey), a_job(endpoint="/v1/chat/completions")
    await store.create(job)
    file = Uploaded("q.jsonl", content(jsonl(*lines[:60], b"{", *lines[60:])))  # type: ignore[arg-type]
    assert (await fill(store, job, file, FillRules(ordered_bytes=held))).bad == 1
    await store.start(job)
    leases = RowLeases(valkey, "w1")
    rows = [each.row for _ in range(10) for each in await leases.take(job.id, 50)]
    assert sorted(row.number for row in rows) == [number for number in range(181) if number != 60]
    assert all(row.custom_id == f"c{row.number - (row.number > 60)}" for row in rows)
    order = [questions[int(row.custom_id[1:])][0] for row in rows]
    assert near(order) > (0.9 if held > 2_000 else 0)


async def test_a_batch_that_is_cancelled_while_it_is_read_runs_nothing(valkey: Redis) -> None:
    read_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield jsonl(*(good(f"c{number}") for number in range(120)))
        await read_on.wait()
        yield jsonl(good("last"))

    store, job = JobStore(valkey), a_job(endpoint="/v1/chat/completions")
    await store.create(job)
    filled = asyncio.create_task(fill(store, job, Uploaded("q.jsonl", slow()), FillRules()))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    stopped = await store.cancel(job.user, job.id)
    read_on.set()
    with pytest.raises(NotAccepting):
        await filled
    state = await store.state(job.user, job.id)
    assert stopped is not None
    assert state is not None
    assert (stopped.status, state.status, state.total) == ("cancelled", "cancelled", 0)
    assert await RowLeases(valkey, "w1").take(job.id, 9) == []
