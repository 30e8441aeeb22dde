"""Answers as one document for people: Markdown or HTML, with a page of contents, each claim's sources and their words.

Questions, answers, titles and quotes come from outside: in HTML they are text and nothing else, in Markdown neither
HTML nor pictures, and only addresses of the web become links.
"""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from workers.batch.answer_rows import AnswerRow, Cited, with_markers
from workers.batch.journal import refusal_of, replaced

_MARKED = re.compile(r"([\\`*_{}\[\]>#|!~])")
_OTHER_LINK = re.compile(r"\]\((?!https?://)")
_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(.*)")
_RULE, _ASIDE = re.compile(r"\s*(?:-{3,}|\*{3,})\s*"), re.compile(r"\*([^*]+)\*")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "section{border-top:1px solid #ccc;margin-top:2rem}blockquote{color:#555;margin:.2rem 0 .6rem 1rem}"
    "hr{border:0;border-top:1px dashed #ddd}.failed{color:#a00}.note{color:#666}sup a{text-decoration:none}"
)
_STATUSES = {
    "no_sources": "nothing found",
    "uncited": "cites no page",
    "partial": "broken off",
    "failed": "no answer",
}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Report:
    """path: its ending says which kind, .md or .html; title: of the document."""

    path: Path
    title: str

    @property
    def is_html(self) -> bool:
        return self.path.suffix.lower() in (".html", ".htm")

    def write(self, rows: Sequence[AnswerRow]) -> None:
        """The whole file or none. Raises OutputRefused."""
        made = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
        pieces = html_report(rows, self.title, made) if self.is_html else markdown_report(rows, self.title, made)
        try:
            with replaced(self.path) as path, path.open("w", encoding="utf-8", errors="replace") as file:
                file.writelines(f"{piece}\n" for piece in pieces)
        except OSError as error:
            raise refusal_of(self.path, error) from None


def _counts(rows: Sequence[AnswerRow], made: str) -> str:
    failed = sum(row.status == "failed" for row in rows)
    cited, supported = sum(row.cited for row in rows), sum(row.supported for row in rows)
    told = f"{made} · {len(rows):,} questions"
    if failed:
        told += f" · {failed:,} without an answer"
    if empty := sum(row.status == "no_sources" for row in rows):
        told += f" · {empty:,} for which nothing was found"
    return f"{told} · {supported:,} of {cited:,} cited sentences supported" if cited else told


def one_line(text: str, most: int = 200) -> str:
    """For a list of contents."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[:most].rstrip() + " …"


def is_web(url: str) -> bool:
    return url.startswith(("http://", "https://"))


# --- Markdown ----------------------------------------------------------------


def markdown_report(rows: Sequence[AnswerRow], title: str, made: str) -> Iterator[str]:
    yield f"# {escaped(title)}\n\n{_counts(rows, made)}\n\n## Contents\n"
    for place, row in enumerate(rows, 1):
        yield f"{place}. [{escaped(one_line(row.name))}](#q-{place}){_mark(row)}"
    for place, row in enumerate(rows, 1):
        yield f'\n## <a id="q-{place}"></a>{place}. {escaped(one_line(row.name, 1_000))}\n'
        if row.error:
            yield f"**No answer:** {escaped(one_line(row.error, 1_000))}"
        if note := _unproven(row):
            yield f"*{note}*\n"
        yield markdown_text(row)
        yield from _markdown_sources(row)


def _mark(row: AnswerRow) -> str:
    return "" if row.status == "answered" else f" ({_STATUSES.get(row.status, row.status)})"


def _unproven(row: AnswerRow) -> str:
    """What is to be known of an answer that its pages do not prove whole."""
    if row.supported == row.cited:
        return ""
    return f"{row.supported:,} of {row.cited:,} cited sentences are supported by their pages"


def escaped(text: str) -> str:
    """Text that Markdown leaves alone."""
    return _MARKED.sub(r"\\\1", text).replace("<", "&lt;")


def markdown_text(row: AnswerRow) -> str:
    """The answer's own Markdown, without HTML, pictures and links beyond the web; markers lead to its sources."""
    pieces = []
    for text, number in with_markers(row.text, row.sources):
        pieces.append(_OTHER_LINK.sub(r"\\](", text.replace("<", "&lt;").replace("![", "!\\[")))
        if number:
            source = next(each for each in row.sources if each.number == number)
            pieces.append(
                f"[\\[{number}\\]]({markdown_address(source.url)})" if is_web(source.url) else f"\\[{number}\\]"
            )
    return "".join(pieces)


