"""Rows whose prompts begin with the same pages, in the same order and one behind the other: what the model server has
read for one of them, its prefix cache has for the next.

    kz:q:{trails:SHA256}:pages  list of the latest orders of pages that were shown, each as the pages' digests in a row
    kz:q:{lead:SHA256}:state    whether the server is reading the beginning of such a prompt now, or has read it

A store that is away changes nothing: the best page comes first, and nobody waits.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis

from agent.delta import Delta, Generate
from agent.nodes.deps import Arrange
from agent.packing import Shown
from agent.prompt import Prompt
from agent.question import Question
from workers.store import reaching
from workers.store_errors import StoreError

MOST_TRAILS, TRAIL_SECONDS = 64, 3_600
LEAST_SHARE = 0.2
"""Of a prompt's page texts: for less, the best page stays the first."""
LEAD_CHARACTERS = 2_000
HELD_SECONDS, READ_SECONDS = 10.0, 300
"""For so long a row is held back at most; so long a server is thought to keep what it has read."""
SHARE_OF_TIME = 0.25
"""Of what a row has left, that it may be held back."""
LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.02, 0.25
_DIGEST_CHARACTERS = 16

# KEYS: trails. ARGV: least weight, seconds to keep, most trails, then digest and weight of each page, best page first.
# The digests, in one text, that come first because earlier prompts began with them.
_FOLLOW = """
local own, followed, most = {}, '', tonumber(ARGV[1])
for i = 4, #ARGV, 2 do own[ARGV[i]] = tonumber(ARGV[i + 1]) end
for _, trail in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local weight, at = 0, 1
  while own[trail:sub(at, at + 15)] do
    weight, at = weight + own[trail:sub(at, at + 15)], at + 16
  end
  if weight > most then most, followed = weight, trail:sub(1, at - 1) end
end
local order = followed
for at = 1, #followed, 16 do own[followed:sub(at, at + 15)] = nil end
for i = 4, #ARGV, 2 do if own[ARGV[i]] then order = order .. ARGV[i] end end
redis.call('LREM', KEYS[1], 1, order)
redis.call('LPUSH', KEYS[1], order)
redis.call('LTRIM', KEYS[1], 0, ARGV[3] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return followed
"""


def shared_order(client: Redis) -> Arrange:
    """Pages that earlier rows were shown come first and in the same order, where they make up enough of the prompt;
    behind them the others, best first. Numbers of citations are given afterwards."""

    async def arranged(question: Question, shown: Sequence[Shown]) -> Sequence[Shown]:
        if question.history or len(shown) < 2:
            return shown
        digests = [_page(each) for each in shown]
        weights = [len(each.text) for each in shown]
        head = _sha(question.tenant, question.language, question.script, question.instructions)
        pairs = [word for pair in zip(digests, weights, strict=True) for word in pair]
        arguments = [round(LEAST_SHARE * sum(weights)), TRAIL_SECONDS, MOST_TRAILS, *pairs]
        try:
            with reaching():
                key = f"kz:q:{{trails:{head}}}:pages"
                followed = bytes(await client.register_script(_FOLLOW)([key], arguments)).decode("ascii", "replace")
        except StoreError as error:
            structlog.get_logger().warning("pages_not_arranged", code=error.code)
            return shown
        first = [followed[at : at + _DIGEST_CHARACTERS] for at in range(0, len(followed), _DIGEST_CHARACTERS)]
        places = {digest: place for place, digest in enumerate(first)}
        return [shown[at] for at in sorted(range(len(shown)), key=lambda at: places.get(digests[at], len(shown)))]

    return arranged


def one_reads_first(generate: Generate, client: Redis) -> Generate:
    """Of prompts with the same beginning one is sent; the others follow when its first word has come, or after
    HELD_SECONDS."""

    async def led(prompt: Prompt) -> AsyncGenerator[Delta, None]:
        lead = _Lead(client, f"kz:q:{{lead:{_beginning(prompt)}}}:state")
        leading = bool(prompt.pages) and await lead.turn(prompt.deadline)
        try:
            async with aclosing(generate(prompt)) as deltas:
                async for delta in deltas:
                    if leading:
                        leading = False
                        await lead.read()
                    yield delta
        finally:
            if leading:
                await lead.leave()

    return led


@dataclass(frozen=True, slots=True)
class _Lead:
    client: Redis
    key: str

    async def turn(self, deadline: float) -> bool:
        """Whether this prompt is the one that the others wait for; False after the wait for another one."""
        left, pause = SHARE_OF_TIME * (deadline - time.monotonic()), LOOK_SECONDS
        until = time.monotonic() + min(HELD_SECONDS, left)
        try:
            while True:
                with reaching():
                    milliseconds = round(HELD_SECONDS * 1_000)
                    state = await self.client.set(self.key, "reading", px=milliseconds, nx=True, get=True)
                if state is None or state == b"read" or time.monotonic() > until:
                    return state is None
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, LONGEST_LOOK_SECONDS)
        except StoreError:
            return False

    async def read(self) -> None:
        """The server has read it."""
        await self._told(READ_SECONDS)

    async def leave(self) -> None:
        """It has not, and the next one tries."""
        await self._told(0)

    async def _told(self, seconds: int) -> None:
        try:
            with reaching():
                await (self.client.set(self.key, "read", ex=seconds) if seconds else self.client.delete(self.key))
        except StoreError as error:  # it runs out by itself
            structlog.get_logger().warning("lead_not_told", code=error.code)


def _page(shown: Shown) -> str:
    page = shown.page
    return _sha(page.url, page.title, page.site, page.date, shown.text)[:_DIGEST_CHARACTERS]


def _beginning(prompt: Prompt) -> str:
    *before, last = (message.content for message in prompt.messages)
    return _sha(prompt.question.tenant, *before, last[:LEAD_CHARACTERS])


def _sha(*texts: str) -> str:
    return hashlib.sha256(_joined(texts)).hexdigest()


def _joined(texts: Iterable[str]) -> bytes:
    return b"".join(b"%d:%s" % (len(raw), raw) for raw in (text.encode("utf-8", "surrogatepass") for text in texts))
