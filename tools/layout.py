"""Markup as a browser lays it out, before anything is looked for in it."""

from lxml.etree import XPath
from lxml.html import HtmlElement

POPULAR_SHARE = 0.3

_POPULAR = XPath(
    "//*[self::div or self::section or self::aside or self::ul]"
    "[contains(@class, 'most-read') or contains(@class, 'most-popular') or contains(@class, 'hot-list')]"
)
_CHARS = XPath("string-length(normalize-space(.))")


def gather(tree: HtmlElement) -> None:
    """What follows an early `</body>` or `</html>` belongs to the body (HTML standard, "after after body"); libxml2
    leaves it beside the body, or in a second root element."""
    body = tree.find("body")
    if body is None:
        return
    for second in list(tree.itersiblings("html")):
        body.extend(list(second))
    for stray in list(body.itersiblings()):
        body.append(stray)


def drop_popular(tree: HtmlElement) -> None:
    """Lists of what others read, by the name that sites give them; a page of nothing else stays."""
    popular = _POPULAR(tree)
    most = POPULAR_SHARE * _CHARS(tree) if popular else 0
    for element in popular:
        if element.getparent() is not None and _CHARS(element) <= most:
            element.drop_tree()
