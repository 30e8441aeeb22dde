"""Hostile answers, titles, addresses, queries and claims through the whole bot: what a reader of Slack gets."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from redis.asyncio import Redis

from agent.answer import Answer, Citation, Source, Support
from agent.events import Answered, Event, Judged, Packed, PageRead, Planned, Searched
from agent.question import Question
from tests.fake_slack import FakeSlack, fake_slack, seen
from tests.workers.slack.botting import QUICKLY, Bench, fast_clock, running_bot
from tests.workers.slack.test_markup import HOSTILE

SOURCE = "https://a.example/tides?x=1&y=2"
SPEED = 20.0


def hostile_answer(text: str, question: Question) -> Answer:
    said = f"{text}[citation:1]"
    support = Support(1, "unsupported", 0.1, 0, len(text), text, 0, len(text), "https://evil.test/#:~:text=x")
    return Answer(
        "x",
        question.text,
        "en",
        "quick",
        "answered",
        said,
        sources=(
            Source(1, SOURCE, text, text, text, cited=True),
            Source(2, f"javascript:{text}", text, cited=True),
            Source(3, f"https://a.example/|{text}>", text, cited=True),
        ),
        citations=(Citation(1, len(text), len(said)),),
        supports=(support, replace(support, number=2), replace(support, number=3)),
        degraded=text,
    )


async def hostile(question: Question) -> AsyncGenerator[Event, None]:
    text = HOSTILE[int(question.text.rpartition(" ")[2])]
    yield Planned(1, (text,))
    yield Searched(text, "fake", 3, urls=(SOURCE, f"https://a.example/|{text}>"))
    yield PageRead(SOURCE, text, 10)
    yield PageRead(f"https://a.example/|{text}>", text, 10)
    yield Packed((SOURCE, f"javascript:{text}", f"https://a.example/|{text}>"), (text, text, text), 10)
    answer = hostile_answer(text, question)
    half = len(text) // 2
    for start, end in ((0, half), (half, len(answer.text))):  # cut where it hurts, whatever the judge would do
        yield Judged(answer.text[start:end], start, end, answer.supports if start else ())
        await asyncio.sleep(0.1)
    yield Answered(answer)


def streamed(slack: FakeSlack) -> list[str]:
    """What each stream said in the end of each call, and what messages were changed into while they were written."""
    said: dict[str, str] = {}
    seen_so_far = []
    for call in [call for call in slack.calls if call.method in ("chat.startStream", "chat.appendStream")]:
        place = f"{call.fields['channel']}"
        for chunk in call.fields["chunks"]:
            said[place] = said.get(place, "") + chunk.get("text", "")
        seen_so_far.append(said[place])
    updates = [call.fields["blocks"] for call in slack.called("chat.update")]
    return [*seen_so_far, *(block["text"] for blocks in updates for block in blocks if block["type"] == "markdown")]


async def test_fifty_hostile_answers_and_titles_mention_nobody_and_link_only_to_sources(valkey: Redis) -> None:
    bench = Bench(hostile, replace(QUICKLY, workers=8), lease_seconds=100_000, speed=SPEED)
    async with fake_slack(fast_clock(SPEED)) as slack, running_bot(bench, slack, valkey):
        slack.streams_in_channels = True
        events = [slack.mention(f"C{n}", "U1", f"question {n}") for n in range(len(HOSTILE))]
        await asyncio.gather(*(slack.tell(event) for event in events))
        await slack.until(lambda: all(slack.answers(e["channel"], e["ts"]) for e in events), 90)
        messages = [m for e in events for m in slack.replies(e["channel"], e["ts"])]
        messages += [{"markdown": text, "text": ""} for text in streamed(slack)]
        for event in events[:10]:
            answer = slack.answers(event["channel"], event["ts"])[0]
            block = next(block for block in answer["blocks"] if block["type"] == "actions")
            quotes = next(one for one in block["elements"] if one["action_id"] == "quotes")
            pressed = slack.pressed("U1", event["channel"], answer, {"action_id": "quotes", "value": quotes["value"]})
            await slack.send(pressed, "interactive")
        views = await slack.until(lambda: len(slack.views) == 10 and slack.views)

    assert len(events) >= 50
    assert len([text for text in streamed(slack) if text]) >= 20, "they came while the answer was made"
    for message in [*messages, *({"blocks": view["blocks"], "text": ""} for view in views)]:
        shown = seen(message)
        assert shown.mentions == ()
        assert all(link == SOURCE or link.startswith("https://a.example/%7C") for link in shown.links), shown.links
    assert not any(seen(message).unfurls for message in messages)
