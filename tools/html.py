"""Main text of an HTML page: hidden text out, then the page's own structure where that is unmistakable, else
trafilatura; in Markdown."""

import re
from urllib.parse import urlsplit

import lxml.html
import trafilatura
from lxml.etree import LxmlError, XPath
from lxml.html import HtmlElement

from tools.charset import clean, one_line
from tools.errors import PageUnreadable
from tools.markdown import to_markdown
from tools.page import Webpage
from tools.visible import drop_hidden

FAST_CHARS = 500_000
"""Above this trafilatura's fast mode is used: half the time for 0.5 to 0.9 points of F1."""
LITTLE = 0.25
"""Share of the visible text below which trafilatura is taken to have missed the page (forums, listings)."""
LITTLE_OF_ARTICLE = 0.1
"""The same for a page that calls itself an article: much of it may be comments and other articles."""
WORTH_CHARS = 200
SCRIPTS_OF_DOCUMENT = 3
"""With more than these, a saved file is a page of the web."""
MOST = 0.6
"""Share of the text above which something is not taken for navigation."""
LINKED = 0.5
"""Share of linked text above which a block is navigation."""

_DATES = {"extensive_search": False, "original_date": True}
"""The wide search finds a date on 88 % of the pages that have none: the footer's year."""


def _has(name: str) -> str:
    """XPath: has this class."""
    return f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')"


def _any(*names: str) -> str:
    """XPath: has one of these classes."""
    return " or ".join(map(_has, names))


_DIVISIONS = _any(
    *("book", "part", "partintro", "chapter", "appendix", "preface", "section", "sect1", "sect2", "sect3"),
    *("simplesect", "article", "reference", "glossary", "bibliography", "index", "dedication", "colophon"),
)
_GENERATORS = ("asciidoc", "texi2any", "makeinfo", "texi2html", "pandoc", "groff", "debiandoc")
_LOWER = "translate(@content, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')"
_MANUAL_PATHS = (
    # DocBook and Publican; the title page tells them from a page with a div of class "section".
    f"(//div[({_DIVISIONS}) and .//div[{_has('titlepage')}]] | //div[{_has('refentry')}])[1]",
    # Sphinx and Read the Docs, old and new themes.
    f"(//div[{_has('body')} and @role='main'] | //div[{_has('documentwrapper')}]//div[{_has('body')}]"
    " | //*[@role='main']//div[@itemprop='articleBody'] | //article[@id='furo-main-content'])[1]",
    # MkDocs, Docusaurus, rustdoc.
    f"(//article[{_has('md-content__inner')}] | //div[{_has('theme-doc-markdown')}]"
    f" | //body[{_has('rustdoc')}]//section[@id='main-content'])[1]",
    # LibreOffice's help.
    "//div[@id='DisplayArea' and @itemprop]",
    # Doxygen.
    f"//div[{_has('contents')} and preceding-sibling::div[.//div[{_has('headertitle')}]]]",
    # Asciidoctor, Texinfo, Pandoc, man pages: the page is the document.
    f"//html[head/meta[{' or '.join(f'contains({_LOWER}, {name!r})' for name in _GENERATORS)}]]/body",
)
_MANUAL_ROOTS = tuple(XPath(path) for path in _MANUAL_PATHS)
_NAVIGATION = (
    "descendant::*[self::nav or self::footer or self::form or @role='navigation' or @role='search' or "
    + _any(
        *("toc", "navheader", "navfooter", "docnav", "list-of-tables", "list-of-figures", "list-of-examples"),
        *("headerlink", "hash-link", "viewcode-link", "sphinxsidebar", "related", "toctree-wrapper", "local"),
        *("nav-panel", "header-nav", "breadcrumbs", "md-source-file", "pagination-nav", "prev-next-area"),
        *("theme-doc-breadcrumbs", "permalink", "copybtn", "table-of-contents", "shortcontents", "node-nav"),
        *("anchorjs-link", "edit-this-page", "relatedtopics"),
    )
    + " or @id='toc' or @id='TOC' or @id='table-of-contents']"
)
_ARTICLE = "//meta[@property='og:type' and starts-with(@content, 'article')] | //*[contains(@itemtype, 'Article')]"
_AROUND = (
    "descendant::*[self::header[not(.//h1 or ancestor::article or ancestor::main)] or self::aside"
    " or @role='banner' or @role='complementary' or @role='dialog']"
)
_ESCAPED = re.compile(r"\\([_*\[\]()#+\-.!<>~{}\\])")
_CHINESE = re.compile("[\u3400-\u9fff]")
_TAG = re.compile(r"</?(?:u|sub|sup|del)>")
_BLANKS = re.compile(r"\n[ \t]*\n\s*\n(?=[ \t]*\S)")
_FENCED = re.compile(r"(^ *```.*?^ *```[ ]*$)", re.MULTILINE | re.DOTALL)


