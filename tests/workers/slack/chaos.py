"""kill -9 of the bot at random moments: python -m tests.workers.slack.chaos [KILLS]"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.fake_slack import FakeSlack, Fields, fake_slack
from tests.workers.slack.botting import fast_clock, text_of
from workers.valkey import EmbeddedValkey

SPEED = 10.0
_AT_MOST_SECONDS = 120.0
Process = asyncio.subprocess.Process


@dataclass(frozen=True)
class Report:
    """What came of the questions. answered: with their sources; told: that three attempts broke off; doubled, lost:
    must be none; left: messages beside the last words, such as streams that nobody ended."""

    kills: int
    questions: int
    answered: int
    told: int
    doubled: int
    lost: int
    left: int


@asynccontextmanager
async def bot(slack: FakeSlack, address: str, began: float) -> AsyncIterator[Process]:
    words = ["-m", "tests.workers.slack.killed_bot", slack.api_url, address, str(SPEED), str(began)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def killed(kills: int, address: str, seed: int = 1) -> Report:
    """Questions keep coming while the bot is killed again and again; then it is left to itself."""
    chance, began = random.Random(seed), time.time()
    async with fake_slack(fast_clock(SPEED, began)) as slack:
        events: list[Fields] = []
        telling: list[asyncio.Task[None]] = []
        for _ in range(kills):
            async with bot(slack, address, began):
                await asyncio.wait_for(slack.connected(), 60)
                for _ in range(3):
                    events.append(slack.mention(f"C{len(events) % 7}", "U1", f"Why {len(events)}?"))
                    telling.append(asyncio.create_task(slack.tell(events[-1])))
                await asyncio.sleep(chance.uniform(0.0, 1.5))
        async with bot(slack, address, began):
            await asyncio.gather(*telling)
            with suppress(TimeoutError):
                await slack.until(lambda: all(slack.answers(e["channel"], e["ts"]) for e in events), _AT_MOST_SECONDS)
            await asyncio.sleep(1.0)  # time to say something twice
        return report(kills, slack, events)


def report(kills: int, slack: FakeSlack, events: list[Fields]) -> Report:
    words = [slack.answers(event["channel"], event["ts"]) for event in events]
    said = [slack.replies(event["channel"], event["ts"]) for event in events]
    return Report(
        kills,
        len(events),
        sum(bool(found) and "The moon pulls" in text_of(found[0]) for found in words),
        sum(bool(found) and "three times" in text_of(found[0]) for found in words),
        sum(len(found) > 1 for found in words),
        sum(not found for found in words),
        sum(len(replies) - len(found) for replies, found in zip(said, words, strict=True)),
    )


def main() -> int:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    server = EmbeddedValkey(Path(tempfile.mkdtemp()))
    try:
        found = asyncio.run(killed(kills, server.start()))
    finally:
        server.stop()
    print(found)
    return int(bool(found.doubled or found.lost or found.left))


if __name__ == "__main__":
    sys.exit(main())
