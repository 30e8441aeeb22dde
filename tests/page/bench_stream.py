"""How long the page's longest frame is while 5,000 tokens with 60 citations stream, and what 50 answers leave behind.

python -m tests.page.bench_stream
"""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright

from tests.page.browsing import CHROMIUM, FLAGS, Stage, Watched, staged, tab
from tests.page.scripted import Script
from workers.valkey import EmbeddedValkey

PARAGRAPH = " ".join(["The mountain was measured again and its height was given"] * 7)
LONG = "\n\n".join(f"{PARAGRAPH}[citation:{1 + n % 2}]." for n in range(60))
WATCH = """() => {
  window.longest = 0;
  let last = performance.now();
  const frame = (now) => {
    window.longest = Math.max(window.longest, now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  window.tasks = [];
  new PerformanceObserver((list) => list.getEntries().forEach((one) => window.tasks.push(one.duration)))
    .observe({ type: 'longtask', buffered: false });
}"""


async def heap(walk: Watched) -> float:
    """Mebibytes of JavaScript after a collection."""
    devtools = await walk.context.new_cdp_session(walk.page)
    await devtools.send("HeapProfiler.collectGarbage")
    return float(await walk.page.evaluate("performance.memory.usedJSHeapSize")) / 2**20


async def measure(stage: Stage, walk: Watched) -> None:
    stage.scripts["long"] = Script(LONG, piece=5)
    await walk.page.evaluate(WATCH)
    await walk.ask("long")
    await walk.page.locator(".turn .proof").wait_for(timeout=90_000)
    longest, tasks = await walk.page.evaluate("[window.longest, window.tasks]")
    print(
        f"{len(LONG):,} characters: longest frame {longest:.0f} ms; tasks over 50 ms: {[round(one) for one in tasks]}"
    )
    before = await heap(walk)
    for number in range(50):
        await walk.ask(f"question {number}")
        await walk.page.wait_for_selector("#stop", state="hidden")
        await walk.answered(min(30, number + 2))
    print(f"heap {before:.1f} MiB before, {await heap(walk):.1f} MiB after 50 more answers")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedValkey(Path(folder))
        try:
            async with staged(server.start()) as stage, async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                async with tab(browser, stage.url) as walk:
                    await measure(stage, walk)
                await browser.close()
        finally:
            server.stop()


if __name__ == "__main__":
    asyncio.run(main())
