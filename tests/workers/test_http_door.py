"""A head without end, and one that never comes whole: refused before anybody knows who asks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.workers.serving import service_of, serving
from workers.http_door import MAX_HEAD_BYTES, BoundedHead

PATIENCE = 30
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@asynccontextmanager
async def connection(client: httpx.AsyncClient) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def told(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readline(), PATIENCE)


@pytest.mark.parametrize("piece", [b"X-A: " + b"a" * 1_000 + b"\r\n", b"a" * 1_000], ids=["many", "one"])
async def test_a_head_without_end_is_refused_when_it_is_too_long(piece: bytes) -> None:
    async with serving(service_of()) as client, connection(client) as (reader, writer):
        writer.write(HEAD + b"X-B: ")
        sent = 0
        answered = asyncio.create_task(told(reader))
        while not answered.done() and sent < 100 * MAX_HEAD_BYTES:
            writer.write(piece)
            sent += len(piece)
            await asyncio.sleep(0)
            try:
                await writer.drain()
            except ConnectionError:
                break
        line = await answered if not answered.done() or not answered.exception() else b""
    assert sent < 100 * MAX_HEAD_BYTES
    assert line in (b"", b"HTTP/1.1 431 Request Header Fields Too Large\r\n")


class Hasty(BoundedHead):
    head_seconds = 0.1


@pytest.mark.parametrize(
    ("begun", "line"),
    [(b"", b""), (b"GET /hea", b"HTTP/1.1 408 Request Timeout\r\n"), (HEAD, b"HTTP/1.1 408 Request Timeout\r\n")],
)
async def test_a_head_that_never_comes_whole_is_not_waited_for(begun: bytes, line: bytes) -> None:
    async with serving(service_of(), Hasty) as client, connection(client) as (reader, writer):
        writer.write(begun)
        assert await told(reader) == line
        await asyncio.wait_for(reader.read(), PATIENCE)
        assert reader.at_eof()


@pytest.mark.parametrize("path", ["/v1/answers", "/v1/chat/completions", "/v1/responses", "/v1/verify"])
async def test_a_body_that_says_itself_that_it_is_too_long_is_not_waited_for(path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    async with serving(service_of()) as client, connection(client) as (reader, writer):
        writer.write(f"{head}Content-Length: 99999999999\r\n\r\n{{".encode())
        assert (await told(reader)).startswith(b"HTTP/1.1 413 ")


async def test_requests_that_follow_each_other_and_long_bodies_are_not_counted_as_heads() -> None:
    async with serving(service_of()) as client:
        long = {"X-A": "a" * 60_000}
        answered = [(await client.get("/healthz", headers=long)).status_code for _ in range(5)]
        body = await client.post("/v1/answers", content=b'{"question": "' + b"a" * 200_000 + b'"}')
    assert (answered, body.status_code) == ([200] * 5, 415)
