"""Events that come doubled and in any order; questions that come all at once."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import replace

from redis.asyncio import Redis

from agent.answer import Answer
from agent.events import Answered, Event
from agent.question import Question
from tests.fake_slack import fake_slack
from tests.workers.slack.botting import QUICKLY, Bench, fast_clock, parts_of, running_bot
from workers.slack.bot import open_bot
from workers.slack.desk import Desk, HourLimits
from workers.slack.pacing import Pacer, windows_of
from workers.slack.question import SlackQuestion, id_of


async def at_once(question: Question) -> AsyncGenerator[Event, None]:
    yield Answered(Answer("x", question.text, question.language, "quick", "no_sources", f"Nothing on {question.text}."))


async def test_a_thousand_doubled_and_reordered_events_are_each_answered_once(valkey: Redis) -> None:
    """250 messages, each told four times: by two events with two ids, and each of them twice, in one shuffled heap."""
    seed, speed = random.Random(9), 20.0
    bench = Bench(at_once, replace(QUICKLY, workers=8), lease_seconds=100_000, speed=speed)
    async with fake_slack(fast_clock(speed)) as slack, parts_of(bench, slack, valkey) as parts, open_bot(parts) as bot:
        events = [slack.mention(f"C{number}", f"U{number % 20}", f"question {number}") for number in range(250)]
        heap = [payload for event in events for payload in (slack.envelope(event), slack.envelope(event)) for _ in "12"]
        seed.shuffle(heap)
        await asyncio.gather(*(told(bot.app, payload) for payload in heap))
        await slack.until(lambda: all(slack.answers(event["channel"], event["ts"]) for event in events), 90)
        answers = [slack.answers(event["channel"], event["ts"]) for event in events]

    assert len(heap) == 1_000
    assert {len(found) for found in answers} == {1}
    assert len(bench.asked) == 250


async def told(app: object, payload: dict[str, object]) -> None:
    from slack_bolt.request.async_request import AsyncBoltRequest

    response = await app.async_dispatch(AsyncBoltRequest(body=payload, mode="socket_mode"))  # type: ignore[attr-defined]
    assert response.status == 200


async def test_questions_of_one_thread_are_answered_one_after_the_other(valkey: Redis) -> None:
    running: list[int] = []
    most = 0

    async def counted(question: Question) -> AsyncGenerator[Event, None]:
        nonlocal most
        running.append(1)
        most = max(most, len(running))
        await asyncio.sleep(0.05)
        running.pop()
        async for event in at_once(question):
            yield event

    async with fake_slack() as slack, running_bot(Bench(counted), slack, valkey):
        first = slack.said("D1", "U1", "question 0")
        await slack.tell(first)
        for number in range(1, 4):
            await slack.tell(slack.said("D1", "U1", f"question {number}", thread_ts=first["ts"]))
        await slack.until(lambda: len(slack.answers("D1", first["ts"])) == 4)

    assert most == 1


async def test_a_hundred_questions_at_once_never_exceed_a_rate_tier(valkey: Redis) -> None:
    """All acknowledged; what Slack was told in the first seconds stayed within every tier."""
    bench = Bench(at_once, replace(QUICKLY, workers=16))
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        events = [slack.mention(f"C{number % 50}", f"U{number}", f"question {number}") for number in range(100)]
        await asyncio.gather(*(slack.tell(event) for event in events))
        await slack.until(lambda: sum(len(channel.messages) for channel in slack.channels.values()) >= 150)

    assert len(slack.ack_seconds) == 100
    assert slack.exceeded == []


async def test_a_window_lets_in_what_it_may_and_the_rest_later(valkey: Redis) -> None:
    now = 1_800_000_000.0
    pacer = Pacer(valkey, lambda: now)
    (window,) = windows_of("chat.startStream", "C1")
    waits = [await wait_of(pacer, "chat.startStream") for _ in range(window.calls + 2)]

    assert waits == [0.0] * window.calls + [-1.0] * 2
    now += window.seconds + 0.001
    assert await wait_of(pacer, "chat.startStream") == 0.0


async def wait_of(pacer: Pacer, method: str) -> float:
    from workers.slack.errors import SlackBusy

    try:
        await pacer.wait(method, "C1", 0.0)
    except SlackBusy:
        return -1.0
    return 0.0


async def test_two_bots_at_one_store_answer_each_question_once_and_keep_one_limit(valkey: Redis) -> None:
    """Slack tells both of everything, doubled and in any order; 60 questions by three people who may ask 15 each."""
    seed, speed = random.Random(4), 20.0
    rules = replace(QUICKLY, limits=HourLimits(user=15))
    bench = Bench(at_once, rules, lease_seconds=100_000, speed=speed)
    async with AsyncExitStack() as opened:
        slack = await opened.enter_async_context(fake_slack(fast_clock(speed)))
        bots = []
        for _ in range(2):
            parts = await opened.enter_async_context(parts_of(bench, slack, valkey))
            bots.append(await opened.enter_async_context(open_bot(parts)))
        events = [slack.mention(f"C{number}", f"U{number % 3}", f"question {number}") for number in range(60)]
        heap = [(bot, slack.envelope(event)) for event in events for bot in bots for _ in "12"]
        seed.shuffle(heap)
        await asyncio.gather(*(told(bot.app, payload) for bot, payload in heap))
        await slack.until(lambda: sum(bool(slack.answers(e["channel"], e["ts"])) for e in events) == 45, 60)
        answers = [slack.answers(event["channel"], event["ts"]) for event in events]

    assert sorted(len(found) for found in answers) == [0] * 15 + [1] * 45
    assert len(bench.asked) == 45
    assert slack.exceeded == []


def asked_by(user: str, number: int) -> SlackQuestion:
    channel, ts = f"C{user}{number}", f"{number}.0"
    return SlackQuestion(id_of("T1", channel, ts), "mention", "T1", channel, user, "Why?", ts, ts)


async def test_who_asks_much_does_not_keep_others_waiting(valkey: Redis) -> None:
    desk = Desk(valkey)
    for number in range(5):
        await desk.accept(asked_by("U1", number), HourLimits())
    for user in ("U2", "U3"):
        await desk.accept(asked_by(user, 9), HourLimits())
    taken = [await desk.take() for _ in range(7)]

    assert [one.question.user for one in taken if one] == ["U1", "U2", "U3", "U1", "U1", "U1", "U1"]
    assert await desk.take() is None


async def test_who_waits_is_told_how_many_come_first_and_again_when_it_is_fewer(valkey: Redis) -> None:
    gate = asyncio.Semaphore(0)

    async def gated(question: Question) -> AsyncGenerator[Event, None]:
        await gate.acquire()
        async for event in at_once(question):
            yield event

    bench = Bench(gated, replace(QUICKLY, workers=1, position_seconds=0.1))
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        events = [slack.mention(f"C{number}", f"U{number}", f"question {number}") for number in range(3)]
        for event in events:
            await slack.tell(event)

        def told(words: str) -> bool:
            return any(words in one["status"] and one["thread_ts"] == events[2]["ts"] for one in slack.statuses)

        await slack.until(lambda: told("questions before yours: 2"))
        gate.release()
        await slack.until(lambda: told("questions before yours: 1"))
        gate.release()
        gate.release()
        await slack.until(lambda: slack.answers("C2", events[2]["ts"]))
