"""What kind of page a page says it is: by Open Graph, microdata and JSON-LD."""

import re
from dataclasses import dataclass

from lxml.etree import XPath
from lxml.html import HtmlElement

MAX_LINKED_CHARS = 200_000

_OPEN_GRAPH = XPath("string(//meta[@property='og:type']/@content)")
_ITEM_TYPES = XPath("//@itemtype", smart_strings=False)
_LINKED = XPath("//script[contains(@type, 'json')]/text()", smart_strings=False)
_PRODUCT = re.compile(r'"@type"\s*:\s*"Product"')
_ARTICLE = re.compile(r'"@type"\s*:\s*\[?\s*"(?:\w*Article|\w*Posting|Report|Recipe|Review|QAPage)"')
_DATED = re.compile(r'"(?:\w*Article|\w*Posting|Report|Review)"')
_UNDATED = re.compile(r'"(?:WebPage|Recipe)"')
_WORDPRESS_PAGE = XPath("boolean(/html/body[contains(@class, 'page-id-')])")
_FORUM = re.compile(r'"@type"\s*:\s*(?:\[[^\]]{0,200})?"DiscussionForumPosting"')


@dataclass(frozen=True, slots=True)
class Kind:
    """product: it sells one thing; article: its markup calls it one; posted: Open Graph calls it an article; forum:
    a thread of posts; question: one with its answers;
    lasting: a page of a site or a recipe, not one of its posts; linked: its JSON-LD, at most MAX_LINKED_CHARS."""

    product: bool
    article: bool
    posted: bool
    forum: bool
    question: bool
    lasting: bool
    linked: str


def kind_of(tree: HtmlElement) -> Kind:
    """Before scripts are taken out of the tree, which stays as it is."""
    linked = "\n".join(_LINKED(tree))[:MAX_LINKED_CHARS]
    graph, items = _OPEN_GRAPH(tree), " ".join(_ITEM_TYPES(tree))
    return Kind(
        product=graph.startswith("product")
        or ".org/Product" in items
        or bool(_PRODUCT.search(linked) and not _ARTICLE.search(linked)),
        article=graph.startswith("article") or "Article" in items,
        posted=graph.startswith("article"),
        forum=bool(_FORUM.search(linked)),
        question="QAPage" in items or '"QAPage"' in linked,
        lasting=not _DATED.search(linked) and (bool(_UNDATED.search(linked)) or bool(_WORDPRESS_PAGE(tree))),
        linked=linked,
    )
