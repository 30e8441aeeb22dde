"""Takes questions from the desk and answers them: each to one last word in its thread, whatever breaks in between."""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from agent.answer import Answer
from agent.checking import checked_answer
from agent.errors import BadQuestion
from agent.events import Answered, Cancelled, Event, Failed
from agent.question import MAX_QUESTION_CHARACTERS, Depth, Question, Turn
from tools.page import Webpage
from workers.problems import without_hosts
from workers.requests import Asked
from workers.runs import Run
from workers.slack.attachments import read_files, told
from workers.slack.cards import Chunk
from workers.slack.delivery import Place, Talk, say_aside
from workers.slack.desk import MAX_ATTEMPTS, Taken
from workers.slack.errors import (
    NO_KEY,
    NOT_THERE,
    THREAD_GONE,
    QuestionLost,
    SlackBusy,
    SlackDown,
    SlackError,
    SlackRefused,
)
from workers.slack.intake import language_of
from workers.slack.live import Live, shown
from workers.slack.markup import line_of
from workers.slack.parts import Parts
from workers.slack.question import SlackQuestion
from workers.slack.rendering import Buttons, rendered
from workers.slack.spoken import Spoken
from workers.slack.thread import history_of, messages_of, said_of
from workers.slack.words import words
from workers.store_errors import StoreError
from workers.store_keys import Owner
from workers.task_ends import end

BY_USER = "stopped in Slack"
DELETED = "the question was deleted"


class NotAnswered(Exception):
    """The text says why, to the asker. cards: what is still to be told of them."""

    def __init__(self, why: str, cards: Sequence[Chunk] = ()) -> None:
        super().__init__(why)
        self.cards = cards


