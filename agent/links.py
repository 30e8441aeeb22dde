"""Links to the words on the live page: text fragments (WICG Scroll To Text Fragment), which browsers highlight.

    https://example.org/page#:~:text=prefix-,the%20first%20words,the%20last%20ones,-suffix

What browsers match is the text that is seen; our pages are Markdown, so the marks are taken out. A link that finds
nothing on the page opens it all the same.
"""

import re
from urllib.parse import quote, urldefrag, urlsplit

_LONGEST_WHOLE = 120  # characters; a longer quote is given by its first and last words
_END_CHARACTERS = 40
_BESIDE_CHARACTERS = 24  # of prefix and suffix
_LINKED = re.compile(r"!?\[([^\]\n]{0,500})\]\([^)\s]{0,2000}\)")  # bounded: linear on "[[[["
_MARKS = re.compile(r"^[ \t]*(?:#{1,6}|[-*+>]|\d{1,3}[.)])[ \t]+|[*_`|]+", re.MULTILINE)
_BLOCK_END = re.compile(r"\n\s*\n|\n(?=[ \t]*(?:[-*+#|]|\d{1,3}[.)]))")
_HAN = "\u3400-\u9fff\u3000-\u303f\uff00-\uffef"


def text_link(url: str, text: str, start: int, end: int) -> str:
    """The page's address with a fragment for text[start:end]; "" for an address that is not of the web.

    text: of the page. A quote that stands there more than once is told apart by the words beside it.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        return ""
    page = urldefrag(url).url
    shown = [words for block in _BLOCK_END.split(text[start:end]) if (words := _seen(block))]
    if not shown:
        return page
    directive = _ends(shown)
    if text.count(text[start:end]) > 1:
        directive = _between(text, start, end, directive)
    return f"{page}#:~:text={directive}"


def _between(text: str, start: int, end: int, directive: str) -> str:
    before, after = _last_words(_seen(text[max(0, start - 80) : start])), _first_words(_seen(text[end : end + 80]))
    prefix = f"{_encoded(before)}-," if before else ""
    suffix = f",-{_encoded(after)}" if after else ""
    return prefix + directive + suffix


def _ends(shown: list[str]) -> str:
    """Within one block of the page a fragment may be the whole quote; across blocks it is its two ends."""
    if len(shown) == 1 and len(shown[0]) <= _LONGEST_WHOLE:
        return _encoded(shown[0])
    return f"{_encoded(_first_words(shown[0], _END_CHARACTERS))},{_encoded(_last_words(shown[-1], _END_CHARACTERS))}"


def _seen(markdown: str) -> str:
    """One line without Markdown's marks."""
    return " ".join(_MARKS.sub(" ", _LINKED.sub(r"\1", markdown)).split())


def _first_words(text: str, most: int = _BESIDE_CHARACTERS) -> str:
    """Whole words: a fragment that ends inside one finds nothing. Chinese may be cut anywhere."""
    if len(text) <= most:
        return text
    cut = text[:most]
    if re.search(rf"[{_HAN}\s]$", cut) or re.match(rf"[{_HAN}\s]", text[most]):
        return cut.strip()
    return cut.rpartition(" ")[0].strip() or cut


def _last_words(text: str, most: int = _BESIDE_CHARACTERS) -> str:
    if len(text) <= most:
        return text
    cut = text[-most:]
    if re.match(rf"[{_HAN}\s]", cut) or re.search(rf"[{_HAN}\s]$", text[:-most]):
        return cut.strip()
    return cut.partition(" ")[2].strip() or cut


def _encoded(text: str) -> str:
    """Percent-encoded; `-`, `,` and `&` mean something in a fragment and are encoded too."""
    return quote(text, safe="", errors="replace").replace("-", "%2D")
