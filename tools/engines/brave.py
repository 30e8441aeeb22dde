"""Brave Search, with a key of its Search plan. Documentation: api-dashboard.search.brave.com, Web search.

A wrong key is HTTP 422, as a wrong query is; only the code in the body tells them apart.
"""

import html

import httpx

from tools.engines import days_wanted, tidied, with_sites
from tools.engines.client import Endpoint, EngineLimits, Fields, JsonApi, results_of
from tools.search import SearchQuery, SearchResult

NAME = "brave"
URL = "https://api.search.brave.com/res/v1/web/search"
MAX_RESULTS = 20
MAX_CHARACTERS, MAX_WORDS = 400, 50
_FIELDS = Fields(snippet="description", date="page_age")
_LANGUAGES = {"zh": "zh-hans", "en": "en"}
_FRESHNESS = {"day": "pd", "week": "pw", "month": "pm", "year": "py"}
_TELLS = {b"subscription_token_": ("unauthorized", "it does not accept the key")}


class Brave:
    """search() is a tools.search.Search."""

    def __init__(self, http: httpx.AsyncClient, key: str, limits: EngineLimits | None = None, url: str = URL) -> None:
        self._api = JsonApi(http, Endpoint(NAME, url, {"X-Subscription-Token": key}, tells=_TELLS), limits)

    async def search(self, query: SearchQuery) -> list[SearchResult]:
        """Raises SearchDown, with the reasons of JsonApi."""
        params: dict[str, str | int] = {
            "q": _words(query),
            "count": min(query.limit, MAX_RESULTS),
            "country": "ALL",
            "search_lang": _LANGUAGES[query.language],
            "text_decorations": "false",
            "result_filter": "web",
        }
        if days := days_wanted(query):
            params["freshness"] = "to".join(days)
        elif query.recency:
            params["freshness"] = _FRESHNESS[query.recency]
        answer = await self._api.get(params)
        # Where nothing is found, the whole `web` is missing.
        nothing = answer.get("type") == "search" and not answer.get("web")
        rows = [] if nothing else self._api.rows(answer, "web", "results")
        texts = [{name: html.unescape(str(value)) for name, value in row.items() if value} for row in rows]
        return tidied(results_of(texts, _FIELDS), query, NAME)


def _words(query: SearchQuery) -> str:
    """Within what Brave takes; where the domains do not fit, `tidied` alone looks after them."""
    words = with_sites(query)
    if len(words) <= MAX_CHARACTERS and len(words.split()) <= MAX_WORDS:
        return words
    return " ".join(query.text.split()[:MAX_WORDS])[:MAX_CHARACTERS]
