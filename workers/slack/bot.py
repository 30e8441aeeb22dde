"""The bot as a whole: its workers, its chores, and its bolt app, while it is open."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from slack_bolt.async_app import AsyncApp

from workers.slack.answering import Answering
from workers.slack.app import bolt_app
from workers.slack.chores import Chores
from workers.slack.client import Client
from workers.slack.intake import Me
from workers.slack.listening import Listening
from workers.slack.pacing import Pacer
from workers.slack.parts import Parts


@dataclass(frozen=True, slots=True)
class Bot:
    """app: to be connected to Slack by a door."""

    app: AsyncApp
    parts: Parts


@asynccontextmanager
async def open_client(token: str, url: str, pacer: Pacer) -> AsyncGenerator[Client, None]:
    """url: Slack's Web API, up to and with /api/."""
    async with aiohttp.ClientSession(trust_env=False) as session:
        yield Client(token, url, pacer, session)


async def who_am_i(client: Client) -> Me:
    """Raises SlackError."""
    reply = await client.auth_test()
    named = (str(reply.get(name) or "") for name in ("team_id", "user_id", "bot_id", "enterprise_id"))
    return Me(*named)


@asynccontextmanager
async def open_bot(parts: Parts) -> AsyncGenerator[Bot, None]:
    """Workers run while this is open; what they have in hand in the end goes back to the desk. Raises StoreDown."""
    await parts.desk.warm()
    woken, closing, chores = asyncio.Event(), asyncio.Event(), Chores()
    answering = Answering(parts, woken, closing)
    workers = [asyncio.create_task(answering.work()) for _ in range(parts.rules.workers)]
    try:
        yield Bot(bolt_app(Listening(parts, woken, chores), parts.token), parts)
    finally:
        closing.set()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await chores.aclose()
