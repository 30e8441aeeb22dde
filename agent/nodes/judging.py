"""Judges an answer while it is written: sentence by sentence, beside the stream, with the judge without a model."""

import asyncio
from collections.abc import Callable, Sequence

from agent.events import Judged
from agent.findings import linked
from agent.settling import Piece, Settling
from agent.verdicts import Verdicts
from tools.page import Webpage

JUDGE_SECONDS = 20.0
"""For what is left to be judged when the model has ended; the verify step goes over all of it in any case."""
_PAUSE_SECONDS = 0.05


class Judging:
    """One text. grow() as it comes, finish() at its end; run() is a task of whoever owns this.

    The judge works on a thread, so that neither the stream nor other questions wait for it.
    """

    def __init__(self, pages: Sequence[Webpage], tell: Callable[[Judged], None]) -> None:
        self.verdicts = Verdicts(pages)
        self._tell = tell
        self._settling = Settling()
        self._text: list[str] = []
        self._grown, self._ended = asyncio.Event(), asyncio.Event()

    def grow(self, piece: str) -> None:
        self._text.append(piece)
        self._grown.set()

    async def run(self) -> None:
        """Until the whole text was told."""
        whole = False
        while not whole:
            await self._grown.wait()
            self._grown.clear()
            whole = self._ended.is_set()
            await self._judge("".join(self._text), whole)
            await self._pause()

    async def _judge(self, text: str, whole: bool) -> None:
        for piece in await asyncio.to_thread(self._settling.pieces, text, whole):
            self._tell(await asyncio.to_thread(self._judged, piece, text))

    def _judged(self, piece: Piece, text: str) -> Judged:
        claim = piece.claim
        found = [self.verdicts.of(claim, number) for number in claim.numbers] if claim else ()
        supports = tuple(linked(support, self.verdicts) for support in found)
        return Judged(text[piece.start : piece.end], piece.start, piece.end, supports)

    async def _pause(self) -> None:
        """A text that grows token by token is looked at a few times a second."""
        try:
            async with asyncio.timeout(_PAUSE_SECONDS):
                await self._ended.wait()
        except TimeoutError:
            return

    async def finish(self, running: "asyncio.Task[None]", seconds: float) -> bool:
        """The rest of the text, which ends here; False where that took longer than `seconds`."""
        self._ended.set()
        self._grown.set()
        try:
            async with asyncio.timeout(seconds):
                await running
        except TimeoutError:
            return False
        return True
