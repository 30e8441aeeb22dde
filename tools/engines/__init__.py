"""The search engines, one file each, and what holds for the results of all of them."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

from tools.charset import one_line
from tools.search import SearchQuery, SearchResult, covers

MAX_TITLE_CHARS = 300
MAX_SNIPPET_CHARS = 500
MAX_URL_CHARS = 2000

_SCHEMES = frozenset({"http", "https", "file", "library"})
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff<>\"`\\]")
_OPERATOR = re.compile(r"(?:^|(?<=\s))[!:?<]+(?=\S)")


# A day more than the word says: the engine, the site and we may be in three time zones.
_FIRST_DAY = "1990-01-01"  # before the web
_DAYS = {"day": 2, "week": 8, "month": 32, "year": 367}


def tidied(results: Iterable[SearchResult], query: SearchQuery, engine: str = "") -> list[SearchResult]:
    """At most query.limit results, in their order: of the wanted domains and recency, each address once, one-line
    titles, snippets of at most MAX_SNIPPET_CHARS, dates as YYYY-MM-DD; addresses of the web or of the library only.

    engine: the name for results that do not name theirs.
    """
    made: dict[str, SearchResult] = {}
    oldest = oldest_wanted(query)
    for result in results:
        url = result.url.strip()
        if len(made) >= query.limit:
            break
        day = date_of(result.date)
        if url not in made and _is_address(url) and wanted(url, query) and not (day and day < oldest):
            made[url] = replace(
                result,
                url=url,
                title=one_line(result.title, MAX_TITLE_CHARS),
                snippet=one_line(result.snippet, MAX_SNIPPET_CHARS),
                date=day,
                engine=result.engine or engine,
            )
    return list(made.values())


def oldest_wanted(query: SearchQuery) -> str:
    """The first day, YYYY-MM-DD, of what the query calls recent; "" without a limit. A result without a date stays."""
    if not query.recency:
        return ""
    return (datetime.now(UTC).date() - timedelta(days=_DAYS[query.recency])).isoformat()


def days_wanted(query: SearchQuery) -> tuple[str, str] | None:
    """The first and the last day, YYYY-MM-DD, of a query that names days, with its recency; None for one that does
    not. An open end is far away."""
    if not (query.after or query.before):
        return None
    tomorrow = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()
    last = query.before or tomorrow
    return min(max(query.after or _FIRST_DAY, oldest_wanted(query)), last), last


def wanted(url: str, query: SearchQuery) -> bool:
    """Whether an address of the web lies within the query's domains. The library, whose addresses name folders
    and not hosts, checks its own."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("http", "https") or not host:
        return True
    if any(covers(domain, host) for domain in query.exclude_domains):
        return False
    return not query.include_domains or any(covers(domain, host) for domain in query.include_domains)


def with_sites(query: SearchQuery) -> str:
    """The words of a query with `site:` operators for engines that know them; not all obey, so `tidied` filters too.

    Operators at the start of a word are taken out of the words: `!g` and `:de` would send the query elsewhere.
    """
    words = [" ".join(_OPERATOR.sub("", query.text).split()) or query.text]
    words += [" OR ".join(f"site:{domain}" for domain in query.include_domains)] if query.include_domains else []
    words += [f"-site:{domain}" for domain in query.exclude_domains]
    return " ".join(words)


def date_of(stated: str) -> str:
    """YYYY-MM-DD at the start of an ISO date, else ""."""
    day = stated.strip()[:10]
    try:
        return date.fromisoformat(day).isoformat() if len(day) == 10 else ""
    except ValueError:
        return ""


def _is_address(url: str) -> bool:
    if not url or len(url) > MAX_URL_CHARS or _UNSAFE.search(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in _SCHEMES and (parts.scheme in ("file", "library") or bool(parts.hostname))
    except ValueError:
        return False