def markdown_address(url: str) -> str:
    return quote(url, safe="/:?#@!$&'*+,;=%~-._")


def _markdown_sources(row: AnswerRow) -> Iterator[str]:
    if row.sources:
        yield "\n**Sources**\n"
    for source in row.sources:
        name = escaped(one_line(source.title) or source.url)
        yield f"- \\[{source.number}\\] {f'[{name}]({markdown_address(source.url)})' if is_web(source.url) else name}"
        if source.quote:
            yield f"  > {escaped(one_line(source.quote, 1_000))}"


# --- HTML --------------------------------------------------------------------


def html_report(rows: Sequence[AnswerRow], title: str, made: str) -> Iterator[str]:
    name = html.escape(title)
    yield f'<!doctype html><html><head><meta charset="utf-8"><title>{name}</title>'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><style>{_STYLE}</style></head><body>'
    yield f'<h1>{name}</h1><p class="note">{html.escape(_counts(rows, made))}</p><nav><h2>Contents</h2><ol>'
    for place, row in enumerate(rows, 1):
        status = f'<span class="failed">{html.escape(_mark(row))}</span>' if _mark(row) else ""
        yield f'<li><a href="#q-{place}">{html.escape(one_line(row.name))}</a>{status}</li>'
    yield "</ol></nav>"
    for place, row in enumerate(rows, 1):
        yield f'<section id="q-{place}"><h2>{place}. {html.escape(one_line(row.name, 1_000))}</h2>'
        if row.error:
            yield f'<p class="failed">No answer: {html.escape(row.error)}</p>'
        if note := _unproven(row):
            yield f'<p class="note">{note}</p>'
        yield from _html_text(row, place)
        yield from _html_sources(row.sources, place)
        yield "</section>"
    yield "</body></html>"


def _html_text(row: AnswerRow, place: int) -> Iterator[str]:
    """Headings, items and bold words of the answer's Markdown; everything else is text."""
    pieces = []
    for text, number in with_markers(row.text, row.sources):
        pieces.append(html.escape(text))
        if number:
            pieces.append(f'<sup><a href="#q-{place}-{number}">[{number}]</a></sup>')
    for line in "".join(pieces).split("\n"):
        if line.strip():
            yield _html_line(_BOLD.sub(r"<strong>\1</strong>", line))


def _html_line(line: str) -> str:
    if heading := _HEADING.match(line):
        level = min(6, len(heading[1]) + 2)
        return f"<h{level}>{heading[2]}</h{level}>"
    if item := _ITEM.match(line):
        return f"<p>• {item[1]}</p>"
    if _RULE.fullmatch(line):
        return "<hr>"
    if aside := _ASIDE.fullmatch(line.strip()):
        return f'<p class="note">{aside[1]}</p>'
    return f"<p>{line}</p>"


def _html_sources(sources: Iterable[Cited], place: int) -> Iterator[str]:
    for source in sources:
        title = html.escape(one_line(source.title) or source.url)
        if is_web(source.url):
            title = f'<a href="{html.escape(source.url)}" rel="noreferrer nofollow">{title}</a>'
        yield f'<p id="q-{place}-{source.number}">[{source.number}] {title}</p>'
        if source.quote:
            yield f"<blockquote>{html.escape(source.quote)}</blockquote>"
