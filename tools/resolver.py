"""Names to addresses, without letting dead names block living ones.

asyncio's default pool has six threads on two cores: measured, a fast name waited 7.5 s behind twelve dead ones
whose callers had long given up. Here each look-up has a thread of its own, MAX_LOOKUPS at once, and the threads
are daemons, so that leaving the program does not wait for a dead name server.
"""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Awaitable, Callable

from tools.address import Address
from tools.errors import PageUnreachable

MAX_LOOKUPS = 64

Resolve = Callable[[str], Awaitable[tuple[Address, ...]]]
"""All addresses of a name, one at least, in the order to try them. Raises PageUnreachable (dns)."""


class Resolver:
    """The operating system's resolver with a limit; one per event loop.

    lookup: getaddrinfo's part, which blocks; handed in so that a test can be a dead name server.
    """

    def __init__(self, dns_seconds: float = 3.0, lookup: Callable[[str], list[str]] | None = None) -> None:
        self._dns_seconds = dns_seconds
        self._lookup = lookup or system_lookup
        self._slots = asyncio.Semaphore(MAX_LOOKUPS)

    async def resolve(self, name: str) -> tuple[Address, ...]:
        """One look-up, no cache: what is answered here is what gets dialled. Raises PageUnreachable (dns)."""
        try:
            async with asyncio.timeout(self._dns_seconds):
                await self._slots.acquire()
                answers = await self._in_a_thread(name)
        except TimeoutError:
            raise PageUnreachable(name, "dns", f"no answer in {self._dns_seconds:g} s") from None
        except (OSError, UnicodeError):
            raise PageUnreachable(name, "dns", "the name does not exist") from None
        addresses = tuple(dict.fromkeys(ipaddress.ip_address(answer) for answer in answers))
        if not addresses:
            raise PageUnreachable(name, "dns", "the name has no address")
        return addresses

    def _in_a_thread(self, name: str) -> "asyncio.Future[list[str]]":
        """The slot is given back when the thread ends, which may be long after the caller left."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[list[str]] = loop.create_future()

        def finish(answers: list[str], error: OSError | UnicodeError | None) -> None:
            self._slots.release()
            if answered.done():
                return
            if error:
                answered.set_exception(error)
            else:
                answered.set_result(answers)

        def run() -> None:
            answers: list[str] = []
            error: OSError | UnicodeError | None = None
            try:
                answers = self._lookup(name)
            except (OSError, UnicodeError) as raised:
                error = raised
            if not loop.is_closed():
                loop.call_soon_threadsafe(finish, answers, error)

        threading.Thread(target=run, name="look-up", daemon=True).start()
        return answered


def system_lookup(name: str) -> list[str]:
    """/etc/hosts and DNS, IPv4 and IPv6, in the order of RFC 6724. Blocks; raises OSError, UnicodeError."""
    answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(answer[4][0]) for answer in answers]


def is_own_address(address: Address) -> bool:
    """True when the address belongs to this machine, public or not.

    The kernel answers: a datagram socket that is connected to one of our own addresses gets that address as its
    source. Nothing is sent.
    """
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))
            source = probe.getsockname()[0]
        except OSError:
            return False  # no route: nothing to protect and nothing to reach
    return bool(ipaddress.ip_address(source) == address)
