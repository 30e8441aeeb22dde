"""A date only where the page says when it was published."""

import pytest
from lxml.html import document_fromstring

from tools.dating import published, stated
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


@pytest.mark.parametrize(
    ("head", "address", "kept"),
    [
        (f'<meta name="date" content="{DAY}">', "a", True),
        ('<meta name="dcterms.issued" content="5.3.2024">', "a", True),
        (f'<script type="application/ld+json">{{"datePublished": "{DAY}"}}</script>', "a", True),
        ("", "2024/03/05/a", True),
        ('<meta property="og:image" content="https://a.example/2024/03/05/a.png">', "a", False),
        (f'<script>var shop = {{"opened": "{DAY}"}}</script>', "a", False),
    ],
)
def test_what_neither_the_page_states_nor_its_reader_sees_is_no_day_of_publication(
    head: str, address: str, kept: bool
) -> None:
    assert dated(head, f"https://www.example.org/{address}") == (DAY if kept else "")


def test_the_day_of_publication_goes_before_that_of_a_change_which_alone_is_the_page_s_day() -> None:
    changed = '<meta property="article:modified_time" content="2025-01-02T10:00:00Z">'
    body = "<body><p>x</p></body></html>"
    both = document_fromstring(f"<html><head>{changed}{STATED}</head>{body}")
    assert published(both, "https://a.example/a", stated(both, "https://a.example/a"), kind_of(both)) == DAY
    alone = document_fromstring(f"<html><head>{changed}</head>{body}")
    assert published(alone, "https://a.example/a", stated(alone, "https://a.example/a"), kind_of(alone)) == "2025-01-02"


def test_the_day_of_a_comment_is_not_that_of_the_page() -> None:
    time = f"<time datetime='{DAY}T10:00'>5 March 2024</time>"
    comment = f"<ol><li class='comment even'><p>{time} Thanks!</p></li></ol>"
    assert found(f"<html><body><p>Text</p>{comment}</body></html>", "https://a.example/a", DAY) == ""
    assert found(f"<html><body><p>By Ann, {time}</p>{comment}</body></html>", "https://a.example/a", DAY) == DAY
    assert found(f"<html><head>{STATED}</head><body>{comment}</body></html>", "https://a.example/a", DAY) == DAY


@pytest.mark.parametrize(
    "product",
    ['<meta property="og:type" content="product">', '<script type="application/ld+json">{"@type":"Product"}</script>'],
)
def test_what_is_sold_has_no_day_of_publication(product: str) -> None:
    assert dated(product + STATED) == ""


def test_a_start_page_has_the_day_that_its_reader_sees_and_a_post_by_number_the_stated_one() -> None:
    assert dated(STATED, "https://www.example.org/") == ""
    shown = "<html><body><p>Published on 5 March 2024</p></body></html>"
    assert found(shown, "https://www.example.org/", DAY) == DAY
    assert found(shown, "https://www.example.org/", "") == ""
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
