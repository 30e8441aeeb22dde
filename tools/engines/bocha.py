"""Bocha (博查), with a key. Documentation: open.bocha.cn, Web Search API; the results are those of Bing's old API.

Its errors come as HTTP statuses, and as a `code` beside the results of an HTTP 200.
"""

from collections.abc import Mapping
from typing import Any

import httpx

from tools.engines import days_wanted, tidied
from tools.engines.client import REFUSALS, Endpoint, EngineLimits, Fields, JsonApi, Reason, results_of
from tools.search import SearchQuery, SearchResult

NAME = "bocha"
URL = "https://api.bocha.cn/v1/web-search"
MAX_RESULTS = 50
MAX_DOMAINS = 100
_FIELDS = Fields(title="name", date="datePublished")
_FRESHNESS = {"day": "oneDay", "week": "oneWeek", "month": "oneMonth", "year": "oneYear"}
_REFUSALS: Mapping[int, Reason] = {403: ("out_of_credit", "the account has no credit left")}


def _freshness(query: SearchQuery) -> str:
    if days := days_wanted(query):
        return "..".join(days)
    return _FRESHNESS[query.recency] if query.recency else "noLimit"


class Bocha:
    """search() is a tools.search.Search."""

    def __init__(self, http: httpx.AsyncClient, key: str, limits: EngineLimits | None = None, url: str = URL) -> None:
        endpoint = Endpoint(NAME, url, {"Authorization": f"Bearer {key}"}, refusals=_REFUSALS)
        self._api = JsonApi(http, endpoint, limits)

    async def search(self, query: SearchQuery) -> list[SearchResult]:
        """Raises SearchDown, with the reasons of JsonApi."""
        fields: dict[str, object] = {
            "query": query.text,
            "count": min(query.limit, MAX_RESULTS),
            "freshness": _freshness(query),
            "summary": False,
        }
        if query.include_domains:
            fields["include"] = "|".join(query.include_domains[:MAX_DOMAINS])
        if query.exclude_domains:
            fields["exclude"] = "|".join(query.exclude_domains[:MAX_DOMAINS])
        answer = await self._api.post(fields)
        self._check_code(answer)
        return tidied(results_of(self._api.rows(answer, "data", "webPages", "value"), _FIELDS), query, NAME)

    def _check_code(self, answer: Mapping[str, Any]) -> None:
        """200 as a number, or as text; other answers say why in `code`."""
        code = str(answer.get("code", 200))
        if code != "200":
            status = int(code) if code.isascii() and code.isdecimal() and len(code) == 3 else 0
            known = _REFUSALS.get(status) or REFUSALS.get(status)
            raise self._api.down(*(known or ("http_error", "it answers with an error code of its own")))
