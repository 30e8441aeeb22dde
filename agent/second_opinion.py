"""R1 as a judge of what the judge without a model is unsure of: claim and passage only, never the whole page.

What it says is evidence, not the last word: a verdict counts only within limits, and only with a quote that stands in
the passage word for word. A judge that fails, is late or writes rubbish leaves the first verdict, and is counted.
"""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from agent.answer import Support
from agent.citations import MARKER
from agent.delta import Generate, Usage
from agent.errors import ModelDown
from agent.judge_limits import Ruling, within_limits
from agent.judge_reply import REPLY_SCHEMA, Opinion, opinions_of
from agent.prompt import Message, Prompt
from agent.question import Question
from agent.support_passage import Passage, passage_of
from agent.templates import Templates
from tools.page import Webpage
from tools.text import script_of


@dataclass(frozen=True, slots=True)
class Opinions:
    """supports: as they were given, with the changed ones in their places.

    asked: claims that a model should judge; remembered: of these, known from before; failed: it said nothing usable
    about, in time; refused: its verdict went beyond its limits or its quote does not stand there; changed: verdicts.
    """

    supports: tuple[Support, ...]
    asked: int = 0
    remembered: int = 0
    failed: int = 0
    refused: int = 0
    changed: int = 0
    usage: Usage = field(default_factory=Usage)


SecondOpinion = Callable[[str, Sequence[Webpage], Sequence[Support]], Awaitable[Opinions]]
"""Of an answer's text, its pages and the supports that the judge without a model gave: never raises but when it is
cancelled, and never takes longer than it was built for."""


@dataclass(frozen=True, slots=True)
class JudgeLimits:
    """seconds: for all of an answer's calls together; claims: asked about at most, the least sure first; batch: of one
    call; tokens: of one reply, reasoning included; remembered: opinions kept."""

    seconds: float = 30.0
    claims: int = 24
    batch: int = 8
    calls: int = 3
    tokens: int = 4_096
    remembered: int = 4_096


@dataclass(frozen=True, slots=True)
class _Doubt:
    """One support to ask about. at: its place among the supports; key: of the same question asked before."""

    at: int
    claim: str
    passage: Passage
    key: str


