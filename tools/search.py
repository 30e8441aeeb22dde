"""What is asked of a search engine and what comes back. One file per engine lies in tools/engines/."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal

Recency = Literal["day", "week", "month", "year"]


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """text: 1 to 400 characters; limit: results wanted; recency: how old a result may be at most;
    after, before: the first and the last day wanted, YYYY-MM-DD, for engines that can be asked for days;
    include_domains and exclude_domains: host names, a name covers its subdomains; engines: names of those that may be
    asked; empty means no limit."""

    text: str
    language: Literal["zh", "en"] = "en"
    limit: int = 10
    recency: Recency | None = None
    include_domains: tuple[str, ...] = ()
    exclude_domains: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    after: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One hit, in the engine's order. snippet: plain text of 0 to 500 characters; date: YYYY-MM-DD or ""."""

    url: str
    title: str
    snippet: str = ""
    date: str = ""
    engine: str = ""


Search = Callable[[SearchQuery], Awaitable[list[SearchResult]]]
"""Raises SearchDown; an empty list means that the engine works and found nothing."""


def host_names(domains: Iterable[str]) -> tuple[str, ...]:
    """Domains as people write them, as include_domains and exclude_domains hold them."""
    return tuple(domain.lower().strip(".") for domain in domains)


def covers(domain: str, host: str) -> bool:
    """Whether a name of include_domains or exclude_domains means this host: itself or a subdomain, in any case."""
    name, host = domain.lower().strip("."), host.lower().rstrip(".")
    return host == name or host.endswith("." + name)
