"""From the bytes of a page, a PDF, a Word document or a text to a Webpage. Pure and synchronous; see extractor.py."""

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from tools import docx, html, pdf
from tools.charset import clean, decode, one_line
from tools.errors import PageTooLarge, PageUnreadable
from tools.facts import host
from tools.page import Webpage

MAX_PAGE_BYTES = 20 * 1024 * 1024
MAX_TEXT_CHARS = 200_000
MANY_LOST = 0.1
"""Share of characters that could not be decoded above which a body is called badly encoded."""

Kind = Literal["html", "pdf", "docx", "markdown", "text"]

_HTML_START = re.compile(
    rb"^\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body|title|meta|script)\b",
    re.IGNORECASE | re.DOTALL,
)
_HTML_TAG = re.compile(rb"<(?:p|div|span|br|h[1-6]|table|ul|ol|a|article|main|section|body)\b[^<>]*>", re.IGNORECASE)
_BINARY_STARTS = (
    b"PK\x03\x04", b"\x1f\x8b", b"\x7fELF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"OggS", b"ID3",
    b"\xd0\xcf\x11\xe0", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ", b"MZ\x90", b"\x00\x00\x01\x00", b"wOF",
    b"\x28\xb5\x2f\xfd", b"%!PS", b"\xca\xfe\xba\xbe", b"{\\rtf",
)  # fmt: skip
_KIND_BY_TYPE: dict[str, Kind] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/pdf": "pdf",
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "text/plain": "text",
}
_KIND_BY_SUFFIX: dict[str, Kind] = {
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".text": "text",
}
_UNKNOWN_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/unknown", "*/*"})
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.{0,8000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^(title|date)\s*:\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)
_DATE = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))(?!\d)")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes came from. url: after redirects, or `file:NAME`; content_type: the HTTP header, "" when
    unknown; name: the file name of an upload or of a library file, "" for a page of the web."""

    url: str
    content_type: str = ""
    name: str = ""


def extract_page(content: bytes, source: Source) -> Webpage:
    """The main text of a page as Markdown, with title, site and date.

    Raises PageUnreadable (empty, no_text, unsupported_type, bad_encoding, bad_html, bad_pdf, scanned_pdf,
    encrypted_pdf, bad_docx, encrypted_docx) and PageTooLarge (bytes, zip_bomb). Text over MAX_TEXT_CHARS
    is cut and marked `size`.
    """
    if len(content) > MAX_PAGE_BYTES:
        raise PageTooLarge(source.url, "bytes", f"more than {MAX_PAGE_BYTES // 1024**2} MiB")
    if not content.strip(b"\x00 \t\r\n"):
        raise PageUnreadable(source.url, "empty", "there is nothing in it")
    kind = kind_of(content, source)
    if kind == "pdf":
        return _capped(_pdf_page(content, source))
    if kind == "docx":
        return _capped(docx.read_docx(content, source.url, _name_title(source), host(source.url)))
    decoded = decode(content, source.content_type, markup=kind == "html")
    if decoded.replaced > MANY_LOST * len(decoded.text):
        raise PageUnreadable(source.url, "bad_encoding", f"it is not valid {decoded.encoding}")
    text = clean(decoded.text)
    if not text.strip():
        raise PageUnreadable(source.url, "empty", "there is no text in it")
    if kind == "html":
        return _capped(html.read_html(text, source.url, document=bool(source.name)))
    return _capped(_text_page(text, source, markdown=kind == "markdown"))


def kind_of(content: bytes, source: Source) -> Kind:
    """What the bytes are: by their first kilobyte, then by the declared type, then by the file's name."""
    head = content[:1024]
    if b"%PDF-" in head:
        return "pdf"
    if docx.is_package(content):
        return "docx"
    declared = source.content_type.partition(";")[0].strip().lower()
    kind = _KIND_BY_TYPE.get(declared) or _KIND_BY_SUFFIX.get(_suffix(source))
    if head.startswith(_BINARY_STARTS) or _is_binary(head, source.content_type):
        raise PageUnreadable(source.url, "unsupported_type", "it is neither a page, a PDF, a Word document nor a text")
    if _HTML_START.match(head) and not (source.name and kind in ("text", "markdown")):
        return "html"
    if kind == "pdf":
        raise PageUnreadable(source.url, "bad_pdf", "it is called a PDF but is none")
    if kind == "html" and not _HTML_TAG.search(content[:200_000]) and "<" not in decode(head).text:
        return "text"
    if kind is None and declared not in _UNKNOWN_TYPES:
        raise PageUnreadable(source.url, "unsupported_type", f"{one_line(declared, 60)} is not read here")
    if kind is None:
        return _sniffed(content, source)
    return kind


def _sniffed(content: bytes, source: Source) -> Kind:
    """For bytes without a usable type and name."""
    if source.name and "." in source.name.strip("."):
        raise PageUnreadable(source.url, "unsupported_type", "files of this kind are not read here")
    return "html" if _HTML_TAG.search(content[:4096]) else "text"


def _suffix(source: Source) -> str:
    name = source.name or (urlsplit(source.url).path if source.url.startswith(("http", "file")) else "")
    return PurePosixPath(name).suffix.lower()


def _is_binary(head: bytes, content_type: str) -> bool:
    """NUL or many control bytes, unless it is UTF-16."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or "utf-16" in content_type.lower():
        return False
    odd = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in head)
    return b"\x00" in head or odd > len(head) // 50


def _pdf_page(content: bytes, source: Source) -> Webpage:
    found = pdf.read_pdf(content, source.url)
    title = found.title or _name_title(source)
    return Webpage(
        url=source.url, title=title, text=found.text, site=host(source.url), date=found.date, truncated=found.truncated
    )


def _text_page(text: str, source: Source, *, markdown: bool) -> Webpage:
    fields: dict[str, str] = {}
    if markdown and (front := _FRONT_MATTER.match(text)):
        fields = {key.lower(): value.strip("\"'") for key, value in _FIELD.findall(front.group(1))}
        text = text[front.end() :]
    if not text.strip():
        raise PageUnreadable(source.url, "empty", "there is no text in it")
    heading = _HEADING.search(text) if markdown else None
    title = fields.get("title") or (heading.group(1) if heading else "") or _name_title(source)
    date = _DATE.match(fields.get("date", ""))
    return Webpage(
        url=source.url,
        title=one_line(title),
        text=text.strip("\n").rstrip(),
        site=host(source.url),
        date=date.group(1) if date else "",
    )


def _name_title(source: Source) -> str:
    """The file's name without its suffix, for what has no title of its own."""
    name = source.name or unquote(urlsplit(source.url).path)
    return one_line(PurePosixPath(name.replace("\\", "/")).stem)


def _capped(page: Webpage) -> Webpage:
    if len(page.text) <= MAX_TEXT_CHARS:
        return page
    return replace(page, text=page.text[:MAX_TEXT_CHARS].rstrip(), truncated=page.truncated or "size")
