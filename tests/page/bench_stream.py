"""How long the page works for its longest frame while 5,000 tokens with 60 citations stream, by Chromium's own trace,
and what 50 such answers leave in its memory.

make page-bench         one line for each shape of answer, and all in one last line
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from playwright.async_api import Browser, async_playwright, expect

from tests.page.browsing import CHROMIUM, FLAGS, Stage, Watched, staged, tab
from tests.page.scripted import Judge, Script
from tests.page.trace import ASK_FOR_FRAMES, CATEGORIES, Frames, frames_in
from tools.page import Webpage
from workers.valkey import EmbeddedValkey

TOKENS = 5_000
CITATIONS = 60
MOST_MILLISECONDS = 50.0
ANSWERS = 50
QUOTE = "The mountain was measured again and its height was given"
PAGES = tuple(
    Webpage(f"https://mountain.example/{number}", f"Mountain {number}", f"{number}. {QUOTE}.", "mountain.example")
    for number in range(1, 21)
)
SENTENCE = " ".join([QUOTE] * 8)
"""80 tokens of R1, more or less; with its marker, a sixtieth of the answer."""
CLAIMS = [f"{SENTENCE}[citation:{1 + n % len(PAGES)}]." for n in range(CITATIONS)]
CHINESE = [f"{'泰山主峰玉皇顶的海拔又一次被测量，' * 7}结果已经公布[citation:{1 + n % 20}]。" for n in range(CITATIONS)]
CELL = " ".join([QUOTE] * 2)
ROWS = [f"| {n} | {CELL} | {CELL} | {CELL} | {CELL}[citation:{1 + n % 20}] |" for n in range(CITATIONS)]
CODE = [f"height_of_{n} = measured({n})  # {QUOTE}" for n in range(250)]
SHAPES = {
    "paragraphs": "\n\n".join(CLAIMS),
    "one paragraph": " ".join(CLAIMS),
    "Chinese": "\n\n".join(CHINESE),
    "list": "\n".join(f"- **{n}** {claim}" for n, claim in enumerate(CLAIMS)),
    "table": "\n".join(["| | a | b | c | d |", "|---|---|---|---|---|", *ROWS]),
    "code": "\n".join(["```python", *CODE, "```", *CLAIMS[:60]]),
    "one Chinese": "".join(CHINESE),
    "deep list": "\n".join(f"{'  ' * (n % 12)}- {claim}" for n, claim in enumerate(CLAIMS)),
    "one code": "```\n" + "\n".join(CODE * 2) + "\n```\n",
    "500 formulae": " ".join(
        f"Then $h_{{{n}}} = \\sqrt{{x^2 + {n}}}$ holds[citation:{1 + n % 20}]." for n in range(500)
    ),
    "formulae": "\n\n".join(f"{claim} $$h_{{{n}}} = \\sqrt{{x^2 + {n}}}$$" for n, claim in enumerate(CLAIMS)),
}


THOUGHT = "\n".join(CLAIMS).replace("[citation:", "(page ")
AFTER_OTHERS, REASONED = "after 49 others", "reasoning"


def script_of(text: str, thoughts: str = "") -> Script:
    """In pieces of a token, as fast as the service sends them: more for each frame than any model writes."""
    judged: Judge = {number: ("supported", QUOTE) for number in range(1, len(PAGES) + 1)}
    return Script(text, pages=PAGES, judged=judged, piece=max(1, len(text) // TOKENS), thoughts=thoughts)


OPEN_REASONING = """() => new MutationObserver(() => {
  for (const details of document.querySelectorAll('.turn > details:not(.work)')) details.open = true;
}).observe(document.getElementById('turns'), { childList: true })"""


@dataclass
class Bench:
    browser: Browser
    stage: Stage

    async def frames(self, shape: str) -> Frames:
        self.stage.scripts[shape] = script_of(SHAPES[shape])
        async with tab(self.browser, self.stage.url) as walk:
            return await self._traced(walk, shape)

    async def reasoning(self) -> Frames:
        """While the reader has the model's reasoning open."""
        self.stage.scripts[REASONED] = script_of(SHAPES["paragraphs"], THOUGHT)
        async with tab(self.browser, self.stage.url) as walk:
            await walk.page.evaluate(OPEN_REASONING)
            return await self._traced(walk, REASONED)

    async def _traced(self, walk: Watched, question: str, turns: int = 1) -> Frames:
        await walk.page.evaluate(ASK_FOR_FRAMES)
        await self.browser.start_tracing(page=walk.page, categories=CATEGORIES)
        await walk.ask(question)
        await expect(walk.page.locator(".turn .proof")).to_have_count(turns, timeout=90_000)
        await expect(walk.page.locator(".turn:last-child h2")).to_have_text(question)
        await walk.page.wait_for_selector("#stop", state="hidden", timeout=90_000)
        await asyncio.sleep(0.5)  # what follows the last event belongs to the stream
        return frames_in(await self.browser.stop_tracing())

    async def memory(self) -> tuple[list[float], Frames]:
        """Mebibytes of JavaScript after 1 answer, after the 30 that the page holds, and after ANSWERS; and the frames
        of the last answer, below all others."""
        self.stage.scripts.update({f"long {n}": script_of(SHAPES["paragraphs"]) for n in range(ANSWERS)})
        kept: list[float] = []
        async with tab(self.browser, self.stage.url) as walk:
            for number in range(ANSWERS - 1):
                await walk.ask(f"long {number}")
                await walk.page.wait_for_selector("#stop", state="hidden", timeout=90_000)
                await walk.answered(min(30, number + 1))
                if number + 1 in (1, 30):
                    kept.append(await heap(walk))
            last = await self._traced(walk, f"long {ANSWERS - 1}", 30)
            return [*kept, await heap(walk)], last


