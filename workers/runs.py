"""A run: from a Question to the messages that a caller of this service gets, exactly one of them the last."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

import structlog
from starlette.requests import ClientDisconnect, Request

from agent.answer import Answer
from agent.delta import Usage
from agent.errors import AgentError
from agent.events import LAST, Answered, Cancelled, Event, Failed, Queued, Thinking, event_name
from workers.meter import Meter
from workers.problems import Problem, without_hosts
from workers.requests import Asked
from workers.service import Service
from workers.slots import STOPPING, Ticket
from workers.sse import Message, until_gone
from workers.store_errors import StoreError
from workers.store_keys import Owner
from workers.task_ends import end

Result = TypeVar("Result")
Adding = Callable[[Answered], Awaitable[dict[str, Any]]]
"""What is told beside an answer, as JSON values."""
INTERNAL = "something broke on our side; try again, and report the request id if it happens twice"


@dataclass(frozen=True, slots=True)
class Run:
    """One question of one user. id: of the request; thread: a new one where the caller named none; answer_id: what
    the answer will be called, "" for a name of the agent's own; kept: whether the answer goes to the store; request:
    what a dialect must repeat of the request, as JSON; ticket: in the line for a place, None where there is no line;
    adding: what a dialect tells beside the answer, which its last message keeps for those who read it later."""

    id: str
    user: str
    thread: str
    asked: Asked
    service: Service
    answer_id: str = ""
    kept: bool = True
    request: str = ""
    ticket: Ticket | None = None
    adding: Adding | None = None

    async def events(self) -> AsyncGenerator[Event, None]:
        """The run's events; its answer is kept before it goes out. Closing this generator closes the run, and with it
        the model's stream."""
        async with aclosing(self._kept_events()) as events:
            async for event, _ in events:
                yield event

    async def messages(self) -> AsyncGenerator[Message, None]:
        """The same in the words of the native API."""
        async with aclosing(self._kept_events()) as events:
            async for event, stored in events:
                if isinstance(event, Thinking) and not self.asked.thinking:
                    continue
                message = self._message(event, stored)
                if isinstance(event, Answered) and self.adding is not None:
                    message = replace(message, fields={**message.fields, "added": await self.adding(event)})
                yield message

    async def _kept_events(self) -> AsyncGenerator[tuple[Event, bool], None]:
        """Each event, and whether the answer in it was stored."""
        async with aclosing(self._waiting()) as waiting:
            async for told in waiting:
                yield told, False
                if isinstance(told, Failed):
                    return
        waited = self.ticket.waited_seconds if self.ticket else 0.0
        asked = replace(self.asked.question, tenant=self.user, waited_seconds=waited)
        meter, reading = self.service.meter_of(self.user), 0.0
        asking = self.service.metered(asked, meter) if self.service.metered else self.service.ask(asked)
        counted = self.service.metrics.counted(until_stopped(settled(asking, self.id), self.service.stopping))
        ended = End()
        try:
            async with aclosing(counted) as events:
                async for event in events:
                    ended.note(event)
                    if isinstance(event, Answered):
                        meter.usage = greater(meter.usage, event.answer.usage)
                        reading = self.service.prices.of_reading(len(event.answer.asked), len(event.answer.sources))
                        event = self._named(event)
                    yield event, self.kept and isinstance(event, Answered) and await self._keep(event)
        finally:
            ended.tell(self.id, self.asked.question.text)
            await charge(self.service, self.user, meter, self.id, reading)

    async def _waiting(self) -> AsyncGenerator[Queued | Failed, None]:
        """Until it is this question's turn; Failed where that does not come."""
        if self.ticket is None:
            return
        try:
            async with aclosing(self.ticket.positions()) as positions:
                async for position in positions:
                    yield Queued(position)
        except Problem as problem:
            yield Failed(problem.code, problem.detail)

    def _named(self, event: Answered) -> Answered:
        """With the id that was promised, and without the model server's address."""
        answer = replace(event.answer, degraded=without_hosts(event.answer.degraded))
        return replace(event, answer=replace(answer, id=self.answer_id or answer.id))

    def _message(self, event: Event, stored: bool) -> Message:
        if isinstance(event, Answered):
            fields = answer_fields(event.answer, thinking=self.asked.thinking)
            return Message("answered", {**fields, "thread": self.thread, "stored": stored}, last=True)
        if isinstance(event, Failed):
            return Message("failed", {"code": event.code, "message": without_hosts(event.message)}, last=True)
        return Message(event_name(event), asdict(event), isinstance(event, LAST))

    async def _keep(self, answered: Answered) -> bool:
        """An answer that cannot be stored is delivered all the same, and says so."""
        try:
            owner = Owner(self.user, self.thread)
            kept = self.service.store.put_answer(answered.answer, answered.pages, owner)
            await self.service.in_store_time(kept)
        except StoreError as error:
            structlog.get_logger().warning("answer_not_stored", request_id=self.id, code=error.code)
            return False
        return True


