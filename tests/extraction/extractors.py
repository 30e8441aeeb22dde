"""Ours and plain trafilatura, on the same bytes, with what each costs."""

import contextlib
import re
import resource
import time
from collections.abc import Callable
from pathlib import Path

import trafilatura

from tests.extraction.folders import Sample
from tests.extraction.measures import Found
from tools.charset import decode
from tools.errors import ToolError
from tools.extraction import Source, extract_page

_META = re.compile(r"<meta[^>]*charset[^>]*>", re.IGNORECASE)
_CHINESE = re.compile("[\u4e00-\u9fff]")
CHINESE_CHARS = 100
META_CHARS = 500
"""A browser looks for the code in the first 1,024 bytes."""


def ours(sample: Sample) -> Found:
    """The way of a fetched page: bytes, then decoding, then text, title and date."""
    try:
        page = extract_page(sample.body, Source(sample.url, "text/html"))
    except ToolError:
        return Found("", "", "")
    return Found(page.text, page.title, page.date, markdown=True)


def plain(sample: Sample) -> Found:
    """trafilatura's defaults with metadata; its comments are a field of their own and not counted."""
    found = trafilatura.bare_extraction(sample.body, url=sample.url, with_metadata=True)
    return Found(found.text or "", found.title or "", found.date or "") if found else Found("", "", "")


def measured(extract: Callable[[Sample], Found], sample: Sample) -> Found:
    """CPU seconds of this process and, where Linux gives it, the peak of memory during this very call."""
    _forget_peak()
    start = time.process_time()
    found = extract(sample)
    seconds = time.process_time() - start
    return Found(found.text, found.title, found.date, found.markdown, seconds, _peak())


def twins(sample: Sample) -> tuple[Sample, Sample] | None:
    """The same page in UTF-8 and in gb18030, each naming its own code (the latter as gbk, as sites do); None for
    pages that are not Chinese."""
    text = decode(sample.body).text
    if len(_CHINESE.findall(text)) < CHINESE_CHARS:
        return None
    named = _META.sub('<meta charset="CODE">', text)
    if 'charset="CODE"' not in named[:META_CHARS]:
        named = '<meta charset="CODE">' + named
    bodies = named.replace('"CODE"', '"utf-8"').encode("utf-8"), named.replace('"CODE"', '"gbk"').encode("gb18030")
    one, other = (Sample(sample.name, sample.url, body) for body in bodies)
    return one, other


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak() -> int:
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
