"""Slack's Web API as this bot uses it: paced, with a deadline, and with errors of one family."""

import asyncio
import copy
import logging
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from workers.slack.errors import BROKEN, SlackBusy, SlackDown, SlackRefused
from workers.slack.pacing import Pacer

CALL_SECONDS = 30
WAIT_SECONDS = 180.0
_TRIES_WHEN_LIMITED = 3
_MOST_RETRY_SECONDS = 60


class Client(AsyncWebClient):
    """slack_sdk's client whose every call goes through one gate.

    A call that broke off is not repeated here: whether it was done is looked up in the thread (thread.py).
    """

    def __init__(self, token: str, url: str, pacer: Pacer, session: aiohttp.ClientSession) -> None:
        """session: open, without the environment's proxies; whoever made it closes it."""
        quiet = logging.getLogger("workers.slack.client")
        super().__init__(token, url, CALL_SECONDS, session=session, retry_handlers=[], logger=quiet)
        self.proxy = None  # slack_sdk takes one from the environment, which we leave alone (decision 2)
        self._pacer, self._within = pacer, WAIT_SECONDS

    def within(self, seconds: float) -> "Client":
        """The same for calls that would rather not be made than wait longer."""
        hasty = copy.copy(self)
        hasty._within = seconds
        return hasty

    async def api_call(self, api_method: str, **options: Any) -> AsyncSlackResponse:
        """Raises SlackBusy, SlackDown, SlackRefused."""
        fields = options.get("json") or options.get("params") or {}
        channel = str(fields.get("channel", ""))
        for _ in range(_TRIES_WHEN_LIMITED):
            await self._pacer.wait(api_method, channel, self._within)
            try:
                return await super().api_call(api_method, **options)
            except SlackApiError as error:
                await asyncio.sleep(self._wait_for(api_method, error))
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise SlackDown("unreachable", f"{api_method}: {type(error).__name__}") from None
            except SlackClientError as error:
                raise SlackRefused("client", f"{api_method}: {type(error).__name__}") from None
        raise SlackBusy("ratelimited", f"{api_method} was refused {_TRIES_WHEN_LIMITED} times")

    def _wait_for(self, method: str, error: SlackApiError) -> float:
        """Seconds that Slack asks us to wait. Raises SlackDown where it may have done what was asked, SlackRefused,
        SlackBusy where the call would rather not be made than wait so long."""
        code, wait = _code(error), _retry_seconds(error)
        if getattr(error.response, "status_code", 0) >= 500 or code in BROKEN:
            raise SlackDown(code, f"{method}: {code}") from None
        if not wait:
            raise SlackRefused(code, f"{method}: {code}") from None
        if wait > self._within:
            raise SlackBusy("ratelimited", f"{method}: Slack asks for {wait:g} s") from None
        return wait


def _code(error: SlackApiError) -> str:
    response = error.response
    return str(response.get("error", "unknown")) if hasattr(response, "get") else "unknown"


def _retry_seconds(error: SlackApiError) -> float:
    """What Slack asks us to wait, 0 when that is not why it refused."""
    if getattr(error.response, "status_code", 0) != 429:
        return 0.0
    given = error.response.headers.get("Retry-After", "1")
    return min(float(given) if str(given).isdigit() else 1.0, _MOST_RETRY_SECONDS) or 1.0
