"""Saying something in a thread, once: cards and text streamed while that works, plain messages where it does not."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from agent.events import Event
from workers.slack.cards import Cards, Chunk
from workers.slack.desk import Taken
from workers.slack.errors import NO_STREAM_HERE, STREAM_ENDED, SlackBusy, SlackDown, SlackError, SlackRefused
from workers.slack.parts import Parts
from workers.slack.rendering import Block, Rendered, markdown_block, notice
from workers.slack.thread import Said, aside, file_title, mark
from workers.slack.words import Language

PIECE_CHARACTERS = 1_500
"""Of text in one append: a page of the answer at a time, within the tier of chat.appendStream."""
_HASTY_SECONDS = 1.0
_CARDS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    channel: str
    thread_ts: str


@dataclass(slots=True)
class Stream:
    """A message that is being streamed. ends: by the bot's clock; dead: Slack has closed it, or will soon."""

    ts: str
    ends: float
    dead: bool = False


@dataclass(slots=True)
class Talk:
    """One question's side of a thread. said: of earlier attempts; what they said is not said again."""

    parts: Parts
    taken: Taken
    place: Place
    language: Language
    said: Said = field(default_factory=Said)
    _stream: Stream | None = None
    _waiting: dict[str, Chunk] = field(default_factory=dict)
    _flushed: float = 0.0
    _may_stream: bool = True

    def begin(self) -> None:
        """A stream that an earlier attempt began takes the answer; it is not gone on with."""
        left = self.taken.delivery.stream_ts or (self.said.unmarked[0] if self.said.unmarked else "")
        owned = {ts for _, ts in self.said.parts}
        if left and left not in owned:
            self._stream = Stream(left, 0.0, dead=True)

    # While it is worked on

    async def status(self, text: str, processing: bool = True) -> None:
        """The line under the thread, and the button that stops; a busy Slack goes without."""
        hasty, where = self.parts.client.within(_HASTY_SECONDS), (self.place.channel, self.place.thread_ts)
        try:
            if processing:
                await hasty.agents_sessions_setStatus(channel_id=where[0], thread_ts=where[1], status="processing")
            await hasty.assistant_threads_setStatus(channel_id=where[0], thread_ts=where[1], status=text)
        except SlackError as error:
            structlog.get_logger().debug("slack_status_not_set", code=error.code)

    async def show(self, event: Event, cards: Cards) -> None:
        """A card for each query; those that come quickly one after the other go out together."""
        for chunk in cards.of(event):
            self._waiting[str(chunk.get("id", ""))] = chunk
        now = asyncio.get_running_loop().time()
        if self._waiting and now - self._flushed >= _CARDS_SECONDS:
            self._flushed = now
            await self._flush()

    async def _flush(self) -> None:
        chunks = [chunk for _, chunk in sorted(self._waiting.items(), key=lambda each: each[0] != "")]
        try:
            await self._append(self.parts.client.within(_HASTY_SECONDS), chunks)
        except SlackBusy:
            return  # they wait for the next time
        except SlackRefused as error:
            if error.code not in STREAM_ENDED | NO_STREAM_HERE:
                raise
        self._waiting.clear()

    async def _append(self, client: Any, chunks: Sequence[Chunk]) -> None:
        """Begins the stream where there is none. Raises SlackError."""
        stream = self._alive()
        if stream is not None:
            await self._to_stream(client, stream, chunks)
        elif self._stream is None and self._may_stream:
            await self._start(client, chunks)

    def _alive(self) -> Stream | None:
        stream = self._stream
        if stream is not None and not stream.dead and self.parts.now() >= stream.ends:
            stream.dead = True
        return None if stream is None or stream.dead else stream

    async def _to_stream(self, client: Any, stream: Stream, chunks: Sequence[Chunk]) -> None:
        try:
            await client.chat_appendStream(channel=self.place.channel, ts=stream.ts, chunks=list(chunks))
        except SlackRefused as error:
            stream.dead = stream.dead or error.code in STREAM_ENDED
            raise

    async def _start(self, client: Any, chunks: Sequence[Chunk]) -> None:
        question = self.taken.question
        ends = self.parts.now() + self.parts.rules.stream_seconds
        try:
            reply = await client.chat_startStream(
                channel=self.place.channel,
                thread_ts=self.place.thread_ts,
                recipient_team_id=question.team,
                recipient_user_id=question.user,
                task_display_mode="plan",
                chunks=list(chunks),
            )
        except SlackRefused as error:
            self._may_stream = self._may_stream and error.code not in NO_STREAM_HERE
            raise
        self._stream = Stream(str(reply["ts"]), ends)
        await self.parts.desk.note(self.taken, stream_ts=self._stream.ts)

    # The last word

    async def deliver(self, rendered: Rendered, cards: Sequence[Chunk] = ()) -> None:
        """Says the answer: streamed where a stream is open, else as messages; a dead stream's message is replaced.

        Raises SlackError; what was said by then is found by the next attempt.
        """
        if rendered.file and not self.said.file:
            await self._upload(rendered)
        done = {number for number, _ in self.said.parts}
        for number, part in enumerate(rendered.parts):
            if number in done:
                continue
            last = number == len(rendered.parts) - 1
            footer = list(rendered.footer) if last else []
            await self._say_part(Part(number, last, part, footer, rendered.text), cards)

    async def tell(self, text: str, cards: Sequence[Chunk] = ()) -> None:
        """A sentence of ours as the last word."""
        await self._say_part(Part(0, True, "", notice(text), text[:300]), cards)

    async def withdraw(self) -> None:
        """Nothing is said: whoever asked has taken the question back."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await self._close(stream)
            await self.parts.client.chat_delete(channel=self.place.channel, ts=stream.ts)
        await self.settle()

    async def _say_part(self, part: "Part", cards: Sequence[Chunk]) -> None:
        await self.parts.desk.renew(self.taken)  # still ours? then it may be said
        stream = self._alive() if part.number == 0 else None
        if part.number == 0 and self._waiting:
            cards = (*self._waiting.values(), *cards)
            self._waiting.clear()
        if stream is not None and await self._streamed(stream, part, cards):
            return
        if part.number == 0 and self._stream is not None and await self._replaced(self._stream, part):
            return
        await self._posted(part)

    async def _streamed(self, stream: Stream, part: "Part", cards: Sequence[Chunk]) -> bool:
        """The text a piece at a time, then the blocks under it; False where Slack has closed the stream meanwhile."""
        pieces = [part.text[at : at + PIECE_CHARACTERS] for at in range(0, len(part.text), PIECE_CHARACTERS)]
        client = self.parts.client.within(max(0.0, stream.ends - self.parts.now()))
        try:
            if cards:
                await self._to_stream(client, stream, cards)
            for piece in pieces[:-1]:
                await self._to_stream(client, stream, [{"type": "markdown_text", "text": piece}])
            await client.chat_stopStream(
                channel=self.place.channel,
                ts=stream.ts,
                chunks=[{"type": "markdown_text", "text": piece} for piece in pieces[-1:]],
                blocks=part.footer or None,
                metadata=part.mark(self.taken),
                session_status="active" if part.last else None,
            )
        except (SlackBusy, SlackRefused) as error:
            if isinstance(error, SlackRefused) and error.code not in STREAM_ENDED:
                raise
            stream.dead = True
            return False
        return True

    async def _replaced(self, stream: Stream, part: "Part") -> bool:
        """The message of a stream that ended before its time becomes the answer, whole. False where it is gone."""
        await self._close(stream)
        try:
            await self.parts.client.chat_update(
                channel=self.place.channel,
                ts=stream.ts,
                text=part.notification,
                blocks=part.blocks,
                metadata=part.mark(self.taken),
            )
        except SlackRefused as error:
            if error.code not in ("message_not_found", "cant_update_message", "edit_window_closed"):
                raise
            return False
        await self._settle(part)
        return True

    async def _close(self, stream: Stream) -> None:
        """A stream that is open yet could not be updated."""
        try:
            await self.parts.client.chat_stopStream(channel=self.place.channel, ts=stream.ts)
        except SlackRefused as error:
            if error.code not in STREAM_ENDED:
                raise

    async def _posted(self, part: "Part") -> None:
        await self.parts.client.chat_postMessage(
            channel=self.place.channel,
            thread_ts=self.place.thread_ts,
            text=part.notification,
            blocks=part.blocks,
            metadata=part.mark(self.taken),
            unfurl_links=False,
            unfurl_media=False,
        )
        await self._settle(part)

    async def _settle(self, part: "Part") -> None:
        if part.last:
            await self.settle()

    async def settle(self) -> None:
        """The session is no longer being worked on: the button that stops goes away. A stream that nothing was said in
        is taken away."""
        try:
            await self.parts.client.within(_HASTY_SECONDS).agents_sessions_setStatus(
                channel_id=self.place.channel, thread_ts=self.place.thread_ts, status="active"
            )
        except SlackError as error:
            structlog.get_logger().debug("slack_status_not_set", code=error.code)

    async def _upload(self, rendered: Rendered) -> None:
        """Raises SlackError."""
        title = file_title(self.taken.question.id)
        try:
            await self.parts.client.files_upload_v2(
                filename=title,
                title=title,
                content=rendered.file,
                channel=self.place.channel,
                thread_ts=self.place.thread_ts,
            )
        except (TimeoutError, OSError) as error:
            raise SlackDown("upload", type(error).__name__) from None


@dataclass(frozen=True, slots=True)
class Part:
    """One message of an answer. text: Markdown, "" for a notice; footer: blocks under it."""

    number: int
    last: bool
    text: str
    footer: list[Block]
    notification: str

    @property
    def blocks(self) -> list[Block]:
        return [*([markdown_block(self.text)] if self.text else []), *self.footer]

    def mark(self, taken: Taken) -> dict[str, Any]:
        return mark(taken.question.id, self.number, self.last)


async def say_aside(parts: Parts, place: Place, question_id: str, text: str, blocks: list[Block] | None = None) -> str:
    """A message that is no part of an answer; its ts. Raises SlackError."""
    reply = await parts.client.chat_postMessage(
        channel=place.channel,
        thread_ts=place.thread_ts or None,
        text=text[:300],
        blocks=blocks or notice(text),
        metadata=aside(question_id),
        unfurl_links=False,
        unfurl_media=False,
    )
    return str(reply["ts"])


async def whisper(parts: Parts, place: Place, user: str, text: str) -> None:
    """To one person alone. What Slack does not take is lost: nobody was promised it."""
    try:
        await parts.client.within(10.0).chat_postEphemeral(
            channel=place.channel, user=user, text=text[:300], blocks=notice(text), thread_ts=place.thread_ts or None
        )
    except SlackError as error:
        structlog.get_logger().info("slack_whisper_lost", code=error.code)
