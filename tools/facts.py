"""What a page says of itself: title, site and day of publication."""

import copy
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import lxml.html
from lxml.etree import XPath
from lxml.html import HtmlElement
from trafilatura import metadata
from trafilatura.settings import Document

from tools import dating
from tools.charset import one_line
from tools.kinds import Kind
from tools.markdown import ADMONITIONS

_CHINESE = re.compile("[\u3400-\u9fff]")
_OWN_NAME = XPath("string(//meta[@property='og:site_name']/@content)")
_BOOK = XPath("string(//link[@rel='home' or @rel='start']/@title)")
_BAD_LINKED = (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError)
"""What trafilatura's reader of JSON-LD raises on data of another shape."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a page says of itself; "" for what it does not say. date: YYYY-MM-DD."""

    title: str
    site: str
    date: str


def facts_of(tree: HtmlElement, url: str, root: HtmlElement | None, kind: Kind | None) -> Facts:
    """root: of a manual, None for other pages; kind: None for a file of the reader's own, which is known by its head
    and its first heading alone: the search for more takes longer than the text. The tree stays as it is."""
    where = _head_of(tree) if kind is None else tree
    found = _stated(where)
    title = found.title or metadata.extract_title(where) or ""
    if root is not None or (kind is None and not title):
        heading = _heading(tree if root is None else root)
        title = heading.text_content() if heading is not None else ""  # then the title element
    address = found.url or metadata.extract_url(where, url) or None
    date = dating.stated(where, address)
    site = (found.sitename or metadata.extract_sitename(where) or "").lstrip("@")
    if kind is not None:
        date = dating.published(tree, url, date, kind)
    return Facts(title_of(tree, title), site_of(tree, site, url), date)


def _stated(tree: HtmlElement) -> Document:
    """What meta elements and JSON-LD say. trafilatura's own search for metadata looks for authors, categories and
    licences too, which takes longer than everything else."""
    found = metadata.examine_meta(tree)
    if found.title and found.sitename:
        return found
    try:
        return metadata.extract_meta_json(tree, found)
    except _BAD_LINKED:
        return found


def _heading(root: HtmlElement) -> HtmlElement | None:
    """The first heading that is not the title of a note; None for reference pages, whose headings are Name, Synopsis
    and Note, and whose `<title>` is right."""
    if "refentry" in root.get("class", "").split():
        return None
    headings = (element for element in root.iter("h1", "h2", "h3"))
    return next((element for element in headings if not _in_note(element)), None)


def _in_note(element: HtmlElement) -> bool:
    return any(not ADMONITIONS.isdisjoint(above.get("class", "").split()) for above in element.iterancestors())


def _head_of(tree: HtmlElement) -> HtmlElement:
    made = lxml.html.document_fromstring("<html><head></head><body></body></html>")
    head = tree.find("head")
    if head is not None:
        made.replace(made[0], copy.deepcopy(head))
    return made


def title_of(tree: HtmlElement, found: str) -> str:
    """What was found, unless that is an untranslated heading below a Chinese `<title>`."""
    head = one_line(tree.findtext(".//title") or "")
    if _CHINESE.search(head) and not _CHINESE.search(found):
        return head
    return one_line(found).removesuffix("¶") or head


def site_of(tree: HtmlElement, named: str, url: str) -> str:
    """What the page calls its site; for a manual, the manual's title; else the host."""
    own, book = one_line(_OWN_NAME(tree), 100), one_line(_BOOK(tree), 100)
    return own or book or one_line(named, 100).removesuffix("版权所有") or host(url)


def host(url: str) -> str:
    """Host name of a web address, "" for files."""
    return (urlsplit(url).hostname or "").removeprefix("www.") if url.startswith("http") else ""
