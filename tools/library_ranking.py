"""Which pages of the library answer a question best: passages by BM25, pages by their passages."""

import json
import math
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from tools.library_index import Stored, pages_of
from tools.search import Recency, SearchQuery, SearchResult, covers
from tools.text import content_words, joined_words, sentences, words

MAX_TERMS = 32
MAX_PASSAGES = 200
MAX_SNIPPET_CHARACTERS = 400
TITLE_WEIGHT, HEADINGS_WEIGHT, BODY_WEIGHT = 4.0, 2.0, 1.0
OTHER_LANGUAGE = 0.6
"""Factor for pages in the other language: first come those that the asker reads."""
NEXT_PASSAGES = (1.0, 0.2, 0.1)
"""What a page's best passages add to its score; the rest adds nothing, so that length is no merit."""
SAME_TEXT = 0.6
"""Share of common five-word runs from which two passages count as the same text."""

_DAYS: dict[Recency, int] = {"day": 1, "week": 7, "month": 31, "year": 366}
_WHO_DID = re.compile(r"\bwho (?:\w+ly )?(?P<verb>[a-z]{3,})ed\b", re.IGNORECASE)
_LONE_CHARACTER = re.compile(r"[\u3400-\u9fff]")
_MARKS = re.compile(r"\*\*|`|^[ \t]*\|[-| :]+\|?[ \t]*$|^#{1,6}[ \t]+|(?<!\\)\|", re.MULTILINE)

_MATCH = """
SELECT place.id, place.page, place.start, place.end,
       -bm25(passage, {title}, {headings}, {body}) * place.weight
       * CASE place.language WHEN :language THEN 1.0 ELSE {other} END AS score
FROM passage JOIN place ON place.id = passage.rowid
WHERE passage MATCH :match {filter} ORDER BY score DESC LIMIT {limit}
"""


@dataclass(slots=True)
class _Candidate:
    """A page with its best passage: text[start:end]."""

    place: int
    page: int
    start: int
    end: int
    scores: list[float] = field(default_factory=list)

    @property
    def score(self) -> float:
        return sum(weight * score for weight, score in zip(NEXT_PASSAGES, self.scores, strict=False))


def search(connection: sqlite3.Connection, query: SearchQuery, today: date) -> list[SearchResult]:
    """Best first, at most query.limit, the same text only once."""
    wanted = [*content_words(query.text), *joined_words(query.text), *maker_words(query.text)]
    weights = _weights(connection, wanted)
    if not weights or query.limit < 1:
        return []
    terms = list(weights)
    kept = _distinct(connection, _candidates(connection, query, terms, today), query.limit)
    pages = pages_of(connection, [candidate.page for candidate in kept])
    return [_result(pages[candidate.page], candidate, weights) for candidate in kept]


def maker_words(question: str) -> list[str]:
    """What he is called who did it: "Who founded Debian?" is answered by a page that speaks of its founder."""
    found = _WHO_DID.search(question)
    return [term for ending in ("er", "or") for term in words(found["verb"] + ending)] if found else []


def _weights(connection: sqlite3.Connection, terms: Sequence[str]) -> dict[str, float]:
    """The terms that the index has, with how much each says; at most MAX_TERMS, the rarest.

    A long question is searched by what is special in it. A lone Chinese character stands for bigrams.
    """
    rows = connection.execute(
        "SELECT term, doc FROM term WHERE term IN (SELECT value FROM json_each(?))", (json.dumps(list(terms)),)
    )
    passages = {term: int(count) for term, count in rows}
    passages |= {term: 1 for term in terms if _LONE_CHARACTER.fullmatch(term)}
    rarest = sorted(passages, key=lambda term: passages[term])[:MAX_TERMS]
    return {term: 1 / math.log(2 + passages[term]) for term in rarest}


def _match(terms: Sequence[str]) -> str:
    """An FTS5 expression; a lone Chinese character also finds the bigrams that begin with it."""
    return " OR ".join(f'"{term}" *' if _LONE_CHARACTER.fullmatch(term) else f'"{term}"' for term in terms)


