"""What one run costs while it goes on: its tokens, as the server counts them or as they were seen, and its ceiling."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from agent.delta import Delta, Generate, Usage
from agent.errors import ModelDown
from agent.prompt import Prompt
from workers.quota import Prices


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
            shown = sum(count_tokens(message.content) for message in prompt.messages)
            if self._over(Usage(shown)):
                raise ModelDown("cost_ceiling", "the cost ceiling of an answer is reached")
            written, known = 0, Usage()
            try:
                async with aclosing(generate(prompt)) as deltas:
                    async for delta in deltas:
                        written += count_tokens(delta.thinking + delta.text) or 1
                        known = delta.usage or known
                        yield delta
                        if not delta.finish and self._over(Usage(shown, written)):
                            yield Delta(finish="length")
                            return
            finally:
                if written:
                    self.usage += known if known.prompt_tokens or known.completion_tokens else Usage(shown, written)

        return metered

    def _over(self, more: Usage) -> bool:
        used = self.usage + more
        return bool(self.max_cost) and self.prices.cost(used.prompt_tokens, used.completion_tokens) > self.max_cost
