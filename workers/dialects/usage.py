"""What an answer has used, in OpenAI's counts and in Sonar's."""

from dataclasses import dataclass, field
from typing import Any

from agent.answer import Answer
from agent.delta import Usage
from tools.page import Webpage
from tools.tokens import estimated_tokens
from workers.quota import Prices

_COUNTED_CHARACTERS = 80_000  # of one page; a prompt shows no more of it


@dataclass(frozen=True, slots=True)
class Counting:
    """prices: the operator's, 0 where none are set; context_size: as the request names it, "" where it does not."""

    prices: Prices = field(default_factory=Prices)
    context_size: str = ""

    def fields(self, usage: Usage, queries: int = 0, pages: int = 0, citation_tokens: int = 0) -> dict[str, Any]:
        """Costs are in the currency of the operator's prices; their sum is the total."""
        size = {"search_context_size": self.context_size} if self.context_size else {}
        return {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            "citation_tokens": citation_tokens,
            "num_search_queries": queries,
            "reasoning_tokens": usage.reasoning_tokens,
            **size,
            "cost": self._cost(usage, queries, pages),
        }

    def _cost(self, usage: Usage, queries: int, pages: int) -> dict[str, float]:
        costs = {
            "input_tokens_cost": self.prices.cost(usage.prompt_tokens, 0),
            "output_tokens_cost": self.prices.cost(0, usage.completion_tokens),
            "search_queries_cost": self.prices.of_reading(queries, pages),
        }
        parts = {name: round(cost, 8) for name, cost in costs.items()}
        return {**parts, "total_cost": round(sum(parts.values()), 8)}


def citation_tokens(answer: Answer, pages: tuple[Webpage, ...]) -> int:
    """About how many tokens the cited pages have, as far as a prompt may show them."""
    cited = {source.number for source in answer.sources if source.cited}
    shown = (page for number, page in enumerate(pages, 1) if number in cited)
    return sum(estimated_tokens(page.text[:_COUNTED_CHARACTERS]) for page in shown)
