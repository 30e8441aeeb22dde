"""Saying something in a thread, once: cards and text streamed while that works, plain messages where it does not."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from workers.slack.cards import Chunk
from workers.slack.client import Client
from workers.slack.desk import Taken
from workers.slack.errors import STREAM_ENDED, SlackBusy, SlackDown, SlackError, SlackRefused
from workers.slack.parts import Parts
from workers.slack.rendering import Block, Rendered, markdown_block, notice
from workers.slack.thread import Said, aside, file_title, mark, messages_of, said_of
from workers.slack.words import Language

_HASTY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    channel: str
    thread_ts: str


@dataclass(slots=True)
class Stream:
    """A message that is being streamed. ends: by the bot's clock; dead: Slack has closed it, or will soon, or it is
    not known what it says; closed: by us; said: the Markdown in it."""

    ts: str
    ends: float
    dead: bool = False
    closed: bool = False
    said: str = ""

    @contextmanager
    def saying(self, text: str) -> Iterator[None]:
        """Around a call after which it says `text`. A call that broke off, or that was refused, is not made again:
        the message is then replaced as a whole."""
        dead, self.dead = self.dead, True
        try:
            yield
        except SlackBusy:
            self.dead = dead
            raise
        self.dead, self.said = dead, text


@dataclass(slots=True)
class Talk:
    """One question's side of a thread. said: of earlier attempts; what they said is not said again."""

    parts: Parts
    taken: Taken
    place: Place
    language: Language
    said: Said = field(default_factory=Said)
    _stream: Stream | None = None
    _may_stream: bool = True
    _may_rewrite: bool = True
    _lost: bool = False  # a stream may have begun that we know nothing of

    def begin(self) -> None:
        """A stream that an earlier attempt began takes the answer; it is not gone on with."""
        left = self.taken.delivery.stream_ts or (self.said.unmarked[0] if self.said.unmarked else "")
        owned = {ts for _, ts in self.said.parts}
        if left and left not in owned:
            self._stream = Stream(left, 0.0, dead=True)

    # While it is worked on

    @property
    def streaming(self) -> bool:
        return self._alive() is not None

    async def show(self, chunks: Sequence[Chunk], text: str, client: Client) -> bool:
        """The cards and the text so far, in the stream; in the message of a stream that has ended, the text alone.
        False where nothing can be shown. Raises SlackError: then it is not shown, or nobody knows."""
        stream = self._alive()
        if stream is not None:
            return await self._append(stream, chunks, text, client)
        if self._stream is not None:
            return await self._rewrite(self._stream, text, client)
        return bool(self._may_stream and (chunks or text)) and await self._start(chunks, text, client)

    def _alive(self) -> Stream | None:
        stream = self._stream
        if stream is not None and not stream.dead and self.parts.now() >= stream.ends:
            stream.dead = True
        return None if stream is None or stream.dead else stream

    async def _append(self, stream: Stream, chunks: Sequence[Chunk], text: str, client: Client) -> bool:
        sent = [*chunks, *_rest(text, stream.said)]
        if sent:
            with stream.saying(text if text.startswith(stream.said) else stream.said):
                await client.chat_appendStream(channel=self.place.channel, ts=stream.ts, chunks=sent)
        return True

    async def _start(self, chunks: Sequence[Chunk], text: str, client: Client) -> bool:
        question, ends = self.taken.question, self.parts.now() + self.parts.rules.stream_seconds
        self._lost, self._may_stream = True, False  # until it is known what came of it
        try:
            reply = await client.chat_startStream(
                channel=self.place.channel,
                thread_ts=self.place.thread_ts,
                recipient_team_id=question.team,
                recipient_user_id=question.user,
                task_display_mode="plan",
                chunks=[*chunks, *_rest(text, "")],
            )
        except (SlackBusy, SlackRefused) as error:
            self._lost, self._may_stream = False, isinstance(error, SlackBusy)
            raise
        self._lost, self._stream = False, Stream(str(reply["ts"]), ends, said=text)
        await self.parts.desk.note(self.taken, stream_ts=self._stream.ts)
        return True

    async def _rewrite(self, stream: Stream, text: str, client: Client) -> bool:
        """What a stream that has ended began to say is gone on with by changing its message."""
        if not text or text == stream.said or not self._may_rewrite:
            return True
        try:
            await self._close(stream, client)
            with stream.saying(text):
                await client.chat_update(
                    channel=self.place.channel, ts=stream.ts, text=text[:300], blocks=[markdown_block(text)]
                )
        except SlackRefused:
            self._may_rewrite = False
            raise
        return True

    # The last word

    async def deliver(self, rendered: Rendered, cards: Sequence[Chunk] = ()) -> None:
        """Says the answer: streamed where a stream is open, else as messages; a dead stream's message is replaced.

        Raises SlackError; what was said by then is found by the next attempt.
        """
        await self._look_for_lost()
        if rendered.file and not self.said.file:
            await self._upload(rendered)
        done = {number for number, _ in self.said.parts}
        for number, part in enumerate(rendered.parts):
            if number in done:
                continue
            last = number == len(rendered.parts) - 1
            footer = list(rendered.footer) if last else []
            await self._say_part(Part(number, last, part, footer, rendered.text), cards)

    async def tell(self, text: str, cards: Sequence[Chunk] = (), keep: bool = False) -> None:
        """A sentence of ours as the last word. keep: what was said of the answer stays above it."""
        await self._look_for_lost()
        said = self._stream.said if self._stream is not None and keep else ""
        await self._say_part(Part(0, True, said, notice(text), text[:300]), cards)

    async def _look_for_lost(self) -> None:
        """A stream that began although Slack's answer was lost is in the thread, and takes the last word."""
        if self._lost and self._stream is None:
            found = await messages_of(self.parts.client, self.place.channel, self.place.thread_ts)
            self.said = said_of(found, self.taken.question.id, self.parts.me)
            self.begin()

    async def withdraw(self) -> None:
        """Nothing is said: whoever asked has taken the question back."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await self._close(stream, self.parts.client)
            await self.parts.client.chat_delete(channel=self.place.channel, ts=stream.ts)
        await self.settle()

    async def _say_part(self, part: "Part", cards: Sequence[Chunk]) -> None:
        await self.parts.desk.renew(self.taken)  # still ours? then it may be said
        stream = self._alive() if part.number == 0 else None
        if stream is not None and part.text.startswith(stream.said) and await self._streamed(stream, part, cards):
            return
        if part.number == 0 and self._stream is not None and await self._replaced(self._stream, part):
            return
        await self._posted(part)

    async def _streamed(self, stream: Stream, part: "Part", cards: Sequence[Chunk]) -> bool:
        """The rest of the text, and the blocks under it; False where Slack has closed the stream meanwhile."""
        client = self.parts.client.within(max(0.0, stream.ends - self.parts.now()))
        try:
            await client.chat_stopStream(
                channel=self.place.channel,
                ts=stream.ts,
                chunks=[*cards, *_rest(part.text, stream.said)] or None,
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
        await self._close(stream, self.parts.client)
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

    async def _close(self, stream: Stream, client: Client) -> None:
        """A stream that is open yet could not be updated."""
        if stream.closed:
            return
        stream.dead = True
        try:
            await client.chat_stopStream(channel=self.place.channel, ts=stream.ts)
        except SlackRefused as error:
            if error.code not in STREAM_ENDED:
                raise
        stream.closed = True

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


def _rest(text: str, said: str) -> list[Chunk]:
    """What is to be added to `said`; nothing where the text has become another."""
    added = text[len(said) :] if text.startswith(said) else ""
    return [{"type": "markdown_text", "text": added}] if added else []


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
