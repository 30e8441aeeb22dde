"""When a page was published, only where it says so: a wrong date in a prompt is a wrong answer.

htmldate's wide search takes a footer's year: a date on 9 of 10 pages that have none. Its strict search still takes
the day a shop, a start page or a manual was last touched; such pages are asked for less.
"""

import re
from urllib.parse import urlsplit

from htmldate import find_date
from lxml.etree import XPath
from lxml.html import HtmlElement

from tools.kinds import Kind

_META = XPath("//meta[@property or @name or @itemprop][@content]")
_TIMES = XPath("//@datetime", smart_strings=False)
_SHOWN = XPath("/html/body//text()[not(parent::script or parent::style)]", smart_strings=False)
MAX_SHOWN_CHARS = 300_000
_STATED = re.compile(r"(?:dat|time|publ|issued|modif|updat)", re.IGNORECASE)
_CHANGED = re.compile(r"modif|updat|revis", re.IGNORECASE)
_LINKED = re.compile(r'"(date\w+|upload\w*)"\s*:\s*"(\d{4}-\d\d-\d\d)')
_NEWS_PATH = re.compile(
    r"/(?:news|blog|artic|artikel|post|article|media|magazin|meldung)|/(?:19|20)\d\d\b|\d\d-\d\d-\d{4}"
    r"|(?:^|[/_-])\d{5,}(?:[-_.]|$)",
    re.IGNORECASE,
)
START_PAGES = frozenset({"", "index.html", "index.htm", "index.php"})


def stated(tree: HtmlElement, url: str | None) -> str:
    """The day that meta elements, JSON-LD, the address or time elements name, "" for none."""
    return find_date(tree, url=url, extensive_search=False, original_date=True) or ""


def published(tree: HtmlElement, url: str, strict: str, kind: Kind) -> str:
    """strict: what htmldate finds where only stated dates are asked for; kind: of this page. YYYY-MM-DD, "" where the
    page does not say when it was published or is of no kind that is published on a day. The tree stays as it is."""
    where = urlsplit(url)
    if where.scheme != "file" and where.path.strip("/") in START_PAGES and not where.query:
        return ""
    if kind.product:
        return ""
    if strict:
        lasts = kind.lasting and not _is_shown(tree, url, strict)
        return "" if lasts or _only_changed(tree, kind, strict) else strict
    if not kind.posted and not _NEWS_PATH.search(where.path):
        return ""
    found = find_date(tree, url=url or None, extensive_search=True, original_date=True) or ""
    return "" if found.endswith("-01-01") else found  # a year alone, filled up


def _is_shown(tree: HtmlElement, url: str, date: str) -> bool:
    """Whether the reader of the page sees its day, in whatever form and language."""
    year, month, day = date.split("-")
    if date in " ".join(_TIMES(tree)) or re.search(rf"{year}[/-]?{month}", url):
        return True
    text = " ".join(" ".join(_SHOWN(tree)).split())[:MAX_SHOWN_CHARS]
    months, days, years = rf"0?{int(month)}", rf"0?{int(day)}", f"(?:{year}|{year[2:]})"
    return bool(
        re.search(rf"(?<!\d){days}(?!\d)\D{{0,20}}(?:{months}\D{{1,3}})?{years}(?!\d)", text)
        or re.search(rf"(?<!\d){year}\D{{0,4}}{months}\D{{1,3}}{days}(?!\d)", text)
        or re.search(rf"(?<!\d){months}[/.-]{days}[/.-]{years}(?!\d)", text)
        or re.search(rf"(?<!\d){year}\D{{1,15}}{days}(?!\d)", text)
    )


def _only_changed(tree: HtmlElement, kind: Kind, date: str) -> bool:
    """Whether the date is stated as that of a change and nowhere as that of publication. What calls itself a post has
    been published on a day, and a site that states one date alone means that."""
    if kind.posted:
        return False
    stated = [(_name(meta), meta.get("content", "")[:10]) for meta in _META(tree)]
    stated = [(name, day) for name, day in stated if _STATED.search(name)] + _LINKED.findall(kind.linked)
    names = [name for name, day in stated if day == date]
    return bool(names) and all(map(_CHANGED.search, names))


def _name(meta: HtmlElement) -> str:
    return str(meta.get("property") or meta.get("name") or meta.get("itemprop"))
