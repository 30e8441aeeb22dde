"""A kept page as HTML for people: text only, everything escaped, no script, no style, no image; quotes are marked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from agent.links import text_link
from workers.records import Evidence
from workers.terminal import safe


@dataclass(frozen=True, slots=True)
class Highlight:
    """A quote in the page's text, the sentence of the answer that rests on it, and the judge's word on it."""

    start: int
    end: int
    claim: str
    verdict: str


_SAYS = {
    "en": {
        "read": "Read {read} · sha256 {sha256}",
        "live": "The live page, at the quote",
        "claims": "What the answer says, and the words that it rests on",
    },
    "zh": {
        "read": "读取于 {read} · sha256 {sha256}",
        "live": "打开原网页并定位到引文",
        "claims": "回答中的句子及其依据",
    },
}
_VERDICTS = {
    "en": {
        "supported": "supported",
        "partial": "partly supported",
        "unsupported": "not supported",
        "contradicted": "contradicted",
        "unavailable": "not judged",
    },
    "zh": {
        "supported": "支持",
        "partial": "部分支持",
        "unsupported": "不支持",
        "contradicted": "矛盾",
        "unavailable": "未判定",
    },
}


def page_of(kept: Evidence, highlights: Sequence[Highlight], language: str) -> str:
    """The whole document, in UTF-8. Safe under `default-src 'none'`; language: zh or en, of the words around it."""
    say = _SAYS[language]
    title = _text(kept.title or kept.url)
    about = _text(say["read"].format(read=kept.read, sha256=kept.sha256))
    claims = "".join(f"<li>{_claim(one, number, language)}</li>\n" for number, one in enumerate(highlights, 1))
    body = "".join(_marked(kept.text, highlights))
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer"></head>\n'
        f"<body>\n<h1>{title}</h1>\n<p>{_address(kept, highlights, say)}</p>\n<p><small>{about}</small></p>\n"
        f"<h2>{_text(say['claims'])}</h2>\n<ol>\n{claims}</ol>\n<hr>\n<main>{body}</main>\n</body>\n</html>\n"
    )


def _address(kept: Evidence, highlights: Sequence[Highlight], say: dict[str, str]) -> str:
    """A link for pages of the web; anything else (a file, a page of the library, `javascript:`) is text."""
    if urlsplit(kept.url).scheme not in ("http", "https"):
        return _text(kept.url)
    place = (highlights[0].start, highlights[0].end) if highlights else (0, 0)
    link = text_link(kept.url, kept.text, *place)
    shown = f"<br>{_text(kept.url)}"
    return f'<a href="{escape(link)}" rel="noreferrer noopener nofollow">{_text(say["live"])}</a>{shown}'


def _claim(one: Highlight, number: int, language: str) -> str:
    verdict = _VERDICTS[language].get(one.verdict, one.verdict)
    return f'{_text(one.claim)} <a href="#quote-{number}">[{_text(verdict)}]</a>'


def _marked(text: str, highlights: Sequence[Highlight]) -> Iterator[str]:
    """The text with <mark> around what is quoted; where quotes overlap, the mark goes on without a nested one."""
    at, end = 0, 0
    order = sorted(enumerate(highlights, 1), key=lambda one: (one[1].start, one[1].end))
    for number, one in order:
        if one.start >= end:
            yield _closed(text, at, end)
            yield _text(text[end if end > at else at : one.start])
            at, end = one.start, one.end
            yield f'<mark id="quote-{number}">'
        else:
            yield f'{_text(text[at : one.start])}<a id="quote-{number}"></a>'
            at, end = one.start, max(end, one.end)
    yield _closed(text, at, end)
    yield _text(text[max(at, end) :])


def _closed(text: str, at: int, end: int) -> str:
    return f"{_text(text[at:end])}</mark>" if end > at else ""


def _text(text: str) -> str:
    """Escaped, without control and direction characters; lines stay lines."""
    return escape(safe(text)).replace("\n", "<br>\n")
