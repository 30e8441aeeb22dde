"""How fast questions are acknowledged when many come at once: python -m tests.workers.slack.bench [QUESTIONS]

All come in one heap over one WebSocket, the answering goes on beside; Slack's tiers are kept by the fake's real clock.
"""

import asyncio
import logging
import sys
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import structlog

from agent.events import Event
from agent.question import Question
from tests.fake_slack import fake_slack
from tests.workers.slack.botting import QUICKLY, Bench, running_bot
from tests.workers.slack.killed_bot import answered
from workers.slack.desk import desk_client
from workers.valkey import EmbeddedValkey

_AT_MOST_SECONDS = 240.0


async def measured(questions: int, address: str) -> tuple[list[float], int, int]:
    """Seconds until each acknowledgement, sorted; how many were answered; how many calls were over a tier."""

    def ask(question: Question) -> AsyncGenerator[Event, None]:
        return answered(question)

    async with desk_client(address) as client, fake_slack() as slack:
        async with running_bot(Bench(ask, replace(QUICKLY, workers=8, show_seconds=1.0)), slack, client):
            events = [slack.mention(f"C{number}", f"U{number}", f"Why {number}?") for number in range(questions)]
            await asyncio.gather(*(slack.tell(event) for event in events))
            await slack.until(lambda: all(slack.answers(e["channel"], e["ts"]) for e in events), _AT_MOST_SECONDS)
        answers = sum(len(slack.answers(event["channel"], event["ts"])) for event in events)
        return sorted(slack.ack_seconds), answers, len(slack.exceeded)


def main() -> None:
    questions = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    server = EmbeddedValkey(Path(tempfile.mkdtemp()))
    try:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
        seconds, answers, exceeded = asyncio.run(measured(questions, server.start()))
    finally:
        server.stop()
    p50, p99 = (seconds[min(len(seconds) - 1, int(len(seconds) * share))] for share in (0.5, 0.99))
    print(f"{questions} questions at once: acknowledged in {p50 * 1e3:.0f} ms (p50), {p99 * 1e3:.0f} ms (p99)")
    print(f"{answers} answered, {exceeded} calls over a rate tier")


if __name__ == "__main__":
    main()
