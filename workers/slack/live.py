"""What is shown while an answer is made: a status line, a card for each query, each sentence once it is judged.

One task says the newest of it, at Slack's pace, beside the run. None of it is needed: what Slack does not take stands
in the last word, so nothing that goes wrong here ends a question.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType

import structlog

from agent.events import Event, Judged, Packed, Searched
from workers.slack.cards import Cards, Chunk
from workers.slack.delivery import Talk
from workers.slack.errors import NOT_THERE, QuestionLost, SlackBusy, SlackError, SlackRefused
from workers.slack.spoken import Spoken
from workers.slack.words import words
from workers.store_errors import StoreError
from workers.task_ends import end

HASTY_SECONDS = 1.0
"""How long a call waits for its place in a rate tier before it is left for the next time."""
_UPDATES = 4  # changing a message is a lower rate tier than appending to it, for all questions together
_LAST_CALL_SECONDS = 5.0
_STATUS = MappingProxyType({Searched: "reading", Packed: "writing"})


class Live:
    """The events of one run. spoken: takes the sentences that are shown before the whole answer is there."""

    def __init__(self, talk: Talk, spoken: Spoken | None) -> None:
        self.cards = Cards(talk.language)
        self._talk, self._spoken = talk, spoken
        self._client = talk.parts.client.within(HASTY_SECONDS)
        self._chunks: dict[str, Chunk] = {}
        self._rendered = self._text = ""  # as it is, and as it was shown last
        self._status = "working"
        self._processing = False
        self._changed, self._ending = asyncio.Event(), asyncio.Event()
        self._changed.set()
        self._gone: SlackRefused | QuestionLost | None = None

    def take(self, event: Event) -> None:
        """Raises SlackRefused where nothing can be said in that place any more, QuestionLost."""
        if self._gone is not None:
            raise self._gone
        for chunk in self.cards.of(event):
            self._chunks[str(chunk.get("id", ""))] = chunk
        if self._spoken is not None and isinstance(event, Packed):
            self._spoken.sources = event.pages
        if self._spoken is not None and isinstance(event, Judged):
            self._spoken.add(event)
        self._status = _STATUS.get(type(event), self._status)
        self._changed.set()

    def finished(self, failed: bool = False) -> list[Chunk]:
        """What is still to be told of cards, with their ends. Only after the task has ended."""
        waiting, self._chunks = [*self._chunks.values()], {}
        return [*waiting, *self.cards.finished(failed)]

    async def run(self) -> None:
        said = ""
        while not self._ending.is_set():
            await self._changed.wait()
            self._changed.clear()
            said = await self._told_status(said)
            await self._pause(await self._say())

    async def _told_status(self, said: str) -> str:
        """The line under the thread and the button that stops; a busy Slack goes without. The status that is told."""
        if said == self._status or self._ending.is_set():
            return said
        wanted, place = self._status, self._talk.place
        try:
            if not self._processing:
                self._processing = True
                await self._client.agents_sessions_setStatus(
                    channel_id=place.channel, thread_ts=place.thread_ts, status="processing"
                )
            await self._client.assistant_threads_setStatus(
                channel_id=place.channel, thread_ts=place.thread_ts, status=words(wanted, self._talk.language)
            )
        except (SlackError, StoreError) as error:
            structlog.get_logger().debug("slack_status_not_set", code=error.code)
        return wanted

    async def _say(self) -> float:
        """Says what is new; seconds until the next time."""
        chunks = dict(sorted(self._chunks.items(), key=lambda each: each[0] != ""))
        pause, grown = self._talk.parts.rules.show_seconds, self._spoken is not None and self._spoken.grown
        text = self._written()
        if self._ending.is_set() or not (chunks or text != self._text):
            return pause if grown and not self._ending.is_set() else 0.0
        try:
            if await self._talk.show([*chunks.values()], text, self._client):
                self._text = text
                self._chunks = {id_: chunk for id_, chunk in self._chunks.items() if chunks.get(id_) is not chunk}
        except QuestionLost as error:
            self._gone = error
        except SlackBusy:
            self._changed.set()  # it waits for the next time
        except (SlackError, StoreError) as error:
            if isinstance(error, SlackRefused) and error.code in NOT_THERE:
                self._gone = error
            structlog.get_logger().info("slack_not_shown", code=error.code, detail=str(error))
        return pause if self._talk.streaming else _UPDATES * pause

    def _written(self) -> str:
        """The text so far; rendered anew only where there is more of it."""
        if self._spoken is not None and self._spoken.grown:
            self._rendered = self._spoken.shown()
        return self._rendered

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending.wait()

    def end(self) -> None:
        """Nothing more is said; a call that is under way may come to its end."""
        self._ending.set()
        self._changed.set()


@asynccontextmanager
async def shown(talk: Talk, spoken: Spoken | None) -> AsyncGenerator[Live, None]:
    """Shows what it takes while it is open. In the end a call that is under way is waited for, for a while: then it is
    known what it did. A run that breaks off or is stopped waits for nothing."""
    live = Live(talk, spoken)
    running = asyncio.create_task(live.run())
    try:
        yield live
        live.end()
        await asyncio.wait((running,), timeout=_LAST_CALL_SECONDS)
    finally:
        live.end()  # before it is cancelled: redis-py may take a cancellation for an error of the connection (8.1)
        await end(running)
