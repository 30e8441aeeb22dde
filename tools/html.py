"""Main text of an HTML page: hidden text out, then the page's own structure where that is unmistakable, else
trafilatura; in Markdown."""

import re

import lxml.html
import trafilatura
from lxml.etree import LxmlError, SubElement, XPath
from lxml.html import HtmlElement
from trafilatura.settings import Document
from trafilatura.xml import xmltotxt

from tools.charset import clean
from tools.errors import PageUnreadable
from tools.facts import facts_of
from tools.kinds import Kind, kind_of
from tools.layout import drop_popular, gather
from tools.manuals import drop_margins, drop_navigation, manual_root
from tools.markdown import to_markdown
from tools.page import Webpage
from tools.visible import drop_hidden

FAST_CHARS = 500_000
"""Above this trafilatura's fast mode is used: half the time for 0.5 to 0.9 points of F1."""
LITTLE = 1.0
"""Share of the page's text without its surroundings below which trafilatura is taken to have missed the page (forums,
listings, services, start pages); docs/extraction.md has the figures for this and other shares."""
LITTLE_OF_PROSE = 0.5
"""The same where what it found is mostly sentences: then the rest may be what stands around an article."""
LITTLE_OF_PRODUCT = 0.2
"""The same for a page that sells something: what surrounds it is other products."""
LITTLE_OF_POST = 0.1
"""The same for a page that calls itself an article, a thread or a question: much of it may be comments and other
articles."""
PROSE = 0.6
SENTENCE_BYTES = 80
"""A line of so many bytes is a sentence or more: 27 Chinese characters, 13 English words. So is a text of which they
make up the share PROSE."""
AN_ARTICLE_BYTES = 4_000
"""So much in sentences, where they are most of what was found, is an article; what else the page has is beside it."""
WORTH_CHARS = 200
SCRIPTS_OF_DOCUMENT = 3
"""With more than these, a saved file is a page of the web."""
MOST = 0.6
"""Share of the text above which something is not taken for navigation."""
LINKED = 0.5
"""Share of linked text above which a block is navigation."""

_ARTICLE = "//meta[@property='og:type' and starts-with(@content, 'article')] | //*[contains(@itemtype, 'Article')]"
_CHARS = XPath("string-length(normalize-space(.))")
_CLUTTER = re.compile(
    r"(?:^|[\s_-])(?:related|share|sharing|social|cookies?|consent|newsletter|subscribe|sidebar|breadcrumbs?|"
    r"footer|popup|modal|advert\w*|promo|recommend\w*|pagination|pager|skip-?link)(?:$|[\s_-])",
    re.IGNORECASE,
)
_ESCAPED = re.compile(r"\\([_*\[\]()#+\-.!<>~{}\\])")
_TAG = re.compile(r"</?(?:u|sub|sup|del)>")
_BLANKS = re.compile(r"\n[ \t]*\n\s*\n(?=[ \t]*\S)")
_FENCED = re.compile(r"(^ *```.*?^ *```[ ]*$)", re.MULTILINE | re.DOTALL)


def read_html(text: str, url: str, *, document: bool = False) -> Webpage:
    """text: decoded and cleaned markup; document: a file of the reader's own, not a page of the web.

    Raises PageUnreadable (bad_html, no_text).
    """
    tree = _parsed(text, url)
    gather(tree)
    document = document and len(tree.findall(".//script")) <= SCRIPTS_OF_DOCUMENT
    root = manual_root(tree)
    kind = None if document else kind_of(tree)
    facts = facts_of(tree, url, root, kind)
    drop_hidden(tree)
    if kind is not None and kind.forum:
        _mark_forum(tree)
    root = manual_root(tree) if root is not None else None  # what was hidden may have held it
    body = clean(main_text(tree, root, kind, fast=len(text) > FAST_CHARS)).strip()
    if not body:
        raise PageUnreadable(url, "no_text", "no main text was found on it")
    return Webpage(url=url, title=facts.title, text=body, site=facts.site, date=facts.date)


