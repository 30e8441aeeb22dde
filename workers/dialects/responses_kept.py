"""Responses that were made before: the messages of their runs, as long as they are kept, or what the answer tells."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

import structlog

from workers.detached import joined
from workers.dialects.responses_events import Responding, told_again
from workers.dialects.responses_request import REPEATED, Repeated, ResponsesBody, repeated
from workers.records import StoredAnswer
from workers.runs import Run
from workers.service import Service
from workers.sse import Message
from workers.store_errors import RecordPoisoned, StoreError

_MODELS = {"quick": "kaozheng-quick", "normal": "kaozheng", "research": "kaozheng-research"}


@dataclass(frozen=True, slots=True)
class Kept:
    """messages: from the first on; of a run that goes on, as they come. To be read once."""

    run_id: str
    repeated: Repeated
    ended: bool
    messages: AsyncGenerator[tuple[int, Message], None]


async def keep(run: Run, told: Sequence[Message]) -> None:
    """Keeps a run that ended like one that went on without its caller. Raises StoreError."""
    log = run.service.run_log
    if log is None:
        return
    await log.begin(run.user, run.answer_id, run.thread, run.request)
    await log.append(run.user, run.answer_id, list(enumerate(joined(told), 1)))


async def found(service: Service, user: str, run_id: str) -> Kept | None:
    """None: this user has no such response. Raises StoreError."""
    log = service.run_log
    head = await service.in_store_time(log.head(user, run_id)) if log else None
    if head is not None and log is not None and head.request.startswith(REPEATED):
        return Kept(run_id, _read(head.request), head.status != "running", log.read(user, run_id))
    stored = await service.in_store_time(service.store.get_answer(run_id, user))
    return None if stored is None else Kept(run_id, _of_answer(stored), True, _numbered(stored))


def _read(request: str) -> Repeated:
    try:
        return Repeated.read(request)
    except ValueError:
        raise RecordPoisoned("a kept request is damaged") from None


def _of_answer(stored: StoredAnswer) -> Repeated:
    """What can be said of a request that is not kept any more."""
    body = ResponsesBody.model_validate({"model": _MODELS.get(stored.answer.depth, "kaozheng"), "input": ""})
    created = int(datetime.fromisoformat(stored.stored).timestamp())
    return Repeated(repeated(body).fields, False, True, created)


async def _numbered(stored: StoredAnswer) -> AsyncGenerator[tuple[int, Message], None]:
    for number, message in enumerate(told_again(stored.answer), 1):
        yield number, message


async def replayed(
    run_id: str, made: Repeated, recorded: AsyncGenerator[tuple[int, Message], None]
) -> AsyncGenerator[Message, None]:
    """All events of the response from the first. A stream whose store goes away ends without a last event."""
    responding = Responding(run_id, made)
    for event in responding.begin():
        yield event
    try:
        async with aclosing(recorded) as messages:
            async for _, message in messages:
                for event in responding.of(message):
                    yield event
    except StoreError as error:
        structlog.get_logger().warning("events_cut", detail=str(error))
