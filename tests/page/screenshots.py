"""Pictures of the page for the READMEs, from the real service with its library and without any model.

make screenshots        writes docs/page.png (English, light, desk) and docs/page-zh.png (Chinese, dark, phone)
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright, expect

from tests.page.browsing import CHROMIUM, FLAGS, tab

ROOT = Path(__file__).parents[2]
MOST_BYTES = 200_000


@dataclass(frozen=True)
class Picture:
    """context: of the browser, as playwright takes it."""

    name: str
    question: str
    context: dict[str, Any]


PICTURES = (
    Picture(
        "page.png",
        "How do I upgrade Debian to the next stable release?",
        {"locale": "en-GB", "color_scheme": "light", "viewport": {"width": 1080, "height": 680}},
    ),
    Picture(
        "page-zh.png",
        "如何在 Debian 中配置静态 IP 地址？",
        {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 420, "height": 800}},
    ),
)


def service(folder: str) -> tuple[subprocess.Popen[str], str]:
    """A running service and its address."""
    command = [sys.executable, "-m", "workers.cli", "serve", "--port", "0"]
    environment = {**os.environ, "KAOZHENG_DATA_DIR": folder, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    assert running.stderr
    for line in running.stderr:
        if found := re.search(r"(http://[^\s/]+)/", line):
            return running, found[1]
    raise SystemExit("the service did not start")


async def take(picture: Picture, url: str, folder: Path) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        async with tab(browser, url, **picture.context) as walk:
            await walk.ask(picture.question)
            await walk.answered()
            await walk.page.locator(".answer .chip").first.click()
            await expect(walk.page.locator("#card mark")).to_be_visible()
            await expect(walk.page.locator("#card a[href*='/sources/']")).to_be_visible()
            await walk.page.evaluate("scrollTo(0, 0)")
            await asyncio.sleep(0.5)
            target = folder / picture.name
            await walk.page.screenshot(path=target)
            size = target.stat().st_size
            print(f"{target}: {size:,} bytes; complaints: {walk.complaints}; other hosts: {walk.abroad(url)}")
            if size > MOST_BYTES:
                raise SystemExit(f"more than {MOST_BYTES:,} bytes")
        await browser.close()


async def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as kept:
        running, url = service(kept)
        try:
            for picture in PICTURES:
                await take(picture, url, folder)
        finally:
            running.terminate()
            running.wait(40)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"))
