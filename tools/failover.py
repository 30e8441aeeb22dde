"""Several search engines as one: in the operator's order, past those that are down.

A circuit breaker keeps every question from waiting for an engine that has just failed several times.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tools.engines import tidied
from tools.engines.client import EngineAsksToWait
from tools.errors import SearchDown
from tools.search import Search, SearchQuery, SearchResult

NO_FAULT_OF_THE_ENGINE = frozenset({"bad_request", "busy"})
"""It refused this query, or we had no room to ask it: no reason to pass it over for the next query."""


@dataclass(frozen=True, slots=True)
class FailoverSettings:
    """engine_seconds: for one engine; failures: in a row, until an engine is passed over for pause_seconds;
    max_wait_seconds: the longest that an engine's own Retry-After has it passed over;
    ask_next_when_empty: whether "nothing found" is asked of the next engine too."""

    engine_seconds: float = 12.0
    failures: int = 3
    pause_seconds: float = 60.0
    max_wait_seconds: float = 900.0
    ask_next_when_empty: bool = True


@dataclass(slots=True)
class _Circuit:
    """What an engine did lately. failed: times in a row; open_until: by the clock; last: why it failed."""

    failed: int = 0
    open_until: float = float("-inf")
    last: str = ""


class Failover:
    """search() is a tools.search.Search."""

    def __init__(
        self,
        engines: Sequence[tuple[str, Search]],
        settings: FailoverSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """engines: name and search, in the order in which they are asked; at least one. clock: in seconds."""
        if not engines:
            raise ValueError("at least one search engine is needed")
        self._engines, self._settings, self._clock = tuple(engines), settings or FailoverSettings(), clock
        self._circuits = {name: _Circuit() for name, _ in engines}

    async def search(self, query: SearchQuery) -> list[SearchResult]:
        """Results of the first engine that has any. Raises SearchDown (all_down) when no engine works."""
        works = False
        reasons: list[str] = []
        for name, ask in self._engines:
            if query.engines and name not in query.engines:
                continue
            try:
                found = await self._asked(name, ask, query)
            except SearchDown as error:
                reasons.append(f"{name}: {error.detail or error.reason}")
                continue
            works = True
            if found or not self._settings.ask_next_when_empty:
                return found
        if works:
            return []
        raise SearchDown("search", "all_down", "; ".join(reasons))

    async def _asked(self, name: str, ask: Search, query: SearchQuery) -> list[SearchResult]:
        circuit, now = self._circuits[name], self._clock()
        if now < circuit.open_until:
            raise SearchDown(name, "paused", f"{circuit.last} (asked again in {circuit.open_until - now:.0f} s)")
        if circuit.failed >= self._settings.failures:
            # One question tries whether the engine is back; the others pass it over until that is known.
            circuit.open_until = now + self._settings.pause_seconds
        try:
            async with asyncio.timeout(self._settings.engine_seconds):
                found = tidied(await ask(query), query, name)
        except TimeoutError as error:
            down = SearchDown(name, "timeout", f"it did not answer within {self._settings.engine_seconds:g} s")
            self._failed(circuit, down)
            raise down from error
        except SearchDown as error:
            self._failed(circuit, error)
            raise
        self._circuits[name] = _Circuit()
        return found

    def _failed(self, circuit: _Circuit, error: SearchDown) -> None:
        if error.reason in NO_FAULT_OF_THE_ENGINE:
            return
        circuit.failed += 1
        circuit.last = error.detail or error.reason
        if circuit.failed >= self._settings.failures:
            self._pause(circuit, self._settings.pause_seconds)
        if isinstance(error, EngineAsksToWait):
            self._pause(circuit, min(error.wait_seconds, self._settings.max_wait_seconds))

    def _pause(self, circuit: _Circuit, seconds: float) -> None:
        circuit.open_until = max(circuit.open_until, self._clock() + seconds)
