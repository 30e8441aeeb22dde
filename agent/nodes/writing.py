"""One call of a model that writes: deltas in, events out, a draft at the end."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, replace

from langgraph.runtime import Runtime

from agent.citations import CitationReader
from agent.delta import CUT, Delta, Generate, Usage
from agent.errors import ModelDown
from agent.events import Cited, Text, Thinking
from agent.fence import fence_line
from agent.nodes.deps import Run
from agent.nodes.judging import JUDGE_SECONDS, Judging
from agent.nodes.state import Draft
from agent.prompt import Prompt


@dataclass(frozen=True, slots=True)
class WritingLimits:
    """seconds: for the whole call. thinking_tokens and thinking_seconds: until the first word of the answer; then
    the call is ended, so that there is room and time left to ask for the answer itself. metered: False for the quoting
    reader, whose words are no tokens of a model and cost nothing."""

    seconds: float
    thinking_tokens: float = float("inf")
    thinking_seconds: float = float("inf")
    metered: bool = True


class Writing:
    """What was written survives a break; text that was shown is never asked for again."""

    def __init__(self, prompt: Prompt, runtime: Runtime[Run], limits: WritingLimits) -> None:
        self._prompt = replace(prompt, deadline=time.monotonic() + limits.seconds)
        self._runtime, self._limits = runtime, limits
        self._thinks_until = time.monotonic() + limits.thinking_seconds
        self._reader = CitationReader(len(prompt.pages))
        self._judging = Judging(prompt.pages, runtime.stream_writer)
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._thinking_tokens = 0
        self._finish = ""
        self._usage: Usage | None = None

    async def run(self, generate: Generate, model: str) -> Draft:
        """The draft; without any text where the model thought for too long or said nothing.

        Raises ModelDown where it broke off before its first word.
        """
        judging = asyncio.create_task(self._judging.run())
        try:
            draft = await self._written(generate, model)
            if await self._judging.finish(judging, min(JUDGE_SECONDS, max(1.0, self._runtime.context.seconds_left))):
                self._runtime.context.verdicts = self._judging.verdicts
            return draft
        finally:
            judging.cancel()
            await asyncio.gather(judging, return_exceptions=True)

    async def _written(self, generate: Generate, model: str) -> Draft:
        try:
            broken = await self._until_end(generate)
        finally:
            self._count()
        self._send(self._reader.close())
        if self._finish in CUT:
            broken = broken or self._finish
        text, thinking = "".join(self._text), "".join(self._thinking)
        return Draft(text, thinking, self._reader.dropped, broken, "", model)

    async def _until_end(self, generate: Generate) -> str:
        """Why the text is not whole, "" where it is."""
        try:
            async with asyncio.timeout(self._limits.seconds):
                await self._stream(generate)
        except ModelDown as down:
            if not self._shown:
                raise
            return down.reason
        except TimeoutError:
            if not self._shown:
                raise ModelDown("deadline", "the time for this question ran out before the first word") from None
            return "deadline"
        return ""

    @property
    def _shown(self) -> bool:
        return any(piece.strip() for piece in self._text)

    async def _stream(self, generate: Generate) -> None:
        async with aclosing(generate(self._prompt)) as deltas:
            async for delta in deltas:
                self._take(delta)
                if self._overthought:
                    return

    def _take(self, delta: Delta) -> None:
        if delta.thinking:
            self._thinking.append(delta.thinking)
            self._thinking_tokens += self._runtime.context.deps.count_tokens(delta.thinking)
            self._runtime.stream_writer(Thinking(delta.thinking))
        self._send(self._reader.feed(delta.text))
        self._finish = delta.finish or self._finish
        self._usage = delta.usage or self._usage

    @property
    def _overthought(self) -> bool:
        if self._shown or self._finish:
            return False
        return self._thinking_tokens > self._limits.thinking_tokens or time.monotonic() > self._thinks_until

    def _send(self, pieces: list[str | int]) -> None:
        for piece in pieces:
            if isinstance(piece, int):
                page = self._prompt.pages[piece - 1]
                self._runtime.stream_writer(Cited(piece, page.url, fence_line(page.title)))
            else:
                self._runtime.stream_writer(Text(piece))
            self._text.append(piece if isinstance(piece, str) else f"[citation:{piece}]")
            self._judging.grow(self._text[-1])

    def _count(self) -> None:
        """The server's count; ours where the stream ended without one, or was ended."""
        run = self._runtime.context
        if not self._limits.metered:
            return
        if self._usage is not None:
            run.usage += self._usage
        elif self._thinking or self._text:
            count = run.deps.count_tokens
            prompt = sum(count(message.content) for message in self._prompt.messages)
            said = self._thinking_tokens + count("".join(self._text))
            run.usage += Usage(prompt, said, self._thinking_tokens)