class ModelJudge:
    """`judged` is a SecondOpinion. Opinions are kept by the hash of claim, passage and model."""

    def __init__(
        self, generate: Generate, templates: Templates, model_name: str = "", limits: JudgeLimits | None = None
    ) -> None:
        self._generate, self._templates, self._name = generate, templates, model_name
        self._limits = limits or JudgeLimits()
        self._known: OrderedDict[str, Opinion] = OrderedDict()

    def by(self, generate: Generate) -> SecondOpinion:
        """The same judge with the same memory, who asks through this function (which counts its tokens, say)."""
        other = ModelJudge(generate, self._templates, self._name, self._limits)
        other._known = self._known
        return other.judged

    async def judged(self, text: str, pages: Sequence[Webpage], supports: Sequence[Support]) -> Opinions:
        doubts = self._doubts(text, pages, supports)
        said = {doubt.at: self._known[doubt.key] for doubt in doubts if doubt.key in self._known}
        found = Opinions(tuple(supports), asked=len(doubts), remembered=len(said))
        new = [doubt for doubt in doubts if doubt.at not in said]
        replies = await self._replies(
            [new[at : at + self._limits.batch] for at in range(0, len(new), self._limits.batch)]
        )
        for batch, opinions, usage in replies:
            found = replace(found, usage=found.usage + usage)
            for doubt, opinion in ((batch[number], opinion) for number, opinion in opinions.items()):
                said[doubt.at] = opinion
                self._remember(doubt.key, opinion)
        return _applied(found, doubts, said)

    def _doubts(self, text: str, pages: Sequence[Webpage], supports: Sequence[Support]) -> list[_Doubt]:
        unsure = [at for at, support in enumerate(supports) if is_unsure(support) and support.number <= len(pages)]
        unsure.sort(key=lambda at: abs(supports[at].score - 0.5))
        doubts: list[_Doubt] = []
        for at in unsure[: self._limits.claims]:
            claim = MARKER.sub("", text[supports[at].claim_start : supports[at].claim_end]).strip()
            passage = passage_of(pages[supports[at].number - 1], supports[at])
            asked = json.dumps([self._name, claim, passage.shown], ensure_ascii=False)
            doubts.append(_Doubt(at, claim, passage, hashlib.sha256(asked.encode()).hexdigest()))
        return doubts

    async def _replies(self, batches: Sequence[list[_Doubt]]) -> list[tuple[list[_Doubt], dict[int, Opinion], Usage]]:
        """Of the calls that came back within the seconds; the others are cancelled."""
        if not batches:
            return []
        free = asyncio.Semaphore(self._limits.calls)
        tasks = [asyncio.create_task(self._asked(batch, free)) for batch in batches]
        try:
            await asyncio.wait(tasks, timeout=self._limits.seconds)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return [task.result() for task in tasks if not task.cancelled()]

    async def _asked(
        self, batch: list[_Doubt], free: asyncio.Semaphore
    ) -> tuple[list[_Doubt], dict[int, Opinion], Usage]:
        """For the numbers of a batch what the model says of them; {} when it is down or its reply is no such JSON."""
        pieces, usage, length = list[str](), Usage(), 0
        try:
            async with free, aclosing(self._generate(self._prompt(batch))) as deltas:
                async for delta in deltas:
                    pieces.append(delta.text)
                    length += len(delta.text)
                    usage += delta.usage or Usage()
                    if length > _LONGEST_REPLY:
                        break
        except ModelDown:
            return batch, {}, usage
        return batch, opinions_of("".join(pieces), len(batch)), usage

    def _prompt(self, batch: Sequence[_Doubt]) -> Prompt:
        items = [{"id": n, "claim": d.claim, "passage": d.passage.shown} for n, d in enumerate(batch, 1)]
        lines = "\n".join(json.dumps(item, ensure_ascii=False) for item in items)
        chinese = sum(script_of(doubt.claim).startswith("zh") for doubt in batch) * 2 > len(batch)
        text = self._templates["judge_zh" if chinese else "judge_en"].fill(items=lines)
        return Prompt(
            question=Question(_PURPOSE),
            messages=(Message("user", text),),
            max_tokens=self._limits.tokens,
            temperature=_TEMPERATURE,
            schema=REPLY_SCHEMA,
        )

    def _remember(self, key: str, opinion: Opinion) -> None:
        self._known[key] = opinion
        while len(self._known) > self._limits.remembered:
            self._known.popitem(last=False)


def is_unsure(support: Support) -> bool:
    """What the judge without a model may be wrong about: no word-by-word quote, no contradiction by value, and the
    page holds something of the claim."""
    if support.verdict in ("unavailable", "contradicted") or not support.quote:
        return False
    return _HARDLY_ANY < support.score < _SURE


_HARDLY_ANY, _SURE = 0.05, 0.85
_LONGEST_REPLY = 20_000  # characters
_TEMPERATURE = 0.6  # the vendor advises 0.5 to 0.7, lower makes R1 repeat itself
_PURPOSE = "Does the passage say what the claim says?"


def _applied(found: Opinions, doubts: Sequence[_Doubt], said: dict[int, Opinion]) -> Opinions:
    supports = list(found.supports)
    refused = changed = 0
    for doubt in doubts:
        if doubt.at not in said:
            continue
        ruling: Ruling | None = within_limits(supports[doubt.at], doubt.claim, said[doubt.at], doubt.passage)
        if ruling is None:
            refused += 1
            continue
        changed += ruling.verdict != supports[doubt.at].verdict
        supports[doubt.at] = ruling.on(supports[doubt.at])
    failed = sum(doubt.at not in said for doubt in doubts)
    return replace(found, supports=tuple(supports), failed=failed, refused=refused, changed=changed)
