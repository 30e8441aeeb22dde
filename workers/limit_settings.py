"""The settings of what each key may use, and of how the service stops."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from workers.quota import Prices, Quota


def _limit(what: str) -> int:
    found: int = Field(0, ge=0, le=10**15, description=f"{what}, of each key that has no limit of its own; 0: no limit")
    return found


def _cost(what: str) -> float:
    found: float = Field(
        0.0, ge=0, le=1e12, description=f"{what}, of each key that has no limit of its own; 0: no limit"
    )
    return found


class LimitSettings(BaseSettings):
    """One field for each, as in workers/settings.py."""

    key_requests_per_minute: int = _limit("requests that ask, in any 60 seconds")
    key_requests_per_day: int = _limit("requests that ask, a day (UTC)")
    key_concurrent_runs: int = _limit("questions at the same time, on all replicas together")
    key_tokens_per_day: int = _limit("tokens of the model, prompt and reply together, a day (UTC)")
    key_upload_bytes_per_day: int = _limit("bytes of requests that ask, files included, a day (UTC)")
    key_cost_per_answer: float = _cost("cost of one answer, at which the model is stopped")
    key_cost_per_day: float = _cost("cost a day (UTC)")
    key_cost_total: float = _cost("cost altogether")
    price_prompt: float = Field(0.0, ge=0, le=1e9, description="price of a million prompt tokens, in any currency")
    price_completion: float = Field(0.0, ge=0, le=1e9, description="price of a million tokens that the model writes")
    price_search: float = Field(0.0, ge=0, le=1e9, description="price of a thousand searches, in the same currency")
    price_page: float = Field(0.0, ge=0, le=1e9, description="price of a thousand pages, in the same currency")
    currency: str = Field(
        "", max_length=8, pattern=r"^[A-Za-z€¥$£]*$", description="name of that currency, to be shown beside amounts"
    )
    limits_without_store: Literal["open", "closed"] = Field(
        "open", description="while the store is down, requests with limits are let in (open) or refused (closed)"
    )

    max_waiting_answers: int = Field(
        16,
        ge=0,
        le=1_000,
        description="questions that may wait for a place; of one key at most half of them; 0: none may",
    )
    max_wait_seconds: float = Field(
        15,
        ge=0,
        le=600,
        description="the longest wait for a place, in seconds, never more than half of the time for the answer;"
        " what would have to wait longer is refused at once",
    )
    drain_seconds: float = Field(
        25,
        ge=0,
        le=3_600,
        description="how long running answers may go on when the service is stopped, in seconds",
    )

    @property
    def quota(self) -> Quota:
        """Of a key that has no limits of its own."""
        return Quota(
            self.key_requests_per_minute,
            self.key_requests_per_day,
            self.key_concurrent_runs,
            self.key_tokens_per_day,
            self.key_upload_bytes_per_day,
            self.key_cost_per_answer,
            self.key_cost_per_day,
            self.key_cost_total,
        )

    @property
    def prices(self) -> Prices:
        return Prices(self.price_prompt, self.price_completion, self.price_search, self.price_page)
