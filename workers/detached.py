"""Runs that go on when their caller leaves: a task of this replica writes them to the store, where anybody reads."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace

import structlog

from workers.problems import Problem
from workers.run_log import RunEnded, RunHead, RunLog
from workers.runs import INTERNAL, Run
from workers.slots import STOPPING
from workers.sse import Message
from workers.store_errors import StoreError

MAX_UNWRITTEN = 1_000
"""Events that may wait for the store; then the model waits, too."""


@dataclass(slots=True)
class _Progress:
    """What one run has made and not yet written."""

    made: "asyncio.Queue[Message | None]"
    number: int = 0


class Detached:
    """The owner of this replica's detached runs. Close it, and each of them ends with `cancelled`."""

    def __init__(self, log: RunLog) -> None:
        self.log = log
        self._working: dict[asyncio.Task[None], asyncio.Event] = {}
        self._closing = False

    async def start(self, run: Run, held: ExitStack, *, begun: bool = False) -> None:
        """The run goes on from here by itself; held is given back when it ends. Raises StoreError, Problem."""
        if self._closing:
            raise Problem("stopping", STOPPING)
        if not begun:
            await run.service.in_store_time(self.log.begin(run.user, run.answer_id, run.thread, run.request))
        stopped = asyncio.Event()
        task = asyncio.create_task(self._work(run, stopped, held))
        self._working[task] = stopped
        task.add_done_callback(lambda done: self._working.pop(done, None))

    async def aclose(self, seconds: float = 5.0) -> None:
        """Every run gets its last event, or the time for it is over."""
        self._closing = True
        for stopped in self._working.values():
            stopped.set()
        if self._working:
            _, late = await asyncio.wait(list(self._working), timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _work(self, run: Run, stopped: asyncio.Event, held: ExitStack) -> None:
        progress = _Progress(asyncio.Queue(MAX_UNWRITTEN))
        with held:
            making = asyncio.create_task(_make(run, progress))
            try:
                await self._write_all(run, progress, stopped)
            except RunEnded:
                structlog.get_logger().info("run_forgotten", answer_id=run.answer_id)
            except StoreError as error:  # readers see the lease run out, and the run failed
                structlog.get_logger().warning("run_not_written", answer_id=run.answer_id, detail=str(error))
            finally:
                making.cancel()
                await asyncio.gather(making, return_exceptions=True)

    async def _write_all(self, run: Run, progress: _Progress, stopped: asyncio.Event) -> None:
        """Writes what is made as soon as it is made, and looks for a wish to cancel at least three times a lease."""
        beat = min(0.5, self.log.lease_seconds / 3)
        while True:
            messages = await _gathered(progress, beat)
            if stopped.is_set() and not any(message.last for message in messages):
                messages.append(Message("cancelled", {"reason": STOPPING}, last=True))
            numbered = [(progress.number + place, message) for place, message in enumerate(messages, 1)]
            progress.number += len(messages)
            writing = self.log.append(run.user, run.answer_id, numbered)
            reason = await run.service.in_store_time(writing)
            if any(message.last for message in messages):
                return
            if reason:
                await self._cancelled(run, progress, reason)
                return

    async def _cancelled(self, run: Run, progress: _Progress, reason: str) -> None:
        last = Message("cancelled", {"reason": reason}, last=True)
        writing = self.log.append(run.user, run.answer_id, [(progress.number + 1, last)])
        await run.service.in_store_time(writing)


async def _make(run: Run, progress: _Progress) -> None:
    async with aclosing(run.messages()) as messages:
        async for message in messages:
            await progress.made.put(message)
    await progress.made.put(None)


async def _gathered(progress: _Progress, seconds: float) -> list[Message]:
    """All that is made and not yet written; neighbouring pieces of text become one. Empty after so many seconds."""
    gathered: list[Message] = []
    try:
        async with asyncio.timeout(seconds):
            gathered.append(_or_broken(await progress.made.get()))
    except TimeoutError:
        return []
    while not progress.made.empty() and not gathered[-1].last:
        _join(gathered, _or_broken(progress.made.get_nowait()))
    return gathered


def _or_broken(message: Message | None) -> Message:
    """A run that ends without a last event is our fault, and ends all the same."""
    return message or Message("failed", {"code": "internal", "message": INTERNAL}, last=True)


def joined(messages: Iterable[Message]) -> list[Message]:
    """The same messages; neighbouring pieces of text are one."""
    gathered: list[Message] = []
    for message in messages:
        if gathered:
            _join(gathered, message)
        else:
            gathered.append(message)
    return gathered


def _join(gathered: list[Message], message: Message) -> None:
    last = gathered[-1]
    if message.name in ("text", "thinking") and last.name == message.name:
        gathered[-1] = replace(last, fields={"text": last.fields["text"] + message.fields["text"]})
    else:
        gathered.append(message)


async def as_sent(run_id: str, recorded: AsyncGenerator[tuple[int, Message], None]) -> AsyncGenerator[Message, None]:
    """The recorded events with their own numbers, for an EventStream."""
    async with aclosing(recorded) as numbered:
        async for number, message in numbered:
            yield replace(message, id=f"{run_id}:{number}")


def state_fields(head: RunHead) -> dict[str, str]:
    """A run that has no answer (yet), for a caller."""
    status = "cancelling" if head.cancelling and head.status == "running" else head.status
    return {"id": head.id, "thread": head.thread, "status": status, "created": head.created}
