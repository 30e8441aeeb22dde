"""The answer comes into Slack while it is written: what the judge has seen, nothing else, and whole in the end."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from agent.events import Answered, Event, Judged, Packed, Text
from agent.question import Question
from tests.fake_slack import STREAM_SECONDS, FakeSlack, fake_slack
from tests.fakes import SUN, TIDES, FakeModel, FakeWeb, deps
from tests.workers.slack.botting import Bench, answer_in, graph_of, running_bot, text_of
from workers.slack.desk import WAITING, WORKING

EN = "Why are there tides?"
MOON = "The moon pulls the sea twice a day[citation:1]."
SPRING = "Spring tides come at full moon[citation:1]."
BREAD = "Bread is eaten on Sundays[citation:1]."
PARTY = "Full moon parties are held on beaches[citation:2]."
THREE = f"{MOON} {SPRING}\n\nThe sun adds to the tides at new moon[citation:2]."
SHOWN = "The moon pulls the sea twice a day[1]."
After = Callable[[Event], Awaitable[None]]


def bench_of(*answers: str, after: After | None = None) -> Bench:
    """after: called with each event of the run, before the bot sees the next one."""
    inner = graph_of(deps(FakeWeb(TIDES, SUN), FakeModel(answers=[[answer] for answer in answers])))

    async def watched(question: Question) -> AsyncGenerator[Event, None]:
        async for event in inner(question):
            yield event
            if after is not None:
                await after(event)

    return Bench(watched, lease_seconds=10_000)


def said_so_far(slack: FakeSlack) -> list[str]:
    """What readers of the channel have before them."""
    return [text_of(message).strip() for message in slack.channels["C1"].messages if message.get("bot_id")]


async def test_a_sentence_is_read_in_slack_before_the_next_one_is_written(valkey: Redis) -> None:
    async with fake_slack() as slack:

        async def after(event: Event) -> None:
            if isinstance(event, Judged) and not event.start:
                await slack.until(lambda: SHOWN in "".join(said_so_far(slack)))
                assert not slack.answers("C1", asked["ts"])

        async with running_bot(bench_of(THREE, after=after), slack, valkey):
            asked = slack.mention("C1", "U1", EN)
            await slack.tell(asked)
            answer = await answer_in(slack, asked)

    assert (
        answer["markdown"] == f"{SHOWN} Spring tides come at full moon[1].\n\nThe sun adds to the tides at new moon[2]."
    )
    assert len(slack.called("chat.startStream")) == len(slack.called("chat.stopStream")) == 1
    assert not slack.called("chat.update")
    assert "[2] <https://b.example/sun|The sun>" in text_of(answer)


async def test_text_that_nobody_has_judged_is_never_shown(valkey: Redis) -> None:
    inner = bench_of(THREE).ask

    async def unjudged(question: Question) -> AsyncGenerator[Event, None]:
        async for event in inner(question):
            if isinstance(event, Judged) and "Spring" in event.text:
                yield Text("<!channel> nobody has seen this")
                await slack.until(lambda: SHOWN in "".join(said_so_far(slack)))
            yield event

    async with fake_slack() as slack, running_bot(Bench(unjudged), slack, valkey):
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        await answer_in(slack, event)

    assert not [call for call in slack.calls if "nobody has seen this" in str(call.fields)]


async def test_what_no_page_says_is_marked_and_gone_when_it_is_corrected(valkey: Redis) -> None:
    before: list[str] = []
    async with fake_slack() as slack:

        async def after(event: Event) -> None:
            if isinstance(event, Judged) and "parties" in event.text:
                await slack.until(lambda: "parties" in "".join(said_so_far(slack)))
                before.extend(said_so_far(slack))

        bench = bench_of(f"{MOON} {PARTY} {SPRING}", f"1: {SPRING}", after=after)
        async with running_bot(bench, slack, valkey):
            event = slack.mention("C1", "U1", EN)
            await slack.tell(event)
            answer = await answer_in(slack, event)
        replies = slack.replies("C1", event["ts"])

    assert "Full moon parties are held on beaches[2]. ✗" in before[0]
    assert replies == [answer]
    assert "parties" not in text_of(answer)
    assert "✗" not in text_of(answer)
    assert (
        answer["blocks"][0]["text"] == f"{SHOWN} Spring tides come at full moon[1]. Spring tides come at full moon[1]."
    )


async def test_what_no_page_says_is_marked_in_the_last_word_too(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(f"{MOON} {BREAD}", "1: -"), slack, valkey):
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        answer = await answer_in(slack, event)

    assert answer["markdown"] == f"{SHOWN} Bread is eaten on Sundays[1]. ✗"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("late", [STREAM_SECONDS + 1, 280.0], ids=["closed by slack", "about to be closed"])
async def test_past_five_minutes_the_message_is_changed_while_the_model_writes(valkey: Redis, late: float) -> None:
    clock, changed = Clock(), list[str]()
    async with fake_slack(clock) as slack:

        async def after(event: Event) -> None:
            if isinstance(event, Judged) and not event.start:
                await slack.until(lambda: SHOWN in "".join(said_so_far(slack)))
                clock.now += late
            elif isinstance(event, Judged) and "Spring" in event.text:
                await slack.until(lambda: slack.called("chat.update"))
                changed.extend(said_so_far(slack))
                clock.now += 61

        async with running_bot(bench_of(THREE, after=after), slack, valkey):
            event = slack.mention("C1", "U1", EN)
            await slack.tell(event)
            answer = await answer_in(slack, event)
        replies = slack.replies("C1", event["ts"])

    assert changed[0] == f"{SHOWN} Spring tides come at full moon[1]."
    assert replies == [answer]
    assert "The sun adds to the tides at new moon[2]." in text_of(answer)
    assert "[2] <https://b.example/sun|The sun>" in text_of(answer)
    assert slack.exceeded == []


async def test_who_stops_keeps_what_was_said_by_then(valkey: Redis) -> None:
    async with fake_slack() as slack:

        async def after(event: Event) -> None:
            if isinstance(event, Judged) and not event.start:
                await slack.until(lambda: SHOWN in "".join(said_so_far(slack)))
                stop = {"type": "agent_session_stopped", "channel": "C1", "thread_ts": asked["ts"], "user": "U1"}
                await slack.tell({**stop, "streaming_message_ts": [], "event_ts": slack.ts()})
                await asyncio.Event().wait()

        async with running_bot(bench_of(THREE, after=after), slack, valkey):
            asked = slack.mention("C1", "U1", EN)
            await slack.tell(asked)
            answer = await answer_in(slack, asked)
        replies = slack.replies("C1", asked["ts"])

    assert replies == [answer]
    assert text_of(answer).startswith(SHOWN)
    assert "Stopped" in text_of(answer)
    assert "Spring" not in text_of(answer)


DECORATION = ("chat.startStream", "chat.appendStream", "assistant.threads.setStatus", "agents.sessions.setStatus")
TROUBLE = ("http_503", "internal_error", "ratelimited", "invalid_chunks", "message_not_in_streaming_state", "lost")


@pytest.mark.parametrize("method", DECORATION)
@pytest.mark.parametrize("how", TROUBLE)
async def test_whatever_slack_says_to_what_is_shown_the_answer_comes_once(valkey: Redis, method: str, how: str) -> None:
    bench = bench_of(THREE, after=_slowly)
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        if how == "lost":
            slack.lost_replies[method] = 2
        else:
            slack.failing[method] = [how] * 2
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        answer = await answer_in(slack, event)
        replies = slack.replies("C1", event["ts"])

    assert replies == [answer]
    assert len(bench.asked) == 1
    for said in (
        SHOWN,
        "Spring tides come at full moon[1].",
        "The sun adds to the tides at new moon[2].",
        "[2] <https",
    ):
        assert text_of(answer).count(said) == 1


async def _slowly(event: Event) -> None:
    """So that there is time for a second call."""
    if isinstance(event, Packed | Judged):
        await asyncio.sleep(0.1)


async def nothing_in_hand(valkey: Redis) -> None:
    async with asyncio.timeout(30):
        while await valkey.zcard(WORKING) or await valkey.zcard(WAITING):  # noqa: ASYNC110 - it changes in the store
            await asyncio.sleep(0.01)


LAST = ("chat.stopStream", "chat.update", "chat.postMessage")


@pytest.mark.parametrize("method", LAST)
@pytest.mark.parametrize("how", ["http_503", "internal_error", "ratelimited", "lost"])
async def test_whatever_slack_says_to_the_last_word_it_is_said_once(valkey: Redis, method: str, how: str) -> None:
    bench = bench_of(THREE, after=_slowly)
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        slack.streams_in_channels = method != "chat.postMessage"
        if method == "chat.update":
            slack.failing["chat.appendStream"] = ["message_not_in_streaming_state"]
        if how == "lost":
            slack.lost_replies[method] = 1
        else:
            slack.failing[method] = [how]
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        answer = await answer_in(slack, event)
        await nothing_in_hand(valkey)
        replies = slack.replies("C1", event["ts"])

    assert replies == [answer]
    assert len(bench.asked) == 1
    assert text_of(answer).count("The sun adds to the tides at new moon[2].") == 1


async def test_a_place_that_the_bot_was_removed_from_stops_the_run_and_its_asker_is_told(valkey: Redis) -> None:
    stopped = asyncio.Event()
    inner = bench_of(THREE).ask

    async def endless(question: Question) -> AsyncGenerator[Event, None]:
        try:
            async for event in inner(question):
                if isinstance(event, Answered):
                    break
                yield event
            while True:
                await asyncio.sleep(0.05)
                yield Text("more")
        finally:
            stopped.set()

    async with fake_slack() as slack, running_bot(Bench(endless), slack, valkey):
        slack.failing["chat.startStream"] = ["not_in_channel"]
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        async with asyncio.timeout(30):
            await stopped.wait()
        (told,) = await slack.until(lambda: slack.channels.get("DU1") and slack.channels["DU1"].messages)

    assert "I was removed" in told["text"]


TABLE = "| a | b |\n|---|---|\n| c | d[citation:1] |\n\n"
WORDS = (MOON, SPRING, BREAD, TABLE, "- **One** item[citation:2]\n- two\n\n", "```\ncode. More\n```\n\n",
         "## Heading\n\n", "See [x](https://evil.test) <!channel>. ")  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_is_written_the_last_word_is_what_it_would_have_been_at_once(valkey: Redis, seed: int) -> None:
    chance = random.Random(seed)
    text = "".join(chance.choice(WORDS) + chance.choice((" ", "\n\n")) for _ in range(12))
    found = list[dict[str, Any]]()
    for live in (True, False):
        inner = bench_of(text, after=_slowly if live else None).ask

        async def told(question: Question, inner: Any = inner, live: bool = live) -> AsyncGenerator[Event, None]:
            async for event in inner(question):
                if live or not isinstance(event, Judged):
                    yield event

        async with fake_slack() as slack, running_bot(Bench(told), slack, valkey):
            event = slack.mention("C1", "U1", EN)
            await slack.tell(event)
            found.append(await answer_in(slack, event))

    live_one, at_once = (text_of(one).strip() for one in found)
    assert live_one == at_once
