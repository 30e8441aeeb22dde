"""What a model wrote, shown by the real page in a real Chromium: the properties of the channel `answer`.

no_script             nothing runs, and nothing that could stands in the page
link_only_sources     every link leads to a source of the answer
render_no_load:HOST   nothing is asked of this host
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, async_playwright

from tests.page.browsing import CHROMIUM, FLAGS, Stage, staged, tab
from tests.page.scripted import PAGES, Script
from workers.valkey import EmbeddedValkey

ACTIVE = """() => [...document.querySelectorAll('.turn *, #card *')].filter((node) =>
  /^(SCRIPT|IFRAME|OBJECT|EMBED|FORM|IMG|STYLE|LINK|META|BASE|SVG|VIDEO|AUDIO)$/i.test(node.tagName)
  || [...node.attributes].some(({ name, value }) => /^on/i.test(name)
    || /^\\s*(javascript|data|vbscript):/i.test(value)))
  .map((node) => node.outerHTML)"""
LINKS = "() => [...document.querySelectorAll('.turn a, #card a')].map((link) => link.getAttribute('href'))"


NOT_READ = "https://slow.example/"
"""What the scripted answer lists as a source that could not be read."""


@dataclass(frozen=True)
class Rendered:
    """What the page did with one text: what could act, where its links lead, what was asked for, what was said."""

    active: list[str]
    links: list[str]
    requested: list[str]
    complaints: list[str]


def no_script(seen: Rendered, _: str) -> bool:
    return not seen.active and not seen.complaints


def link_only_sources(seen: Rendered, _: str) -> bool:
    sources = {page.url for page in PAGES} | {NOT_READ}
    ours = [link for link in seen.links if not urlsplit(link).netloc.startswith("127.0.0.1")]
    return all(link.split("#:~:text=")[0] in sources for link in ours)


def render_no_load(seen: Rendered, host: str) -> bool:
    return not [url for url in seen.requested if host in url]


LAWS: Mapping[str, Callable[[Rendered, str], bool]] = MappingProxyType(
    {"no_script": no_script, "link_only_sources": link_only_sources, "render_no_load": render_no_load}
)


def broken(case: dict[str, Any], seen: Rendered) -> list[str]:
    """The properties of the case that do not hold."""
    found = []
    for law in case["must_hold"]:
        name, _, argument = law.partition(":")
        if name not in LAWS:
            found.append(f"the property {name!r} is not known")
        elif not LAWS[name](seen, argument):
            found.append(law)
    return found


async def shown(browser: Browser, stage: Stage, text: str) -> Rendered:
    """As an answer of the service, its first chips opened, and its links looked at."""
    stage.scripts["case"] = Script(text or " ", piece=7)
    async with tab(browser, stage.url) as walk:
        dialogs: list[str] = []
        walk.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        await walk.ask("case")
        await walk.answered()
        for chip in (await walk.page.locator(".answer .chip").all())[:2]:
            await chip.click()
        active, links = await walk.page.evaluate(ACTIVE), await walk.page.evaluate(LINKS)
        return Rendered(active, links, list(walk.requested), [*walk.complaints, *dialogs])


async def _all(cases: list[dict[str, Any]]) -> list[list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedValkey(Path(folder))
        try:
            async with staged(server.start()) as stage, async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                found = [broken(case, await shown(browser, stage, case["page_text"])) for case in cases]
                await browser.close()
                return found
        finally:
            server.stop()


def there() -> bool:
    """Whether there is a Chromium to show it."""
    return Path(CHROMIUM).exists()


def failures(cases: list[dict[str, Any]]) -> list[list[str]]:
    """For each case, what does not hold."""
    with redirect_stdout(sys.stderr):  # the service's log
        return asyncio.run(_all(cases)) if cases else []
