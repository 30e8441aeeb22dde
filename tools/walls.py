"""Pages that stand before the page: challenges, consent walls, notes that nothing is there, though the status says 200.

Such a text would be cited as if it were the page's. It is told by being short and by saying one of a few things in its
title or at its beginning; an article about such pages is longer.
"""

import re

from tools.page import Webpage

MAX_WALL_CHARACTERS = 900
"""Of the text, below a title that says it all."""
MAX_PLAIN_WALL_CHARACTERS = 350
"""Of the text, where only the text says it."""
_BEGINNING = 200

REASONS = {
    "challenge": "the site asks for a proof that a person is reading",
    "needs_javascript": "the page is empty without JavaScript",
    "cookie_wall": "the site shows nothing before its cookies are accepted",
    "soft_404": "the site says that there is no such page",
}
_SAYINGS = {
    "challenge": (
        r"just a moment|attention required|checking your browser|verify (?:that )?you are (?:a )?human|security check"
        r"|are you a (?:ro)?bot|access (?:to this page has been )?denied|complete the captcha|unusual traffic"
        r"|人机验证|安全验证|访问验证|滑动验证|请完成验证|(?:访问|请求)过于频繁|验证码"
    ),
    "needs_javascript": (
        r"(?:please |you need to |must )?(?:enable|turn on|activate) java\s?script|java\s?script (?:is|must be|to be) "
        r"(?:disabled|required|enabled)|(?:requires|needs) java\s?script|without java\s?script enabled"
        r"|(?:启用|开启|打开|需要|允许)\s*(?:浏览器(?:的)?)?\s*java\s?script|不支持\s*java\s?script"
    ),
    "cookie_wall": (
        r"(?:accept|enable|allow) (?:all )?cookies? to (?:continue|proceed|view)|we value your privacy"
        r"|before you continue to|(?:启用|接受)\s*cookies?"
    ),
    "soft_404": (
        r"(?:error )?404(?: error)?(?: |$|[-–—:|,.])|(?:the )?page (?:you requested |you are looking for )?"
        r"(?:was |could |can)?\s?not (?:be )?found|page not found|nothing (?:was )?found here"
        r"|this page (?:does not|doesn.t) exist"
        r"|(?:您|你)?(?:访问|查看|请求)的?(?:页面|内容|网页|文章)(?:不存在|已(?:被)?删除|找不到)|页面(?:不存在|未找到|找不到|丢失)"
        r"|找不到(?:该|此|您要(?:查看|访问)的)?(?:页面|网页)|(?:该|此)(?:内容|文章|页面)(?:已被|已|被)?(?:删除|下架|不存在)"
    ),
}
_PATTERNS = {reason: re.compile(saying, re.IGNORECASE) for reason, saying in _SAYINGS.items()}


def wall_of(page: Webpage) -> str:
    """A key of REASONS; "" for a page that is one."""
    if len(page.text) > MAX_WALL_CHARACTERS:
        return ""
    for reason, pattern in _PATTERNS.items():
        if pattern.match(page.title.strip()):
            return reason
        if len(page.text) <= MAX_PLAIN_WALL_CHARACTERS and pattern.search(page.text[:_BEGINNING]):
            return reason
    return ""
