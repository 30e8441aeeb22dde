"""When a page was published, only where it says so: a wrong date in a prompt is a wrong answer.

htmldate's wide search takes a footer's year: a date on 9 of 10 pages that have none. Its strict search still takes
what stands in any script, the month in the address of a picture, the day of a comment, and the day a shop, a start
page or a manual was last touched.
"""

import re
from itertools import islice
from urllib.parse import urlsplit

from htmldate import find_date
from lxml.etree import XPath
from lxml.html import HtmlElement

from tools.kinds import Kind

_META = XPath("//meta[@content]")
_TIMES = XPath("//@datetime", smart_strings=False)
_SHOWN = XPath("/html/body//text()[not(parent::script or parent::style)]", smart_strings=False)
MAX_SHOWN_CHARS = 300_000
MAX_META_CHARS = 300
NEAR = 4
"""Elements above a date within which a comment says that it is one."""
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
    start = where.scheme != "file" and where.path.strip("/") in START_PAGES and not where.query
    if kind.product or (start and not strict):
        return ""
    if strict:
        declared = _is_declared(tree, url, kind, strict)
        shown = (not start and not kind.lasting and declared) or _is_shown(tree, url, strict)
        return strict if shown and (declared or not _is_of_a_comment(tree, strict)) else ""
    if not kind.posted and not _NEWS_PATH.search(where.path):
        return ""
    found = find_date(tree, url=url or None, extensive_search=True, original_date=True) or ""
    return "" if found.endswith("-01-01") else found  # a year alone, filled up


def _is_declared(tree: HtmlElement, url: str, kind: Kind, date: str) -> bool:
    """Whether a meta element, JSON-LD or the address names the day. The address of a picture does not: that is the
    day on which it was uploaded; nor does any other script, which keeps the days of everything."""
    if date in (day for _, day in _LINKED.findall(kind.linked)):
        return True
    year, month, day = date.split("-")
    spelled = re.compile(
        rf"{year}\D?{month}\D?{day}(?!\d)|{year}\D0?{int(month)}\D0?{int(day)}(?!\d)"
        rf"|(?<!\d)0?{int(day)}[./]0?{int(month)}[./]{year}"
    )
    stated = (meta.get("content", "")[:MAX_META_CHARS] for meta in _META(tree) if "image" not in _name(meta))
    return spelled.search(url) is not None or any(map(spelled.search, stated))


def _is_of_a_comment(tree: HtmlElement, date: str) -> bool:
    """Whether the day is that of comments on the page, as their class or id calls them, and of nothing else."""
    dated = [element for element in tree.iter("time") if date in element.get("datetime", "")]
    return bool(dated) and all(map(_in_comment, dated))


def _in_comment(element: HtmlElement) -> bool:
    around = [element, *islice(element.iterancestors(), NEAR)]
    return any("comment" in f"{one.get('class', '')} {one.get('id', '')}".lower() for one in around)


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


def _name(meta: HtmlElement) -> str:
    return str(meta.get("property") or meta.get("name") or meta.get("itemprop") or "").lower()
