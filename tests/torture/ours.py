"""Our side of the torture: what a planner's round makes of what SGLang's parsers made of R1's output."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

from agent.chunks import Reply, as_chunk
from agent.delta import Delta
from agent.planner import TOOLS
from agent.planning import Planner
from agent.prompt import Message, Prompt
from agent.question import Question
from tests.torture.outputs import Output, Pair

PROMPT = Prompt(Question("Why?"), (Message("user", "Why?"),), tools=TOOLS)


@dataclass
class Judged:
    """calls: what the round took; outcome: how. invented: calls that R1 did not mean; lost: valid ones not taken."""

    calls: list[Pair]
    outcome: str
    invented: list[Pair] = field(default_factory=list)
    lost: list[Pair] = field(default_factory=list)


async def judged(output: Output, parsed: dict[str, Any], count: Callable[[str], int]) -> Judged:
    """parsed: a line of tests/torture/detector.py."""
    found = await Planner(_server(output, parsed, count), count, lambda _: None, "", most=8, needed=True).round(PROMPT)
    calls = [(call.name, next(iter(call.arguments.values()))) for call in found.turn.calls]
    mine = Judged(calls, found.outcome)
    allowed = output.meant + (output.drafts if not output.valid else [])
    mine.invented = [call for call in calls if call not in allowed]
    mine.lost = [call for call in output.valid if call not in calls]
    if not (mine.invented or mine.lost) and [call for call in calls if call in output.valid] != output.valid:
        mine.lost = [("order", "of calls")]
    return mine


def _server(
    output: Output, parsed: dict[str, Any], count: Callable[[str], int]
) -> Callable[[Prompt], AsyncGenerator[Delta, None]]:
    reasoning = output.text.partition("</think>")[0] + "</think>"
    usage = {"completion_tokens": count(output.text) + 1, "reasoning_tokens": count(reasoning), "prompt_tokens": 9}

    async def generate(prompt: Prompt) -> AsyncGenerator[Delta, None]:
        reply = Reply(answer_expected=False)
        for chunk in _chunks(prompt, parsed):
            delta = reply.add({**chunk, "usage": usage})
            if delta is not None:
                yield delta
        for delta in reply.end():
            yield delta

    return generate


def _chunks(prompt: Prompt, parsed: dict[str, Any]) -> list[dict[str, Any]]:
    """A server without a grammar whose R1 writes no plan as JSON either: nothing but the calls themselves counts."""
    if prompt.schema or not prompt.messages[-1].content.startswith("Why?"):
        return [{"choices": [{"index": 0, "delta": {"content": "I cannot."}, "finish_reason": "stop"}]}]
    if not prompt.stream:
        whole: Any = as_chunk({"choices": [{"index": 0, "message": parsed["whole"], "finish_reason": "stop"}]})
        return [whole]
    deltas = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in parsed["streamed"]]
    return [*deltas, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
