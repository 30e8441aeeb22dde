"""The optional browser, put together from the settings."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from tools.browser import BrowserLimits, BrowserParts, BrowserReader
from tools.web import WebParts
from workers.settings import Settings
from workers.settings_error import SettingsError


@asynccontextmanager
async def with_browser(settings: Settings, parts: WebParts) -> AsyncGenerator[WebParts, None]:
    """`parts`, with a browser where the operator named one; it is closed in the end. Raises SettingsError."""
    if not settings.browser:
        yield parts
        return
    _check(settings)
    limits = BrowserLimits(page_seconds=settings.browser_seconds)
    fetching = parts.fetching
    browser = BrowserReader(
        BrowserParts(settings.browser, fetching.network, fetching.user_agent, parts.sources.allow, limits)
    )
    try:
        yield replace(parts, render=browser.render)
    finally:
        await browser.aclose()


def _check(settings: Settings) -> None:
    if not Path(settings.browser).is_file():
        raise SettingsError("browser", f"there is no browser at {settings.browser} (KAOZHENG_BROWSER)")
    if find_spec("playwright") is None:
        raise SettingsError("browser", "KAOZHENG_BROWSER needs the extra `browser`: pip install 'kaozheng[browser]'")
    if settings.page_proxy:
        raise SettingsError("browser", "KAOZHENG_BROWSER does not go through KAOZHENG_PAGE_PROXY: unset one of them")
