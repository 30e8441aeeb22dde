"""The browser's only way out: a forward proxy of ours on loopback that dials what the address guard has checked.

Chromium itself looks nothing up. Each request names its page by the proxy's user name, so that the page's bytes are
counted; a request without one is refused, so that no other program can use the proxy.
"""

import asyncio
import base64
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import httpcore

from tools.address import Target, parse_target
from tools.dialling import GuardedBackend, GuardedStream, HopLimits, Network
from tools.errors import PageRefused, ToolError

_HEAD = re.compile(rb"(GET|HEAD|POST|OPTIONS|CONNECT) (\S{1,8192}) HTTP/1\.[01]\r\n")
_OURS = re.compile(rb"^(?:proxy-[a-z-]+|connection|keep-alive|host):[^\n]*\n", re.IGNORECASE | re.MULTILINE)
_AUTHORIZATION = re.compile(rb"^proxy-authorization: *basic +([A-Za-z0-9+/=]{1,400})\r?$", re.IGNORECASE | re.MULTILINE)
_TLS_PORTS = frozenset({443, 8443})
_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ProxyLimits:
    """For one page with all that it loads. bytes: both ways, as they go over the wire; connections: at once."""

    page_bytes: int = 30 * 1024 * 1024
    page_requests: int = 150
    connections: int = 12
    head_seconds: float = 5.0
    connection_seconds: float = 20.0
    head_bytes: int = 64 * 1024
    hop: HopLimits = field(default_factory=lambda: HopLimits(3.0, 3.0, 5.0, 64 * 1024))


@dataclass(slots=True)
class Visitor:
    """One page's account. refused: hosts that it asked for and did not get, for the operator's log."""

    name: str
    secret: str
    bytes_left: int
    requests_left: int
    refused: list[str] = field(default_factory=list)


class BrowserProxy:
    """Listens on 127.0.0.1. allow: further rules of the operator on hosts (tools.web.SourceRules)."""

    def __init__(self, network: Network, allow: Callable[[str], bool], limits: ProxyLimits | None = None) -> None:
        self._network, self._allow, self._limits = network, allow, limits or ProxyLimits()
        self._visitors: dict[str, Visitor] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=self._limits.head_bytes)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        assert self._server is not None, "entered before it is used"
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def admit(self) -> Visitor:
        """An account for one page; `dismiss` it when the page is closed."""
        visitor = Visitor(
            secrets.token_hex(8), secrets.token_hex(16), self._limits.page_bytes, self._limits.page_requests
        )
        self._visitors[visitor.name] = visitor
        return visitor

    def dismiss(self, visitor: Visitor) -> None:
        self._visitors.pop(visitor.name, None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(
                OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, httpcore.NetworkError
            ):
                async with asyncio.timeout(self._limits.connection_seconds):
                    await self._answer(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(self._limits.head_seconds):
            head = await reader.readuntil(b"\r\n\r\n")
        visitor = self._visitor(head)
        found = _HEAD.match(head)
        if visitor is None or found is None:
            writer.write(_refusal(407 if visitor is None else 400))
        elif visitor.requests_left <= 0 or len(self._tasks) > self._limits.connections * max(1, len(self._visitors)):
            writer.write(_refusal(429))
        else:
            visitor.requests_left -= 1
            await self._pass_on(head, found, visitor, reader, writer)
        await writer.drain()

    def _visitor(self, head: bytes) -> Visitor | None:
        """Whose request this is."""
        found = _AUTHORIZATION.search(head)
        with suppress(ValueError):
            name, _, secret = base64.b64decode(found[1] if found else b"", validate=True).decode().partition(":")
            visitor = self._visitors.get(name)
            if visitor is not None and secrets.compare_digest(secret.encode(), visitor.secret.encode()):
                return visitor
        return None

    async def _pass_on(
        self,
        head: bytes,
        found: re.Match[bytes],
        visitor: Visitor,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Dial what was checked, then carry bytes both ways until one side ends or the account is empty."""
        tunnel = found[1] == b"CONNECT"
        try:
            target = self._target(found[2].decode("latin-1"), tunnel)
            stream = await self._dial(target)
        except ToolError as error:
            visitor.refused.append(f"{error.subject}: {error.reason}")
            writer.write(_refusal(403 if isinstance(error, PageRefused) else 502))
            return
        try:
            if tunnel:
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                await stream.write(_request(head, found[1], target))
            await _both_ways(stream, reader, writer, visitor)
        finally:
            await stream.aclose()

    def _target(self, asked: str, tunnel: bool) -> Target:
        """Raises PageRefused. A tunnel goes to the ports of TLS only: nobody sees what runs through it."""
        target = parse_target(f"https://{asked}/" if tunnel else asked, self._network.policy)
        if target.internal or (tunnel and target.port not in _TLS_PORTS) or not self._allow(target.host):
            raise PageRefused(target.url, "not_allowed", "a page's own requests do not go there")
        return target

    async def _dial(self, target: Target) -> httpcore.AsyncNetworkStream:
        backend = GuardedBackend(self._network, target, self._limits.hop, target.origin)
        stream = await backend.connect_tcp(target.host, target.port)
        if isinstance(stream, GuardedStream):
            stream.body_begins()  # what a browser reads has the page's own limit
        return stream


def _request(head: bytes, method: bytes, target: Target) -> bytes:
    """The request as its server wants it: its own path and host, and the connection closed behind it."""
    lines = _OURS.sub(b"", head.partition(b"\r\n")[2])
    first = b"%b %b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n"
    return first % (method, target.path.encode(), target.netloc.encode()) + lines


async def _both_ways(
    stream: httpcore.AsyncNetworkStream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, visitor: Visitor
) -> None:
    async def up() -> None:
        while (piece := await reader.read(_READ_BYTES)) and _counted(visitor, piece):
            await stream.write(piece)

    async def down() -> None:
        while (piece := await stream.read(_READ_BYTES)) and _counted(visitor, piece):
            writer.write(piece)
            await writer.drain()

    tasks = [asyncio.ensure_future(up()), asyncio.ensure_future(down())]
    try:
        await tasks[1]  # the server closes when it has answered; the browser may go on asking in vain
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _counted(visitor: Visitor, piece: bytes) -> bool:
    visitor.bytes_left -= len(piece)
    return visitor.bytes_left >= 0


def _refusal(status: int) -> bytes:
    ask = "Proxy-Authenticate: Basic realm=page\r\n" if status == 407 else ""
    return f"HTTP/1.1 {status} Refused\r\n{ask}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
