"""The usual guard, kept so that the cases are known to bite: `is_private` on the first URL only."""

import asyncio
import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from tests.cases.run_ssrf import Read, Rig, ssl_context
from tools.address import Address
from tools.errors import PageRefused, PageUnreachable


class UncheckedBackend(httpcore.AsyncNetworkBackend):
    """Looks up and dials whatever it is given, as the C library would read it."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        return await self._rig.dial((await addresses(self._rig, host))[0], port)


async def addresses(rig: Rig, host: str) -> tuple[Address, ...]:
    try:
        return (ipaddress.ip_address(host.strip("[]")),)
    except ValueError:
        pass
    try:
        return (ipaddress.IPv4Address(socket.inet_aton(host)),)
    except (OSError, UnicodeError):
        return await rig.resolve(host)


def weak_reader(rig: Rig) -> Read:
    """A reader with the flaws of section 4.2 of the facts: one check, one client that follows redirects."""

    async def read(url: str) -> object:
        transport = httpx.AsyncHTTPTransport(verify=ssl_context())
        transport._pool._network_backend = UncheckedBackend(rig)  # type: ignore[attr-defined]
        try:
            async with asyncio.timeout(1), httpx.AsyncClient(transport=transport, follow_redirects=True) as client:
                host = urlsplit(url).hostname or ""
                if any(address.is_private for address in await addresses(rig, host)):
                    raise PageRefused(url, "ip_private")
                return (await client.get(url)).text
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise PageUnreachable(url, "protocol_error") from error

    return read
