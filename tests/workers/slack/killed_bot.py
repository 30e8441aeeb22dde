"""The bot as a process of its own, to be killed: python -m tests.workers.slack.killed_bot API_URL VALKEY SPEED BEGAN"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from agent.answer import Answer, Citation, Source, Support
from agent.events import Answered, Event, Judged, PageRead, Planned, Searched, Text
from agent.question import Question
from tests.fakes import TIDES
from tests.workers.slack.botting import Bench, fast_clock, running_bot
from workers.slack.desk import desk_client
from workers.slack.parts import Rules

LEASE_SECONDS = 60.0  # of the fast clock


@dataclass(frozen=True)
class There:
    """The fake Slack of another process, as far as running_bot looks at it."""

    api_url: str
    clock: object


async def answered(question: Question) -> AsyncGenerator[Event, None]:
    yield Planned(1, (question.text,))
    await asyncio.sleep(0.1)
    yield Searched(question.text, "fake", 1, urls=(TIDES.url,))
    yield PageRead(TIDES.url, TIDES.title, 100)
    await asyncio.sleep(0.2)
    text = "The moon pulls the sea twice a day"
    marked = f"{text}[citation:1]."
    yield Text(text)
    yield Judged(marked[:20], 0, 20)  # a kill may come between two pieces of the text
    await asyncio.sleep(0.1)
    support = Support(1, "supported", 0.9, 0, len(text), TIDES.text[:34], 0, 34)
    source = Source(1, TIDES.url, TIDES.title, cited=True, sha256=TIDES.sha256)
    yield Judged(marked[20:], 20, len(marked), (support,))
    await asyncio.sleep(0.1)
    citations = (Citation(1, len(text), len(text) + 12),)
    answer = Answer("x", question.text, "en", "quick", "answered", marked, "", (source,), citations, (support,))
    yield Answered(answer, (TIDES,))


async def main(api_url: str, address: str, speed: float, began: float) -> None:
    rules = Rules(workers=4, poll_seconds=0.05, retry_seconds=1.0, show_seconds=0.1)
    bench = Bench(answered, rules, LEASE_SECONDS, speed)
    there = There(api_url, fast_clock(speed, began))
    async with desk_client(address) as client, running_bot(bench, there, client):  # type: ignore[arg-type]
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
