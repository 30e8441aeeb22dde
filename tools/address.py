"""Which addresses we are willing to dial. Pure: a `Target`, a `Verdict` or PageRefused comes out.

String checks come before any parser, since parsers disagree about hostile URLs (CVE-2026-45400), and what
passed is compared with the standard library's reading. IPv6 is an allow list, because `ipaddress.is_global`
of Python 3.11 is True for NAT64, 6to4, IPv4-compatible, SIIT, site-local and multicast addresses.
"""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qsl, quote, urlsplit

import idna

from tools.errors import PageRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL_CHARACTERS = 8_192
DEFAULT_PORTS = {"http": 80, "https": 443}
WEB_PORTS = frozenset({80, 443, 8080, 8443})

# Names that never belong to the public web: RFC 6761, 6762, 7686, 8375 and what private networks use instead.
PRIVATE_SUFFIXES = (
    *("localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan"),
    *("arpa", "onion"),
)
# Ideographic and full-width full stops: browsers turn them into dots, so they hide labels from a plain check.
FOREIGN_DOTS = re.compile("[\u3002\uff0e\uff61]")
FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
SHAPE = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?:#.*)?",
    re.IGNORECASE | re.ASCII,  # ASCII: else "\u017f" would count as the "s" of https
)
ASCII_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# A last label like 1, 01 or 0x7f: getaddrinfo would read the whole host as an IPv4 address.
NUMERIC_LABEL = re.compile(r"(?:[0-9]+|0[xX][0-9a-fA-F]*)")
TRACKING = re.compile(
    r"(?:utm_[a-z_]+|gclid|dclid|fbclid|msclkid|yclid|mc_[ce]id|igshid|_ga|_gl)", re.IGNORECASE | re.ASCII
)


class Verdict(StrEnum):
    """What an address is. PUBLIC is dialled for a page, INTERNAL only for a host that the operator named."""

    PUBLIC = "public"
    INTERNAL = "internal"
    METADATA = "metadata"
    RESERVED = "reserved"


def _networks(*cidrs: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(cidr) for cidr in cidrs)