async def charge(service: Service, user: str, meter: Meter, run_id: str, reading: float = 0.0) -> None:
    """What was used is the key's to answer for, also of a run that its caller left. reading: cost of searches and
    pages."""
    usage, quotas = meter.usage, service.quotas
    tokens = usage.prompt_tokens + usage.completion_tokens
    if quotas is None or not (tokens or reading):
        return
    try:
        await service.in_store_time(quotas.spend(user, tokens, meter.cost + reading))
    except StoreError as error:
        structlog.get_logger().warning("usage_not_counted", request_id=run_id, code=error.code)


@dataclass(slots=True)
class End:
    """How a run ended, for the one line that the log has of it. A caller who leaves ends it as `left`."""

    began: float = field(default_factory=time.monotonic)
    status: str = "left"
    told: dict[str, str] = field(default_factory=dict)

    def note(self, event: Event) -> None:
        match event:
            case Answered():
                self.status, self.told = event.answer.status, {"answer_id": event.answer.id}
            case Failed():
                self.status, self.told = "failed", {"code": event.code, "detail": event.message}
            case Cancelled():
                self.status, self.told = "cancelled", {"reason": event.reason}

    def tell(self, run_id: str, question: str) -> None:
        """The question is left out of the line, unless the operator wants texts in it. A command that set up no log
        keeps its standard output to itself."""
        if not structlog.is_configured():
            return
        log = structlog.get_logger()
        tell = log.warning if self.status == "failed" else log.info
        seconds = round(time.monotonic() - self.began, 3)
        tell("question_ended", request_id=run_id, status=self.status, seconds=seconds, question=question, **self.told)


def answer_fields(answer: Answer, *, thinking: bool) -> dict[str, Any]:
    """The answer as JSON values; the reasoning only where it is wanted."""
    fields = asdict(answer)
    return fields if thinking else {**fields, "thinking": ""}


def greater(one: Usage, other: Usage) -> Usage:
    """The meter does not see the judge's tokens, and the answer not those of replies that were thrown away."""
    return max(one, other, key=lambda usage: usage.prompt_tokens + usage.completion_tokens)


async def until_stopped(events: AsyncGenerator[Event, None], stopping: asyncio.Event) -> AsyncGenerator[Event, None]:
    """The same events, cut short by `cancelled` when the service has to stop.

    They are made by one task from first to last: what is opened in a task must be closed in it.
    """
    made: asyncio.Queue[Event | None] = asyncio.Queue(1)
    making = asyncio.create_task(_make(events, made))
    stopped = asyncio.create_task(stopping.wait())
    taking: asyncio.Task[Event | None] | None = None
    try:
        while True:
            taking = asyncio.create_task(made.get())
            await asyncio.wait((taking, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not taking.done():
                yield Cancelled(STOPPING)
                return
            event = taking.result()
            if event is None:
                return
            yield event
    finally:
        await end(*(task for task in (making, stopped, taking) if task is not None))


async def _make(events: AsyncGenerator[Event, None], made: "asyncio.Queue[Event | None]") -> None:
    async with aclosing(events):
        async for event in events:
            await made.put(event)
    await made.put(None)


async def settled(events: AsyncGenerator[Event, None], run_id: str) -> AsyncGenerator[Event, None]:
    """The same events, and exactly one last one whatever happens; nothing after it."""
    logger = structlog.get_logger()
    async with aclosing(events):
        try:
            async for event in events:
                yield event
                if isinstance(event, LAST):
                    return
        except AgentError as error:
            yield Failed(error.code, str(error))
            return
        except Exception:
            logger.exception("run_broke", request_id=run_id)
            yield Failed("internal", INTERNAL)
            return
    logger.error("run_without_end", request_id=run_id)
    yield Failed("internal", INTERNAL)


def problem_of_end(event: Failed | Cancelled) -> Problem:
    """Why a run has no answer, for a caller who can still be refused."""
    if isinstance(event, Cancelled):
        return Problem("cancelled", f"the answer was cancelled: {event.reason}")
    return Problem(event.code, without_hosts(event.message))


def problem_in(message: Message) -> Problem | None:
    """The same of a message; None where it is no such end."""
    if message.name == "cancelled":
        return problem_of_end(Cancelled(message.fields["reason"]))
    if message.name == "failed":
        return Problem(message.fields["code"], message.fields["message"])
    return None


async def last_message(messages: AsyncGenerator[Message, None]) -> Message:
    """The one that counts, for a caller who does not stream."""
    async with aclosing(messages):
        async for message in messages:
            if message.last:
                return message
    raise AssertionError("settled() gives every run a last event")


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of the work; a client who leaves ends it. The body must have been read.

    Starlette lets a handler that does not stream run on for nobody. Raises ClientDisconnect.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(until_gone(request.receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        await end(working, leaving)