def read_html(text: str, url: str) -> Webpage:
    """text: decoded and cleaned markup. Raises PageUnreadable (bad_html, no_text)."""
    tree = _parsed(text, url)
    facts = trafilatura.extract_metadata(tree, default_url=url, date_config=_DATES, extensive=False)
    title, site = title_of(tree, facts.title or ""), site_of(tree, facts.sitename or "", url)
    drop_hidden(tree)
    body = clean(main_text(tree, fast=len(text) > FAST_CHARS, document=not url.startswith("http"))).strip()
    if not body:
        raise PageUnreadable(url, "no_text", "no main text was found on it")
    return Webpage(url=url, title=title, text=body, site=site, date=facts.date or "")


def main_text(tree: HtmlElement, *, fast: bool, document: bool = False) -> str:
    """Markdown of the main text, "" when there is none. The tree is changed.

    document: a file of the reader's own, not a page of the web: without scripts it is taken whole.
    """
    root = manual_root(tree)
    if root is not None:
        _drop_all(root, _NAVIGATION)
        if structured := to_markdown(root):
            return structured
    if document and len(tree.findall(".//script")) <= SCRIPTS_OF_DOCUMENT:
        return _without_surroundings(tree)
    found = _trafilatura(tree, fast=fast)
    if len(found) >= LITTLE * _visible_chars(tree):
        return found
    structured = _without_surroundings(tree, lists_of_links=False)
    little = LITTLE_OF_ARTICLE if tree.xpath(_ARTICLE) else LITTLE
    missed = len(structured) > WORTH_CHARS and len(found) < little * len(structured)
    return structured if missed else found or structured


def _without_surroundings(tree: HtmlElement, *, lists_of_links: bool = True) -> str:
    """Everything on the page but navigation, banners, margins and, if so wanted, lists of links."""
    body = tree.find("body")
    rest = body if body is not None else tree
    for around in (_NAVIGATION, _AROUND):
        _drop_all(rest, around, sparing=MOST)
    if not lists_of_links:
        for element in list(rest.iter("ul", "ol", "dl", "table", "div", "section", "p")):
            if element is not rest and element.getparent() is not None and _is_links(element):
                element.drop_tree()
    return to_markdown(rest)


def _is_links(element: HtmlElement) -> bool:
    """Whether most of its text is links."""
    linked = sum(map(_visible_chars, element.iter("a")))
    return linked > 0 and linked > LINKED * _visible_chars(element)


def manual_root(tree: HtmlElement) -> HtmlElement | None:
    """The element that holds a manual's text, None when the page is not of a known make."""
    return next((found[0] for path in _MANUAL_ROOTS if (found := path(tree))), None)


def title_of(tree: HtmlElement, found: str) -> str:
    """What the finder found, unless that is an untranslated heading below a Chinese `<title>`."""
    head = one_line(tree.findtext(".//title") or "")
    if _CHINESE.search(head) and not _CHINESE.search(found):
        return head
    return one_line(found).removesuffix("¶") or head


def site_of(tree: HtmlElement, named: str, url: str) -> str:
    """What the page calls its site; for a manual, the manual's title; else the host."""
    own = tree.xpath("string(//meta[@property='og:site_name']/@content)")
    book = tree.xpath("string(//link[@rel='home' or @rel='start']/@title)")
    return one_line(own, 100) or one_line(book, 100) or one_line(named, 100).removesuffix("版权所有") or host(url)


def host(url: str) -> str:
    """Host name of a web address, "" for files."""
    return (urlsplit(url).hostname or "").removeprefix("www.") if url.startswith("http") else ""


def _parsed(text: str, url: str) -> HtmlElement:
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        return lxml.html.document_fromstring(text.encode("utf-8"), parser=parser)
    except (LxmlError, ValueError) as error:
        raise PageUnreadable(url, "bad_html", "it cannot be parsed") from error


def _visible_chars(element: HtmlElement) -> int:
    return len(" ".join(element.text_content().split()))


def _trafilatura(tree: HtmlElement, *, fast: bool) -> str:
    found = trafilatura.extract(
        tree,
        fast=fast,
        output_format="markdown",
        include_tables=True,
        include_comments=False,
        include_links=False,
    )
    return _tidy(found or "")


def _tidy(markdown: str) -> str:
    """Without escapes, which would stand between a search and `apt_preferences`, tags, or needless blanks."""
    parts = _FENCED.split(markdown)
    parts[::2] = [_BLANKS.sub("\n\n", _TAG.sub("", _ESCAPED.sub(r"\1", part))) for part in parts[::2]]
    return re.sub(r"[ \t]+$", "", "".join(parts), flags=re.MULTILINE)


def _drop_all(root: HtmlElement, path: str, sparing: float = 1.0) -> None:
    """Except for what holds more than this share of the text: some sites put all of a page into a form."""
    most = sparing * len(root.text_content())
    for element in root.xpath(path):
        if element.getparent() is not None and len(element.text_content()) <= most:
            element.drop_tree()
