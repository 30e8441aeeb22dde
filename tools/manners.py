"""How we behave towards one host: few requests at once, some space between them, away when asked to stay away."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tools.address import Target
from tools.errors import PageUnreachable

MAX_HOSTS = 5_000


@dataclass(frozen=True, slots=True)
class Manners:
    """The operator's choice.

    max_spacing_seconds:    bounds a robots.txt that asks for hours between two requests
    max_retry_wait_seconds: a shorter Retry-After is waited for, within the page's deadline; a longer one is not
    max_wait_seconds:       bounds how long a Retry-After keeps us away from a host
    """

    requests_per_host: int = 2
    spacing_seconds: float = 0.25
    max_spacing_seconds: float = 5.0
    max_retry_wait_seconds: float = 5.0
    max_wait_seconds: float = 300.0


@dataclass(slots=True)
class _Host:
    slots: asyncio.Semaphore
    next_start: float = 0.0
    away_until: float = 0.0
    guests: int = field(default=0)


class Hosts:
    """The state of every host that we are visiting or that asked us to wait, MAX_HOSTS at most."""

    def __init__(self, manners: Manners, clock: Callable[[], float] = time.monotonic) -> None:
        self._manners, self._clock = manners, clock
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def visit(self, target: Target, crawl_delay_seconds: float = 0.0) -> AsyncIterator[None]:
        """Wait for our turn at this host, keep it while the block runs. The caller's deadline bounds the wait.

        Raises PageUnreachable (asked_to_wait) at once while the host wants us to stay away.
        """
        host = self._host(target.host)
        if self._clock() < host.away_until:
            raise PageUnreachable(target.url, "asked_to_wait", "the site asked us to come back later")
        host.guests += 1
        try:
            async with host.slots:
                await asyncio.sleep(self._seconds_to_start(host, crawl_delay_seconds))
                yield
        finally:
            host.guests -= 1

    def stay_away(self, name: str, wait_seconds: float) -> None:
        """The host said 429 or 503 with Retry-After."""
        wait_seconds = min(wait_seconds, self._manners.max_wait_seconds)
        self._host(name).away_until = self._clock() + wait_seconds

    def _seconds_to_start(self, host: _Host, crawl_delay_seconds: float) -> float:
        spacing = min(max(self._manners.spacing_seconds, crawl_delay_seconds), self._manners.max_spacing_seconds)
        start = max(self._clock(), host.next_start)
        host.next_start = start + spacing
        return start - self._clock()

    def _host(self, name: str) -> _Host:
        if name not in self._hosts:
            if len(self._hosts) >= MAX_HOSTS:
                self._forget_the_idle()
            self._hosts[name] = _Host(asyncio.Semaphore(self._manners.requests_per_host))
        return self._hosts[name]

    def _forget_the_idle(self) -> None:
        now = self._clock()
        for name, host in list(self._hosts.items()):
            if not host.guests and max(host.next_start, host.away_until) <= now:
                del self._hosts[name]
