"""Slack's rate tiers, kept before Slack has to: every call takes a place in a window that all bots share.

The figures are those of docs.slack.dev/apis/web-api/rate-limits and of each method's page (2026-11), less a tenth:
Slack counts when a call comes in, and we when it leaves.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis

from workers.slack.errors import SlackBusy
from workers.store import reaching

PREFIX = "kz:slack:pace:"
MINUTE = 60.0
_EARLY = 0.9
_SLACK = 1.02
_TIERS = {2: 20, 3: 50, 4: 100}
_METHODS = {
    "chat.startStream": 2,
    "chat.stopStream": 2,
    "chat.appendStream": 4,
    "chat.update": 3,
    "chat.delete": 3,
    "chat.postEphemeral": 4,
    "agents.sessions.setStatus": 3,
    "assistant.threads.setTitle": 4,
    "assistant.threads.setSuggestedPrompts": 4,
    "conversations.replies": 3,
    "conversations.history": 3,
    "conversations.open": 3,
    "conversations.info": 3,
    "users.info": 4,
    "views.open": 4,
    "files.info": 4,
    "files.getUploadURLExternal": 4,
    "files.completeUploadExternal": 4,
}
_RESERVE = """
local now, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local slot = now
for i, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
  local before = redis.call('LINDEX', key, -limit)
  if before then slot = math.max(slot, tonumber(before) + window) end
  local last = redis.call('LINDEX', key, -1)
  if last then slot = math.max(slot, tonumber(last)) end
end
if slot - now > most then return -1 end
for i, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
  redis.call('RPUSH', key, string.format('%d', slot))
  redis.call('LTRIM', key, -limit, -1)
  redis.call('PEXPIRE', key, string.format('%d', slot - now + 2 * window))
end
return slot - now
"""


@dataclass(frozen=True, slots=True)
class Window:
    """So many calls in so many seconds, counted under this name."""

    name: str
    calls: int
    seconds: float


def windows_of(method: str, channel: str) -> tuple[Window, ...]:
    """What a call has to fit into; nothing for a method without a limit of ours."""
    if method == "chat.postMessage":
        return Window(f"{method}:{channel}", 1, 1.0 + 0.1), Window(method, 240, MINUTE * _SLACK)
    if method == "assistant.threads.setStatus":
        return (Window(method, 240, MINUTE * _SLACK),)
    if method not in _METHODS:
        return ()
    return (Window(method, int(_TIERS[_METHODS[method]] * _EARLY), MINUTE * _SLACK),)


class Pacer:
    """Gives each call its time."""

    def __init__(
        self,
        client: Redis,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """now and sleep: of one clock, in seconds."""
        self._reserve, self._now, self._sleep = client.register_script(_RESERVE), now, sleep

    async def wait(self, method: str, channel: str, within: float) -> None:
        """Until the call may be made. Raises SlackBusy where that is more than `within` seconds away, StoreDown."""
        windows = windows_of(method, channel)
        if not windows:
            return
        arguments: list[str | int] = [round(self._now() * 1_000), round(within * 1_000)]
        for window in windows:
            arguments += [window.calls, round(window.seconds * 1_000)]
        with reaching():
            milliseconds = cast(int, await self._reserve([PREFIX + window.name for window in windows], arguments))
        if milliseconds < 0:
            raise SlackBusy("ratelimited", f"no room for {method} within {within:g} s")
        await self._sleep(milliseconds / 1_000)
