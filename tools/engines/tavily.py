"""Tavily, with a key. Documentation: docs.tavily.com, Search; its error codes 432 and 433 are its own."""

import httpx

from tools.engines import days_wanted, tidied
from tools.engines.client import Endpoint, EngineLimits, Fields, JsonApi, results_of
from tools.search import SearchQuery, SearchResult

NAME = "tavily"
URL = "https://api.tavily.com/search"
MAX_RESULTS = 20
MAX_INCLUDED, MAX_EXCLUDED = 300, 150
_FIELDS = Fields(snippet="content", date="published_date")
_REFUSALS = {
    432: ("out_of_credit", "the plan's limit is reached"),
    433: ("out_of_credit", "the pay-as-you-go limit is reached"),
}


class Tavily:
    """search() is a tools.search.Search."""

    def __init__(self, http: httpx.AsyncClient, key: str, limits: EngineLimits | None = None, url: str = URL) -> None:
        endpoint = Endpoint(NAME, url, {"Authorization": f"Bearer {key}"}, refusals=_REFUSALS)
        self._api = JsonApi(http, endpoint, limits)

    async def search(self, query: SearchQuery) -> list[SearchResult]:
        """Raises SearchDown, with the reasons of JsonApi."""
        fields: dict[str, object] = {
            "query": query.text,
            "max_results": min(query.limit, MAX_RESULTS),
            "search_depth": "basic",
            "include_domains": query.include_domains[:MAX_INCLUDED],
            "exclude_domains": query.exclude_domains[:MAX_EXCLUDED],
        }
        if days := days_wanted(query):
            fields["start_date"], fields["end_date"] = days
        elif query.recency:
            fields["time_range"] = query.recency
        answer = await self._api.post(fields)
        return tidied(results_of(self._api.rows(answer, "results"), _FIELDS), query, NAME)
