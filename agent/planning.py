"""One planner round that survives R1, its server's parser and its stream: from a prompt to calls that are real.

    streamed -> (unreadable, or something was lost) once more, not streamed -> (no call) a plan as JSON under the
    server's grammar -> (refused) as plain JSON -> no call at all

Where the model is sent no tools (its profile), the plan as JSON is the first thing that is asked for.

What was taken is said by an Outcome; who asks decides what to do without any call.
"""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal

from agent.calls import Refusal, Turn, read_calls, torn
from agent.delta import Delta, Generate, Usage
from agent.errors import ModelDown
from agent.markup import BEGINNINGS
from agent.plan_json import plan_schema, read_plan
from agent.prompt import Message, Prompt, Tool
from agent.runaway import Runaway

Outcome = Literal["parsed", "rescued", "repeated", "json_plan", "enough", "fallback"]
"""parsed:    the server's parser read the calls, and they are valid
rescued:   at least one was found as markup in the text or in the reasoning
repeated:  they came when the round was asked once more, without streaming
json_plan: they came as JSON
enough:    a later round called nothing: what has been found is enough
fallback:  no call could be had"""

_TOKENS_OF_A_CALL = 12  # its markers, `function` and the fence, without name and arguments; counted by R1's tokenizer
_TOKENS_OF_NO_CALL = 10  # line breaks, markers and the end of the text; the shortest call has more
_REFUSES_SCHEMA = ("http_400", "http_422", "http_500", "http_501")


@dataclass(frozen=True, slots=True)
class PlannerRound:
    """What a round asks for. refused: why each other call was not taken, over all attempts."""

    turn: Turn
    outcome: Outcome
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Planner:
    """count_tokens: of the model's tokenizer; spend: told of each attempt's usage, also of those that brought nothing.

    order: what a plan as JSON is asked for with; needed: whether a round without calls brings nothing (the first).
    """

    generate: Generate
    count_tokens: Callable[[str], int]
    spend: Callable[[Usage], None]
    order: str
    most: int
    needed: bool

    async def round(self, prompt: Prompt) -> PlannerRound:
        """Raises ModelDown only where the first attempt does."""
        try:
            spoken = await self._spoken(prompt)
        except ModelDown as down:
            if down.reason != "no_tools":
                raise
            return await self._without_tools(prompt)
        turn = self._read(prompt, spoken)
        refused = turn.refused
        if self._lost(prompt, spoken, turn):
            again = await self._attempt(replace(prompt, stream=False))
            repeated = self._read(prompt, again) if again else Turn()
            refused += repeated.refused
            if repeated.calls:
                return PlannerRound(repeated, "repeated", refused)
        if turn.calls:
            return PlannerRound(turn, "rescued" if turn.rescued else "parsed", refused)
        if not (self.needed or refused or spoken.attempted):
            return PlannerRound(turn, "enough", refused)
        planned = await self._as_json(prompt)
        if planned is None or not planned.calls:
            return PlannerRound(Turn(), "fallback", refused)
        return PlannerRound(planned, "json_plan", refused + planned.refused)

    async def _without_tools(self, prompt: Prompt) -> PlannerRound:
        """Its only attempt is the plan as JSON; an empty one in a later round means enough. Raises ModelDown."""
        planned = await self._plan(replace(prompt, tools=()), prompt.tools)
        if planned is None:
            return PlannerRound(Turn(), "fallback")
        if planned.calls:
            return PlannerRound(planned, "json_plan", planned.refused)
        return PlannerRound(Turn(), "fallback" if self.needed or planned.refused else "enough", planned.refused)

    def _read(self, prompt: Prompt, spoken: "_Spoken") -> Turn:
        return read_calls(prompt.tools, spoken.last.calls, spoken.text, spoken.thinking, self.most)

    def _lost(self, prompt: Prompt, spoken: "_Spoken", turn: Turn) -> bool:
        """Whether the stream has lost or broken calls, so that asking again without streaming may bring them.

        A call cannot be taken; markup is left that is no whole call; or more tokens were written after the
        reasoning than can be seen: SGLang's streaming parser loses and mixes calls that arrive several tokens at
        a time (its threads 18236, 35563, 37634).
        """
        if spoken.last.finish not in ("stop", "tool_calls"):
            return False
        if {"unknown_name", "bad_json", "bad_arguments"} & set(turn.refused):
            return True
        if len({(call.name, call.arguments) for call in spoken.last.calls}) < len(spoken.last.calls):
            return True  # it gives one call the arguments of the next
        left = torn(spoken.text) or (spoken.attempted and not turn.calls)
        return left or self._unseen_tokens(spoken) > _TOKENS_OF_NO_CALL

    def _unseen_tokens(self, spoken: "_Spoken") -> int:
        """Tokens after the reasoning that arrived neither as text nor as a call; 0 where the server does not say."""
        usage = spoken.last.usage or Usage()
        if not usage.completion_tokens or (spoken.thinking and not usage.reasoning_tokens):
            return 0
        seen = self.count_tokens(spoken.text) if spoken.text.strip() else 0
        for call in spoken.last.calls:
            seen += _TOKENS_OF_A_CALL + self.count_tokens(call.name) + self.count_tokens(call.arguments)
        return usage.completion_tokens - usage.reasoning_tokens - seen

    async def _as_json(self, prompt: Prompt) -> Turn | None:
        try:
            return await self._plan(prompt, prompt.tools)
        except ModelDown:
            return None

    async def _plan(self, prompt: Prompt, tools: tuple[Tool, ...]) -> Turn | None:
        """None where it is not the JSON object that was asked for. Raises ModelDown."""
        asked = replace(with_order(prompt, self.order), schema=plan_schema(tools))
        try:
            spoken = await self._spoken(asked)
        except ModelDown as down:
            if down.reason not in _REFUSES_SCHEMA:
                raise
            spoken = await self._spoken(replace(asked, schema=None))
        return read_plan(tools, spoken.text.strip() or spoken.thinking, self.most)

    async def _attempt(self, prompt: Prompt) -> "_Spoken | None":
        try:
            return await self._spoken(prompt)
        except ModelDown:
            return None

    async def _spoken(self, prompt: Prompt) -> "_Spoken":
        """All that the model says; cut, and the model stopped, where it runs away."""
        text, thinking, last, runaway = "", "", Delta(), Runaway()
        async with aclosing(self.generate(prompt)) as deltas:
            async for delta in deltas:
                text, thinking = text + delta.text, thinking + delta.thinking
                last = replace(delta, calls=last.calls + delta.calls)
                if delta.usage:
                    self.spend(delta.usage)
                if runaway.grow(delta.thinking + delta.text):
                    break
        return _Spoken(text, thinking, last)


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A turn in the model's own words. last: the last delta, with all calls; without a finish where it was cut."""

    text: str = ""
    thinking: str = ""
    last: Delta = field(default_factory=Delta)

    @property
    def attempted(self) -> bool:
        """Whether it has begun a call in its words."""
        return any(beginning in self.text + self.thinking for beginning in BEGINNINGS)


def with_order(prompt: Prompt, order: str) -> Prompt:
    """The same conversation and one more order, at its end: all before it stays as it was."""
    *before, last = prompt.messages
    if last.role == "user":
        return replace(prompt, messages=(*before, Message("user", f"{last.content}\n\n{order}")))
    return replace(prompt, messages=(*prompt.messages, Message("user", order)))
