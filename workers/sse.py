"""Server-sent events: one for each event of a run, with heartbeats, and an end for readers who do not read."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import Any, NoReturn

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message as ASGIMessage
from starlette.types import Receive, Scope, Send

from workers.service import Limits

HEARTBEAT = b": heartbeat\n\n"
# JSON escapes what is below a space; these three end a line for some readers (httpx, old browsers).
LINE_ENDS = str.maketrans({"\u0085": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})


@dataclass(frozen=True, slots=True)
class Message:
    """An event as it is sent. fields: JSON values; last: nothing comes after it; id: of an event that was recorded
    under it, "" for one that the stream numbers."""

    name: str
    fields: dict[str, Any]
    last: bool = False
    id: str = ""


class SlowReader(Exception):
    """The client leaves more unread, or reads more slowly, than we put up with."""


def one_line(fields: dict[str, Any]) -> str:
    """JSON without any character that ends a line, and without lone surrogates once encoded."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return text.translate(LINE_ENDS)


def frame(name: str, fields: dict[str, Any], event_id: str) -> bytes:
    """One event of the stream in UTF-8."""
    return f"event: {name}\nid: {event_id}\ndata: {one_line(fields)}\n\n".encode("utf-8", "replace")


class Outbox:
    """What was made but not yet sent. One writer, one reader; more than max_bytes unread is a SlowReader."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._unread, self._closed = max_bytes, bytearray(), False
        self._changed = asyncio.Event()

    def put(self, piece: bytes) -> None:
        """Raises SlowReader. One piece alone may be larger than the bound: an answer is never lost to it."""
        if self._unread and len(self._unread) + len(piece) > self._max_bytes:
            raise SlowReader(f"more than {self._max_bytes} bytes unread")
        self._unread += piece
        self._changed.set()

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    async def take(self) -> bytes:
        """All that is there, as soon as there is something; b"" at the end."""
        while not self._unread and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        taken = bytes(self._unread)
        self._unread.clear()
        return taken


@dataclass(frozen=True, slots=True)
class Stream:
    """messages: closed when the stream ends, however it ends; held: given back then, too; framed: how a dialect
    writes a message and its number, the native way by default."""

    id: str
    messages: AsyncGenerator[Message, None]
    limits: Limits
    held: ExitStack
    framed: Callable[[Message, int], bytes] | None = None

    def frame(self, message: Message, number: int) -> bytes:
        if self.framed is not None:
            return self.framed(message, number)
        return frame(message.name, message.fields, message.id or f"{self.id}:{number}")


class EventStream(Response):
    """Sends the messages of a run while they are made. Whoever leaves or does not read ends the run."""

    media_type = "text/event-stream"

    def __init__(self, stream: Stream) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outbox = Outbox(self._stream.limits.max_unread_bytes)
        with self._stream.held:
            try:
                async with asyncio.TaskGroup() as group:
                    leaving = group.create_task(until_gone(receive))
                    group.create_task(self._pump(outbox))
                    await self._write(outbox, send)
                    leaving.cancel()
            except* (SlowReader, ClientDisconnect) as cut:
                reason = type(cut.exceptions[0]).__name__
                structlog.get_logger().info("stream_cut", request_id=self._stream.id, reason=reason)

    async def _pump(self, outbox: Outbox) -> None:
        try:
            async with aclosing(self._stream.messages) as messages:
                number = 0
                async for message in messages:
                    number += 1
                    outbox.put(self._stream.frame(message, number))
        finally:
            outbox.close()

    async def _write(self, outbox: Outbox, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        while piece := await self._next(outbox):
            await self._send(send, {"type": "http.response.body", "body": piece, "more_body": True})
        await self._send(send, {"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, outbox: Outbox) -> bytes:
        try:
            async with asyncio.timeout(self._stream.limits.heartbeat_seconds):
                return await outbox.take()
        except TimeoutError:
            return HEARTBEAT

    async def _send(self, send: Send, message: ASGIMessage) -> None:
        try:
            async with asyncio.timeout(self._stream.limits.slow_client_seconds):
                await send(message)
        except TimeoutError:
            raise SlowReader("the client does not read") from None


async def until_gone(receive: Receive) -> NoReturn:
    """Waits for the client to close the connection. Raises ClientDisconnect."""
    while (await receive())["type"] != "http.disconnect":
        pass
    raise ClientDisconnect
