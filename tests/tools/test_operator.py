"""A server of the operator's is asked as it is; what it sends is bounded, also when it refuses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tools.operator import MAX_BYTES, OperatorDown, OperatorServer

SECONDS = 20.0


@asynccontextmanager
async def endless(status: int) -> AsyncIterator[str]:
    """The address of a server that answers with this status and a body without an end."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n".encode())
        try:
            while not writer.is_closing():
                writer.write(b"x" * 65_536)
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_refusal_without_an_end_is_read_to_the_bound_and_no_further() -> None:
    async with endless(500) as url:
        server = OperatorServer(url)
        async with server.stream("/chat", {}, SECONDS) as (heard, lines):
            assert [line async for line in lines] == []
        await server.aclose()
    assert (heard.status, len(heard.body)) == (500, MAX_BYTES)


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_without_an_end_is_too_large(status: int) -> None:
    async with endless(status) as url:
        server = OperatorServer(url)
        with pytest.raises(OperatorDown) as down:
            await server.get("/models", SECONDS)
        await server.aclose()
    assert down.value.reason == "too_large"