def main_text(tree: HtmlElement, root: HtmlElement | None, kind: Kind | None, *, fast: bool) -> str:
    """Markdown of the main text, "" when there is none. The tree is changed. root: of a manual, else None;
    kind: None for what is to be taken whole."""
    if root is not None:
        drop_navigation(root)
        if structured := to_markdown(root):
            return structured
    if kind is None:
        return _without_surroundings(tree)
    drop_popular(tree)
    for menu in list(tree.iter("nav")):
        if menu.getparent() is not None and menu.find(".//h1") is None:
            menu.drop_tree()
    found, comments = _trafilatura(tree, fast=fast)
    sentences, is_prose = _prose(found)
    little = _little(kind, is_prose)
    is_article = is_prose and sentences >= AN_ARTICLE_BYTES
    if is_article or (found and len(found) + comments >= little * _visible_chars(tree)):
        return found
    structured = _without_surroundings(tree, lists_of_links=False)
    missed = len(structured) > WORTH_CHARS and len(found) + comments < little * len(structured)
    return structured if missed else found or structured


def _mark_forum(tree: HtmlElement) -> None:
    """trafilatura takes the comments of a page for its text where JSON-LD says so, which went with the scripts."""
    script = SubElement(tree, "script", type="application/ld+json")
    script.text = '{"@type": "DiscussionForumPosting"}'


def _prose(found: str) -> tuple[int, bool]:
    """Bytes in sentences, and whether they are most of the text."""
    lines = list(map(len, found.encode().split(b"\n")))
    sentences = sum(size for size in lines if size >= SENTENCE_BYTES)
    return sentences, sentences >= PROSE * sum(lines)


def _little(kind: Kind, is_prose: bool) -> float:
    if kind.product:
        return LITTLE_OF_PRODUCT
    if kind.article or kind.forum or kind.question:
        return LITTLE_OF_POST
    return LITTLE_OF_PROSE if is_prose else LITTLE


def _without_surroundings(tree: HtmlElement, *, lists_of_links: bool = True) -> str:
    """Everything on the page but navigation, banners, margins and, if so wanted, lists of links."""
    body = tree.find("body")
    rest = body if body is not None else tree
    drop_navigation(rest, MOST)
    drop_margins(rest, MOST)
    if not lists_of_links:
        for element in rest.xpath("descendant::*[@aria-hidden='true']"):
            if element.getparent() is not None:
                element.drop_tree()
        _drop_clutter(rest)
        _drop_lists_of_links(rest)
    return to_markdown(rest)


def _drop_clutter(root: HtmlElement) -> None:
    """What stands around the main text by the name that the site itself gives it."""
    most = MOST * _visible_chars(root)
    for element in list(root.iterdescendants("div", "section", "ul", "p", "span")):
        named = f"{element.get('class', '')} {element.get('id', '')}"
        if element.getparent() is not None and _CLUTTER.search(named) and _visible_chars(element) <= most:
            element.drop_tree()


def _drop_lists_of_links(root: HtmlElement) -> None:
    """But not what holds most of the text: a page that is a list, or that stands in one frame with its menus."""
    most = MOST * _visible_chars(root)
    for element in list(root.iterdescendants("ul", "ol", "dl", "table", "div", "section", "p")):
        if element.getparent() is None:
            continue
        linked = sum(map(_visible_chars, element.iter("a")))
        if linked and LINKED * (chars := _visible_chars(element)) < linked and chars <= most:
            element.drop_tree()


def _parsed(text: str, url: str) -> HtmlElement:
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        return lxml.html.document_fromstring(text.encode("utf-8"), parser=parser)
    except (LxmlError, ValueError) as error:
        raise PageUnreadable(url, "bad_html", "it cannot be parsed") from error


def _visible_chars(element: HtmlElement) -> int:
    return int(_CHARS(element))


def _trafilatura(tree: HtmlElement, *, fast: bool) -> tuple[str, int]:
    """Markdown of the main text and the number of characters it takes for comments.

    Looking for comments is what keeps the posts of a forum in the text: without it they are cut out first. Bold and
    italics are let go: asked to keep them, it takes the pieces for paragraphs of their own and loses some of them.
    """
    found = trafilatura.bare_extraction(tree, fast=fast, include_comments=True, include_formatting=False)
    if not isinstance(found, Document):
        return "", 0
    return _tidy(xmltotxt(found.body, include_formatting=True)), len(found.comments or "")


def _tidy(markdown: str) -> str:
    """Without escapes, which would stand between a search and `apt_preferences`, tags, or needless blanks."""
    parts = _FENCED.split(markdown)
    parts[::2] = [_BLANKS.sub("\n\n", _TAG.sub("", _ESCAPED.sub(r"\1", part))) for part in parts[::2]]
    return re.sub(r"[ \t]+$", "", "".join(parts), flags=re.MULTILINE)
