"""Clients that are no OpenAI SDK, unmodified, against the running service: Perplexity's, an MCP host, and a reader that
takes from a stream what Open WebUI takes (openai chunks as plain JSON)."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import httpx2
import perplexity
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.contracts.service import KEY, TASK, Running

pytestmark = pytest.mark.xdist_group("contracts")
MESSAGES: Any = [{"role": "user", "content": "What causes tides?"}]
SAID = "The moon pulls the sea[1]. Tides are caused by the moon[1]."


async def test_perplexity_s_client_reads_an_answer_and_its_stream(service: Running) -> None:
    async with perplexity.AsyncPerplexity(base_url=service.url, api_key=KEY, max_retries=0) as asker:
        whole = await asker.chat.completions.create(model="sonar", messages=MESSAGES)
        stream = await asker.chat.completions.create(model="sonar", messages=MESSAGES, stream=True)
        chunks = [chunk async for chunk in stream]
        with pytest.raises(perplexity.BadRequestError):
            await asker.chat.completions.create(model="sonar", messages=MESSAGES, search_mode="sec")
    assert whole.choices[0].message.content == SAID
    assert len(whole.citations or []) == len(whole.search_results or []) == 1
    assert "".join(str(chunk.choices[0].delta.content or "") for chunk in chunks if chunk.choices) == SAID
    assert (chunks[-1].citations, chunks[-1].search_results) == (whole.citations, whole.search_results)


async def test_an_mcp_host_lists_and_calls_the_tools(service: Running) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{service.url}/mcp", http_client=http)) as client,
    ):
        names = {tool.name for tool in (await client.list_tools()).tools}
        answered = await client.call_tool("answer", {"question": "What causes tides?"})
        found = await client.call_tool("search", {"query": "tides"})
        results = (found.structured_content or {})["results"]
        fetched = await client.call_tool("fetch", {"id": results[0]["id"]})
    assert {"answer", "search", "fetch"} <= names
    assert answered.structured_content is not None
    assert answered.structured_content["answer"] == SAID
    assert answered.structured_content["sources"][0]["verdict"] == "supported"
    assert set(fetched.structured_content or {}) == {"id", "title", "text", "url", "metadata"}
    assert "pulls the sea" in (fetched.structured_content or {})["text"]


@dataclass
class OpenWebUI:
    """What Open WebUI keeps of a stream. tool_calls: it would run them itself, so there must be none."""

    content: str = ""
    reasoning: str = ""
    sources: list[str] = field(default_factory=list)
    tool_calls: list[Any] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    finish: str = ""

    def take(self, line: str) -> None:
        if not line.startswith("data: ") or line == "data: [DONE]":
            return
        chunk = json.loads(line[6:])
        self.usage |= chunk.get("usage") or {}
        for choice in chunk["choices"]:
            delta = choice["delta"]
            self.content += delta.get("content") or ""
            self.reasoning += delta.get("reasoning_content") or ""
            self.sources += [note["url_citation"]["url"] for note in delta.get("annotations") or ()]
            self.tool_calls += delta.get("tool_calls") or []
            self.finish = choice["finish_reason"] or self.finish


async def test_open_webui_shows_the_answer_its_reasoning_and_its_sources_and_runs_no_tool(service: Running) -> None:
    asked = {"model": "kaozheng", "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
    beside = {"chat_id": "c", "features": {"web_search": False}, "tools": [{"type": "function", "function": {}}]}
    shown, last = OpenWebUI(), ""
    path = "/v1/chat/completions"
    async with service.client() as client, client.stream("POST", path, json={**asked, **beside}) as response:
        async for line in response.aiter_lines():
            shown.take(line)
            last = line or last
    assert (shown.content, shown.finish, last) == (SAID, "stop", "data: [DONE]")
    assert shown.reasoning == "Page 1 says what the moon does."
    assert len(shown.sources) == 2
    assert shown.tool_calls == []
    assert shown.usage["total_tokens"] > 0


@pytest.mark.parametrize("stream", [True, False])
async def test_open_webui_s_title_comes_from_the_model_alone(service: Running, stream: bool) -> None:
    task = "### Task:\nGenerate a title.\n<chat_history>\nUSER: tides\n</chat_history>"
    asked = {"model": "kaozheng", "messages": [{"role": "user", "content": task}], "stream": stream}
    async with service.client() as client:
        response = await client.post("/v1/chat/completions", json=asked)
    assert content_of(response) == TASK


def content_of(response: httpx.Response) -> str:
    if response.headers["content-type"].startswith("application/json"):
        return str(response.json()["choices"][0]["message"]["content"])
    shown = OpenWebUI()
    for line in response.text.split("\n"):
        shown.take(line)
    return shown.content
