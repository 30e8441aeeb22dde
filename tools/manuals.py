"""Manuals by the programs that make them, and what on any page is navigation.

A known make says where the text is; then nothing has to be guessed.
"""

from collections.abc import Iterator

from lxml.etree import XPath
from lxml.html import HtmlElement

_DIVISIONS = frozenset(
    (
        *("book", "part", "partintro", "chapter", "appendix", "preface", "section", "sect1", "sect2", "sect3"),
        *("simplesect", "article", "reference", "glossary", "bibliography", "index", "dedication", "colophon"),
    )
)
_GENERATORS = ("asciidoc", "texi2any", "makeinfo", "texi2html", "pandoc", "groff", "debiandoc")
_ROOTS = (
    # LibreOffice's help; Sphinx with the newer themes; rustdoc.
    XPath("//div[@id='DisplayArea' and @itemprop]"),
    XPath("//*[@role='main' and @class='document']/div[@itemprop='articleBody'] | //article[@id='furo-main-content']"),
    XPath("//body[contains(@class, 'rustdoc')]//section[@id='main-content']"),
)
_HAS_ROOT = XPath(
    "boolean(//div[@itemprop='articleBody' or @id='DisplayArea'] | //article[@id='furo-main-content']"
    " | /html/body[contains(@class, 'rustdoc')])"
)
_GENERATOR = XPath("//head/meta[@name='generator' or @name='Generator']/@content")
_CLASSES = XPath("//@class", smart_strings=False)
_BODIES = frozenset({"body", "md-content__inner", "theme-doc-markdown"})
_NAVIGATION_TAGS = frozenset({"nav", "footer", "form"})
_NAVIGATION_ROLES = frozenset({"navigation", "search"})
_NAVIGATION_IDS = frozenset({"toc", "TOC", "table-of-contents"})
_NAVIGATION_CLASSES = frozenset(
    (
        *("toc", "navheader", "navfooter", "docnav", "list-of-tables", "list-of-figures", "list-of-examples"),
        *("headerlink", "hash-link", "viewcode-link", "sphinxsidebar", "related", "toctree-wrapper", "local"),
        *("nav-panel", "header-nav", "breadcrumbs", "md-source-file", "pagination-nav", "prev-next-area"),
        *("theme-doc-breadcrumbs", "permalink", "copybtn", "table-of-contents", "shortcontents", "node-nav"),
        *("anchorjs-link", "edit-this-page", "relatedtopics"),
    )
)
_MARGIN_ROLES = frozenset({"banner", "complementary", "dialog"})


def manual_root(tree: HtmlElement) -> HtmlElement | None:
    """The element that holds a manual's text, None when the page is not of a known make."""
    made_by = " ".join(_GENERATOR(tree)).lower()
    if any(name in made_by for name in _GENERATORS):
        return tree.find("body")  # Asciidoctor, Texinfo, Pandoc, man pages: the page is the document.
    classes = {name for value in set(_CLASSES(tree)) for name in value.split()}
    if not classes.isdisjoint(("titlepage", "refentry")) and (root := _docbook(tree)) is not None:
        return root
    if "headertitle" in classes and (root := _doxygen(tree)) is not None:
        return root
    for element in () if _BODIES.isdisjoint(classes) else _holding(tree, _BODIES):
        # Sphinx with the classic themes, MkDocs, Docusaurus.
        if "body" not in _classes(element) or element.get("role") == "main" or "documentwrapper" in classes:
            return element
    return next((found[0] for path in _ROOTS if (found := path(tree))), None) if _HAS_ROOT(tree) else None


def drop_navigation(root: HtmlElement, sparing: float = 1.0) -> None:
    """sparing: what holds more than this share of the text stays: some sites put all of a page into a form."""
    most = sparing * len(root.text_content())
    for element in [element for element in root.iterdescendants() if _is_navigation(element)]:
        _drop(element, most)


def drop_margins(root: HtmlElement, sparing: float) -> None:
    """Banners, side columns and dialogs; a header with the page's heading in it stays."""
    most = sparing * len(root.text_content())
    for element in list(root.iterdescendants("header", "aside")):
        titled = element.tag == "header" and (
            element.find(".//h1") is not None or next(element.iterancestors("article", "main"), None) is not None
        )
        if not titled:
            _drop(element, most)
    for element in root.xpath("descendant::*[@role]"):
        if element.get("role") in _MARGIN_ROLES:
            _drop(element, most)


def _docbook(tree: HtmlElement) -> HtmlElement | None:
    """DocBook and Publican; the title page tells them from a page with a div of class `section`."""
    for element in _holding(tree, _DIVISIONS | {"refentry"}):
        if "refentry" in _classes(element) or any("titlepage" in _classes(inner) for inner in element.iter("div")):
            return element
    return None


def _doxygen(tree: HtmlElement) -> HtmlElement | None:
    return next(_holding(tree, frozenset({"contents"})), None)


def _holding(tree: HtmlElement, names: frozenset[str]) -> Iterator[HtmlElement]:
    """The elements with one of these classes, outermost first."""
    return (element for element in tree.iter("div", "article") if not names.isdisjoint(_classes(element)))


def _classes(element: HtmlElement) -> list[str]:
    return str(element.get("class", "")).split()


def _is_navigation(element: HtmlElement) -> bool:
    return (
        element.tag in _NAVIGATION_TAGS
        or element.get("role") in _NAVIGATION_ROLES
        or element.get("id") in _NAVIGATION_IDS
        or not _NAVIGATION_CLASSES.isdisjoint(_classes(element))
    )


def _drop(element: HtmlElement, most: float) -> None:
    if element.getparent() is not None and len(element.text_content()) <= most:
        element.drop_tree()
