"""A run: from a Question to the messages that a caller of this service gets, exactly one of them the last."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import structlog
from starlette.requests import ClientDisconnect, Request

from agent.answer import Answer
from agent.errors import AgentError
from agent.events import LAST, Answered, Event, Failed, Thinking, event_name
from workers.problems import without_hosts
from workers.requests import Asked
from workers.service import Service
from workers.sse import Message, until_gone
from workers.store_errors import StoreError
from workers.store_keys import Owner

Result = TypeVar("Result")
INTERNAL = "something broke on our side; try again, and report the request id if it happens twice"


@dataclass(frozen=True, slots=True)
class Run:
    """One question of one user. id: of the request; thread: a new one where the caller named none; answer_id: what
    the answer will be called, "" for a name of the agent's own."""

    id: str
    user: str
    thread: str
    asked: Asked
    service: Service
    answer_id: str = ""

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
                yield self._message(event, stored)

    async def _kept_events(self) -> AsyncGenerator[tuple[Event, bool], None]:
        """Each event, and whether the answer in it was stored."""
        asked = replace(self.asked.question, tenant=self.user)
        counted = self.service.metrics.counted(settled(self.service.ask(asked), self.id))
        async with aclosing(counted) as events:
            async for event in events:
                if isinstance(event, Failed):
                    log = structlog.get_logger()
                    log.warning("run_failed", request_id=self.id, code=event.code, detail=event.message)
                if isinstance(event, Answered) and self.answer_id:
                    event = replace(event, answer=replace(event.answer, id=self.answer_id))
                yield event, isinstance(event, Answered) and await self._keep(event)

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


def answer_fields(answer: Answer, *, thinking: bool) -> dict[str, Any]:
    """The answer as JSON values; the reasoning only where it is wanted."""
    fields = asdict(answer)
    return fields if thinking else {**fields, "thinking": ""}


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
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
