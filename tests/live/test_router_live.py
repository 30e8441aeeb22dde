"""The real sglang-router between us and the real SGLang: replies, errors, leaving, readiness, what it drops."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from uuid import uuid4

import httpx
import pytest

from agent.calls import read_calls
from agent.errors import ModelDown
from agent.model import ModelConfig, ModelServer
from agent.planner import TOOLS
from agent.profile_files import known_profiles
from agent.prompt import Message
from tests.live.faults import idle, running
from tests.live.servers import free_port, router
from tests.live.test_doctor_live import found_at
from tests.live.test_model_live import deltas, prompt

STOP_SECONDS = 3.0  # decision 10


@pytest.fixture(scope="module")
def routed(request: pytest.FixtureRequest) -> Iterator[str]:
    servers, key = request.config.getoption("--live-server"), str(request.config.getoption("--live-key"))
    url = next(str(each).removeprefix("1=") for each in servers if str(each).startswith("1="))
    with router(key, url.removesuffix("/v1")) as address:
        yield address


@pytest.fixture
async def server(routed: str, key: str) -> ModelServer:
    return ModelServer(ModelConfig(routed, api_key=key, profiles=known_profiles()))


async def test_the_router_is_known_by_what_it_says(server: ModelServer) -> None:
    facts = await server.discover()
    assert (facts.profile.name, facts.said, facts.context_tokens) == ("r1-0528-sglang-router", False, 163_840)


async def test_an_answer_and_a_call_come_through_with_their_reasoning_apart(server: ModelServer) -> None:
    answer = await deltas(server, prompt("plain"))
    assert "".join(d.text for d in answer) == "It is so."
    assert "".join(d.thinking for d in answer).strip() == "Look."
    turn = await deltas(server, prompt("one-call", tools=True))
    calls = read_calls(TOOLS, tuple(c for d in turn for c in d.calls), "", "").calls
    assert [(c.name, *c.arguments.values()) for c in calls] == [("web_search", "tides")]


async def test_cached_tokens_are_told_through_it(server: ModelServer) -> None:
    await deltas(server, prompt("plain"))
    usage = (await deltas(server, prompt("plain")))[-1].usage
    assert usage is not None
    assert usage.cached_tokens > 0


async def test_a_reader_who_leaves_stops_the_server_behind_it(server: ModelServer, url: str, key: str) -> None:
    async with aclosing(server.generate(prompt("long", max_tokens=8_000))) as reply:
        async for delta in reply:
            if delta.text and await running(url, key) == 1:
                break
    assert await idle(url, key, STOP_SECONDS)


async def test_leaving_a_reply_that_is_not_streamed_stops_the_server_too(routed: str, url: str, key: str) -> None:
    body = {"model": "m", "max_tokens": 8_000, "messages": [{"role": "user", "content": "case:long"}]}
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {key}"}, timeout=60) as client:
        asking = asyncio.ensure_future(client.post(f"{routed}/chat/completions", json=body))
        while not await running(url, key):  # noqa: ASYNC110 - another machine's count
            await asyncio.sleep(0.05)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    # The router itself looks for callers who left every 3 s (it drops the id to abort by), then the server stops.
    assert await idle(url, key, STOP_SECONDS + 1)


async def test_an_overflow_keeps_its_numbers(server: ModelServer) -> None:
    with pytest.raises(ModelDown) as caught:
        await deltas(server, prompt("plain", max_tokens=200_000))
    assert caught.value.reason == "context_overflow"
    assert "163840" in str(caught.value)


async def test_a_full_queue_ends_every_request_one_way_or_the_other(server: ModelServer, url: str, key: str) -> None:
    asked = [deltas(server, prompt("long", max_tokens=60 + n)) for n in range(12)]
    async with asyncio.timeout(120):
        ends = await asyncio.gather(*asked, return_exceptions=True)
    failed = {end.reason for end in ends if isinstance(end, ModelDown)}
    assert failed <= {"http_503", "http_429"}
    assert all(end[-1].finish == "length" for end in ends if not isinstance(end, BaseException))
    assert not await running(url, key)


async def test_a_wrong_key_is_refused_when_it_is_used(routed: str) -> None:
    with pytest.raises(ModelDown) as caught:
        await deltas(ModelServer(ModelConfig(routed, api_key="wrong")), prompt("plain"))
    assert caught.value.reason == "unauthorized"


async def test_without_a_healthy_server_it_is_not_ready_and_every_request_fails_at_once(key: str) -> None:
    with router(key, f"http://127.0.0.1:{free_port()}", ready=False) as address:
        async with httpx.AsyncClient(trust_env=False) as client:
            ready = await client.get(address.replace("/v1", "/readiness"))
        asked = ModelServer(ModelConfig(address, api_key=key, name="deepseek-r1-0528"))
        with pytest.raises(ModelDown) as caught:
            await asyncio.wait_for(deltas(asked, prompt("plain")), 30)
    assert ready.status_code == 503
    assert caught.value.reason in ("http_503", "not_found", "not_openai"), caught.value


async def test_it_drops_cache_salt_so_its_profile_must_not_promise_it(
    routed: str, url: str, key: str, server: ModelServer
) -> None:
    """Should a later router pass it on, this fails, and the profile may say so."""
    words = f"{uuid4().hex} salted words " * 30
    cached = {}
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {key}"}, timeout=60) as client:
        for name, address in (("direct", url), ("routed", routed)):
            for salt in ("a", "b"):
                text = f"case:plain {name} {words}"
                body = {
                    "model": "m",
                    "messages": [{"role": "user", "content": text}],
                    "cache_salt": f"{words[:32]}-{salt}",
                }
                usage = (await client.post(f"{address}/chat/completions", json=body)).json()["usage"]
                cached[name, salt] = usage["prompt_tokens_details"]["cached_tokens"]
    assert cached["direct", "b"] < 50
    assert cached["routed", "b"] > 100
    assert not (await server.discover()).profile.quirks.cache_salt


async def test_the_doctor_sees_through_it(routed: str, key: str) -> None:
    found = await found_at(routed, key)
    failing = {part for part, finding in found.items() if finding.verdict == "fails"}
    assert failing == set(), found
    assert found["context"].verdict == "warning"
    assert found["key"].verdict == "works"


async def test_a_system_message_and_history_reach_the_model_unchanged(server: ModelServer) -> None:
    asked = prompt("echo", Message("system", "One."), Message("user", "case:echo"), max_tokens=2_000)
    said = "".join(d.text for d in await deltas(server, asked))
    assert "One." in said
    assert "‹｜User｜>case:echo" in said