METADATA_NETWORKS = _networks("169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "fd00:ec2::/32")
INTERNAL_NETWORKS = _networks(
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10", "::1/128", "fc00::/7"),
)
# IANA's special-purpose registry, including the anycast blocks of AS112, AMT and 6to4 that serve no pages.
RESERVED_V4 = _networks(
    *("0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
    *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
)
PUBLIC_V6 = ipaddress.ip_network("2000::/3")
# Inside 2000::/3: protocol assignments with Teredo and ORCHID, documentation (two blocks), 6to4.
RESERVED_V6 = _networks("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")


def classify(address: Address) -> Verdict:
    """The kind of an address; whatever no table calls public is RESERVED."""
    if _within(address, METADATA_NETWORKS):
        return Verdict.METADATA
    if _within(address, INTERNAL_NETWORKS):
        return Verdict.INTERNAL
    if isinstance(address, ipaddress.IPv4Address):
        return Verdict.RESERVED if _within(address, RESERVED_V4) else Verdict.PUBLIC
    if address not in PUBLIC_V6 or address.scope_id or _within(address, RESERVED_V6):
        return Verdict.RESERVED
    return Verdict.PUBLIC


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What the operator decides about addresses of pages.

    internal_hosts:  `host` or `host:port` that may be private; empty by default. They skip the rules on
                     names, ports (if given) and private ranges, never those on metadata and reserved ones
    denied_networks: further networks to refuse: the operator's own public ones, a NAT64 prefix
    """

    internal_hosts: frozenset[str] = frozenset()
    denied_networks: tuple[Network, ...] = ()
    ports: frozenset[int] = WEB_PORTS

    def is_internal(self, host: str, port: int) -> bool:
        """True when the operator named this host (on this port, or on one of the web's)."""
        named = host in self.internal_hosts and port in self.ports
        return named or f"{host}:{port}" in self.internal_hosts

    def allows(self, address: Address, internal: bool = False) -> bool:
        """True when the address may be dialled; internal: for a host that the operator named."""
        if _within(address, self.denied_networks):
            return False
        verdict = classify(address)
        return verdict is Verdict.PUBLIC or (internal and verdict is Verdict.INTERNAL)


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address of a page, taken apart once; nobody parses the URL again.

    host: lower-case ASCII name without trailing dot, or a canonical literal without brackets
    path: path and query as they go on the wire, ASCII, starting with "/"
    """

    scheme: str
    host: str
    port: int
    path: str
    literal: Address | None = None
    internal: bool = field(default=False, compare=False)

    @property
    def netloc(self) -> str:
        """Host and port as in a URL and in the Host header: brackets for IPv6, no default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def url(self) -> str:
        return self.origin + self.path


def parse_target(url: str, policy: AddressPolicy) -> Target:
    """Take a URL from a stranger apart. No look-up is made: a literal address is checked here, a name later.

    Raises PageRefused: malformed_url, scheme, userinfo, host, port, ip_private.
    """
    match = _shape(url)
    host, port_text = _split_authority(url, match["authority"])
    scheme = match["scheme"].lower()
    port = int(port_text) if port_text else DEFAULT_PORTS[scheme]
    host, literal = _check_host(url, host)
    internal = policy.is_internal(host, port)
    if port not in policy.ports and not internal:
        raise _refused(url, "port", f"port {port} is not one of the web's")
    if literal is None and not internal:
        _check_public_name(url, host)
    if literal is not None and not policy.allows(literal, internal):
        raise _refused(url, "ip_private", "the address is not a public one")
    path = quote(match["path"] or "/", safe=PATH_SAFE) + quote(match["query"] or "", safe=PATH_SAFE)
    return Target(scheme, host, port, path, literal, internal)


# What RFC 3986 lets stand in path and query, and "%" since escapes are kept as they are.
PATH_SAFE = "%/?:@!$&'()*+,;=-._~[]|"


def _shape(url: str) -> re.Match[str]:
    if len(url) > MAX_URL_CHARACTERS:
        raise _refused(url, "malformed_url", f"longer than {MAX_URL_CHARACTERS} characters")
    if FORBIDDEN.search(url):
        raise _refused(url, "malformed_url", "a space, control character or backslash in the address")
    match = SHAPE.fullmatch(url)
    if match is None:
        raise _refused(url, "scheme", "only http:// and https:// addresses are read")
    return match


def _split_authority(url: str, authority: str) -> tuple[str, str]:
    """Host as written and port ("" when absent), in agreement with the standard library."""
    if "@" in authority:
        raise _refused(url, "userinfo", "an address with a user name or password is not read")
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]%]+)(?::((?!0)[0-9]{0,5}))?", authority)
    if match is None:
        raise _refused(url, "host", "no well-formed host and port")
    host, port = match[1], match[2] or ""
    try:
        parts = urlsplit(url)
        agreed = (parts.hostname or "") == host.strip("[]").lower() and (parts.port or 0) == int(port or 0)
    except ValueError:
        agreed = False
    if not agreed:
        raise _refused(url, "host", "host and port can be read in two ways")
    return host, port


def _check_host(url: str, host: str) -> tuple[str, Address | None]:
    """The host in its one spelling, and its address when it is a literal."""
    if host.startswith("["):
        address = _literal(url, host[1:-1])
        return str(address), address
    name = _ascii_name(url, host.removesuffix("."))
    if NUMERIC_LABEL.fullmatch(name.rpartition(".")[2]):
        address = _literal(url, name)
        if host.endswith(".") or str(address) != name:
            raise _refused(url, "host", "an address written in an unusual way")
        return name, address
    return name, None


