"""Main text of an HTML page: hidden text out, then trafilatura, in Markdown."""

from urllib.parse import urlsplit

import lxml.html
import trafilatura
from lxml.etree import LxmlError

from tools.charset import clean, one_line
from tools.errors import PageUnreadable
from tools.page import Webpage

FAST_CHARS = 500_000
"""Above this trafilatura's fast mode is used: half the time for 0.5 to 0.9 points of F1."""

_DATES = {"extensive_search": False, "original_date": True}
"""The wide search finds a date on 88 % of the pages that have none: the footer's year."""


def read_html(text: str, url: str) -> Webpage:
    """text: decoded and cleaned markup. Raises PageUnreadable (bad_html, no_text)."""
    tree = _parsed(text, url)
    facts = trafilatura.extract_metadata(tree, default_url=url, date_config=_DATES, extensive=False)
    body = clean(_trafilatura(tree, fast=len(text) > FAST_CHARS)).strip()
    if not body:
        raise PageUnreadable(url, "no_text", "no main text was found on it")
    return Webpage(
        url=url,
        title=one_line(facts.title or ""),
        text=body,
        site=one_line(facts.sitename or "", 100) or host(url),
        date=facts.date or "",
    )


def host(url: str) -> str:
    """Host name of a web address, "" for files."""
    return (urlsplit(url).hostname or "").removeprefix("www.") if url.startswith("http") else ""


def _parsed(text: str, url: str) -> lxml.html.HtmlElement:
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        tree = lxml.html.document_fromstring(text.encode("utf-8"), parser=parser)
    except (LxmlError, ValueError) as error:
        raise PageUnreadable(url, "bad_html", "it cannot be parsed") from error
    return tree


def _trafilatura(tree: lxml.html.HtmlElement, *, fast: bool) -> str:
    found = trafilatura.extract(
        tree,
        fast=fast,
        output_format="markdown",
        include_tables=True,
        include_comments=False,
        include_links=False,
    )
    return found or ""
