"""A browser is there where the operator named one, and a setting that cannot work stops the start."""

from pathlib import Path

import pytest

from tests.fake_web import FakeWeb
from tools.errors import PageUnreadable
from tools.extraction import Source
from tools.http import FetchParts
from tools.page import Webpage
from tools.web import WebParts
from workers.browser_build import with_browser
from workers.settings import Settings
from workers.settings_error import SettingsError


async def _extract(_: bytes, source: Source) -> Webpage:
    raise PageUnreadable(source.url, "no_text")


def parts() -> WebParts:
    return WebParts(_extract, FetchParts(FakeWeb().network(), "kaozheng/1"))


async def test_there_is_none_unless_it_is_named() -> None:
    async with with_browser(Settings(), parts()) as made:
        assert made.render is None
    async with with_browser(Settings(browser=__file__), parts()) as made:
        assert made.render is not None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"browser": "/nonexistent/chromium"}, "there is no browser"),
        ({"browser": __file__, "page_proxy": "http://127.0.0.1:3128"}, "PAGE_PROXY"),
    ],
)
async def test_a_browser_that_cannot_work_stops_the_start(given: dict[str, str], why: str) -> None:
    assert Path(__file__).is_file()
    with pytest.raises(SettingsError, match=why):
        async with with_browser(Settings(**given), parts()):
            pass
