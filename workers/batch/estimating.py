"""What a file would cost before anything of it runs: a likely figure and the most that the settings allow."""

from collections.abc import AsyncIterable, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic_core import from_json

from agent.limits import Checking, Limits
from agent.question import Depth
from agent.second_opinion import JudgeLimits
from workers.batch.checking import Checked, Piece
from workers.batch.filling import FillRules
from workers.batch.records import ANSWERS, Row
from workers.batch.uploaded import Uploaded
from workers.dialects.chat_request import depth_of
from workers.quota import Prices

# What a question usually takes; how far a real run is from it, `kaozheng batch status` and the usage of a batch say.
READ_SHARE = 0.75
"""Of the pages that may be read: the others are refused, unreachable or alike."""
PAGE_TOKENS = 1_500
TEMPLATE_TOKENS = 700
PLAN_PROMPT_TOKENS, PLAN_REPLY_TOKENS = 3_000, 600
CHECK_PROMPT_TOKENS = 8_000
"""Of sentences and passages that the model is to judge or to mend, in one call."""
ANSWER_TOKENS: Mapping[Depth, int] = {"quick": 1_200, "normal": 2_000, "research": 6_000}
_BYTES_PER_TOKEN = 3.0


@dataclass(frozen=True, slots=True)
class Rates:
    """limits: by depth; with_model: False where the quoting reader answers, which takes no model's tokens."""

    limits: Limits = field(default_factory=Limits)
    prices: Prices = field(default_factory=Prices)
    currency: str = ""
    with_model: bool = False


@dataclass(frozen=True, slots=True)
class Amounts:
    """What is used; cost: in the currency of the price settings."""

    searches: int = 0
    pages: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            self.searches + other.searches,
            self.pages + other.pages,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost + other.cost,
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """rows: that would run; bad: lines that would be refused, the first of them with their reasons; about: what is
    likely; most: what the settings allow, were every question to use all of it."""

    checked: Checked
    about: Amounts = Amounts()
    most: Amounts = Amounts()
    currency: str = ""

    def fields(self) -> dict[str, Any]:
        first = [asdict(each) for each in self.checked.first_bad]
        counts = {"total": self.checked.total, "good": self.checked.good, "bad": self.checked.bad}
        amounts = {"about": asdict(self.about), "at_most": asdict(self.most)}
        return {"request_counts": counts, **amounts, "currency": self.currency, "errors": first}


async def estimate(file: Uploaded, endpoint: str, rules: FillRules, rates: Rates) -> Estimate:
    """Checks the whole file as a batch would. Raises FileRefused, StoreError."""
    tally = Checked()
    async with aclosing(file.pieces(rules.reader(endpoint), rules.max_rows, tally)) as pieces:
        return await reckoned(pieces, tally, (endpoint, rules.default_depth), rates)


async def reckoned(pieces: AsyncIterable[Piece], tally: Checked, asked: tuple[str, Depth], rates: Rates) -> Estimate:
    """asked: the endpoint, and the depth of a question that names none. Raises FileRefused."""
    about = most = Amounts()
    async for piece in pieces:
        for row in piece.rows:
            depth, tokens = _depth(row, *asked), round(len(row.body) / _BYTES_PER_TOKEN)
            about, most = about + likely(depth, tokens, rates), most + at_most(depth, tokens, rates)
    return Estimate(tally, about, most, rates.currency)


def _depth(row: Row, endpoint: str, default: Depth) -> Depth:
    body = from_json(row.body)
    if endpoint != ANSWERS:
        return depth_of(body["model"], default)
    depth: Depth = body.get("depth") or default
    return depth


def likely(depth: Depth, question_tokens: int, rates: Rates) -> Amounts:
    """Of one question."""
    limits = rates.limits.depths[depth]
    rounds = min(limits.rounds, 2) if depth == "normal" else limits.rounds
    pages = max(1, round(limits.pages * READ_SHARE))
    read = min(rates.limits.page_tokens, pages * PAGE_TOKENS)
    prompt = TEMPLATE_TOKENS + question_tokens + read + rounds * (PLAN_PROMPT_TOKENS + question_tokens)
    return _priced(rates, 1 + rounds, pages, (prompt, ANSWER_TOKENS[depth] + rounds * PLAN_REPLY_TOKENS))


def at_most(depth: Depth, question_tokens: int, rates: Rates) -> Amounts:
    """Of one question, without tries that are repeated. The answer may be asked for a second time, with what the
    thinking has left, and once to be put right as a whole; its sentences are judged, and mended once."""
    limits, all_limits, judge = rates.limits.depths[depth], rates.limits, JudgeLimits()
    prompt = TEMPLATE_TOKENS + question_tokens + all_limits.page_tokens
    planned = limits.rounds * min(all_limits.context_tokens, all_limits.page_tokens + question_tokens)
    checked = (judge.calls + 1) * CHECK_PROMPT_TOKENS
    thought = 2 * limits.answer_tokens  # shown again: with the second call, and with the answer that is put right
    written = 2 * limits.answer_tokens + limits.answer_tokens // 4
    reply = written + limits.rounds * all_limits.plan_tokens + judge.calls * judge.tokens + Checking().repair_tokens
    return _priced(rates, max(1, limits.calls), limits.pages, (3 * prompt + planned + thought + checked, reply))


def _priced(rates: Rates, searches: int, pages: int, tokens: tuple[int, int]) -> Amounts:
    prompt, completion = tokens if rates.with_model else (0, 0)
    cost = rates.prices.cost(prompt, completion) + rates.prices.of_reading(searches, pages)
    return Amounts(searches, pages, prompt, completion, cost)
