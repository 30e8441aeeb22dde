"""Which part of a page is read, and what it is called."""

import pytest

from tools.errors import PageUnreadable
from tools.extraction import Source, extract_page
from tools.page import Webpage

SENTENCE = "The service keeps its address after a restart, because the file names it. "
MENU = "<ul>" + "".join(f'<li><a href="/{name}">{name}</a></li>' for name in ("Home", "News", "Shop")) + "</ul>"


def read(body: str, head: str = "<title>T</title>", url: str = "https://www.example.org/a") -> Webpage:
    name = "" if url.startswith("http") else "a.html"
    return extract_page(f"<!doctype html><html><head>{head}</head><body>{body}".encode(), Source(url, name=name))


def test_an_article_is_read_without_menus_and_footers() -> None:
    made = read(f"<nav>{MENU}</nav><article><h1>Address</h1><p>{SENTENCE * 6}</p></article><footer>Imprint</footer>")
    assert "Shop" not in made.text
    assert "Imprint" not in made.text
    assert SENTENCE.strip() in made.text


def test_a_forum_whose_posts_look_like_clutter_is_read_all_the_same() -> None:
    posts = "".join(f"<div class='comment'><b>user {n}</b>: answer {n}. {SENTENCE}</div>" for n in range(40))
    made = read(f"<nav>{MENU}</nav><div class='comments-list'>{posts}</div>")
    assert all(f"answer {n}." in made.text for n in range(40))
    assert "Shop" not in made.text


def test_the_replies_of_a_thread_are_its_text_and_the_comments_on_an_article_are_not() -> None:
    replies = "".join(f"<li class='comment'><p>Reply {n}: {SENTENCE}</p></li>" for n in range(4))
    body = f"<article><h1>Address</h1><p>{SENTENCE * 12}</p></article><ol class='commentlist'>{replies}</ol>"
    thread = '<script type="application/ld+json">{"@type": "DiscussionForumPosting", "text": "never shown"}</script>'
    made = read(body, thread)
    assert all(f"Reply {n}" in made.text for n in range(4))
    assert "never shown" not in made.text
    assert "Reply 1" not in read(body).text


def test_a_page_that_lies_within_a_form_is_not_thrown_away_with_it() -> None:
    rows = "".join(f"<div class='comment'>Row {n}: {SENTENCE}</div>" for n in range(20))
    assert "Row 19" in read(f"<form>{rows}</form>", url="file:a.html").text


def test_a_document_of_the_readers_own_is_read_whole() -> None:
    body = "<h1>Notes</h1><p>Short.</p><ul><li><a href='x'>A link that matters</a></li></ul><address>Room 7</address>"
    made = read(body, url="file:a.html")
    assert (made.title, read("<h2>Notes</h2>x", "", "file:a.html").title) == ("T", "Notes")
    assert made.text == "# Notes\n\nShort.\n\n- A link that matters\n\nRoom 7"


def test_a_saved_page_of_the_web_is_not_taken_whole() -> None:
    scripts = "<script>1</script>" * 6
    body = f"{scripts}<div class='menu sidebar'>{MENU}</div><article><p>{SENTENCE * 8}</p></article>"
    assert "Shop" not in read(body, url="file:a.html").text


def test_names_are_written_as_they_are_and_no_tags_are_left() -> None:
    made = read(f"<article><p>{SENTENCE * 4} Edit apt_preferences(5) and *.list, <u>now</u>.</p></article>")
    assert "Edit apt_preferences(5) and *.list, now." in made.text


def test_asking_for_headings_does_not_change_which_text_is_found() -> None:
    lead = "<h2>What it keeps</h2><p>The <b>service</b> keeps <i>its</i> address.</p>"
    made = read(f"<article><h1>Address</h1>{lead}<p>{SENTENCE * 8}</p></article>")
    assert "## What it keeps" in made.text
    assert "The service keeps its address." in made.text


def test_a_long_article_is_enough_however_long_the_list_of_others_below_it_is() -> None:
    others = "".join(f"<div class='teaser'><a href='/{n}'>Other {n}.</a> What happened there</div>" for n in range(500))
    text = "".join(f"<p>Part {n}. {SENTENCE * 6}</p>" for n in range(12))
    made = read(f"<article><h1>Address</h1>{text}</article><section class='more-of-us'>{others}</section>")
    assert SENTENCE.strip() in made.text
    assert "Other 7." not in made.text


def test_the_site_is_what_the_page_calls_it_else_its_host() -> None:
    body = f"<article><p>{SENTENCE * 4}</p></article>"
    assert read(body, "<meta property='og:site_name' content='Der  Spiegel'>").site == "Der Spiegel"
    assert read(body).site == "example.org"
    assert read(body, url="file:a.html").site == ""


def test_a_date_is_taken_from_a_statement_and_never_from_a_copyright_line() -> None:
    body = f"<article><p>{SENTENCE * 4}</p></article><footer>© 2019 Example</footer>"
    assert read(body).date == ""
    stated = '<meta property="article:published_time" content="2024-03-05T10:00:00Z">'
    assert read(body, stated).date == "2024-03-05"


def test_a_chinese_title_wins_over_an_untranslated_heading() -> None:
    made = read(f"<article><h1>Captions</h1><p>{SENTENCE * 4}</p></article>", "<title>向标题添加编号</title>")
    assert made.title == "向标题添加编号"


def test_a_reference_page_is_called_by_its_title_and_never_by_a_note() -> None:
    note = '<div class="note"><h3 class="title">Note</h3><p>Beware.</p></div>'
    name = f"<h2>Name</h2><p>CREATE INDEX</p>{note}<p>{SENTENCE}</p>"
    head = "<title>CREATE INDEX</title>"
    assert read(f'<div class="refentry"><div class="titlepage"></div>{name}</div>', head).title == "CREATE INDEX"
    section = (
        f'<div class="sect1"><div class="titlepage"></div>{note}<h2 class="title">11.1. Use</h2><p>{SENTENCE}</p></div>'
    )
    assert read(section, head).title == "11.1. Use"


def test_a_list_of_short_parts_is_read_whole_and_a_shop_keeps_to_its_product() -> None:
    parts = "".join(
        f"<div class='card'><h3>Course {n}</h3><span>Starts in week {n}, costs {n} crowns.</span></div>"
        for n in range(60)
    )
    body = f"<div class='share'>Tell a friend</div><div id='app'>{parts}</div>"
    made = read(body)
    assert all(f"week {n}," in made.text for n in range(60))
    assert "Tell a friend" not in made.text


def test_the_parts_of_a_start_page_are_read_beside_its_one_paragraph() -> None:
    parts = "".join(
        f"<section><h2>Service {n}</h2><div><span>We keep address {n}.</span></div><div><span>Day and night.</span>"
        "</div></section>"
        for n in range(30)
    )
    body = f"<div class='a'><div class='hero'><p>{SENTENCE * 9}</p></div>{parts}</div>"
    made = read(body)
    assert SENTENCE.strip() in made.text
    assert all(f"## Service {n}\n\nWe keep address {n}." in made.text for n in range(30))
    assert "Service 1" not in read(body, '<meta property="og:type" content="article">').text


@pytest.mark.parametrize(
    "markup", ["<" * 5000, "<!doctype html>" + "<div>" * 50_000 + "deep", "<p" + " a" * 3000, "&#0;&#xD800;<p>x"]
)
def test_broken_markup_gives_a_page_or_a_typed_error(markup: str) -> None:
    try:
        made = extract_page(markup.encode(), Source("https://a.example/", "text/html"))
    except PageUnreadable:
        return
    made.text.encode("utf-8")
    assert "\x00" not in made.text
