"""A question's events as a person sees them: progress on standard error, the answer on standard output."""

import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from agent.answer import Answer, Report, Source, Support
from agent.conflicts import told
from agent.events import (
    Answered,
    Cancelled,
    Cited,
    Corrected,
    Event,
    Failed,
    Judged,
    Packed,
    PageRead,
    PageSkipped,
    Planned,
    Queued,
    Searched,
    SearchFailed,
    Text,
    Thinking,
    Verified,
)
from agent.findings import DISAGREE
from tools.text import Script
from workers.terminal import MarkdownStream, safe, say

_QUOTE_CHARACTERS = 160
_NOTES = {
    "partial": "This answer is not whole: the model broke off or time ran out.",
    "uncited": "This answer cites no page: do not rely on it.",
}
_VERDICTS = {
    "supported": "supported",
    "partial": "partly supported",
    "unsupported": "NOT supported",
    "contradicted": "CONTRADICTED",
    "unavailable": "not judged",
}

_MOST_FAULTS = 5
_WORST_FIRST = ("contradicted", "unsupported", "partial", "supported", "unavailable")


class Progress:
    """Shows one question. quiet: only the answer and its sources; thinking: the model's reasoning too."""

    def __init__(self, quiet: bool = False, thinking: bool = False) -> None:
        self._quiet, self._thinking = quiet, thinking
        self._markdown = MarkdownStream(sys.stdout)
        self._wrote = ""
        self._lines: dict[type, Callable[[Any], str]] = {
            Queued: lambda e: f"waiting   number {e.position} in the line",
            Planned: _planned,
            Searched: lambda e: f"searched  {e.query!r}: {e.results} results ({_by(e.engine)}{e.seconds} s)",
            SearchFailed: lambda e: f"failed    {e.query!r}: {e.detail or e.reason}",
            PageRead: lambda e: f"read      {place_of(e.url)} ({e.characters:,} characters, {e.seconds} s)",
            PageSkipped: lambda e: f"skipped   {place_of(e.url)}: {e.detail or e.reason}",
            Packed: lambda e: f"writing   from {len(e.pages)} pages, {e.tokens:,} tokens\n",
        }

    def show(self, event: Event) -> None:
        if isinstance(event, Text | Cited):
            text = event.text if isinstance(event, Text) else f"[citation:{event.number}]"
            self._wrote += text
            self._markdown.write(text)
        elif isinstance(event, Thinking):
            if self._thinking:
                print(safe(event.text), end="", file=sys.stderr, flush=True)
        elif isinstance(event, Answered):
            self._answered(event.answer)
        elif isinstance(event, Failed | Cancelled):
            self._markdown.close()
            say(f"kaozheng: {event.message if isinstance(event, Failed) else event.reason}")
        elif not isinstance(event, Verified | Corrected | Judged) and not self._quiet:
            say(self._lines[type(event)](event))

    def _answered(self, answer: Answer) -> None:
        if answer.text != self._wrote and _changed(answer):  # corrected after it was streamed, or never streamed at all
            if self._wrote:
                self._markdown.close()
                say("\nThe answer was corrected:\n")
            self._markdown.write(answer.text)
        self._markdown.close()
        for line in summary(answer):
            print(safe(line))
        sys.stdout.flush()


def _changed(answer: Answer) -> bool:
    """That pages disagree is told below in any case: no reason to show all of the answer once more."""
    return not answer.corrections or any(change.reason != DISAGREE for change in answer.corrections)


def _by(engine: str) -> str:
    return f"{engine}, " if engine else ""


def _planned(event: Planned) -> str:
    wanted = [*(repr(query) for query in event.queries), *(f"open {place_of(url)}" for url in event.urls)]
    return f"plan {event.round}    {', '.join(wanted) or 'enough is known'}"


def place_of(url: str) -> str:
    """An address as a person reads it: a library page by its path, others as they are."""
    parts = urlsplit(url)
    if parts.scheme == "library":
        return unquote(parts.netloc + parts.path)
    return url.removeprefix("file:") if url.startswith("file:") else url


def summary(answer: Answer) -> list[str]:
    """The lines under an answer: what is wrong with it, its sources with their quotes, what could not be read."""
    lines = [f"! {_NOTES[answer.status]}"] if answer.status in _NOTES else []
    if answer.degraded:
        lines.append(f"! This was quoted, not reasoned: the model server could not be used ({answer.degraded}).")
    lines += _faults(answer)
    lines += [f"! {line.strip('*')}" for line in told(answer.conflicts, _script(answer)).splitlines()]
    cited = [source for source in answer.sources if source.cited]
    if cited:
        lines += ["", "Sources"]
    for source in cited:
        lines += _source(source, [support for support in answer.supports if support.number == source.number])
    lines += _unread(answer)
    return [*([] if lines[:1] == [""] else [""]), *lines, "", _closing(answer)]


def _faults(answer: Answer) -> list[str]:
    """Of sentences that no page says the first few only: the JSON has them all, with their places."""
    lines = [f"! {flaw.detail}" for flaw in answer.flaws if flaw.rule != "uncited"]
    more = len(lines) - _MOST_FAULTS
    return lines if more <= 0 else [*lines[:_MOST_FAULTS], f"! … and {more} more"]


def _script(answer: Answer) -> Script:
    return "zh-Hans" if answer.language == "zh" else "en"


def _source(source: Source, supports: list[Support]) -> list[str]:
    about = " · ".join(part for part in (source.title or place_of(source.url), source.site, source.date) if part)
    lines = [f"[{source.number}] {about}", f"    {place_of(source.url)}"]
    judged = [support for support in supports if support.verdict != "unavailable"] or supports
    best = max(judged, key=lambda support: support.score, default=None)
    if best is not None:
        worst = min(judged, key=lambda support: _WORST_FIRST.index(support.verdict))
        lines.append(f"    {_VERDICTS[worst.verdict]}: “{_short(best.quote)}”" if best.quote else "    no quote found")
    return lines


def _short(quote: str) -> str:
    line = " ".join(quote.split())
    return line if len(line) <= _QUOTE_CHARACTERS else line[: _QUOTE_CHARACTERS - 1] + "…"


def _unread(answer: Answer) -> list[str]:
    if not answer.skipped or not answer.sources:
        return []
    return ["", "Not read", *(f"  - {place_of(page.url)}: {page.detail or page.reason}" for page in answer.skipped)]


def _closing(answer: Answer) -> str:
    if not answer.citations:
        return f"nothing cited · {len(answer.sources)} pages read · {answer.model} · {answer.seconds} s"
    tokens = f", {answer.usage.completion_tokens:,} tokens" if answer.usage.completion_tokens else ""
    return f"{proven_line(answer)} · {answer.model} · {answer.seconds} s{tokens}"


def proven_line(answer: Answer) -> str:
    """How well the answer is proven."""
    claims = len({support.claim_start for support in answer.supports})
    proven = len({support.claim_start for support in answer.supports if support.verdict == "supported"})
    pages = sum(source.cited for source in answer.sources)
    return f"{proven} of {claims} cited sentences supported · {pages} pages cited{_proof(answer.report)}"


def _proof(report: Report) -> str:
    """ALCE's two figures, where there is something to count."""
    if report.citation_precision is None or report.citation_recall is None:
        return ""
    return f" · citation precision {report.citation_precision:.2f}, recall {report.citation_recall:.2f}"
