"""Generated URLs against real listeners on every address: `python -m tests.cases.run_canaries [COUNT]`.

In a network namespace of its own (Linux, `unshare` and `ip`) every IPv4 and IPv6 address is made local, so a connect
to any of them would succeed: the whole private internet is one canary. A hostile name server answers, hostile
sites redirect. Only the addresses of hostile_urls.REACHABLE may be reached. Prints, last,
`canaries: 0 hits in 20000 URLs (1234 pages read)`; exit status 0 only without a hit and with some pages read.
`--weak` runs a guard that allows everything, to show that the canaries sing.
"""

import asyncio
import random
import socket
import subprocess
import sys
from collections import Counter
from contextlib import suppress

from tests.cases.hostile_urls import REACHABLE, answers, location, urls
from tests.cases.run_ssrf import as_it_is
from tools.address import Address, AddressPolicy
from tools.dialling import Network
from tools.errors import ToolError
from tools.http import FetchLimits, FetchParts
from tools.manners import Manners
from tools.resolver import Resolver
from tools.web import WebParts, WebReader

PORTS = (22, 80, 443, 6379, 8080, 8443, 30000)
AT_ONCE = 50
LIMITS = FetchLimits(total_seconds=5.0, first_byte_seconds=1.0, tls_seconds=1.0, connect_seconds=0.5)


class NoGuard(AddressPolicy):
    """Allows every address, to show that the canaries would notice."""

    __slots__ = ()

    def allows(self, address: Address, internal: bool = False) -> bool:
        return True


class Canaries:
    """Listeners on every address of the namespace; they count who was reached."""

    def __init__(self, seed: int) -> None:
        self.reached: Counter[str] = Counter()
        self._draw = random.Random(seed)

    async def listen(self) -> None:
        for port in PORTS:
            listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512)
            await asyncio.start_server(self._visit, sock=listener)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reached[writer.get_extra_info("sockname")[0].removeprefix("::ffff:")] += 1
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # left or cut off at the end
            request = await reader.readuntil(b"\r\n\r\n")
            writer.write(self._answer(request.split(b" ")[1]))
            await writer.drain()
        writer.close()

    def _answer(self, path: bytes) -> bytes:
        if path == b"/robots.txt" and self._draw.random() < 0.9:
            return b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"
        if self._draw.random() < 0.5:
            return b"HTTP/1.1 200 X\r\nContent-Type: text/html\r\nContent-Length: 11\r\n\r\n<p>page</p>"
        where = location(self._draw).replace("\r", "").replace("\n", "").encode("utf-8", "replace")
        return b"HTTP/1.1 302 X\r\nContent-Length: 0\r\nLocation: " + where + b"\r\n\r\n"


def hostile_lookup(draw: random.Random, name: str) -> list[str]:
    """The attacker's name server; but what the C library reads as a number never gets to a name server."""
    with suppress(OSError):
        return [socket.inet_ntoa(socket.inet_aton(name))]
    return answers(draw)


async def replay(count: int, policy: AddressPolicy) -> int:
    """Read `count` URLs over the real dialler. Returns the exit status."""
    draw, canaries, read = random.Random(2), Canaries(3), Counter[str]()
    await canaries.listen()
    resolver = Resolver(lookup=lambda name: hostile_lookup(draw, name))
    # Every address is this machine's here, so that rule has to stay out.
    network = Network(policy, resolver.resolve, is_own_address=lambda _: False)
    fetching = FetchParts(network, "kaozheng/1", LIMITS)
    reader = WebReader(WebParts(as_it_is, fetching, Manners(requests_per_host=AT_ONCE, spacing_seconds=0.0)))
    remaining = urls(1, count)

    async def work() -> None:
        for url in remaining:
            try:
                await reader.read(url)
                read["page"] += 1
            except ToolError as error:
                read[error.reason] += 1

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return report(canaries.reached, read, count)


def report(reached: Counter[str], read: Counter[str], count: int) -> int:
    hits = {address: times for address, times in reached.items() if address not in REACHABLE}
    for address, times in sorted(hits.items()):
        print(f"HIT {address}: {times}")
    print("ends: " + ", ".join(f"{reason} {times}" for reason, times in read.most_common()))
    print(f"canaries: {sum(hits.values())} hits in {count} URLs ({read['page']} pages read)")
    return 0 if not hits and read["page"] else 1


def main() -> int:
    arguments = sys.argv[1:]
    if "--inside" not in arguments:
        command = (
            'ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip -6 route add local ::/0 dev lo && exec "$@"'
        )
        inside = [sys.executable, "-m", "tests.cases.run_canaries", *arguments, "--inside"]
        return subprocess.call(["unshare", "-rn", "sh", "-c", command, "sh", *inside])
    numbers = [int(argument) for argument in arguments if argument.isdigit()]
    policy = NoGuard() if "--weak" in arguments else AddressPolicy()
    return asyncio.run(replay(numbers[0] if numbers else 20_000, policy))


if __name__ == "__main__":
    sys.exit(main())
