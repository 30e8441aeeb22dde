"""What people write to the bot: accepted durably, then acknowledged, then answered by whoever has time."""

import asyncio
from dataclasses import dataclass, replace

import structlog

from workers.slack.answering import BY_USER, DELETED
from workers.slack.chores import Chores
from workers.slack.delivery import Place, whisper
from workers.slack.desk import Accepted
from workers.slack.errors import SlackError
from workers.slack.intake import Fields, from_message, inner, language_of, text_field
from workers.slack.parts import Parts
from workers.slack.question import Kind, SlackQuestion, id_of
from workers.slack.words import words

_MOMENT_SECONDS = 2.0
_MOST_TOLD = 60


@dataclass(frozen=True, slots=True)
class Listening:
    """Each method is done before Slack gets its acknowledgement; it raises StoreError where nothing could be kept, so
    that Slack tells of it again."""

    parts: Parts
    woken: asyncio.Event
    chores: Chores

    async def mentioned(self, event: Fields) -> None:
        question = from_message(event, self.parts.me, "mention")
        if question is not None:
            await self.take_in(question)

    async def messaged(self, event: Fields) -> None:
        """Any message that the bot can see; those written to it directly are questions."""
        subtype, channel = text_field(event, "subtype"), text_field(event, "channel")
        if subtype == "message_deleted":
            ts = text_field(event, "deleted_ts") or text_field(inner(event, "previous_message"), "ts")
            await self.parts.desk.cancel(id_of(self.parts.me.team, channel, ts), DELETED)
        elif subtype == "message_changed":
            await self._changed(channel, inner(event, "message"))
        elif text_field(event, "channel_type") == "im":
            question = from_message(event, self.parts.me, "direct")
            if question is not None:
                await self.take_in(question)

    async def _changed(self, channel: str, message: Fields) -> None:
        """A question that is edited while it waits is asked as it reads now; later edits change nothing."""
        kind: Kind = "direct" if channel.startswith("D") else "mention"
        question = from_message({**message, "channel": channel}, self.parts.me, kind)
        if question is not None and question.text:
            await self.parts.desk.reword(question)

    async def stopped(self, event: Fields) -> None:
        """The button that stops, under an answer that is being made."""
        channel, thread_ts = text_field(event, "channel"), text_field(event, "thread_ts")
        await self.parts.desk.stop(channel, thread_ts, BY_USER)

    async def opened(self, event: Fields) -> None:
        """Somebody opens the assistant: three questions to begin with."""
        thread = inner(event, "assistant_thread")
        self.chores.do(self._prompts(text_field(thread, "channel_id"), text_field(thread, "thread_ts")))

    async def _prompts(self, channel: str, thread_ts: str) -> None:
        prompts = [
            {"title": "Debian", "message": "How do I upgrade Debian to the next stable release?"},
            {"title": "新闻 / News", "message": "今天有哪些重要的科技新闻？"},
            {"title": "Check", "message": "Is it true that the Great Wall can be seen from the Moon?"},
        ]
        await self.parts.client.assistant_threads_setSuggestedPrompts(
            channel_id=channel, thread_ts=thread_ts, prompts=prompts, title=words("hello", "en")
        )

    async def take_in(self, question: SlackQuestion) -> Accepted | None:
        """None where nothing was asked: then the person is told how. Raises StoreError."""
        language, place = language_of(question.text), Place(question.channel, question.thread_ts)
        if not question.text and question.files:
            question = replace(question, text=words("summarise", language))
        if not question.text:
            self._whisper(question, place, words("empty", language))
            return None
        parts = self.parts
        settings = await parts.channels.of(question.team, question.asked_in or question.channel)
        until = settings.quiet_until(parts.channels.local(parts.now()))
        accepted = await parts.desk.accept(question, parts.rules.limits, until.timestamp() if until else 0.0)
        self.woken.set()
        if accepted.outcome in ("user_limit", "channel_limit"):
            minutes = max(1, round(accepted.wait_seconds / 60))
            self._whisper(question, place, words(accepted.outcome, language, n=minutes))
        elif accepted.outcome == "accepted" and until:
            self._whisper(question, place, words("quiet", language, at=until.strftime("%H:%M")))
        elif accepted.outcome == "accepted" and accepted.ahead >= max(1, parts.rules.workers) and not question.private:
            self.chores.do(self._tell_position(question))
        return accepted

    def _whisper(self, question: SlackQuestion, place: Place, text: str) -> None:
        if not question.private:  # a command is answered in its acknowledgement
            self.chores.do(whisper(self.parts, place, question.user, text))

    async def _tell_position(self, question: SlackQuestion) -> None:
        """Of questions that still wait after a moment: acknowledgements come first. Told anew while they wait: Slack
        forgets a status after two minutes."""
        pause, client = _MOMENT_SECONDS, self.parts.client.within(2.0)
        for _ in range(_MOST_TOLD):
            await asyncio.sleep(pause)
            ahead = await self.parts.desk.ahead(question.id)
            if not ahead:
                return
            text = words("ahead", language_of(question.text), n=ahead)
            try:
                await client.assistant_threads_setStatus(
                    channel_id=question.channel, thread_ts=question.thread_ts, status=text
                )
            except SlackError as error:
                structlog.get_logger().debug("slack_status_not_set", code=error.code)
            pause = self.parts.rules.position_seconds
