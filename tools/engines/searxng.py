"""SearXNG, asked for JSON. What it answers was recorded from a real one: tests/samples/searxng.

A dead, slow, blocked or broken engine behind it is still HTTP 200 with an empty list; only
`unresponsive_engines` tells that from "nothing found".
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import httpx

from tools.charset import one_line
from tools.engines import tidied, with_sites
from tools.errors import SearchDown
from tools.search import SearchQuery, SearchResult

NAME = "searxng"
_LANGUAGES = {"zh": "zh-CN", "en": "en"}
_REFUSALS = {
    400: ("bad_request", "it did not accept the query"),
    401: ("unauthorized", "it wants a password"),
    403: ("json_disabled", "it does not answer in JSON: add `json` to search.formats in its settings.yml"),
    429: ("rate_limited", "it has had too many requests: switch off its limiter for this service"),
}


@dataclass(frozen=True, slots=True)
class SearXNGLimits:
    """seconds: for the whole answer; max_bytes: of the decoded body."""

    seconds: float = 10.0
    max_bytes: int = 4 * 1024 * 1024


class SearXNG:
    """One SearXNG server. The client is the operator's, not the guarded one for pages; it is not closed here."""

    def __init__(self, http: httpx.AsyncClient, url: str, limits: SearXNGLimits | None = None) -> None:
        """url: of the server, with or without `/search`."""
        self._http, self._limits = http, limits or SearXNGLimits()
        self._url = url.rstrip("/").removesuffix("/search") + "/search"

    async def search(self, query: SearchQuery) -> list[SearchResult]:
        """Raises SearchDown: timeout, unreachable, json_disabled, rate_limited, bad_request, unauthorized,
        http_error, bad_answer, engines_down."""
        try:
            async with asyncio.timeout(self._limits.seconds):
                status, body = await self._ask(query)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise SearchDown(NAME, "timeout", f"it did not answer within {self._limits.seconds:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SearchDown(NAME, "unreachable", f"it cannot be reached ({type(error).__name__})") from error
        if status != 200:
            raise SearchDown(NAME, *_REFUSALS.get(status, ("http_error", f"it answers with HTTP status {status}")))
        return tidied(_results(body), query, NAME)

    async def _ask(self, query: SearchQuery) -> tuple[int, bytes]:
        fields = {"q": with_sites(query), "format": "json", "language": _LANGUAGES[query.language]}
        if query.recency:
            fields["time_range"] = query.recency
        async with self._http.stream("GET", self._url, params=fields, follow_redirects=False) as answer:
            body = bytearray()
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > self._limits.max_bytes:
                    raise SearchDown(NAME, "bad_answer", "its answer is too large")
            return answer.status_code, bytes(body)


def _results(body: bytes) -> list[SearchResult]:
    answer = _parsed(body)
    made = [_result(row) for row in answer["results"] if isinstance(row, dict)]
    if not made and (silent := answer.get("unresponsive_engines")):
        raise SearchDown(NAME, "engines_down", f"none of its engines answers ({_named(silent)})")
    return made


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SearchDown(NAME, "bad_answer", "it does not answer in JSON; is this the address of SearXNG?") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
        raise SearchDown(NAME, "bad_answer", "its answer holds no results; is this the address of SearXNG?")
    return answer


def _result(row: dict[str, Any]) -> SearchResult:
    url, title, snippet, date = (row.get(key) or "" for key in ("url", "title", "content", "publishedDate"))
    return SearchResult(url=str(url), title=str(title), snippet=str(snippet), date=str(date), engine=NAME)


def _named(silent: object) -> str:
    """`unresponsive_engines` for people: pairs of a name and a reason."""
    pairs = silent if isinstance(silent, list) else []
    return one_line(", ".join(": ".join(map(str, pair)) for pair in pairs if isinstance(pair, list)), 200)
