"""An optional reader for pages that are empty without JavaScript: Chromium, with a guarded proxy as its only way out.

Off unless the operator names a Chromium. One browser for the service, started for the first page that needs it; a new
context for each page, nothing kept behind; a page that hangs, crashes or eats memory costs itself and, at most, the
browser, which is then started anew for the next one.
"""

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools import browser_processes
from tools.browser_proxy import BrowserProxy, Visitor
from tools.dialling import Network
from tools.errors import PageUnreadable

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page, Route, WebSocketRoute

_ARGUMENTS = (
    *("--disable-quic", "--dns-prefetch-disable", "--disable-background-networking", "--disable-component-update"),
    *(
        "--disable-sync",
        "--disable-default-apps",
        "--disable-extensions",
        "--no-first-run",
        "--no-pings",
        "--disable-gpu",
    ),
    *("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--proxy-bypass-list=<-loopback>"),
    *("--force-webrtc-ip-handling-policy=disable_non_proxied_udp", "--disable-dev-shm-usage"),
    *(
        "--disable-features=DnsOverHttps,AsyncDns,NetworkPrediction,OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    ),
    *(
        "--renderer-process-limit=2",
        "--js-flags=--max-old-space-size=256",
        "--disable-webgl",
        "--disable-notifications",
    ),
)
_WITHOUT = ("image", "media", "font", "texttrack", "eventsource", "websocket", "manifest", "ping")
"""Kinds of requests that no text comes from."""
_NO_PEERS = (
    "for (const name of ['RTCPeerConnection','webkitRTCPeerConnection','WebTransport']) delete globalThis[name];"
)
_MARKUP = "length => document.documentElement.outerHTML.slice(0, length)"
_WORDS = "() => (document.body ? document.body.innerText : '').length"
_SETTLED_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class BrowserLimits:
    """page_seconds: for one page from its first request to its markup; start_seconds: for the browser itself."""

    page_seconds: float = 10.0
    start_seconds: float = 20.0
    close_seconds: float = 3.0
    pages: int = 2
    memory_bytes: int = 1024 * 1024 * 1024
    max_markup_characters: int = 5_000_000


@dataclass(frozen=True, slots=True)
class BrowserParts:
    """executable: the operator's Chromium; allow: rules on hosts; the network is the one that pages are read by."""

    executable: str
    network: Network
    user_agent: str
    allow: Callable[[str], bool] = lambda _: True
    limits: BrowserLimits = BrowserLimits()


class BrowserReader:
    """Renders pages. `aclose` ends the browser and the proxy, whatever they are doing."""

    def __init__(self, parts: BrowserParts) -> None:
        self._parts = parts
        self._proxy = BrowserProxy(parts.network, parts.allow)
        self._room = asyncio.Semaphore(parts.limits.pages)
        self._starting = asyncio.Lock()
        self._opened: AsyncExitStack | None = None
        self._browser: Browser | None = None
        self._mark = f"--class=kaozheng-{secrets.token_hex(8)}"

    async def render(self, url: str) -> str:
        """The page's markup after its scripts have run. url: checked and fetched before.

        Raises PageUnreadable: browser_missing, browser_timeout, browser_memory, browser_crash.
        """
        async with self._room:
            browser = await self._running(url)
            rendering = asyncio.ensure_future(self._rendered(browser, url))
            watch = asyncio.ensure_future(self._watch())
            try:
                seconds = self._parts.limits.page_seconds
                await asyncio.wait({rendering, watch}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                return self._outcome(url, rendering, watch)
            finally:
                watch.cancel()
                await self._leave(rendering)

    def _outcome(self, url: str, rendering: "asyncio.Task[str]", watch: "asyncio.Task[None]") -> str:
        """The markup, or why there is none; the watch only ends when it has ended the browser."""
        from playwright.async_api import Error

        if watch.done():  # before the page: a browser that was killed under it may never say so
            raise PageUnreadable(url, "browser_memory", "its scripts take too much memory")
        if not rendering.done():
            self._end()  # a page that hangs holds its context: only the end of the browser is sure
            raise PageUnreadable(url, "browser_timeout", "its scripts take too long")
        try:
            return rendering.result()
        except Error:
            if not browser_processes.family(self._mark):
                self._browser = None
            raise PageUnreadable(url, "browser_crash", "the browser could not show it") from None

    async def _leave(self, rendering: "asyncio.Task[str]") -> None:
        """Close the page; a browser that does not let it go in time is ended."""
        rendering.cancel()
        _, hanging = await asyncio.wait({rendering}, timeout=self._parts.limits.close_seconds)
        if hanging:
            self._end()
        elif not rendering.cancelled():
            rendering.exception()  # said already, or nobody waits for it any more

    async def aclose(self) -> None:
        opened, self._opened, self._browser = self._opened, None, None
        self._end()
        if opened is not None:
            try:
                async with asyncio.timeout(self._parts.limits.close_seconds):
                    await opened.aclose()
            except TimeoutError:
                return

    async def _running(self, url: str) -> "Browser":
        """The browser, started when there is none. Raises PageUnreadable (browser_missing)."""
        from playwright.async_api import Error

        async with self._starting:
            if self._browser is not None and self._browser.is_connected():
                return self._browser
            await self.aclose()
            opened = AsyncExitStack()
            try:
                async with asyncio.timeout(self._parts.limits.start_seconds):
                    self._browser = await self._start(opened)
            except (Error, OSError, TimeoutError):
                self._end()
                await opened.aclose()
                raise PageUnreadable(url, "browser_missing", "the browser does not start") from None
            self._opened = opened
            return self._browser

    async def _start(self, opened: AsyncExitStack) -> "Browser":
        from playwright.async_api import async_playwright

        self._proxy = await opened.enter_async_context(BrowserProxy(self._parts.network, self._parts.allow))
        home = opened.enter_context(tempfile.TemporaryDirectory(prefix="kaozheng-browser-", ignore_cleanup_errors=True))
        playwright = await opened.enter_async_context(async_playwright())
        return await playwright.chromium.launch(
            executable_path=self._parts.executable,
            args=[*_ARGUMENTS, self._mark],
            proxy={"server": self._proxy.url, "bypass": "<-loopback>"},
            env={"HOME": home, "TMPDIR": home, "PATH": os.defpath, "LANG": "C.UTF-8"},
            chromium_sandbox=os.geteuid() != 0,  # Chromium has none for root
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )

    async def _rendered(self, browser: "Browser", url: str) -> str:
        async with self._visiting() as visitor, self._context(browser, visitor) as context:
            page = await context.new_page()
            await context.route("**/*", lambda route: _let_through(route, page, url))
            await page.goto(url, wait_until="domcontentloaded", timeout=0)
            await _settled(page)
            markup = await page.evaluate(_MARKUP, self._parts.limits.max_markup_characters)
            return str(markup)

    @asynccontextmanager
    async def _visiting(self) -> AsyncIterator[Visitor]:
        visitor = self._proxy.admit()
        try:
            yield visitor
        finally:
            self._proxy.dismiss(visitor)

    @asynccontextmanager
    async def _context(self, browser: "Browser", visitor: Visitor) -> AsyncIterator["BrowserContext"]:
        """A fresh one: no cookies, no cache, no downloads, no service workers, no sockets."""
        proxy = {"server": self._proxy.url, "username": visitor.name, "password": visitor.secret}
        context = await browser.new_context(
            proxy={**proxy, "bypass": "<-loopback>"},  # type: ignore[arg-type]
            user_agent=self._parts.user_agent,
            accept_downloads=False,
            service_workers="block",
        )
        try:
            await context.add_init_script(_NO_PEERS)
            await context.route_web_socket("**/*", _close_socket)
            yield context
        finally:
            await context.close()

    async def _watch(self) -> None:
        """Returns only when the browser took too much memory and has been ended for it."""
        while True:
            await asyncio.sleep(0.25)
            pids = await asyncio.to_thread(browser_processes.family, self._mark)
            if browser_processes.private_bytes(pids) > self._parts.limits.memory_bytes:
                browser_processes.end(pids)
                return

    def _end(self) -> None:
        """All of its processes; the next page gets a new browser, also where the death is not noticed yet."""
        self._browser = None
        browser_processes.end(browser_processes.family(self._mark))


async def _let_through(route: "Route", page: "Page", url: str) -> None:
    """What text may come from; and of navigations the first alone, to the page that was asked for."""
    request = route.request
    scheme = request.url.partition(":")[0]
    strays = request.is_navigation_request() and request.url.partition("#")[0] != url.partition("#")[0]
    if (
        strays
        or request.frame != page.main_frame
        or request.resource_type in _WITHOUT
        or scheme not in ("http", "https")
    ):
        await route.abort()
    else:
        await route.continue_()


async def _close_socket(socket: "WebSocketRoute") -> None:
    await socket.close()


async def _settled(page: "Page") -> None:
    """Until the page has words and their number stays; the caller's deadline bounds a page that never has any."""
    before = -1
    for _ in range(12):
        words = int(await page.evaluate(_WORDS))
        if words == before and words > 200:
            return
        before = words
        await asyncio.sleep(_SETTLED_SECONDS)
