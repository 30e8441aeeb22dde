"""A small internet on loopback: one real server, pages by host and path, faults by page.

Names are resolved to public addresses and dialled to the server's port, both by what is handed to the product
(`network()`), so the address guard sees what it would see in life. Nothing leaves the machine.

    async with FakeWeb() as web:
        web.put("http://pub.test/a", Page("<p>text</p>"))
        web.put("http://slow.test/", Page("…", delay_seconds=5))
        web.names["evil.test"] = ["10.0.0.1"]
        reader = WebReader(WebParts(extract, FetchParts(web.network(), "agent")))
"""

import asyncio
import ipaddress
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

import httpcore

from tools.address import Address, AddressPolicy
from tools.dialling import Network
from tools.errors import PageUnreachable

PUBLIC_ADDRESS = "93.184.215.14"


@dataclass(frozen=True, slots=True)
class Page:
    """What the server answers, and how badly.

    body:          text (sent as UTF-8) or bytes, or a source of chunks that may be endless
    delay_seconds: before the first byte
    drip:          bytes at a time and seconds between them, for the body
    cut_after:     bytes of the body after which the connection is closed although more was announced
    raw:           the whole response as it goes on the wire, instead of all the above
    """

    body: str | bytes | Callable[[], AsyncIterator[bytes]] = ""
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delay_seconds: float = 0.0
    drip: tuple[int, float] | None = None
    cut_after: int | None = None
    raw: Callable[[], AsyncIterator[bytes]] | None = None


def redirect(location: str, status: int = 302, body: str | bytes = "") -> Page:
    """A redirect, with a body that nobody should read."""
    return Page(body, status=status, headers=(("Location", location),))


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived. headers: names in lower case."""

    host: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)


class FakeWeb:
    """The server, its name server and its dialler.

    names:     host to addresses, or to lists of addresses for one look-up after the other (the last repeats);
               a host with a page and without an entry has PUBLIC_ADDRESS, any other does not exist
    requests, looked_up, dialled: what happened, in order
    open_now, most_at_once: per host, how many requests are open, and were at the same time
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.names: dict[str, list[str] | list[list[str]]] = {}
        self.requests: list[Request] = []
        self.looked_up: list[str] = []
        self.dialled: list[tuple[str, int]] = []
        self.most_at_once: Counter[str] = Counter()
        self.open_now: Counter[str] = Counter()
        self._pages: dict[tuple[str, str], Page] = {}
        self._tls = tls
        self._ports: dict[bool, int] = {}
        self._servers: list[asyncio.Server] = []
        self._visitors: set[asyncio.Task[None]] = set()

    def put(self, url: str, page: Page | str) -> None:
        """Serve this page, whatever the scheme and port."""
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._pages[parts.hostname or "", path] = Page(page) if isinstance(page, str) else page

    @property
    def port(self) -> int:
        """Of the server itself, to use it as a proxy for http:// pages."""
        return self._ports[False]

    def network(self, policy: AddressPolicy | None = None) -> Network:
        """What the product gets instead of the machine's resolver and network."""
        return Network(policy or AddressPolicy(), self.resolve, self.dial, lambda _: False)

    async def __aenter__(self) -> Self:
        for encrypted in (False, True) if self._tls else (False,):
            server = await asyncio.start_server(self._visit, "127.0.0.1", 0, ssl=self._tls if encrypted else None)
            self._servers.append(server)
            self._ports[encrypted] = server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        for visitor in list(self._visitors):
            visitor.cancel()
        await asyncio.gather(*self._visitors, return_exceptions=True)

    async def resolve(self, name: str) -> tuple[Address, ...]:
        """The name server."""
        count = self.looked_up.count(name)
        self.looked_up.append(name)
        answers = self.names.get(name, [PUBLIC_ADDRESS] if any(host == name for host, _ in self._pages) else [])
        if answers and isinstance(answers[0], list):
            answers = answers[min(count, len(answers) - 1)]
        if not answers:
            raise PageUnreachable(name, "dns", "the name does not exist")
        return tuple(ipaddress.ip_address(str(answer)) for answer in answers)

    async def dial(self, address: Address, port: int) -> httpcore.AsyncNetworkStream:
        """Every address leads to the server; port 443 and 8443 to its TLS side when it has one."""
        self.dialled.append((str(address), port))
        encrypted = port in (443, 8443) and self._tls is not None
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", self._ports[encrypted])

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._visitors.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # cut off by closing
                await self._answer(reader, writer)
        finally:
            self._visitors.discard(task)
            writer.transport.abort() if writer.is_closing() else writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        host = (urlsplit(f"//{headers.get('host', '')}").hostname or "").strip("[]")
        # A proxy gets the whole URL: then we are the proxy, and the site behind it.
        request = Request(host, lines[0].split(" ")[1].removeprefix(f"http://{host}"), headers)
        self.requests.append(request)
        self.open_now[host] += 1
        self.most_at_once[host] = max(self.most_at_once[host], self.open_now[host])
        try:
            await self._send(writer, self._pages.get((host, request.path), Page("not here", status=404)))
        finally:
            self.open_now[host] -= 1

    async def _send(self, writer: asyncio.StreamWriter, page: Page) -> None:
        await asyncio.sleep(page.delay_seconds)
        async for chunk in page.raw() if page.raw else _response(page):
            writer.write(chunk)
            await writer.drain()


async def _response(page: Page) -> AsyncIterator[bytes]:
    body = page.body.encode() if isinstance(page.body, str) else page.body
    head = [f"HTTP/1.1 {page.status} X", f"Content-Type: {page.content_type}" if page.content_type else "X-None: 1"]
    head += [f"{name}: {value}" for name, value in page.headers]
    head += [f"Content-Length: {len(body)}"] if isinstance(body, bytes) else ["Transfer-Encoding: chunked"]
    yield ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")
    if isinstance(body, bytes):
        body = body[: page.cut_after]
        size, pause = page.drip or (len(body) or 1, 0.0)
        for start in range(0, len(body), size):
            yield body[start : start + size]
            await asyncio.sleep(pause)
        return
    async for chunk in body():
        yield b"%x\r\n%b\r\n" % (len(chunk), chunk)
    yield b"0\r\n\r\n"
