"""What kind of page a page says it is."""

import pytest
from lxml.html import document_fromstring

from tools.kinds import kind_of


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ('<meta property="og:type" content="product.item">', {"product"}),
        ('<script type="application/ld+json">{"@type": "Product"}</script>', {"product"}),
        ('<script type="application/ld+json">[{"@type": "Product"}, {"@type": "NewsArticle"}]</script>', set()),
        ('<meta property="og:type" content="article">', {"article", "posted"}),
        ('<script type="application/ld+json">{"@type": ["WebPage", "DiscussionForumPosting"]}</script>', {"forum"}),
        ('<script type="application/ld+json">{"@type": "QAPage"}</script>', {"question"}),
        ("<script>{'@type': 'Product'}</script>", set()),
    ],
)
def test_a_page_is_of_the_kind_that_its_markup_states(head: str, said: set[str]) -> None:
    kind = kind_of(document_fromstring(f"<html><head>{head}</head><body><p>x</p></body></html>"))
    assert {name for name in ("product", "article", "posted", "forum", "question") if getattr(kind, name)} == said


def test_a_page_that_is_no_post_lasts() -> None:
    lasting = '<script type=\'application/ld+json\'>{"@type": "Recipe"}</script>'
    assert kind_of(document_fromstring(f"<html><head>{lasting}</head><body>x</body></html>")).lasting
    assert not kind_of(document_fromstring("<html><body class='postid-8'>x</body></html>")).lasting


def test_microdata_counts_as_well() -> None:
    page = "<body><div itemscope itemtype='https://schema.org/Product'>x</div></body>"
    assert kind_of(document_fromstring(page)).product