@dataclass(frozen=True, slots=True)
class Files:
    """Those of a question. preface: which could not be read and why, for its asker; "" for none."""

    pages: tuple[Webpage, ...] = ()
    preface: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a question came to. cards: what is still to be told of them."""

    answer: Answer
    preface: str = ""
    cards: Sequence[Chunk] = ()


@dataclass(slots=True)
class Answering:
    """A worker: call work() as often as questions are to be answered at the same time."""

    parts: Parts
    woken: asyncio.Event
    closing: asyncio.Event

    async def work(self) -> None:
        """Runs until it is cancelled; what it has in hand then goes back to the desk. closing: is set before: redis-py
        may take a cancellation for an error of the connection (8.1), and the loop would go on."""
        while not self.closing.is_set():
            try:
                taken = await self.parts.desk.take()
                if taken is not None:
                    await self._hold(taken)
                    continue
            except StoreError as error:
                structlog.get_logger().warning("slack_desk_down", code=error.code)
                await asyncio.sleep(self.parts.rules.retry_seconds)
            await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self.parts.rules.poll_seconds):
                await self.woken.wait()
        except TimeoutError:
            return
        self.woken.clear()

    async def _hold(self, taken: Taken) -> None:
        """Answers while the lease is renewed; stops when somebody wants it, or when the question is lost."""
        answering = asyncio.create_task(self._settled(taken))
        renewing = asyncio.create_task(self._renew(taken, answering))
        try:
            await asyncio.wait((answering,))
        finally:
            await end(answering, renewing)

    async def _renew(self, taken: Taken, answering: "asyncio.Task[None]") -> None:
        pause = min(1.0, self.parts.desk.lease_seconds / 4)
        while True:
            await asyncio.sleep(pause)
            try:
                if await self.parts.desk.renew(taken):
                    break
            except QuestionLost:
                break
            except StoreError as error:
                structlog.get_logger().warning("slack_lease_not_renewed", code=error.code)
        answering.cancel()

    async def _settled(self, taken: Taken) -> None:
        """Whatever happens, the question is done, failed, cancelled, or waits for the next attempt."""
        log = structlog.get_logger().bind(answer_id=taken.question.id)
        talks = list[Talk]()  # the one of this attempt, once there is one
        try:
            if taken.cancelled:
                await self._after_cancel(taken, talks)
                return
            await self._answer(taken, talks)
            await self.parts.desk.finish(taken, "done")
        except asyncio.CancelledError:
            await asyncio.shield(self._after_cancel(taken, talks))
            raise
        except QuestionLost:
            log.info("slack_question_taken_over")
        except (SlackDown, SlackBusy, StoreError) as error:
            log.warning("slack_broke_off", code=error.code)
            await self._again(taken, counts=False)
        except SlackRefused as error:
            log.warning("slack_refused", code=error.code, detail=str(error))
            await self._refused(taken, error)
        except Exception:
            log.exception("slack_answering_broke")
            await self._again(taken, counts=True)

    async def _again(self, taken: Taken, counts: bool) -> None:
        """Where not even the failure can be said, it ends after as many attempts once more."""
        if counts and taken.attempts >= 2 * MAX_ATTEMPTS:
            structlog.get_logger().error("slack_question_given_up", answer_id=taken.question.id)
            await self.parts.desk.finish(taken, "failed")
            return
        pause = self.parts.rules.retry_seconds * min(taken.times, 12)
        await self.parts.desk.give_back(taken, self.parts.now() + pause, counts)

    async def _after_cancel(self, taken: Taken, talks: Sequence[Talk]) -> None:
        """Stopped by its asker: said so, under what was said by then. Stopped with the bot: it goes on elsewhere."""
        try:
            if not taken.cancelled:
                await self.parts.desk.give_back(taken, self.parts.now(), False)
                return
            talk = talks[0] if talks else await self._talk(taken)
            if taken.cancelled == DELETED:
                await talk.withdraw()
            elif not talk.said.last:
                await talk.tell(words("stopped", talk.language), keep=True)
            await self.parts.desk.finish(taken, "cancelled")
        except (SlackError, StoreError, QuestionLost) as error:
            structlog.get_logger().warning("slack_stop_not_said", detail=str(error))

    async def _refused(self, taken: Taken, error: SlackRefused) -> None:
        """Where the bot was removed the asker is told alone; a thread that is gone was taken back; else it is tried
        again."""
        if error.code == THREAD_GONE:
            await self.parts.desk.finish(taken, "cancelled")
            return
        if error.code not in NOT_THERE or taken.question.private:
            await self._again(taken, counts=error.code not in NO_KEY)
            return
        question = taken.question
        try:
            opened = await self.parts.client.conversations_open(users=question.user)
            place = Place(str(opened["channel"]["id"]), "")
            await say_aside(self.parts, place, question.id, words("removed", language_of(question.text)))
        except SlackError as again:
            structlog.get_logger().warning("slack_asker_not_told", code=again.code)
        await self.parts.desk.finish(taken, "failed")

    # One question

    async def _answer(self, taken: Taken, talks: list[Talk]) -> None:
        talk = await self._talk(taken)
        talks.append(talk)
        if talk.said.last:
            return
        if taken.attempts > MAX_ATTEMPTS:
            await talk.tell(words("gave_up", talk.language))
            return
        question = taken.question
        try:
            kept = await self._kept(question)
            said = Said(kept, (await self._files(question, talk)).preface) if kept else await self._asked(taken, talk)
        except NotAnswered as failure:
            await talk.tell(str(failure), failure.cards)
            return
        buttons = Buttons(question.id, more=_may_go_deeper(said.answer, question), share=question.private)
        await talk.deliver(
            rendered(said.answer, buttons, marks=question.kind != "check", preface=said.preface), said.cards
        )

    async def _files(self, question: SlackQuestion, talk: Talk) -> Files:
        """Where a question is nothing but its files, one of them has to be readable. Raises NotAnswered, SlackError."""
        if not question.files:
            return Files()
        pages, unreadable = await read_files(self.parts, question.files)
        preface = told(unreadable, self.parts.service.limits.max_file_bytes, talk.language)
        if not pages and question.text == words("summarise", talk.language):
            raise NotAnswered(preface)
        if not pages:
            preface += "\n" + words("from_the_web", talk.language)
        return Files(tuple(pages), preface)

    async def _talk(self, taken: Taken) -> Talk:
        """Where it is answered, and what was said there before; the first attempt has nothing to look up."""
        question = taken.question
        place = await self._place(taken)
        talk = Talk(self.parts, taken, place, language_of(question.text))
        if taken.times > 1 or taken.cancelled:
            talk.said = said_of(await messages_of(self.parts.client, *_address(place)), question.id, self.parts.me)
        talk.begin()
        return talk

    async def _place(self, taken: Taken) -> Place:
        """The thread of the question; for a private one, a thread in the messages between the bot and its asker."""
        question, known = taken.question, taken.delivery
        if not question.private:
            return Place(question.channel, question.thread_ts)
        if known.thread_ts:
            return Place(known.channel, known.thread_ts)
        opened = await self.parts.client.conversations_open(users=question.user)
        channel = str(opened["channel"]["id"])
        ts = await self._root(question, channel, taken.times)
        await self.parts.desk.note(taken, channel=channel, thread_ts=ts)
        return Place(channel, ts)

    async def _root(self, question: SlackQuestion, channel: str, times: int) -> str:
        if times > 1:
            found = await self.parts.client.conversations_history(channel=channel, limit=100, include_all_metadata=True)
            for message in found.get("messages") or ():
                payload = (message.get("metadata") or {}).get("event_payload") or {}
                if payload.get("question") == question.id and not message.get("thread_ts"):
                    return str(message["ts"])
        text = words("asked", language_of(question.text), question=line_of(question.text, 1_000))
        return await say_aside(self.parts, Place(channel, ""), question.id, text)

    async def _kept(self, question: SlackQuestion) -> Answer | None:
        """The answer that an earlier attempt has come to: nobody is asked twice."""
        service = self.parts.service
        stored = await service.in_store_time(service.store.get_answer(question.id, question.owner))
        return stored.answer if stored else None

    async def _asked(self, taken: Taken, talk: Talk) -> Said:
        """Raises NotAnswered, SlackError, StoreError."""
        question, spoken = taken.question, Spoken()
        checking = question.kind == "check"  # whose answer is another than the one that is written
        async with shown(talk, None if checking else spoken) as live:
            files = await self._files(question, talk)
            spoken.preface = files.preface
            last = await self._last_of(self._run(question, await self._question(question, talk, files)), live)
        if isinstance(last, Answered):
            answer = await self._checked(question, last) if checking else last.answer
            return Said(answer, files.preface, live.finished())
        raise NotAnswered(_why_not(last, talk), live.finished(failed=True))

    def _run(self, question: SlackQuestion, asked: Question) -> Run:
        return Run(
            secrets.token_hex(8),
            question.owner,
            question.thread,
            Asked(asked, False, False, question.thread),
            self.parts.service,
            question.id,
            kept=question.kind != "check",
        )

    async def _last_of(self, run: Run, live: Live) -> Event | None:
        last: Event | None = None
        async with aclosing(run.events()) as events:
            async for event in events:
                last = event
                live.take(event)
        return last

    async def _question(self, question: SlackQuestion, talk: Talk, files: Files) -> Question:
        if len(question.text) > MAX_QUESTION_CHARACTERS and question.kind != "check":
            said = {"n": f"{len(question.text):,}", "most": f"{MAX_QUESTION_CHARACTERS:,}"}
            raise NotAnswered(words("too_long", talk.language, **said))
        settings = await self.parts.channels.of(question.team, question.asked_in or question.channel)
        depth = question.depth or settings.depth or self.parts.service.default_depth
        try:
            return Question(
                question.text[:MAX_QUESTION_CHARACTERS],
                _depth(depth),
                await self._history(question),
                files.pages,
                settings.filters,
                search=not files.pages,
            )
        except BadQuestion as error:
            raise NotAnswered(words("failed", talk.language, why=line_of(str(error), 500))) from None

    async def _history(self, question: SlackQuestion) -> tuple[Turn, ...]:
        if question.private or question.thread_ts == question.ts:
            return ()
        try:
            messages = await messages_of(self.parts.client, question.channel, question.thread_ts)
        except SlackRefused as error:
            if error.code in NOT_THERE:
                raise
            structlog.get_logger().warning("slack_thread_not_read", code=error.code)
            return ()
        return history_of(messages, question, self.parts.me)

    async def _checked(self, question: SlackQuestion, answered: Answered) -> Answer:
        """The message's own claims with a citation each, in the place of an answer. Raises StoreError."""
        pages = answered.pages
        answer = await asyncio.to_thread(checked_answer, question.text, pages, replace(answered.answer, id=question.id))
        service = self.parts.service
        await service.in_store_time(service.store.put_answer(answer, pages, Owner(question.owner, question.thread)))
        return answer


def _address(place: Place) -> tuple[str, str]:
    return place.channel, place.thread_ts


def _depth(name: str) -> Depth:
    return "research" if name == "research" else "quick" if name == "quick" else "normal"


def _may_go_deeper(answer: Answer, question: SlackQuestion) -> bool:
    return answer.depth != "research" and question.kind not in ("more", "check") and not question.files


def _why_not(last: Event | None, talk: Talk) -> str:
    if isinstance(last, Failed):
        return words("failed", talk.language, why=line_of(without_hosts(last.message), 500))
    if isinstance(last, Cancelled):
        raise SlackDown("stopping", last.reason)  # the service stops: somebody else takes the question
    raise AssertionError("settled() gives every run a last event")
