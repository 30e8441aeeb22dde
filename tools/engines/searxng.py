"""SearXNG, asked for JSON. What it answers was recorded from a real one: tests/samples/searxng.

A dead, slow, blocked or broken engine behind it is still HTTP 200 with an empty list; only
`unresponsive_engines` tells that from "nothing found".
"""

import httpx

from tools.charset import one_line
from tools.engines import tidied, with_sites
from tools.engines.client import Endpoint, EngineLimits, Fields, JsonApi, results_of
from tools.search import SearchQuery, SearchResult

NAME = "searxng"
_FIELDS = Fields(snippet="content", date="publishedDate")
_LANGUAGES = {"zh": "zh-CN", "en": "en"}
_REFUSALS = {
    401: ("unauthorized", "it wants a password"),
    403: ("json_disabled", "it does not answer in JSON: add `json` to search.formats in its settings.yml"),
    429: ("rate_limited", "it has had too many requests: switch off its limiter for this service"),
}


class SearXNG:
    """One SearXNG server. The client is the operator's, not the guarded one for pages; it is not closed here."""

    def __init__(self, http: httpx.AsyncClient, url: str, limits: EngineLimits | None = None) -> None:
        """url: of the server, with or without `/search`."""
        address = url.rstrip("/").removesuffix("/search") + "/search"
        self._api = JsonApi(http, Endpoint(NAME, address, refusals=_REFUSALS), limits)

    async def search(self, query: SearchQuery) -> list[SearchResult]:
        """Raises SearchDown: engines_down, json_disabled and the reasons of JsonApi."""
        params: dict[str, str | int] = {
            "q": with_sites(query),
            "format": "json",
            "language": _LANGUAGES[query.language],
        }
        if query.recency:
            params["time_range"] = query.recency
        answer = await self._api.get(params)
        rows = self._api.rows(answer, "results")
        if not rows and (silent := answer.get("unresponsive_engines")):
            raise self._api.down("engines_down", f"none of its engines answers ({_named(silent)})")
        return tidied(results_of(rows, _FIELDS), query, NAME)


def _named(silent: object) -> str:
    """`unresponsive_engines` for people: pairs of a name and a reason."""
    pairs = silent if isinstance(silent, list) else []
    return one_line(", ".join(": ".join(map(str, pair)) for pair in pairs if isinstance(pair, list)), 200)
