"""Dial what was checked: the only place where a page's name becomes a connection.

The network backend of httpcore gets host and port, looks the name up once, checks every answer and dials one
of the checked addresses. The URL is not rewritten, so certificates are checked against the name. (Rewriting
the URL to the address puts different hosts of one address into one pooled TLS session.)
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpcore

from tools.address import Address, AddressPolicy, Target
from tools.errors import PageRefused, PageTooLarge, PageUnreachable
from tools.resolver import Resolve, Resolver, is_own_address

MAX_DIALLED = 3
"""Addresses of one name that are tried, one after the other."""
MAX_INFORMATIONAL = 5
"""1xx responses before the real one."""

Dial = Callable[[Address, int], Awaitable[httpcore.AsyncNetworkStream]]
"""A TCP connection to a checked address and port. Raises httpcore.ConnectError or ConnectTimeout."""


async def dial_tcp(address: Address, port: int) -> httpcore.AsyncNetworkStream:
    """The real dialler. It gets a number, never a name, so nothing is looked up again."""
    return await httpcore.AnyIOBackend().connect_tcp(str(address), port)


@dataclass(frozen=True, slots=True)
class Network:
    """How names are looked up and addresses are dialled, and which of them may be.

    policy:         the operator's rules
    resolve, dial:  the outer wall; tests hand in a small internet on loopback
    is_own_address: tells this machine's own addresses, which are refused even when they are public
    """

    policy: AddressPolicy
    resolve: Resolve
    dial: Dial = dial_tcp
    is_own_address: Callable[[Address], bool] = is_own_address

    @classmethod
    def real(cls, policy: AddressPolicy | None = None, dns_seconds: float = 3.0) -> "Network":
        """The machine's own resolver and network."""
        return cls(policy or AddressPolicy(), Resolver(dns_seconds).resolve)


@dataclass(frozen=True, slots=True)
class HopLimits:
    """Limits of one connection, in seconds and bytes."""

    dns_seconds: float
    connect_seconds: float
    tls_seconds: float
    max_header_bytes: int


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects for one request to one target, whatever httpcore asks for. Errors name `subject`, the page."""

    def __init__(self, network: Network, target: Target, limits: HopLimits, subject: str) -> None:
        self._network, self._target, self._limits, self._subject = network, target, limits, subject

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Look up, check all, dial one. Raises PageRefused (ip_private), PageUnreachable (dns, connect)."""
        if (host.strip("[]"), port) != (self._target.host, self._target.port):
            raise PageRefused(self._subject, "host", "host and port can be read in two ways")
        addresses = await self._addresses()
        for address in addresses:
            self._check(address)
        stream = await self._first_that_answers(addresses[:MAX_DIALLED])
        return GuardedStream(stream, self._limits, self._subject)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """No page lies behind a Unix socket."""
        raise PageRefused(self._subject, "scheme", "Unix sockets are not read")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _addresses(self) -> tuple[Address, ...]:
        if self._target.literal is not None:
            return (self._target.literal,)
        try:
            async with asyncio.timeout(self._limits.dns_seconds):
                return await self._network.resolve(self._target.host)
        except TimeoutError:
            raise PageUnreachable(self._subject, "dns", "no answer from the name server") from None
        except PageUnreachable as error:
            raise PageUnreachable(self._subject, error.reason, error.detail) from None

    def _check(self, address: Address) -> None:
        """One bad answer refuses the name: picking the good one would leave the choice to the attacker."""
        internal = self._target.internal
        allowed = self._network.policy.allows(address, internal)
        if not allowed or (not internal and self._network.is_own_address(address)):
            # The address itself is not named: a stranger could map our network by reading refusals.
            raise PageRefused(self._subject, "ip_private", "the address is not a public one")

    async def _first_that_answers(self, addresses: tuple[Address, ...]) -> httpcore.AsyncNetworkStream:
        for address in addresses:
            try:
                async with asyncio.timeout(self._limits.connect_seconds):
                    return await self._network.dial(address, self._target.port)
            except (TimeoutError, OSError, httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise PageUnreachable(self._subject, "connect", "the site does not answer")


class GuardedStream(httpcore.AsyncNetworkStream):
    """Bytes of one response. Until `body_begins` is called they are headers, and headers have a bound.

    httpcore bounds a single header block, not the number of 1xx blocks before the real one.
    """

    READ_BYTES = 16 * 1024

    def __init__(self, stream: httpcore.AsyncNetworkStream, limits: HopLimits, subject: str) -> None:
        self._stream, self._limits, self._subject = stream, limits, subject
        self._headers_seen: int | None = 0
        self._informational = 0
        self._tail = b""

    def body_begins(self) -> None:
        """The header block is complete; what follows has other limits."""
        self._headers_seen = None

    # The `timeout` parameters are httpcore's interface.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if self._headers_seen is None:
            return await self._stream.read(max_bytes, timeout)
        # One read beyond the limit may hold the start of the body.
        if self._headers_seen > self._limits.max_header_bytes:
            raise PageTooLarge(self._subject, "headers_too_large", "more headers than are read")
        chunk = await self._stream.read(min(max_bytes, self.READ_BYTES), timeout)
        self._headers_seen += len(chunk)
        self._count_informational(chunk)
        return chunk

    def _count_informational(self, chunk: bytes) -> None:
        seen = self._tail + chunk
        self._informational += seen.count(b"HTTP/1.1 1")
        self._tail = seen[-9:]
        if self._informational > MAX_INFORMATIONAL:
            raise PageTooLarge(self._subject, "headers_too_large", "too many informational responses")

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """TLS on the checked connection. Raises PageUnreachable (tls)."""
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, self._limits.tls_seconds)
        except (ssl.SSLError, OSError, httpcore.ConnectError, httpcore.ConnectTimeout):
            raise PageUnreachable(self._subject, "tls", "no secure connection to the site") from None
        return GuardedStream(stream, self._limits, self._subject)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
