"""Serper, which asks Google, with a key. It publishes no reference; the fields are those of its playground.

An account without credit is HTTP 400, as a wrong query is; only the message tells them apart.
"""

from datetime import date, datetime

import httpx

from tools.engines import days_wanted, tidied, with_sites
from tools.engines.client import Endpoint, EngineLimits, Fields, JsonApi, results_of
from tools.search import SearchQuery, SearchResult

NAME = "serper"
URL = "https://google.serper.dev/search"
MAX_RESULTS = 100
_FIELDS = Fields(url="link")
_REGIONS = {"zh": {"gl": "cn", "hl": "zh-cn"}, "en": {"gl": "us", "hl": "en"}}
_TELLS = {b"not enough credits": ("out_of_credit", "the account has no credit left")}


class Serper:
    """search() is a tools.search.Search."""

    def __init__(self, http: httpx.AsyncClient, key: str, limits: EngineLimits | None = None, url: str = URL) -> None:
        self._api = JsonApi(http, Endpoint(NAME, url, {"X-API-KEY": key}, tells=_TELLS), limits)

    async def search(self, query: SearchQuery) -> list[SearchResult]:
        """Raises SearchDown, with the reasons of JsonApi."""
        fields: dict[str, object] = {
            "q": with_sites(query),
            "num": min(query.limit, MAX_RESULTS),
            **_REGIONS[query.language],
        }
        if days := days_wanted(query):
            first, last = (date.fromisoformat(day) for day in days)
            fields["tbs"] = f"cdr:1,cd_min:{_american(first)},cd_max:{_american(last)}"
        elif query.recency:
            fields["tbs"] = f"qdr:{query.recency[0]}"
        answer = await self._api.post(fields)
        nothing = "searchParameters" in answer and "organic" not in answer
        rows = [] if nothing else self._api.rows(answer, "organic")
        dated = [{**row, "date": _date(str(row.get("date") or ""))} for row in rows]
        return tidied(results_of(dated, _FIELDS), query, NAME)


def _american(day: date) -> str:
    """As Google's own form writes it."""
    return f"{day.month}/{day.day}/{day.year}"


def _date(shown: str) -> str:
    """`Jan 5, 2024` as YYYY-MM-DD. Google shows others too (`3 days ago`, `2024年1月5日`); those stay out."""
    try:
        return datetime.strptime(shown, "%b %d, %Y").date().isoformat()
    except ValueError:
        return shown
