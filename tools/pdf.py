"""Text of PDFs by PDFium. It is not thread-safe and can run long: extractor.py gives it its own process."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pypdfium2

from tools.charset import clean, one_line
from tools.errors import PageUnreadable

MAX_PDF_PAGES = 200
PDF_SECONDS = 10.0
MAX_PDF_CHARS = 400_000

_ENCRYPTED = ("password", "security")
_SENTENCE_END = re.compile(r"[.!?:;。！？：；”\"')）】]$")
_HYPHEN = re.compile(r"(?<=[a-z])[-\u00ad\ufffe\u2010]$")
_CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
_PAGE_NUMBER = re.compile(r"\d+|\b[ivxlc]{1,7}\b", re.IGNORECASE)
_CONTENTS_LINE = re.compile(r"(?:[.…·]\s?){5,}\s*[\divxlc]{0,6}$")
"""A line of a table of contents: dots that lead to a page's number."""
_DATE = re.compile(r"(?:D:)?(\d{4})-?(\d\d)-?(\d\d)")
_PROGRAM = re.compile(
    r"^\s*(?:Microsoft (?:Office )?(?:Word|PowerPoint|Excel)\s*-\s*|Print(?:ing)?:?\s+)", re.IGNORECASE
)
_NO_TITLE = re.compile(
    r"(?:untitled|(?:slide|document|title|无标题|未命名|文档|幻灯片|(?:PowerPoint )?(?:演示文稿|presentation))\s*\d*"
    r"|[\w\s.-]*\.(?:docx?|pptx?|xlsx?|indd|qxd|pdf|tex|dvi|wpd|rtf|odt))",
    re.IGNORECASE,
)
_NEW_BLOCK = re.compile(
    r"^(?:[-•‣◦*·–]\s|\(?\d{1,3}[.)、]\s*|[（(][一二三四五六七八九十]+[)）]|[一二三四五六七八九十]+、|#)"
)


@dataclass(frozen=True, slots=True)
class PdfText:
    """text: paragraphs with an empty line between; title: as the document states it, may be ""; date: YYYY-MM-DD of
    its making, "" when it states none; truncated: `pages` when pages were left out, else ""."""

    text: str
    title: str
    truncated: str
    date: str = ""


def read_pdf(content: bytes, url: str) -> PdfText:
    """Raises PageUnreadable: bad_pdf, encrypted_pdf, scanned_pdf (pages, but not a word on them)."""
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        reason = "encrypted_pdf" if any(word in str(error).lower() for word in _ENCRYPTED) else "bad_pdf"
        raise PageUnreadable(url, reason, "it cannot be opened") from error
    try:
        return _read(document, url)
    except pypdfium2.PdfiumError as error:
        raise PageUnreadable(url, "bad_pdf", "it is damaged") from error
    finally:
        document.close()


def _read(document: "pypdfium2.PdfDocument", url: str) -> PdfText:
    count = len(document)
    if count == 0:
        raise PageUnreadable(url, "bad_pdf", "it has no pages")
    texts, size, deadline = [], 0, time.monotonic() + PDF_SECONDS
    for number in range(min(count, MAX_PDF_PAGES)):
        if size > MAX_PDF_CHARS or time.monotonic() > deadline:
            break
        texts.append(_page_text(document, number))
        size += len(texts[-1])
    text = "\n\n".join(part for part in map(paragraphs, without_running_lines(texts)) if part)
    if not text:
        raise PageUnreadable(url, "scanned_pdf", f"{count} pages without text, probably scanned")
    title = _stated_title(str(document.get_metadata_value("Title") or ""))
    made = _day(str(document.get_metadata_value("CreationDate") or ""))
    return PdfText(text, title, "pages" if len(texts) < count else "", made)


def _stated_title(stated: str) -> str:
    """Without what programs write there by themselves: their own name, the file's, a placeholder."""
    title = one_line(_PROGRAM.sub("", stated))
    return "" if _NO_TITLE.fullmatch(title) else title


def _day(stated: str) -> str:
    """`D:20250528093000+08'00'` as 2025-05-28. "" for what is no day, or before there were PDFs, or in the future."""
    found = _DATE.match(stated)
    try:
        day = date(*map(int, found.groups())) if found else None
    except ValueError:
        return ""
    return day.isoformat() if day and date(1993, 1, 1) <= day <= date.today() + timedelta(days=1) else ""


def _page_text(document: "pypdfium2.PdfDocument", number: int) -> str:
    page = document[number]
    try:
        text = page.get_textpage()
        try:
            return str(text.get_text_bounded())
        finally:
            text.close()
    finally:
        page.close()


def without_running_lines(pages: list[str]) -> list[str]:
    """Without the head and foot that stand on many pages, but for the page's number."""
    split = [[line for line in page.splitlines() if line.strip()] for page in pages]
    counted = Counter(_unnumbered(lines[place]) for lines in split for place in {0, -1} if len(lines) > 1)
    running = {line for line, count in counted.items() if count >= max(3, len(pages) // 4)}
    made = []
    for page, lines in zip(pages, split, strict=True):
        ends = {lines[place] for place in (0, -1) if len(lines) > 1 and _unnumbered(lines[place]) in running}
        made.append("\n".join(line for line in page.splitlines() if line not in ends) if ends else page)
    return made


def _unnumbered(line: str) -> str:
    return " ".join(_PAGE_NUMBER.sub(" ", line).split())


def paragraphs(page: str) -> str:
    """Join the lines of one page into paragraphs; Chinese lines without a space, hyphenated words mended.

    A short line that ends a sentence ends a paragraph; so does a line before an item of a list.
    """
    lines = [line for line in _lines(page) if not _CONTENTS_LINE.search(line)]
    width = max((len(line) for line in lines), default=0)
    made: list[str] = []
    fresh = True
    for line in lines:
        if not line:
            fresh = True
        elif fresh or _NEW_BLOCK.match(line):
            made.append(line)
        else:
            made[-1] = _joined(made[-1], line)
        short = len(line) < (0.75 if _SENTENCE_END.search(line) else 0.45) * width
        fresh = not line or short
    return "\n\n".join(made)


def _lines(page: str) -> Iterator[str]:
    # PDFium marks a hyphen at the end of a line with U+FFFE; `clean` would drop it, so it is mended first.
    mended = re.sub(r"(?<=\w)[\ufffe\u0002]\r?\n?", "", page)
    return (" ".join(line.split()) for line in clean(mended).split("\n"))


def _joined(before: str, line: str) -> str:
    if _HYPHEN.search(before) and line[:1].islower():
        return before[:-1] + line
    glue = "" if _CJK.match(before[-1]) and _CJK.match(line[0]) else " "
    return before + glue + line
