"""What extraction promises: one noun for pages, PDFs and texts; typed refusals; nothing hidden."""

import pytest

from tools.errors import PageTooLarge, PageUnreadable
from tools.extraction import MAX_PAGE_BYTES, MAX_TEXT_CHARS, Source, extract_page

URL = "https://www.example.org/manual"
PARAGRAPH = "Write the address into the file, then restart the service so that it takes effect. " * 4


def page(body: str, head: str = "<title>Network</title>") -> bytes:
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode()


def reason_of(content: bytes, source: Source) -> str:
    with pytest.raises(PageUnreadable) as refused:
        extract_page(content, source)
    return refused.value.reason


def test_a_page_becomes_markdown_with_title_and_site() -> None:
    made = extract_page(page(f"<article><h1>Network</h1><p>{PARAGRAPH}</p></article>"), Source(URL, "text/html"))
    assert made.title == "Network"
    assert made.site == "example.org"
    assert PARAGRAPH.strip() in made.text
    assert made.truncated == ""


def test_what_is_not_text_is_an_unsupported_type_whatever_the_server_calls_it() -> None:
    for start in (b"PK\x03\x04", b"\x7fELF", b"\x89PNG\r\n", b"\x00\x00\x00\x18ftypmp42"):
        assert reason_of(start + bytes(range(256)) * 9, Source(URL, "text/html")) == "unsupported_type"
    assert reason_of(b'{"a": 1}', Source(URL, "application/json")) == "unsupported_type"
    assert reason_of(b"a,b\n1,2", Source("file:t.csv", name="t.csv")) == "unsupported_type"


def test_a_page_called_octet_stream_is_read_as_a_page() -> None:
    made = extract_page(page(f"<article><p>{PARAGRAPH}</p></article>"), Source(URL, "application/octet-stream"))
    assert PARAGRAPH.strip() in made.text


def test_an_empty_body_is_unreadable() -> None:
    for body in (b"", b" \r\n", b"\x00\x00"):
        assert reason_of(body, Source(URL, "text/html")) == "empty"
    assert reason_of(page(""), Source(URL, "text/html")) == "no_text"


def test_too_many_bytes_are_refused_before_they_are_parsed() -> None:
    with pytest.raises(PageTooLarge):
        extract_page(b"a" * (MAX_PAGE_BYTES + 1), Source(URL, "text/plain"))


def test_text_beyond_the_limit_is_cut_and_said_to_be() -> None:
    made = extract_page(b"word " * MAX_TEXT_CHARS, Source("file:a.txt", name="a.txt"))
    assert len(made.text) <= MAX_TEXT_CHARS
    assert made.truncated == "size"


def test_markdown_keeps_its_text_and_gives_up_its_front_matter() -> None:
    content = "---\ntitle: 静态地址\ndate: 2024-03-02\n---\n# 别的\r\n\r\n正文。\r\n".encode()
    made = extract_page(content, Source("file:net.md", name="net.md"))
    assert (made.title, made.date, made.text) == ("静态地址", "2024-03-02", "# 别的\n\n正文。")


def test_the_title_of_markdown_is_its_first_heading_and_of_text_its_file_name() -> None:
    assert extract_page(b"# First\n\ntext", Source("file:a.md", name="a.md")).title == "First"
    assert extract_page(b"# not a heading\n", Source("file:my notes.txt", name="my notes.txt")).title == "my notes"
