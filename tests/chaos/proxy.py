"""A proxy between the service and its model server that does what networks and servers do on bad days.

It relays HTTP over TCP. In an answer to /chat/completions it reads the events of the stream, so that a fault comes at
an exact place: `start` (before the first event), `thinking` (after the first piece of reasoning), `text` (after the
third piece of content), `end` (before the finish), or the number of the event.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Place = int | str
ENDLESS = 10**9


@dataclass(frozen=True)
class Mischief:
    """What is done to the first `times` answers, at `at`.

    status, headers, body: this answer instead of the server's; act: `stall`, `cut` (the connection ends), `reset`,
    `garble` (half a JSON object), `error` (`body` as an event), `kill` (the proxy's `kill` is called), `none`;
    finish: this finish_reason instead of the server's; without_usage, without_done: these events are left out
    """

    act: str = "none"
    at: Place = "start"
    status: int = 0
    headers: tuple[str, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)
    finish: str = ""
    without_usage: bool = False
    without_done: bool = False
    times: int = ENDLESS


CALM = Mischief()


class Gone(Exception):
    """The connection is to end here."""


class ChaosProxy:
    """url: to give to the service. asked: how many answers were asked for. open: connections being served."""

    def __init__(self, upstream: str, mischief: Mischief = CALM, kill: Callable[[], Awaitable[None]] | None = None):
        self.url = ""
        self.asked = self.open = 0
        self.mischief = mischief
        self._kill = kill
        host, port = upstream.removeprefix("http://").removesuffix("/v1").rsplit(":", 1)
        self._upstream = host, int(port)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["ChaosProxy"]:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        try:
            yield self
        finally:
            server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, Gone, ValueError):
                head, body = await _message(reader)
                serving = asyncio.ensure_future(self._serve(head, body, writer))
                leaving = asyncio.ensure_future(reader.read(1))
                await asyncio.wait((serving, leaving), return_when=asyncio.FIRST_COMPLETED)
                for task in (serving, leaving):
                    task.cancel()
                await asyncio.gather(serving, leaving, return_exceptions=True)
        finally:
            self.open -= 1
            writer.close()

    async def _serve(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        mischief, chat = CALM, b"/chat/completions " in head.split(b"\r\n")[0]
        if chat:
            self.asked += 1
            mischief = self.mischief if self.asked <= self.mischief.times else CALM
        if mischief.status:
            return await _refuse(writer, mischief)
        if mischief.act == "silence":
            await asyncio.Event().wait()
        up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        try:
            up_writer.write(head + body)
            answer = await up_reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            if chat and b"transfer-encoding: chunked" in answer.lower():
                await _Stream(mischief, writer, self._kill).relay(up_reader)
            else:
                writer.write(await up_reader.read())
            await writer.drain()
        except Gone:
            pass
        finally:
            up_writer.close()
        return None


class _Stream:
    """The events of one answer, on their way through."""

    def __init__(self, mischief: Mischief, writer: asyncio.StreamWriter, kill: Callable[[], Awaitable[None]] | None):
        self._mischief, self._writer, self._kill = mischief, writer, kill
        self._events = self._texts = 0
        self._thought = self._done = False

    async def relay(self, reader: asyncio.StreamReader) -> None:
        async for event in _events(reader):
            fields = _fields(event)
            if not self._done and self._due(fields):
                self._done = True
                await self._act()
            self._note(fields)
            if kept := self._changed(event, fields):
                await self._send(kept)
        await self._send(b"")

    def _due(self, fields: dict[str, Any]) -> bool:
        match self._mischief.at:
            case "start":
                return True
            case "thinking":
                return self._thought
            case "text":
                return self._texts >= 3
            case "end":
                return bool(_choice(fields).get("finish_reason"))
        return self._events == self._mischief.at

    def _note(self, fields: dict[str, Any]) -> None:
        delta = _choice(fields).get("delta") or {}
        self._events += 1
        self._thought = self._thought or bool(delta.get("reasoning_content"))
        self._texts += bool(delta.get("content"))

    async def _act(self) -> None:
        match self._mischief.act:
            case "stall":
                await asyncio.Event().wait()
            case "cut":
                raise Gone
            case "reset":
                self._writer.transport.abort()
                raise Gone
            case "garble":
                await self._send(b'data: {"choices": [{"delta"\n\n')
            case "error":
                await self._send(b"data: " + json.dumps({"error": self._mischief.body}).encode() + b"\n\n")
                await self._send(b"data: [DONE]\n\n")
                raise Gone
            case "kill" if self._kill:
                await self._kill()
                raise Gone  # what it had written already is lost on its way

    def _changed(self, event: bytes, fields: dict[str, Any]) -> bytes:
        if self._mischief.without_done and event.startswith(b"data: [DONE]"):
            return b""
        if self._mischief.without_usage and fields.get("usage"):
            return b""
        if self._mischief.finish and _choice(fields).get("finish_reason"):
            _choice(fields)["finish_reason"] = self._mischief.finish
            return b"data: " + json.dumps(fields).encode() + b"\n\n"
        return event

    async def _send(self, event: bytes) -> None:
        self._writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        await self._writer.drain()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(1)
    if head == b"\x16":  # a TLS greeting, to one who speaks none
        raise Gone
    head += await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    return head, await reader.readexactly(length)


async def _events(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The events of a chunked body. Raises IncompleteReadError when it breaks off."""
    held = b""
    while size := int(await reader.readline() or b"-", 16):
        held += (await reader.readexactly(size + 2))[:-2]
        *whole, held = held.split(b"\n\n")
        for event in whole:
            yield event + b"\n\n"


def _fields(event: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(event.removeprefix(b"data: "))
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _choice(fields: dict[str, Any]) -> dict[str, Any]:
    choices = fields.get("choices") or [{}]
    return choices[0] if isinstance(choices[0], dict) else {}


async def _refuse(writer: asyncio.StreamWriter, mischief: Mischief) -> None:
    body = json.dumps(mischief.body).encode()
    fields = ("content-type: application/json", f"content-length: {len(body)}", "connection: close", *mischief.headers)
    head = "\r\n".join((f"HTTP/1.1 {mischief.status} -", *fields, "", ""))
    writer.write(head.encode() + body)
    await writer.drain()
