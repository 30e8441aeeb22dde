import asyncio
from collections.abc import AsyncGenerator

import pytest
from redis.asyncio import Redis

from agent.events import Event, Text
from agent.question import Question
from tests.fake_slack import STREAM_SECONDS, fake_slack, seen
from tests.fakes import CHAOXI, SUN, TIDES, FakeModel, FakeWeb, deps
from tests.workers.slack.botting import Bench, answer_in, graph_of, running_bot, text_of
from workers.slack.desk import WORKING

EN = "Why are there tides?"
ZH = "为什么会有潮汐？"


def bench_of(*answers: str) -> Bench:
    model = FakeModel(answers=[[answer] for answer in answers])
    return Bench(graph_of(deps(FakeWeb(TIDES, SUN, CHAOXI), model)))


async def test_a_mention_is_answered_in_its_thread_with_footnotes(valkey: Redis) -> None:
    bench = bench_of("The moon pulls the sea twice a day[citation:1].")
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        answer = await answer_in(slack, event)

    said = text_of(answer)
    assert answer["markdown"].startswith("The moon pulls the sea twice a day[1].")
    assert "[1] <https://a.example/tides|Tides> · a.example · ✓ supported" in said
    assert "b.example" not in said
    assert "1 of 1 cited sentences are supported" in said
    assert answer["cards"]["1"]["title"] == EN
    assert [source["url"] for source in answer["cards"]["1"]["sources"]] == [TIDES.url, SUN.url, CHAOXI.url]
    assert slack.sessions["C1", event["ts"]] == "active"
    assert slack.exceeded == []


async def test_a_chinese_question_is_answered_in_chinese(valkey: Redis) -> None:
    bench = bench_of("潮汐由月球引力引起[citation:1]。")
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        event = slack.mention("C1", "U1", ZH)
        await slack.tell(event)
        answer = await answer_in(slack, event)

    said = text_of(answer)
    assert answer["markdown"].startswith("潮汐由月球引力引起[1]。")
    assert "[1] <https://c.example/chaoxi|潮汐> · c.example · ✓ 支持" in said
    assert "1 句有引用的话中，1 句得到来源支持" in said
    assert answer["plan"] == "查证过程"


async def test_a_direct_message_is_answered_and_the_thread_is_its_history(valkey: Redis) -> None:
    bench = bench_of("The moon pulls the sea twice a day[citation:1].", "The sun adds to the tides[citation:2].")
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        first = slack.said("D1", "U1", EN)
        await slack.tell(first)
        await answer_in(slack, first)
        second = slack.said("D1", "U1", "And the sun?", thread_ts=first["ts"])
        await slack.tell(second)
        await slack.until(lambda: len(slack.answers("D1", first["ts"])) == 2)

    assert bench.asked[1].history[-1].question == EN
    assert bench.asked[1].history[-1].answer.startswith("The moon pulls the sea twice a day")


async def test_what_was_said_in_the_thread_before_is_context(valkey: Redis) -> None:
    bench = bench_of("The moon pulls the sea twice a day[citation:1].")
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        root = slack.said("C1", "U2", "I think the moon does it")
        event = slack.mention("C1", "U1", "is that true?", thread_ts=root["ts"])
        await slack.tell(event)
        await answer_in(slack, event)

    assert "I think the moon does it" in bench.asked[0].history[0].question


async def until_called_off(question: Question) -> AsyncGenerator[Event, None]:
    yield Text("x")
    await asyncio.Event().wait()


