"""What stands before a page is not taken for the page."""

import pytest

from tests.fake_web import FakeWeb, Page
from tools.errors import PageUnreadable
from tools.extraction import extract_page
from tools.http import FetchParts
from tools.manners import Manners
from tools.page import Webpage
from tools.walls import wall_of
from tools.web import WebParts, WebReader

WALLS = [
    ("Just a moment...", "Enable JavaScript and cookies to continue", "challenge"),
    ("Attention Required! | Cloudflare", "Sorry, you have been blocked. " * 20, "challenge"),
    ("a.test", "Please verify you are a human to continue.", "challenge"),
    ("安全验证", "请完成下方验证后继续访问", "challenge"),
    ("App", "You need to enable JavaScript to run this app.", "needs_javascript"),
    ("首页", "请启用 JavaScript 后再访问本站。", "needs_javascript"),
    ("News", "Accept all cookies to continue to our site.", "cookie_wall"),
    ("404 Not Found", "Go back to the start page.", "soft_404"),
    ("Page not found | Site", "Try the search.", "soft_404"),
    ("提示", "您访问的页面不存在，三秒后返回首页。", "soft_404"),
]
PAGES = [
    ("404 Not Found", "The status code says that the server has nothing at this address. " * 20),
    ("How captchas work", "A captcha asks you to verify you are human. " * 30),
    (
        "HTTP status codes",
        "Among them: 200, 301, 404 and 503. The second means that something has moved for good. " * 5,
    ),
    ("Opening hours", "Monday to Friday, nine to five."),
    ("房间 404", "本室位于四楼，周一至周五开放。"),
]


@pytest.mark.parametrize(("title", "text", "reason"), WALLS)
def test_a_wall_says_which_one_it_is(title: str, text: str, reason: str) -> None:
    assert wall_of(Webpage("https://a.test/", title, text)) == reason


@pytest.mark.parametrize(("title", "text"), PAGES)
def test_a_page_about_walls_is_a_page(title: str, text: str) -> None:
    assert wall_of(Webpage("https://a.test/", title, text)) == ""


@pytest.mark.parametrize(("title", "text", "reason"), WALLS)
async def test_the_reader_never_hands_a_wall_out_as_a_page(title: str, text: str, reason: str) -> None:
    async with FakeWeb() as web:
        web.put("http://pub.test/", Page(f"<!doctype html><title>{title}</title><main><p>{text}</p></main>"))
        parts = WebParts(_extract, FetchParts(web.network(), "kaozheng/1"), Manners(spacing_seconds=0.0))
        with pytest.raises(PageUnreadable) as refused:
            await WebReader(parts).read("http://pub.test/")
    assert refused.value.reason in (reason, "no_text")
    assert text[:20] not in str(refused.value)


async def _extract(body: bytes, source: object) -> Webpage:
    return extract_page(body, source)  # type: ignore[arg-type]
