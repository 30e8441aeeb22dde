"""Judges a finished answer against its sources, whoever wrote it: nothing is changed, all is told."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agent.answer import Answer, Flaw, Source, Support
from agent.citations import MARKER, normalised
from agent.claims import citations_of
from agent.findings import found_in, reported
from agent.verdicts import Verdicts
from tools.page import Webpage
from tools.sentences import sentences
from tools.text import script_of

MAX_TEXT_CHARACTERS = 400_000
_BARE = re.compile(r"(?:\[|【)\^?(\d{1,3}(?:\s*[,，、]\s*\d{1,3})*)(?:\]|】)(?:\(https?://[^)\s]{1,2000}\))?")
_INLINE_CODE = re.compile(r"`[^`\n]+`")
_MOST_PAGES = 1_000
_NO_TEXT = "—"


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it was handed in. text: with markers of any known form; sources[0] is number 1.

    pages: the texts of the sources, None where there is none: what cites it cannot be judged.
    """

    text: str
    sources: tuple[Source, ...]
    pages: tuple[Webpage | None, ...]
    id: str = ""
    question: str = ""


def rejudged(given: Given) -> Answer:
    """The answer with new verdicts; its text has the markers in our form, and all places are in that text.

    A citation of a source that is not there is a flaw (`unknown_source`) and unsupported.
    """
    text = normal_markers(given.text)
    verdicts = Verdicts(
        [page or Webpage(source.url, "", "—") for source, page in zip(given.sources, given.pages, strict=True)]
    )
    verdicts.overrule(text, tuple(_settled(verdicts.supports(text), given.pages)))
    found = found_in(text, verdicts, "")
    cited = {citation.number for citation in citations_of(text)}
    language = "zh" if script_of(text).startswith("zh") else "en"
    status = "answered" if cited else "uncited"
    answer = Answer(given.id, given.question, language, "", status, text)  # type: ignore[arg-type]
    sources = tuple(replace(source, cited=source.number in cited) for source in given.sources)
    unknown = tuple(_unknown(text, len(sources)))
    return reported(
        replace(
            answer,
            sources=sources,
            citations=citations_of(text),
            supports=found.supports,
            flaws=(*found.marks, *unknown),
            offers=found.offers,
            conflicts=found.conflicts,
        )
    )


def normal_markers(text: str) -> str:
    """`[1]`, `[1, 2]`, `[^3]`, `【4】` and `[5](https://…)` as [citation:N], unless markers of ours are there already;
    code stays as it is."""
    ours = normalised(text, _MOST_PAGES)
    if MARKER.search(ours):
        return ours
    code = sorted(_code(text))
    starts = [start for start, _ in code]

    def replaced(match: re.Match[str]) -> str:
        at = bisect_right(starts, match.start()) - 1
        if at >= 0 and match.start() < code[at][1]:
            return match[0]
        return "".join(f"[citation:{int(number)}]" for number in re.findall(r"\d+", match[1]))

    return _BARE.sub(replaced, text)


def _code(text: str) -> Iterator[tuple[int, int]]:
    yield from ((span.start, span.end) for span in sentences(text) if span.kind == "code")
    yield from (match.span() for match in _INLINE_CODE.finditer(text))


def _settled(supports: Sequence[Support], pages: Sequence[Webpage | None]) -> Iterator[Support]:
    """What no judge can say anything about."""
    for support in supports:
        if not 1 <= support.number <= len(pages):
            yield replace(support, verdict="unsupported", score=0.0, quote="", quote_start=0, quote_end=0)
        elif pages[support.number - 1] is None:
            yield replace(support, verdict="unavailable", score=0.0, quote="", quote_start=0, quote_end=0)
        else:
            yield support


def _unknown(text: str, sources: int) -> Iterator[Flaw]:
    for one in citations_of(text):
        if not 1 <= one.number <= sources:
            yield Flaw("unknown_source", f"There is no source {one.number}.", one.start, one.end)