async def heap(walk: Watched) -> float:
    """Mebibytes after a collection."""
    devtools = await walk.context.new_cdp_session(walk.page)
    await devtools.send("HeapProfiler.collectGarbage")
    used = await devtools.send("Runtime.getHeapUsage")
    await devtools.detach()
    return float(used["usedSize"]) / 2**20


@asynccontextmanager
async def opened() -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedValkey(Path(folder))
        try:
            async with staged(server.start()) as stage, async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                yield Bench(browser, stage)
                await browser.close()
        finally:
            server.stop()


def line_of(shape: str, frames: Frames) -> str:
    characters = len(SHAPES.get(shape, SHAPES["paragraphs"]))
    return (
        f"{shape:<15} {characters:>7,} characters, {len(frames.cpu):>5} frames: the longest "
        f"{frames.longest_cpu:5.1f} ms of CPU, {frames.longest_wall:5.1f} ms by the clock, "
        f"{frames.over(MOST_MILLISECONDS)} over {MOST_MILLISECONDS:.0f} ms"
    )


async def main() -> None:
    measured: dict[str, Frames] = {}
    async with opened() as bench:
        for shape in SHAPES:
            measured[shape] = await bench.frames(shape)
            print(line_of(shape, measured[shape]), flush=True)
        measured[REASONED] = await bench.reasoning()
        print(line_of(REASONED, measured[REASONED]), flush=True)
        (first, full, last), measured[AFTER_OTHERS] = await bench.memory()
        print(line_of(AFTER_OTHERS, measured[AFTER_OTHERS]), flush=True)
    worst = max(measured.values(), key=lambda frames: frames.longest_cpu).longest_cpu
    clock = max(frames.longest_wall for frames in measured.values())
    print(
        f"5,000 tokens with 60 citations in {len(measured)} shapes: the longest frame took {worst:.1f} ms of CPU and "
        f"{clock:.1f} ms by the clock (load {os.getloadavg()[0]:.1f}, wanted: under {MOST_MILLISECONDS:.0f}); heap "
        f"{first:.1f} MiB after 1 answer, {full:.1f} after 30, {last:.1f} after {ANSWERS}"
    )


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # the service's log
    asyncio.run(main())
