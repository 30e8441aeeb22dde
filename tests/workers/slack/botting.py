"""The real bot against the fake Slack: a real Valkey, the real graph, a web of a few pages."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from agent.events import Event
from agent.graph import ask
from agent.nodes.deps import Deps
from agent.question import Question
from tests.fake_slack import APP_TOKEN, BOT_TOKEN, FakeSlack
from tests.workers.serving import read_text
from workers.service import ReadUpload, Service
from workers.slack.bot import open_bot, open_client, who_am_i
from workers.slack.channels import Channels
from workers.slack.desk import Desk
from workers.slack.door import socket_mode
from workers.slack.feedback import Opinions
from workers.slack.pacing import Pacer
from workers.slack.parts import Parts, Rules
from workers.store import Retention, Store

Ask = Callable[[Question], AsyncGenerator[Event, None]]
QUICKLY = Rules(poll_seconds=0.05, retry_seconds=0.05, show_seconds=0.02)


@dataclass
class Bench:
    """What a test changes of the bot. speed: how much faster than ours the clock of the fake Slack runs."""

    ask: Ask
    rules: Rules = QUICKLY
    lease_seconds: float = 30.0
    speed: float = 1.0
    asked: list[Question] = field(default_factory=list)


def fast_clock(speed: float, began: float = 0.0) -> Callable[[], float]:
    """Seconds since 1970 that go by faster than ours, from `began` on (0: from now on)."""
    began = began or time.time()
    return lambda: began + (time.time() - began) * speed


def graph_of(deps: Deps) -> Ask:
    return lambda question: ask(question, deps)


@asynccontextmanager
async def parts_of(bench: Bench, slack: FakeSlack, valkey: Redis, read: ReadUpload = read_text) -> AsyncIterator[Parts]:
    def noted(question: Question) -> AsyncGenerator[Event, None]:
        bench.asked.append(question)
        return bench.ask(question)

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / bench.speed)

    store = Store(valkey, Retention.of(1, 1, 1))
    async with open_client(BOT_TOKEN, slack.api_url, Pacer(valkey, slack.clock, sleep)) as client:
        yield Parts(
            service=Service(noted, read, store, default_depth="quick"),
            client=client,
            desk=Desk(valkey, bench.lease_seconds, slack.clock),
            channels=Channels(valkey, "UTC"),
            opinions=Opinions(valkey),
            me=await who_am_i(client),
            token=BOT_TOKEN,
            rules=bench.rules,
            now=slack.clock,
        )


@asynccontextmanager
async def running_bot(
    bench: Bench, slack: FakeSlack, valkey: Redis, read: ReadUpload = read_text
) -> AsyncIterator[Parts]:
    """Connected in Socket Mode."""
    async with AsyncExitStack() as opened:
        parts = await opened.enter_async_context(parts_of(bench, slack, valkey, read))
        bot = await opened.enter_async_context(open_bot(parts))
        await opened.enter_async_context(socket_mode(bot.app, APP_TOKEN, parts.client))
        yield parts


async def answer_in(slack: FakeSlack, event: dict[str, Any]) -> dict[str, Any]:
    """The bot's last word on a message."""
    thread_ts = event.get("thread_ts") or event["ts"]
    found: dict[str, Any] = (await slack.until(lambda: slack.answers(event["channel"], thread_ts)))[-1]
    return found


def text_of(message: dict[str, Any]) -> str:
    """All that the bot wrote in a message."""
    from tests.fake_slack import texts_of

    return "\n".join([message.get("markdown") or "", *texts_of(message.get("blocks") or [])])
