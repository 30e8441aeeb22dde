"""Reads an answer that was stored, ours or another system's, from JSON. Every refusal names the field.

    {"text": "Mount Tai is 1,545 m high[1].",
     "sources": [{"url": "https://…", "title": "…", "text": "what the page says"}]}

Sources are numbered from 1 in their order, or by `number`. Ours (`kaozheng ask --json`) hold their texts in `evidence`.
"""

import hashlib
from typing import Any

from agent.answer import Source
from agent.rejudging import MAX_TEXT_CHARACTERS, Given
from tools.page import Webpage
from workers.problems import Problem
from workers.requests import strict_json

FAULTS = frozenset({"unsupported", "contradicted", "unknown_source"})
"""Rules of flaws by which an answer does not hold."""
MAX_SOURCES = 1_000
MAX_SOURCE_CHARACTERS = 4_000_000


def read_given(body: bytes) -> Given:
    """Raises Problem."""
    fields = strict_json(body)
    text = _text_of(fields, "text", "text", MAX_TEXT_CHARACTERS)
    if not text.strip():
        raise _bad("text", "the answer has no text")
    rows = _rows(fields, "sources")
    kept = {row.get("number"): row for row in _rows(fields, "evidence", needed=False)}
    numbered = {_number(row, at): (at, row) for at, row in enumerate(rows)}
    if len(numbered) < len(rows):
        raise _bad("sources", "two sources have one number")
    most = max(numbered, default=0)
    pairs = [_source(number, numbered.get(number), kept.get(number, {})) for number in range(1, most + 1)]
    if rows and not any(page for _, page in pairs):
        raise _bad(
            "sources.0.text",
            "no source has a text to judge by; `kaozheng ask --json` writes them (`evidence`), "
            "and GET /v1/answers/{id}/sources/{n} serves them",
        )
    about = (_text_of(fields, name, name, 8_000, needed=False) for name in ("id", "question"))
    return Given(text, tuple(source for source, _ in pairs), tuple(page for _, page in pairs), *about)


def _rows(fields: dict[str, Any], name: str, needed: bool = True) -> list[dict[str, Any]]:
    rows = fields.get(name)
    if rows is None and not needed:
        return []
    if not isinstance(rows, list):
        raise _bad(name, "give a list of objects with url, title and text")
    if len(rows) > MAX_SOURCES:
        raise _bad(name, f"more than {MAX_SOURCES:,} entries")
    for at, row in enumerate(rows):
        if not isinstance(row, dict):
            raise _bad(f"{name}.{at}", "give an object with url, title and text")
    return rows


def _number(row: dict[str, Any], at: int) -> int:
    number = row.get("number", at + 1)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_SOURCES:
        raise _bad(f"sources.{at}.number", f"give a number from 1 to {MAX_SOURCES:,}, or none at all")
    return number


def _source(
    number: int, found: tuple[int, dict[str, Any]] | None, kept: dict[str, Any]
) -> tuple[Source, Webpage | None]:
    """A number that is left out has no page: what cites it cannot be judged."""
    if found is None:
        return Source(number, f"source:{number}", ""), None
    at, row = found
    place = f"sources.{at}"
    url = _text_of(row, "url", f"{place}.url", 8_000, needed=False) or f"source:{number}"
    title = _text_of(row, "title", f"{place}.title", 8_000, needed=False)
    own = _text_of(row, "text", f"{place}.text", MAX_SOURCE_CHARACTERS, needed=False)
    text = own or _text_of(kept, "text", f"evidence.{number}.text", MAX_SOURCE_CHARACTERS, needed=False)
    sha256 = _text_of(row, "sha256", f"{place}.sha256", 64, needed=False)
    if text and sha256 and hashlib.sha256(text.encode()).hexdigest() != sha256:
        raise _bad(f"{place}.sha256", "the text is not the one whose hash is given: one of them was changed")
    page = Webpage(url, title, text) if text.strip() else None
    return Source(number, url, title, sha256=page.sha256 if page else sha256), page


def _text_of(fields: dict[str, Any], name: str, place: str, most: int, needed: bool = True) -> str:
    """A text of at most `most` characters; "" for one that is not needed and not there."""
    value = fields.get(name, None if needed else "")
    if value is None and not needed:
        return ""
    if not isinstance(value, str):
        raise _bad(place, "give a text")
    if len(value) > most:
        raise _bad(place, f"more than {most:,} characters")
    return value


def _bad(field: str, detail: str) -> Problem:
    return Problem("bad_answer", detail, field)