async def test_the_button_that_stops_ends_the_run_and_says_so(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(Bench(until_called_off), slack, valkey):
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        await slack.until(lambda: slack.sessions.get(("C1", event["ts"])) == "processing")
        stop = {"type": "agent_session_stopped", "channel": "C1", "thread_ts": event["ts"], "user": "U1"}
        await slack.tell({**stop, "streaming_message_ts": [], "event_ts": slack.ts()})
        answer = await answer_in(slack, event)
        await slack.until(lambda: slack.sessions["C1", event["ts"]] == "active")

    assert "Stopped" in text_of(answer)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("late", [STREAM_SECONDS + 1, 280.0], ids=["closed by slack", "about to be closed"])
async def test_an_answer_that_takes_longer_than_a_stream_lives_is_whole_all_the_same(
    valkey: Redis, late: float
) -> None:
    clock = Clock()
    inner = bench_of("The moon pulls the sea twice a day[citation:1].").ask
    async with fake_slack(clock) as slack:

        async def slow(question: Question) -> AsyncGenerator[Event, None]:
            async for event in inner(question):
                if isinstance(event, Text):
                    clock.now += late
                yield event

        async with running_bot(Bench(slow, lease_seconds=10_000), slack, valkey):
            event = slack.mention("C1", "U1", EN)
            await slack.tell(event)
            answer = await answer_in(slack, event)
        (only,) = slack.replies("C1", event["ts"])

    assert only is answer
    assert answer["blocks"][0] == {"type": "markdown", "text": "The moon pulls the sea twice a day[1]."}
    assert "[1] <https://a.example/tides|Tides>" in text_of(answer)


async def test_where_nothing_can_be_streamed_the_answer_is_posted(valkey: Redis) -> None:
    bench = bench_of("The moon pulls the sea twice a day[citation:1].")
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        slack.streams_in_channels = False
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        answer = await answer_in(slack, event)

    assert answer["blocks"][0]["text"].startswith("The moon pulls the sea")
    assert not seen(answer).unfurls


async def test_an_answer_without_citations_is_marked(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of("Because of the moon."), slack, valkey):
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        answer = await answer_in(slack, event)

    assert "No sources were cited for this answer" in text_of(answer)


async def test_a_lost_reply_of_slack_does_not_double_the_answer(valkey: Redis) -> None:
    bench = bench_of("The moon pulls the sea twice a day[citation:1].")
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        slack.streams_in_channels = False
        slack.lost_replies["chat.postMessage"] = 1
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        await slack.until(lambda: slack.called("conversations.replies"))
        async with asyncio.timeout(30):
            while await valkey.zcard(WORKING):  # noqa: ASYNC110 - it changes in the store
                await asyncio.sleep(0.01)
        answers = slack.answers("C1", event["ts"])

    assert len(answers) == 1
    assert len(bench.asked) == 1


async def test_long_answers_are_split_between_blocks(valkey: Redis) -> None:
    long = "\n\n".join(f"Paragraph {n}: " + "the moon pulls the sea. " * 20 for n in range(50))
    async with fake_slack() as slack, running_bot(bench_of(long + "[citation:1]"), slack, valkey):
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        await answer_in(slack, event)
        replies = slack.replies("C1", event["ts"])

    whole = "\n\n".join((reply.get("markdown") or reply["blocks"][0]["text"]).strip() for reply in replies)
    assert len(replies) > 1
    assert [f"Paragraph {n}:" in whole for n in range(50)] == [True] * 50
    assert "a.example" in text_of(replies[-1])


async def test_an_answer_that_cannot_be_split_comes_as_a_file_with_its_beginning(valkey: Redis) -> None:
    long = "The moon pulls the sea. " * 1_500 + "THE END[citation:1]."
    async with fake_slack() as slack, running_bot(bench_of(long), slack, valkey):
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        answer = await answer_in(slack, event)
        (file,) = slack.uploads.values()

    assert b"THE END" in file
    assert b"https://a.example/tides" in file
    assert "The whole answer is in the file above" in text_of(answer)


async def test_the_assistant_pane_offers_questions(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of("x"), slack, valkey):
        slack.channel("D1", "im")
        thread = {"user_id": "U1", "channel_id": "D1", "thread_ts": slack.ts(), "context": {}}
        await slack.tell({"type": "assistant_thread_started", "assistant_thread": thread, "event_ts": slack.ts()})
        (prompts,) = await slack.until(lambda: slack.prompts)

    assert len(prompts["prompts"]) == 3
