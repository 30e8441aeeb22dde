"""Our client against the real SGLang: its parsers, its stream, its errors, its aborts."""

import asyncio
import itertools
import json
from contextlib import aclosing

import httpx
import pytest

from agent.delta import Delta
from agent.errors import ModelDown
from agent.model import ModelServer
from agent.planner import TOOLS
from agent.prompt import Message, Prompt, ToolCall
from agent.question import Question
from tests.fake_model import Reply, lines
from tests.live.faults import running


def prompt(case: str, *messages: Message, tools: bool = False, max_tokens: int = 512) -> Prompt:
    question = Question(f"case:{case}")
    shown = messages or (Message("system", "Be brief."), Message("user", question.text))
    return Prompt(question, shown, tools=TOOLS if tools else (), max_tokens=max_tokens)


async def deltas(model: ModelServer, asked: Prompt) -> list[Delta]:
    async with aclosing(model.generate(asked)) as reply:
        return [delta async for delta in reply]


async def test_name_and_context_are_the_servers_own(model: ModelServer) -> None:
    facts = await model.discover()
    assert (facts.name, facts.context_tokens) == ("deepseek-r1-0528", 163_840)


async def test_usage_counts_reasoning_and_cached_tokens(model: ModelServer) -> None:
    await deltas(model, prompt("plain"))
    usage = (await deltas(model, prompt("plain")))[-1].usage
    assert usage is not None
    assert usage.prompt_tokens > usage.cached_tokens > 0
    assert usage.completion_tokens > usage.reasoning_tokens > 0


async def test_a_planners_history_is_rendered_as_r1_was_trained(model: ModelServer) -> None:
    calls = (
        ToolCall("c1", "web_search", json.dumps('{"query": "潮汐"}')),
        ToolCall("c2", "open_page", '{"url": "https://example.org"}'),
    )
    asked = prompt(
        "echo",
        Message("system", "One."),
        Message("user", "case:echo"),
        Message("assistant", "<think>hidden</think>", calls),
        Message("tool", "second result", tool_call_id="c2"),
        Message("tool", "first result", tool_call_id="c1"),
        tools=True,
        max_tokens=2_000,
    )
    said = "".join(d.text for d in await deltas(model, asked))
    outputs = "‹｜tool▁outputs▁begin｜>‹｜tool▁output▁begin｜>first result‹｜tool▁output▁end｜>\n"
    assert outputs + "‹｜tool▁output▁begin｜>second result‹｜tool▁output▁end｜>‹｜tool▁outputs▁end｜>" in said
    assert 'function‹｜tool▁sep｜>web_search\n{"query": "潮汐"}' in said.replace("json\n", "").replace("```", "")
    assert "hidden" not in said
    assert said.startswith("tools: 2, defer_loading: 0\n")


async def test_a_full_queue_is_said_and_the_others_are_served(model: ModelServer, url: str, key: str) -> None:
    asked = [deltas(model, prompt("long", max_tokens=60 + n)) for n in range(12)]
    ends = await asyncio.gather(*asked, return_exceptions=True)
    failed = [end for end in ends if isinstance(end, ModelDown)]
    assert {error.reason for error in failed} == {"http_503"}
    assert 0 < len(failed) < len(asked)
    assert all(end[-1].finish == "length" for end in ends if not isinstance(end, BaseException))
    assert not await running(url, key)


async def raw(url: str, key: str, case: str, tools: bool) -> list[dict[str, object]]:
    """The chunks as SGLang sends them."""
    body = {
        "model": "x",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": f"case:{case}"}],
    }
    if tools:
        body["tools"] = [
            {"type": "function", "function": {"name": t.name, "description": "", "parameters": t.parameters}}
            for t in TOOLS
        ]
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {key}"}, timeout=60) as client:
        text = (await client.post(f"{url}/chat/completions", json=body)).text
    found = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert found[-1] == "[DONE]"
    return [json.loads(line) for line in found[:-1]]


def shape(chunks: list[dict[str, object]]) -> list[object]:
    """What kind of chunk follows what, with runs of the same kind as one."""
    return [kind for kind, _ in itertools.groupby(_kind(chunk) for chunk in chunks)]


def _kind(chunk: dict[str, object]) -> object:
    choices = chunk["choices"]
    if not choices:
        return "usage", sorted(set(chunk["usage"]) & {"prompt_tokens", "completion_tokens", "reasoning_tokens"})  # type: ignore[call-overload]
    delta, finish = choices[0]["delta"], choices[0]["finish_reason"]  # type: ignore[index]
    filled = sorted(name for name, value in delta.items() if value is not None)
    calls = [
        (c["index"], bool(c["id"]), sorted(k for k, v in c["function"].items() if v))
        for c in delta.get("tool_calls") or ()
    ]
    return filled, calls, finish


@pytest.mark.parametrize(
    ("case", "reply"),
    [
        ("plain", Reply("\n\nIt is so.", "Look.")),
        ("one-call", Reply("\n\n", "Search.", calls=(("web_search", '{"query": "tides"}'),))),
    ],
)
async def test_the_fake_server_of_the_fast_tests_has_the_shapes_of_the_real_one(
    case: str, reply: Reply, url: str, key: str
) -> None:
    request = {"messages": [], "stream_options": {"include_usage": True}}
    fake = [json.loads(line) for line in lines(reply, request) if line and line != "[DONE]"]
    real = await raw(url, key, case, tools=bool(reply.calls))
    assert shape(fake) == shape(real)
