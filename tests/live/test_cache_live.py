"""How much of what could be shared comes from SGLang's prefix cache, by its own usage and its own tokenizer."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace

import httpx

from agent.delta import Delta, Usage
from agent.events import Answered
from agent.graph import ask
from agent.model import ModelServer
from agent.prompt import Prompt
from agent.question import Question
from agent.request import request_body
from tests.fakes import CHAOXI, SUN, TIDES, FakeWeb, deps
from tests.live.conftest import Kept

SHARED = 0.9


async def asked(model: ModelServer, talk: str, tenant: str = "") -> list[tuple[Prompt, Usage]]:
    """Each prompt of one whole question, and the usage of its reply."""
    seen: list[tuple[Prompt, Usage]] = []

    async def generate(prompt: Prompt) -> AsyncGenerator[Delta, None]:
        async for delta in model.generate(prompt):
            if delta.usage:
                seen.append((prompt, delta.usage))
            yield delta

    question = Question(f"Why are there tides? talk:{talk}", tenant=tenant)
    events = [event async for event in ask(question, deps(FakeWeb(TIDES, SUN, CHAOXI), generate=generate))]
    assert isinstance(events[-1], Answered)
    assert events[-1].answer.usage.cached_tokens == sum(usage.cached_tokens for _, usage in seen)
    return seen


async def tokens(prompt: Prompt, url: str, key: str) -> list[int]:
    body = request_body(replace(prompt, schema=None), "r1")
    sent = {name: body[name] for name in ("messages", "tools") if name in body}
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {key}"}, timeout=60) as client:
        response = await client.post(f"{url}/tokenize", json={"model": "r1", **sent})
    found: list[int] = response.raise_for_status().json()["tokens"]
    return found


def common(one: list[int], other: list[int]) -> int:
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


async def test_a_second_planner_round_and_a_repair_reuse_what_could_be_shared(
    model: ModelServer, url: str, key: str, kept: Kept
) -> None:
    for talk, first, second in (("two-rounds", 0, 1), ("uncited-then-mended", -2, -1)):
        seen = await asked(model, talk)
        (before, _), (after, usage) = seen[first], seen[second]
        shareable = common(await tokens(before, url, key), await tokens(after, url, key))
        what = "second planner round" if second == 1 else "repair"
        row = {"case": f"cache: {what}", "streamed": True, "interval": 1, "shareable_tokens": shareable}
        kept.rows.append({**row, "cached_tokens": usage.cached_tokens, "prompt_tokens": usage.prompt_tokens})
        print(json.dumps(kept.rows[-1]))
        assert usage.cached_tokens >= SHARED * shareable > 0
