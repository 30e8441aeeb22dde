"""The real service with the web page, and a real Chromium that may reach nothing but it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, expect
from redis.asyncio import Redis

from agent.events import Event
from agent.question import Question
from tests.page.scripted import Script
from tests.workers.serving import service_of, serving
from workers.run_log import RunLog
from workers.service import Service
from workers.store import Retention, Store

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]
HEIGHT = Script(
    "## How high it is\n\nMount Tai is **1,545 m** high[citation:1]. 华山主峰更高[citation:2]。\n\n"
    "| mountain | height |\n|---|---|\n| Tai | 1,545 m |\n| Hua | 2,154.9 m |\n\n```sh\nclimb --night\n```\n"
)


@dataclass
class Stage:
    """The running service; put a Script for a question into `scripts`, others get HEIGHT."""

    url: str = ""
    scripts: dict[str, Any] = field(default_factory=dict)
    asked: list[Question] = field(default_factory=list)

    async def ask(self, question: Question) -> AsyncGenerator[Event, None]:
        self.asked.append(question)
        script: Any = self.scripts.get(question.text, HEIGHT)
        run = script.run if isinstance(script, Script) else script
        async for event in run(question):
            yield event


@asynccontextmanager
async def staged(valkey_address: str, **changes: Any) -> AsyncIterator[Stage]:
    stage = Stage()
    async with Redis.from_url(valkey_address, socket_timeout=5) as valkey:
        store, log = Store(valkey, Retention(1_000, 1_000, 0)), RunLog(valkey, lease_seconds=2)
        service: Service = service_of(**{"ask": stage.ask, "store": store, "run_log": log, **changes})
        async with serving(service) as client:
            stage.url = str(client.base_url).rstrip("/")
            yield stage


@dataclass
class Watched:
    """A tab, and what it did: addresses it asked for, and what it complained of."""

    page: Page
    context: BrowserContext
    requested: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def ask(self, text: str) -> None:
        await self.page.fill("#question", text)
        await self.page.press("#question", "Enter")

    async def answered(self, turns: int = 1) -> None:
        """That many answers stand there, complete."""
        await expect(self.page.locator(".turn .proof")).to_have_count(turns, timeout=30_000)

    def abroad(self, own: str) -> list[str]:
        """Requests to anything but the service."""
        return [url for url in self.requested if not url.startswith((own, "data:", "blob:", "about:"))]


@asynccontextmanager
async def tab(browser: Browser, url: str, **context: Any) -> AsyncIterator[Watched]:
    """The page, loaded; it may complain of nothing while it is open."""
    opened = await browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, **context})
    opened.set_default_timeout(30_000)
    page = await opened.new_page()
    watched = Watched(page, opened)
    page.on("request", lambda request: watched.requested.append(request.url))
    page.on("console", lambda said: watched.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    try:
        if url:
            await page.goto(url)
            await page.wait_for_selector("html[data-ready]")
        yield watched
    finally:
        await opened.close()
        await asyncio.sleep(0)