def _literal(url: str, text: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise _refused(url, "host", "a number that is no address") from None


def _ascii_name(url: str, name: str) -> str:
    """IDNA 2008, strict: what is not already in its final form is refused, never mapped (no UTS 46)."""
    if FOREIGN_DOTS.search(name):
        raise _refused(url, "host", "a full stop that is not a dot")
    lowered = name.lower()
    hidden = any(not c.isascii() and c.lower().isascii() for c in name)
    if hidden or unicodedata.normalize("NFKC", lowered) != lowered:
        raise _refused(url, "host", "characters that stand for others")
    labels = [_ascii_label(url, label) for label in lowered.split(".")]
    ascii_name = ".".join(labels)
    if len(ascii_name) > 253:
        raise _refused(url, "host", "a name of more than 253 characters")
    return ascii_name


def _ascii_label(url: str, label: str) -> str:
    if ASCII_LABEL.fullmatch(label) and not label.startswith("xn--"):
        return label
    try:
        return _without_foreign_digits(idna.alabel(label).decode("ascii"))
    except (
        UnicodeError,
        IndexError,
        ValueError,
    ):  # IDNAError is a UnicodeError; IndexError for the bare "xn--"
        raise _refused(url, "host", "a label that no host name may have") from None


def _without_foreign_digits(label: str) -> str:
    """An A-label that is more than digits of another script: `١٢٧` is a number to some parsers. Raises UnicodeError."""
    if label.startswith("xn--") and all(unicodedata.digit(c, None) is not None for c in idna.ulabel(label)):
        raise UnicodeError("a number in another script")
    return label


def _check_public_name(url: str, name: str) -> None:
    if "." not in name:
        raise _refused(url, "host", "a name without a dot is not on the public web")
    if name.endswith(tuple(f".{suffix}" for suffix in PRIVATE_SUFFIXES)):
        raise _refused(url, "host", "a name that is not on the public web")


def _refused(url: str, reason: str, detail: str) -> PageRefused:
    return PageRefused(without_userinfo(url), reason, detail)


def without_userinfo(url: str) -> str:
    """The URL for a person's eyes: no user name, password or control character, at most 2,000 long."""
    visible = FORBIDDEN.sub("\ufffd", url[:2_000])
    return re.sub(r"^([a-zA-Z][a-zA-Z0-9+.-]*:)?(//)?[^/?#]*@", r"\1\2", visible)


def for_log(url: str) -> str:
    """The URL for a log: as `without_userinfo`, the values of the query and the fragment left out."""
    visible, _, _ = without_userinfo(url).partition("#")
    head, mark, query = visible.partition("?")
    return head + mark + "&".join(pair.partition("=")[0] for pair in query.split("&"))


def canonical(url: str) -> str:
    """One spelling for the same page, to find duplicates and to compare a URL with those already seen.

    Scheme and host in lower case, host in A-labels, no default port, no fragment, dot segments removed,
    escapes normalised (RFC 3986, 6.2.2), tracking parameters dropped, the order of the others kept.
    A URL that the guard would refuse for its form comes back as it is: it equals only itself.
    """
    try:
        match = _shape(url)
        host, port_text = _split_authority(url, match["authority"])
        host, _ = _check_host(url, host)
    except PageRefused:
        return url
    scheme = match["scheme"].lower()
    port = int(port_text) if port_text else DEFAULT_PORTS[scheme]
    path = _without_dot_segments(_normal_escapes(match["path"] or "/"))
    return Target(scheme, host, port, path + _without_tracking(match["query"] or "")).url


def _normal_escapes(text: str) -> str:
    """Unreserved characters bare, everything else as an upper-case escape or as it stands."""

    def normal(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        bare = re.fullmatch(r"[A-Za-z0-9._~-]", character)
        return character if bare else match[0].upper()

    return re.sub(r"%([0-9A-Fa-f]{2})", normal, quote(text, safe=PATH_SAFE))


def _without_dot_segments(path: str) -> str:
    """RFC 3986, 5.2.4, for an absolute path."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _without_tracking(query: str) -> str:
    pairs = [pair for pair in query.removeprefix("?").split("&") if pair]
    kept = [_normal_escapes(pair) for pair in pairs if not TRACKING.fullmatch(_key(pair))]
    return "?" + "&".join(kept) if kept else ""


def _key(pair: str) -> str:
    return next((key for key, _ in parse_qsl(pair, keep_blank_values=True)), "")
