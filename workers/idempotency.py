"""Idempotency-Key: the same question, sent again by a client that lost the answer, is joined and never run twice."""

import hashlib
import secrets
from contextlib import ExitStack, aclosing
from dataclasses import replace

from pydantic_core import to_json
from starlette.requests import Request

from workers.detached import Detached, as_sent
from workers.problems import Problem
from workers.requests import Asked
from workers.run_log import Once
from workers.runs import Run, last_message, unless_gone
from workers.sse import Message

HEADER = "idempotency-key"
MAX_KEY_CHARACTERS = 255


def key_of_request(request: Request) -> str:
    """An empty one without the header. Raises Problem."""
    key, given = request.headers.get(HEADER, "").strip(), request.headers.getlist(HEADER)
    if len(set(given)) > 1:
        raise Problem("bad_question", "send one Idempotency-Key", HEADER)
    if given and not (0 < len(key) <= MAX_KEY_CHARACTERS and key.isascii() and key.isprintable()):
        detail = f"an Idempotency-Key has 1 to {MAX_KEY_CHARACTERS} printable ASCII characters"
        raise Problem("bad_question", detail, HEADER)
    return key


async def begun_once(request: Request, run: Run, key: str, held: ExitStack, said: str = "") -> Run:
    """The run that this key stands for: this one, begun now, or the one that was begun with it before. said: what a
    dialect was asked for beside the question.

    Raises Problem when it was another question, StoreError: without the store nobody knows whether it ran.
    """
    run = replace(run, answer_id=secrets.token_hex(16))
    with held:
        detached: Detached | None = request.state.detached
        if detached is None:
            raise Problem("store_error", "no store is open here that could tell whether this was asked before")
        mark = fingerprint(run.asked, said)
        once = Once(hashlib.sha256(key.encode()).hexdigest(), mark, run.answer_id, run.thread, run.request)
        if run.ticket and await run.service.in_store_time(detached.log.begun(run.user, once.id)) is None:
            await unless_gone(request, run.ticket.place())  # who waits in vain has begun nothing, and may ask again
        first = await run.service.in_store_time(detached.log.begin_once(run.user, once))
        if first.fingerprint != once.fingerprint:
            raise Problem("idempotency_key_reused", "this Idempotency-Key was used with another body", HEADER)
        if first.run_id == once.run_id:
            request.state.admitted.keep_while(held)
            await detached.start(run, held.pop_all(), begun=True)
    return replace(run, answer_id=first.run_id, thread=first.thread)


async def joined(request: Request, run: Run) -> Message:
    """The last message of a run, whoever makes it. A caller who leaves, leaves it as it is."""
    detached: Detached = request.state.detached
    recorded = as_sent(run.answer_id, detached.log.read(run.user, run.answer_id))
    async with aclosing(recorded) as messages:
        return await unless_gone(request, last_message(messages))


def fingerprint(asked: Asked, dialect: str = "") -> str:
    """Of what was asked, however it was written; a thread counts by its name, since its turns change."""
    question = asked.question
    files = [(page.url, page.sha256) for page in question.files]
    history = () if asked.thread else question.history
    how = [question.depth, question.search, question.strict, asked.stream, asked.thinking, asked.background]
    said = [question.text, asked.thread, history, files, question.filters, how]
    said += [dialect] if dialect else []
    return hashlib.sha256(to_json(said)).hexdigest()
