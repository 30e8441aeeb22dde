"""What one run costs while it goes on: its tokens, as the server counts them or as they were seen, and its ceiling."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cached_property

from agent.delta import Delta, Generate, Usage
from agent.errors import ModelDown
from agent.prompt import Prompt
from workers.quota import Prices


class _Reply:
    """One reply, counted by the server where it says so, else by us; that costs time, so only where it is asked for."""

    def __init__(self, prompt: Prompt, count_tokens: Callable[[str], int]) -> None:
        self._prompt, self._count_tokens = prompt, count_tokens
        self._known, self._counted, self._uncounted = Usage(), 0, list[str]()

    @cached_property
    def shown(self) -> int:
        return sum(self._count_tokens(message.content) for message in self._prompt.messages)

    def add(self, delta: Delta) -> None:
        self._known = delta.usage or self._known
        self._uncounted.append(delta.thinking + delta.text)

    def written(self) -> int:
        self._counted += sum(self._count_tokens(text) or 1 for text in self._uncounted)
        self._uncounted.clear()
        return self._counted

    def usage(self) -> Usage:
        """Nothing of a reply that never began."""
        if not self._counted and not self._uncounted:
            return Usage()
        known = self._known.prompt_tokens or self._known.completion_tokens
        return self._known if known else Usage(self.shown, self.written())


@dataclass(slots=True)
class Meter:
    """Of one run. max_cost: 0 for no ceiling; usage: so far, also of a reply whose reader left half-way."""

    prices: Prices = field(default_factory=Prices)
    max_cost: float = 0.0
    usage: Usage = field(default_factory=Usage)

    @property
    def cost(self) -> float:
        return self.prices.cost(self.usage.prompt_tokens, self.usage.completion_tokens)

    def around(self, generate: Generate, count_tokens: Callable[[str], int]) -> Generate:
        """The same model, which stops writing at the ceiling (`length`) and begins nothing beyond it (ModelDown)."""

        async def metered(prompt: Prompt) -> AsyncGenerator[Delta, None]:
            reply = _Reply(prompt, count_tokens)
            if self.max_cost and self._over(Usage(reply.shown)):
                raise ModelDown("cost_ceiling", "the cost ceiling of an answer is reached")
            try:
                async with aclosing(generate(prompt)) as deltas:
                    async for delta in deltas:
                        reply.add(delta)
                        yield delta
                        if self.max_cost and not delta.finish and self._over(Usage(reply.shown, reply.written())):
                            yield Delta(finish="length")
                            return
            finally:
                self.usage += reply.usage()

        return metered

    def _over(self, more: Usage) -> bool:
        used = self.usage + more
        return bool(self.max_cost) and self.prices.cost(used.prompt_tokens, used.completion_tokens) > self.max_cost
