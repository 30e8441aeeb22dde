"""Stands between our client and SGLang, hands every byte on, and keeps what SGLang sent."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass
class Exchange:
    """One request and the raw bytes of its response, headers and chunk sizes included."""

    line: str = ""
    body: bytes = b""
    response: bytes = b""


@dataclass
class Relay:
    """url: for the client. exchanges: in the order in which they began; those of /v1/models are left out,
    unless `models` says that they count."""

    host: str
    port: int
    models: bool = False
    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def sha256(self) -> str:
        """Of all that SGLang sent."""
        return hashlib.sha256(b"".join(each.response for each in self.exchanges)).hexdigest()

    @property
    def bytes(self) -> int:
        return sum(len(each.response) for each in self.exchanges)

    async def hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request: our client asks for it to be closed after the response."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            exchange = Exchange(
                head.split(b"\r\n")[0].decode(), await reader.readexactly(int(length[1]) if length else 0)
            )
            if self.models or "/models" not in exchange.line:
                self.exchanges.append(exchange)
            upstream, back = await asyncio.open_connection(self.host, self.port)
            back.write(head + exchange.body)
            answering = asyncio.create_task(_copy(upstream, writer, exchange))
            leaving = asyncio.create_task(reader.read(1))
            try:
                await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (answering, leaving):
                    task.cancel()
                await asyncio.gather(answering, leaving, return_exceptions=True)
                back.close()
        writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, exchange: Exchange) -> None:
    while piece := await source.read(65_536):
        exchange.response += piece
        target.write(piece)
        await target.drain()


@asynccontextmanager
async def relay(host: str, port: int, models: bool = False) -> AsyncIterator[Relay]:
    """For one case."""
    standing = Relay(host, port, models)
    server = await asyncio.start_server(standing.hand_on, "127.0.0.1", 0)
    standing.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield standing
    finally:
        server.close()
