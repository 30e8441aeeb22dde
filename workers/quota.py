"""What one key may use: the limits of the settings, and those that a key has of its own."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Quota:
    """0: no limit. Days are UTC days; costs are in the currency of the price settings; cost_total is all that the key
    may ever cost. Uploads are counted as the bytes of the request's body."""

    requests_per_minute: int = 0
    requests_per_day: int = 0
    concurrent_runs: int = 0
    tokens_per_day: int = 0
    upload_bytes_per_day: int = 0
    cost_per_answer: float = 0.0
    cost_per_day: float = 0.0
    cost_total: float = 0.0

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in LIMIT_NAMES)

    def but(self, limits: Iterable[tuple[str, float]]) -> "Quota":
        """The same with a key's own limits, also such as are 0. Raises ValueError for a name that is none."""
        own = dict(limits)
        if not own.keys() <= set(LIMIT_NAMES):
            raise ValueError(f"the limits are {', '.join(LIMIT_NAMES)}")
        costs = ("cost_per_answer", "cost_per_day", "cost_total")
        changes: dict[str, Any] = {name: each if name in costs else int(each) for name, each in own.items()}
        return replace(self, **changes)


LIMIT_NAMES = tuple(field.name for field in fields(Quota))


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a million tokens, of a thousand searches and of a thousand pages, in any currency; 0: nothing is reckoned."""

    prompt: float = 0.0
    completion: float = 0.0
    search: float = 0.0
    page: float = 0.0

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6

    def of_reading(self, searches: int, pages: int) -> float:
        """What was looked for and read."""
        return (searches * self.search + pages * self.page) / 1e3
