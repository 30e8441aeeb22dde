"""URLs that try to reach where they must not, and the answers of a hostile name server. Seeded, so repeatable."""

import ipaddress
import random
from collections.abc import Iterator

GOOD = ("93.184.215.14", "151.101.1.140", "2606:2800:21f:cb07:6820:80da:af6b:8b2c")
"""The public addresses of this small world."""
REACHABLE = frozenset({*GOOD, "93.184.215.1"})
"""All that may ever be reached: GOOD, and what a "#" inside its first address leaves of it."""

BAD_V4 = (
    *("127.0.0.1", "127.255.255.254", "10.0.0.5", "172.16.0.1", "172.31.255.254", "192.168.1.1", "0.0.0.0"),
    *("169.254.169.254", "169.254.170.23", "100.64.0.1", "100.100.100.200", "192.0.0.8", "192.0.2.1"),
    *("192.88.99.1", "198.18.0.1", "198.51.100.7", "203.0.113.7", "240.0.0.1", "168.63.129.16"),
)
BAD_V6 = (
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
    *("2001:db8::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1"),
)
SCHEMES = ("https", "HTTP", "hTTps", "ftp", "file", "gopher", "http\u017f", "javascript", "")
USERINFO = ("user@", "user:word@", "93.184.215.14@", "a.test:80@", "%40@", "a@b@")
PORTS = (":80", ":443", ":8080", ":8443", ":22", ":6379", ":30000", ":0", ":-1", ":99999", ":", ":80:80")
PATHS = ("", "/", "/a?b=http://127.0.0.1/", "/#@127.0.0.1/", "?@127.0.0.1", "#x", "/%0d%0aHost:%20x", "/../..", ":80/")
SEPARATORS = (":", ":/", ":///", ":\\\\", "://\\", "//")
NOISE = (
    "\\",
    "\t",
    "\n",
    "\r",
    "\x00",
    " ",
    "%00",
    "%2f",
    "%",
    "@",
    "#",
    "?",
    "\u200b",
    "\u3002",
    "\uff0e",
    "\u00ad",
    ".",
)
NAMES = (
    *(
        *(f"{name}.test" for name in "abcdefghij"),
        "localhost",
        "a.localhost",
        "redis",
        "db.internal",
        "x.svc.cluster.local",
    ),
    *("127-0-0-1.nip.test", "LOCALHOST.", "a.test.", "..a.test", "xn--", "xn--fsqu00a.test", "\u4f8b\u5b50.test"),
    *("\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3", "b\u00fccher.test", "a_b.test", "-a.test", "a" * 64),
)


def urls(seed: int, count: int) -> Iterator[str]:
    """`count` URLs: each part is ordinary most of the time, so that many get past the first checks."""
    draw = random.Random(seed)
    for _ in range(count):
        url = _mostly(draw, "http", SCHEMES) + _mostly(draw, "://", SEPARATORS) + _mostly(draw, "", USERINFO)
        url += _host(draw) + _mostly(draw, "", PORTS) + draw.choice(PATHS)
        if draw.random() < 0.05:
            at = draw.randrange(len(url) + 1)
            url = url[:at] + draw.choice(NOISE) + url[at:]
        yield url


def _mostly(draw: random.Random, usual: str, odd: tuple[str, ...]) -> str:
    return draw.choice(odd) if draw.random() < 0.05 else usual


def answers(draw: random.Random) -> list[str]:
    """What a hostile name server says: good, bad or mixed, other at every look-up."""
    good = [draw.choice(GOOD) for _ in range(draw.randint(0, 2))]
    bad = [draw.choice(BAD_V4 + BAD_V6) for _ in range(draw.choice((0, 0, 1, 2)))]
    mixed = good + bad
    draw.shuffle(mixed)
    return mixed


def location(draw: random.Random) -> str:
    """Where a hostile site redirects to."""
    return draw.choice((next(urls(draw.randrange(2**32), 1)), f"//{_host(draw)}/", "/again", f"http://{_host(draw)}/"))


def _host(draw: random.Random) -> str:
    kind = draw.random()
    if kind < 0.35:
        return draw.choice(NAMES)
    if kind < 0.75:
        return _spelled(draw, ipaddress.IPv4Address(draw.choice((*BAD_V4, GOOD[0]))))
    return f"[{_embedded(draw)}]"


def _spelled(draw: random.Random, address: ipaddress.IPv4Address) -> str:
    """An IPv4 address in one of the ways that some parser reads."""
    number, parts = int(address), list(address.packed)
    spellings = [
        str(address), str(number), hex(number), f"0{number:o}", f"0x{number:08X}", f"{parts[0]}.{number & 0xFFFFFF}",
        f"{parts[0]}.{parts[1]}.{number & 0xFFFF}", ".".join(f"0{part:o}" for part in parts),
        ".".join(hex(part) for part in parts), ".".join(f"{part:03d}" for part in parts), f"{address}.",
        str(address).translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)}),
        str(address).replace(".", "\u3002"), str(address).replace(".", "%2e"),
        f"%{ord(str(address)[0]):x}{str(address)[1:]}",
        ".".join(f"{part + 256}" for part in parts), f"{address}\u200b", "-".join(map(str, parts)) + ".nip.test",
    ]  # fmt: skip
    return draw.choice(spellings)


def _embedded(draw: random.Random) -> str:
    """An IPv6 literal, often one that carries an IPv4 address."""
    number = int(ipaddress.IPv4Address(draw.choice(BAD_V4)))
    prefix = draw.choice((0, 0xFFFF << 32, 0xFFFF << 48, 0x64FF9B << 96, 0x64FF9B0001 << 80))
    carried = (prefix | number, 0x2002 << 112 | number << 80, 0x20010000 << 96 | (number ^ 0xFFFFFFFF))
    literal = draw.choice((*BAD_V6, GOOD[2], *(str(ipaddress.IPv6Address(value)) for value in carried)))
    return literal + draw.choice(("", "", "", "%25eth0", "%1", "/64"))
