"""The buttons under an answer. An id in a button counts only where its answer was said."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from agent.answer import Answer
from workers.slack.delivery import Place, whisper
from workers.slack.errors import NOT_THERE, SlackError, SlackRefused
from workers.slack.feedback import Feedback, Opinion
from workers.slack.intake import Fields, inner, language_of, text_field
from workers.slack.listening import Listening
from workers.slack.markup import line_of
from workers.slack.question import SlackQuestion, id_of, owner_of
from workers.slack.rendering import Buttons, Rendered, markdown_block, quotes_view, rendered, section
from workers.slack.thread import aside
from workers.slack.words import words
from workers.store_keys import is_id

Pressable = Literal["more", "quotes", "share", "keep", "feedback"]
_SHARE_SECONDS = 24 * 3_600


@dataclass(frozen=True, slots=True)
class Press:
    """A button that somebody pressed. question: the one that its answer answers."""

    user: str
    place: Place
    value: str
    trigger: str
    question: SlackQuestion


@dataclass(frozen=True, slots=True)
class Pressing:
    """Each method raises StoreError; what needs Slack is done after the acknowledgement."""

    listening: Listening

    async def pressed(self, name: Pressable, body: Fields, action: Fields) -> None:
        press = await self._press(body, action)
        if press is None:
            return
        if name == "more":
            await self._more(press)
        elif name == "feedback":
            await self._feedback(press)
        elif name == "quotes":
            self.listening.chores.do(self._quotes(press))
        elif name == "share":
            self.listening.chores.do(self._share(press))
        else:
            self._whisper(press, "kept")

    async def _press(self, body: Fields, action: Fields) -> Press | None:
        """None for a button that is not ours to obey: unknown, or pressed where its answer never was."""
        parts = self.listening.parts
        user, container = text_field(inner(body, "user"), "id"), inner(body, "container")
        channel = text_field(inner(body, "channel"), "id") or text_field(container, "channel_id")
        message, value = inner(body, "message"), text_field(action, "value")
        answer_id = value.rpartition(".")[2]
        question = await parts.desk.question(answer_id) if is_id(answer_id) else None
        if question is None or not user or text_field(inner(body, "team"), "id") not in ("", parts.me.team):
            return None
        said = await parts.desk.delivery(answer_id)
        if channel not in {question.channel, question.asked_in, said.channel} - {""}:
            return None
        thread_ts = text_field(message, "thread_ts") or text_field(message, "ts") or text_field(container, "message_ts")
        return Press(user, Place(channel, thread_ts), value, text_field(body, "trigger_id"), question)

    def _whisper(self, press: Press, name: str) -> None:
        text = words(name, language_of(press.question.text))
        self.listening.chores.do(whisper(self.listening.parts, press.place, press.user, text))

    async def _more(self, press: Press) -> None:
        """The same question again, to research depth; pressed twice it is asked once."""
        question, team = press.question, press.question.team
        deeper = SlackQuestion(
            id=id_of(team, question.id, "more"),
            kind="more",
            team=team,
            channel=press.place.channel,
            user=press.user,
            text=question.text,
            thread_ts=press.place.thread_ts,
            depth="research",
        )
        await self.listening.take_in(deeper)

    async def _feedback(self, press: Press) -> None:
        opinion, _, answer_id = press.value.partition(".")
        if opinion not in ("helpful", "not_helpful"):
            return
        question, at = press.question, datetime.now(UTC).isoformat(timespec="seconds")
        who = owner_of(question.team, press.user)
        text, asker = question.text[:8_000], question.owner
        kept = Feedback(answer_id, who, cast(Opinion, opinion), at, text, press.place.channel, asker)
        await self.listening.parts.opinions.keep(kept)
        self._whisper(press, "thanks")

    async def _answer(self, press: Press) -> Answer | None:
        service = self.listening.parts.service
        stored = await service.in_store_time(service.store.get_answer(press.question.id, press.question.owner))
        return stored.answer if stored else None

    async def _quotes(self, press: Press) -> None:
        answer = await self._answer(press)
        if answer is None:
            self._whisper(press, "not_kept")
            return
        await self.listening.parts.client.within(1.0).views_open(trigger_id=press.trigger, view=quotes_view(answer))

    async def _share(self, press: Press) -> None:
        """Only whoever asked may share, once; where the bot cannot write, it says so and may be pressed again."""
        question, desk = press.question, self.listening.parts.desk
        if press.user != question.user or not question.asked_in:
            return
        answer = await self._answer(press)
        if answer is None:
            self._whisper(press, "not_kept")
            return
        if not await desk.once(f"share:{question.id}", _SHARE_SECONDS):
            self._whisper(press, "shared")
            return
        try:
            said = rendered(answer, Buttons(question.id, more=False), marks=question.kind != "check")
            await self._say_in_channel(question, said)
        except SlackError as error:
            await desk.again(f"share:{question.id}")
            if not isinstance(error, SlackRefused) or error.code not in NOT_THERE:
                raise
            self._whisper(press, "cannot_share")
            return
        self._whisper(press, "shared")

    async def _say_in_channel(self, question: SlackQuestion, said: Rendered) -> None:
        """Raises SlackError. The only mention in it is that of the person who shares."""
        asked = words(
            "shared_by", language_of(question.text), user=question.user, question=line_of(question.text, 1_000)
        )
        for number, part in enumerate(said.parts):
            head = [section(asked)] if number == 0 else []
            foot = list(said.footer) if number == len(said.parts) - 1 else []
            await self.listening.parts.client.chat_postMessage(
                channel=question.asked_in,
                thread_ts=question.shared_ts or None,
                text=said.text,
                blocks=[*head, markdown_block(part), *foot],
                metadata=aside(question.id),
                unfurl_links=False,
                unfurl_media=False,
            )
