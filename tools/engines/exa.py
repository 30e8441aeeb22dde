"""Exa, with a key. Documentation: exa.ai/docs, Search."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import httpx

from tools.engines import days_wanted, oldest_wanted, tidied
from tools.engines.client import Endpoint, EngineLimits, Fields, JsonApi, results_of
from tools.search import SearchQuery, SearchResult

NAME = "exa"
URL = "https://api.exa.ai/search"
MAX_RESULTS = 100
MAX_DOMAINS = 1_200
_FIELDS = Fields(date="publishedDate")


class Exa:
    """search() is a tools.search.Search."""

    def __init__(self, http: httpx.AsyncClient, key: str, limits: EngineLimits | None = None, url: str = URL) -> None:
        self._api = JsonApi(http, Endpoint(NAME, url, {"x-api-key": key}), limits)

    async def search(self, query: SearchQuery) -> list[SearchResult]:
        """Raises SearchDown, with the reasons of JsonApi."""
        fields: dict[str, object] = {
            "query": query.text,
            "type": "auto",
            "numResults": min(query.limit, MAX_RESULTS),
            "contents": {"highlights": True},
        }
        if query.include_domains:
            fields["includeDomains"] = query.include_domains[:MAX_DOMAINS]
        if query.exclude_domains:
            fields["excludeDomains"] = query.exclude_domains[:MAX_DOMAINS]
        if days := days_wanted(query):
            fields["startPublishedDate"], fields["endPublishedDate"] = (f"{day}T00:00:00.000Z" for day in _whole(days))
        elif oldest := oldest_wanted(query):
            fields["startPublishedDate"] = f"{oldest}T00:00:00.000Z"
        answer = await self._api.post(fields)
        rows = [{**row, "snippet": _snippet(row)} for row in self._api.rows(answer, "results")]
        return tidied(results_of(rows, _FIELDS), query, NAME)


def _whole(days: tuple[str, str]) -> tuple[str, str]:
    """The same with the day behind the last one, so that the last is wanted to its end."""
    return days[0], (date.fromisoformat(days[1]) + timedelta(days=1)).isoformat()


def _snippet(row: Mapping[str, Any]) -> str:
    """The passages of the page that fit the query, else what else it says of the page."""
    highlights = row.get("highlights")
    passages = [passage for passage in highlights if isinstance(passage, str)] if isinstance(highlights, list) else []
    return " … ".join(passages) or str(row.get("summary") or row.get("text") or "")
