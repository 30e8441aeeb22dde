"""What a request that asks passes before its body is read: our load, then the limits of its key."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from starlette.datastructures import Headers
from starlette.types import Scope

from workers.access import rule_of
from workers.quota_store import Lease, Quotas, limit_headers, too_much
from workers.store_errors import StoreDown


@dataclass(slots=True)
class Admitted:
    """A request that was let in, counted or not. body_bytes: read so far; counted_bytes: added to the key's before the
    body was read; closing: the service is being stopped, so that the connection is closed behind the answer."""

    quotas: Quotas | None = None
    lease: Lease | None = None
    body_bytes: int = 0
    counted_bytes: int = 0
    closing: bool = False

    def headers(self) -> dict[str, str]:
        return limit_headers(self.lease) if self.lease else {}

    def read(self, count: int) -> None:
        """Raises Problem when more was read than the key may still upload."""
        self.body_bytes += count
        left = self.lease.upload_bytes_left if self.lease else None
        if self.lease and left is not None and self.body_bytes > left + self.counted_bytes:
            raise too_much(self.lease)

    def keep_while(self, held: ExitStack) -> None:
        """From here on the run is over when `held` is given back, not when the response has gone out."""
        if self.quotas is not None and self.lease is not None:
            self.lease.kept = True
            held.callback(self.quotas.leave_soon, self.lease)

    async def leave(self) -> None:
        """The run is over, unless somebody else keeps it."""
        if self.quotas is not None and self.lease is not None and not self.lease.kept:
            await self.quotas.leave(self.lease)

    async def settle(self) -> None:
        """Counts a body whose length nobody knew before."""
        more = self.body_bytes - self.counted_bytes
        if self.quotas is None or self.lease is None or not self.lease.quota.upload_bytes_per_day or more <= 0:
            return
        try:
            await self.quotas.uploaded(self.lease, more)
        except StoreDown:
            structlog.get_logger().warning("limits_not_counted", code="store_down")


@asynccontextmanager
async def admission(scope: Scope, user: str, limits: tuple[tuple[str, float], ...]) -> AsyncIterator[Admitted]:
    """Raises Problem: `stopping` and `overloaded` (503) are ours, `rate_limit_exceeded` and `insufficient_quota` (429)
    are the key's."""
    state = scope["state"]
    slots, quotas = state["slots"], state["service"].quotas
    rule = rule_of(scope["method"], scope["path"])
    if not rule.runs:
        yield Admitted(closing=slots.closed)
        return
    if not rule.tells:
        slots.check(user)
    length = _content_length(Headers(scope=scope))
    lease = await quotas.admit(user, limits, length) if quotas is not None else None
    admitted = Admitted(quotas, lease, counted_bytes=length if lease and lease.used else 0, closing=slots.closed)
    try:
        yield admitted
    finally:
        await admitted.leave()
        await admitted.settle()


def _content_length(headers: Headers) -> int:
    """0 where it is not said, or is nonsense, which the server refuses by itself."""
    given = headers.get("content-length", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else 0