def _candidates(
    connection: sqlite3.Connection, query: SearchQuery, terms: Sequence[str], today: date
) -> list[_Candidate]:
    allowed = _allowed(connection, query, today)
    statement = _MATCH.format(
        title=TITLE_WEIGHT,
        headings=HEADINGS_WEIGHT,
        body=BODY_WEIGHT,
        other=OTHER_LANGUAGE,
        limit=MAX_PASSAGES,
        filter="" if allowed is None else "AND place.page IN (SELECT value FROM json_each(:allowed))",
    )
    values = {"match": _match(terms), "language": query.language, "allowed": json.dumps(allowed)}
    found: dict[int, _Candidate] = {}
    for place, page, start, end, score in connection.execute(statement, values):
        found.setdefault(page, _Candidate(place, page, start, end)).scores.append(score)
    return sorted(found.values(), key=lambda candidate: -candidate.score)


def _allowed(connection: sqlite3.Connection, query: SearchQuery, today: date) -> list[int] | None:
    """Ids of the pages that the filters leave, None when there is no filter. A page without a date stays."""
    if not (query.recency or query.include_domains or query.exclude_domains):
        return None
    oldest = (today - timedelta(days=_DAYS[query.recency])).isoformat() if query.recency else ""
    rows = connection.execute(
        "SELECT page.id, page.date, page.site, folder.name FROM page JOIN folder ON folder.id = page.folder"
    )
    return [
        page
        for page, written, site, folder in rows
        if (not written or written >= oldest)
        and (not query.include_domains or _covered((site, folder), query.include_domains))
        and not _covered((site, folder), query.exclude_domains)
    ]


def _covered(names: Sequence[str], domains: Sequence[str]) -> bool:
    return any(covers(domain, name) for name in names for domain in domains)


def _distinct(connection: sqlite3.Connection, candidates: Sequence[_Candidate], limit: int) -> list[_Candidate]:
    """The first candidates whose best passage is not the text of one before (one-page and split versions)."""
    kept: list[tuple[_Candidate, frozenset[tuple[str, ...]]]] = []
    for candidate in candidates:
        row = connection.execute("SELECT body FROM passage WHERE rowid = ?", (candidate.place,)).fetchone()
        runs = _runs(row[0].split())
        if all(_overlap(runs, others) < SAME_TEXT for _, others in kept):
            kept.append((candidate, runs))
        if len(kept) == limit:
            break
    return [candidate for candidate, _ in kept]


def _runs(terms: Sequence[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(terms[at : at + 5]) for at in range(max(1, len(terms) - 4)))


def _overlap(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    """Share of the shorter text that stands in the longer."""
    return len(one & other) / min(len(one), len(other))


def _result(found: Stored, candidate: _Candidate, weights: Mapping[str, float]) -> SearchResult:
    page = found.page
    snippet = _snippet(page.text[candidate.start : candidate.end], weights)
    return SearchResult(page.url, page.title, snippet, page.date, "library")


def _snippet(passage: str, weights: Mapping[str, float]) -> str:
    """The sentences around the one that says most about the terms, as plain text of at most 400 characters."""
    spans = sentences(passage)
    hits = [sum(weights.get(term, 0.0) for term in set(words(passage[span.start : span.end]))) for span in spans]
    best = max(range(len(spans)), key=lambda at: hits[at])
    last = best
    while last + 1 < len(spans) and spans[last + 1].end - spans[best].start <= MAX_SNIPPET_CHARACTERS:
        last += 1
    first = best
    while first > 0 and spans[last].end - spans[first - 1].start <= MAX_SNIPPET_CHARACTERS:
        first -= 1
    plain = " ".join(_MARKS.sub(" ", passage[spans[first].start : spans[last].end]).split())
    return plain if len(plain) <= MAX_SNIPPET_CHARACTERS else plain[: MAX_SNIPPET_CHARACTERS - 1] + "…"
