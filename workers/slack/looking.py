"""Looks at a workspace for the doctor: who the bot is, what it may do, whether the WebSocket opens."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from workers.slack.errors import SlackDown, SlackRefused

LOOK_SECONDS = 15
NEEDED_SCOPES = frozenset(
    {
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:write",
        "mpim:history",
        "users:read",
    }
)


@dataclass(frozen=True, slots=True)
class Identity:
    """scopes: of the token; none where Slack does not name them."""

    user: str
    team: str
    scopes: frozenset[str]


@asynccontextmanager
async def _client(token: str, url: str) -> AsyncGenerator[AsyncWebClient, None]:
    """Raises SlackDown, SlackRefused from what is done with it."""
    async with aiohttp.ClientSession(trust_env=False) as session:
        client = AsyncWebClient(token, url, LOOK_SECONDS, session=session, retry_handlers=[])
        client.proxy = None
        try:
            yield client
        except SlackApiError as error:
            raise SlackRefused(str(error.response.get("error", "unknown"))) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SlackDown("unreachable", type(error).__name__) from None


async def identity(token: str, url: str) -> Identity:
    """Raises SlackError."""
    async with _client(token, url) as client:
        reply = await client.auth_test()
        named = str(reply.headers.get("x-oauth-scopes", ""))
        scopes = frozenset(scope.strip() for scope in named.split(",") if scope.strip())
        return Identity(str(reply.get("user", "")), str(reply.get("team", "")), scopes)


async def connection(app_token: str, url: str) -> None:
    """Opens the WebSocket and waits for Slack's hello. Raises SlackError."""
    async with _client(app_token, url) as client:
        opened = await client.apps_connections_open(app_token=app_token)
        assert client.session is not None
        async with client.session.ws_connect(str(opened["url"])) as socket, asyncio.timeout(LOOK_SECONDS):
            hello = await socket.receive_json()
            if hello.get("type") != "hello":
                raise SlackRefused("no_hello")
