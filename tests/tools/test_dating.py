"""A date only where the page says when it was published."""

import pytest
from lxml.html import document_fromstring

from tools.dating import published
from tools.kinds import kind_of

DAY = "2024-03-05"
STATED = f'<meta property="article:published_time" content="{DAY}T10:00:00Z">'


def dated(head: str, url: str = "https://www.example.org/guides/a-long-name", strict: str = DAY) -> str:
    return found(f"<html><head>{head}</head><body><p>x</p></body></html>", url, strict)


def found(page: str, url: str, strict: str) -> str:
    tree = document_fromstring(page)
    return published(tree, url, strict, kind_of(tree))


def test_a_stated_day_of_publication_is_kept() -> None:
    assert dated(STATED) == DAY


def test_the_day_of_a_mere_change_is_not_the_day_of_publication() -> None:
    changed = f'<meta property="article:modified_time" content="{DAY}T10:00:00Z">'
    assert dated(changed) == ""
    assert dated(changed + STATED) == DAY
    assert dated(f'<script type="application/ld+json">{{"dateModified": "{DAY}"}}</script>') == ""


@pytest.mark.parametrize(
    "product",
    ['<meta property="og:type" content="product">', '<script type="application/ld+json">{"@type":"Product"}</script>'],
)
def test_what_is_sold_has_no_day_of_publication(product: str) -> None:
    assert dated(product + STATED) == ""


def test_a_start_page_has_no_day_of_publication_but_a_post_by_number_has() -> None:
    assert dated(STATED, "https://www.example.org/") == ""
    assert dated(STATED, "https://www.example.org/?p=12") == DAY


@pytest.mark.parametrize(
    ("shown", "kept"),
    [
        ("", False),
        ("12.03.2023", False),
        ("05.03.2024", True),
        ("3/5/24", True),
        ("5 mars 2024", True),
        ("March 5th, 2024", True),
        ("2024年3月5日", True),
        ("<time datetime='2024-03-05'>last year</time>", True),
    ],
)
def test_a_page_of_a_site_has_a_day_only_if_its_reader_sees_it(shown: str, kept: bool) -> None:
    page = f"<html><head>{STATED}</head><body class='page page-id-7'><p>Our history {shown}</p></body></html>"
    assert found(page, "https://a.example/history", DAY) == (DAY if kept else "")
    linked = '<script type="application/ld+json">{"@type": "WebPage"}</script>'
    page = f"<html><head>{STATED}{linked}</head><body><p>Our history {shown}</p></body></html>"
    assert found(page, "https://a.example/history", DAY) == (DAY if kept else "")
    assert found(page.replace("WebPage", "BlogPosting"), "https://a.example/history", DAY) == DAY


def test_news_without_a_statement_are_searched_more_widely_and_a_bare_year_is_no_date() -> None:
    body = "<html><body><article><p>Posted on March 5, 2024 by the editors.</p></article><p>© 2019</p></body></html>"
    assert found(body, "https://a.example/news/one", "") == DAY
    assert found(body, "https://a.example/311510-one", "") == DAY
    assert found(body, "https://a.example/one", "") == ""
    bare = "<html><body><p>Text of the page.</p><footer>© 2019 Example</footer></body></html>"
    assert found(bare, "https://a.example/news/one", "") == ""
