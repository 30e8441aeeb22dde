"""Plays what the real SGLang sent once: the recorded responses in their order, byte for byte.

What was not asked for then (one reply more, tools where there were none) gets status 418.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from tests.live.cases import CASES
from tests.live.samples import Sample

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MODELS = json.dumps(
    {"object": "list", "data": [{"id": "deepseek-r1-0528", "owned_by": "sglang", "max_model_len": 163_840}]}
)


class Replay:
    """url: for a client. asked: how many replies were asked for."""

    def __init__(self, sample: Sample) -> None:
        self.url, self.asked = "", 0
        self._responses = sample.responses
        self._tools = sample.case in CASES and CASES[sample.case].tools

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            writer.write(self._next(head, json.loads(body or b"{}")).encode())
            await writer.drain()
        writer.close()

    def _next(self, head: bytes, body: dict[str, Any]) -> str:
        if head.startswith(b"GET "):
            return f"HTTP/1.1 200 OK\r\ncontent-length: {len(_MODELS)}\r\nconnection: close\r\n\r\n{_MODELS}"
        self.asked += 1
        if self.asked > len(self._responses) or ("tools" in body) != self._tools:
            return "HTTP/1.1 418 never recorded\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        return self._responses[self.asked - 1]


@asynccontextmanager
async def replaying(sample: Sample) -> AsyncIterator[Replay]:
    replay = Replay(sample)
    server = await asyncio.start_server(replay.answer, "127.0.0.1", 0)
    replay.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield replay
    finally:
        server.close()
