"""What comes out of a model, piece by piece."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from agent.prompt import Prompt, ToolCall


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them; 0 where it does not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the model's output. thinking never belongs to the answer; calls are whole calls;
    the last delta of a finished stream carries finish (`stop`, `length`, `tool_calls`) and usage."""

    thinking: str = ""
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: str = ""
    usage: Usage | None = None


CUT = ("length", "abort", "content_filter")
"""Finishes of a reply that is not whole."""

Generate = Callable[[Prompt], AsyncGenerator[Delta, None]]
"""Streams the reply to a prompt; closing the generator stops the model. Raises ModelDown, also half-way."""
