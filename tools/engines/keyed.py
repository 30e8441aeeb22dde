"""The engines that are asked with a key, by their names in the settings."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import httpx

from tools.engines.bocha import Bocha
from tools.engines.brave import Brave
from tools.engines.client import EngineLimits
from tools.engines.exa import Exa
from tools.engines.serper import Serper
from tools.engines.tavily import Tavily
from tools.search import SearchQuery, SearchResult


class Engine(Protocol):
    """Whatever has a tools.search.Search as its method."""

    async def search(self, query: SearchQuery) -> list[SearchResult]: ...


KEYED: Mapping[str, Callable[[httpx.AsyncClient, str, EngineLimits], Engine]] = MappingProxyType(
    {"bocha": Bocha, "brave": Brave, "exa": Exa, "serper": Serper, "tavily": Tavily}
)
"""Name to (client, key, limits) -> engine."""
