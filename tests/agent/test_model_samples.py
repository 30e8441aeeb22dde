"""Streams of servers that were not run here, in the shapes of their documentation: nothing of a reply is lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.delta import Delta
from agent.model import ModelConfig, ModelServer
from agent.profile_files import profile_of
from agent.prompt import Message, Prompt
from agent.question import Question

SAMPLES = Path(__file__).parents[1] / "samples" / "models"
PROFILES = {
    "vllm-reasoning-content": ("r1-0528-vllm", 16),
    "vllm-reasoning": ("r1-0528-vllm", 16),
    "deepseek-reasoner": ("deepseek-api", 16),
    "ollama": ("ollama", 0),
    "llama-cpp": ("llama-cpp", 16),
}


@asynccontextmanager
async def replaying(stream: bytes) -> AsyncIterator[str]:
    """A server that sends these bytes to every POST, in pieces of 7, and one model to every GET."""
    models = json.dumps({"data": [{"id": "m"}]}).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        listing = asked.startswith(b"GET")
        kind = b"application/json" if listing else b"text/event-stream"
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: " + kind + b"\r\n\r\n")
        body = models if listing else stream
        for start in range(0, len(body), 7):
            writer.write(body[start : start + 7])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


async def replayed(name: str, profile: str) -> list[Delta]:
    async with replaying((SAMPLES / f"{name}.sse").read_bytes()) as url:
        model = ModelServer(ModelConfig(url, profile=profile_of(profile)))
        try:
            asked = Prompt(Question("Why?"), (Message("user", "Why?"),))
            return [delta async for delta in model.generate(asked)]
        finally:
            await model.aclose()


@pytest.mark.parametrize("name", PROFILES)
async def test_reasoning_answer_and_counts_arrive_whole_and_apart(name: str) -> None:
    profile, cached = PROFILES[name]
    deltas = await replayed(name, profile)
    assert "".join(delta.thinking for delta in deltas) == "Look up."
    assert "".join(delta.text for delta in deltas) == "It is so."
    assert deltas[-1].finish == "stop"
    usage = deltas[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (20, 12, cached)


def test_every_sample_is_replayed() -> None:
    assert {path.stem for path in SAMPLES.glob("*.sse")} == set(PROFILES)
