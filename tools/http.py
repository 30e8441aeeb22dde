"""Fetching one page: the one door to the network for pages, robots.txt and PDFs.

httpx carries the request, nothing more: one connection per hop (so one look-up per hop), redirects by hand,
no cookies, no proxies, no environment. Its time-outs are for single reads, so a trickle would keep them for
ever: everything here happens inside one deadline. Bodies are read raw and decoded by tools/decoder.py.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

import httpcore
import httpx

from tools.address import Target, parse_target, without_userinfo
from tools.conditional import Validators, may_be_shared, validators_of
from tools.decoder import ACCEPT_ENCODING, BadCoding, Decoder, decoder_for
from tools.dialling import GuardedBackend, GuardedStream, HopLimits, Network
from tools.errors import PageRefused, PageTooLarge, PageUnreachable, PageUnreadable
from tools.extraction import Source, kind_of

MIB = 1024 * 1024
SNIFFED_BYTES = 1_024
MAX_HEADER_LINES = 200
BOMB_RATIO = 100
"""Decoded to wire bytes above which too much text is an attack and not a long page (HTML reaches 5 to 30)."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
NOT_MODIFIED = 304
DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ACCEPT = (
    "text/html,application/xhtml+xml,application/pdf;q=0.9,text/markdown;q=0.9,"
    f"{DOCX_TYPE};q=0.8,text/plain;q=0.8,*/*;q=0.1"
)
WHOLE_OR_NOTHING = frozenset({"pdf", "docx"})
"""Kinds of which a part cannot be read; they have `max_pdf_bytes`."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Limits of one fetch with all its redirects. Times in seconds, sizes in bytes."""

    total_seconds: float = 15.0
    dns_seconds: float = 3.0
    connect_seconds: float = 3.0
    tls_seconds: float = 5.0
    first_byte_seconds: float = 8.0
    read_gap_seconds: float = 5.0
    max_wire_bytes: int = 5 * MIB
    max_decoded_bytes: int = 10 * MIB
    max_pdf_bytes: int = 20 * MIB
    max_header_bytes: int = 64 * 1024
    max_redirects: int = 5

    @property
    def hop(self) -> HopLimits:
        return HopLimits(self.dns_seconds, self.connect_seconds, self.tls_seconds, self.max_header_bytes)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body. url: after redirects; content_type: the header, "" without one; truncated: as in Webpage.

    unchanged:  there is no body: the version that we hold is still the right one
    validators: of this version, None where the site sent none
    shared:     whether the site lets it be kept for several readers
    """

    url: str
    body: bytes
    content_type: str = ""
    truncated: str = ""
    unchanged: bool = False
    validators: Validators | None = None
    shared: bool = True


class AskedToWait(PageUnreachable):
    """`host` said 429 or 503, and for how long to stay away (0 when it did not say)."""

    host = ""
    wait_seconds = 0.0


Gate = Callable[[Target], AbstractAsyncContextManager[None]]
"""Entered around every hop, before its look-up; may refuse it (ToolError) or make it wait."""


@asynccontextmanager
async def open_gate(_: Target) -> AsyncIterator[None]:
    """No rule but the address guard's."""
    yield


def page_kind(head: bytes, source: Source) -> str:
    """`pdf`, `docx`, `html` … by the first bytes. Raises PageUnreadable (unsupported_type, bad_pdf)."""
    return kind_of(head, source)


@dataclass(frozen=True, slots=True)
class FetchParts:
    """What a Fetcher is made of.

    ssl_context: how certificates are checked, by default against certifi's
    proxy_url:   an HTTP proxy of the operator, "" for none. It looks names up and dials, so it must refuse
                 private addresses; of our guard only the rules on the URL itself remain
    """

    network: Network
    user_agent: str
    limits: FetchLimits = field(default_factory=FetchLimits)
    kind_of: Callable[[bytes, Source], str] = page_kind
    ssl_context: ssl.SSLContext = field(default_factory=lambda: httpx.create_ssl_context(trust_env=False))
    proxy_url: str = ""


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport over a guarded backend, for one request: no pool outlives it."""

    def __init__(self, backend: GuardedBackend, ssl_context: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context, max_connections=1, max_keepalive_connections=0, network_backend=backend
        )


class Fetcher:
    """Fetches pages of strangers. Holds no connection and no state: there is nothing to close."""

    def __init__(self, parts: FetchParts) -> None:
        self._parts = parts

    async def fetch(self, url: str, gate: Gate = open_gate, held: Validators | None = None) -> Fetched:
        """The body behind `url`, after at most `max_redirects` redirects, each of them checked like the first.

        held: of a version that we hold; then the answer may be `unchanged`.
        Raises PageRefused, PageUnreachable, PageUnreadable, PageTooLarge; nothing else.
        """
        seconds = self._parts.limits.total_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(url, gate, held)
        except TimeoutError:
            raise PageUnreachable(without_userinfo(url), "timeout", f"not read in {seconds:g} s") from None

    async def _follow(self, url: str, gate: Gate, held: Validators | None) -> Fetched:
        subject = without_userinfo(url)
        target = parse_target(url, self._parts.network.policy)
        for _ in range(self._parts.limits.max_redirects + 1):
            known = held if held and held.url == target.url else None
            async with gate(target), self._response(target, subject, known) as response:
                if response.status_code == NOT_MODIFIED:
                    return _unchanged(target, response, known)
                if response.status_code not in REDIRECTS:
                    return await _Reading(self._parts, target, subject).take(response)
                target = self._next(target, response, subject)
        raise PageUnreachable(subject, "too_many_redirects", "the site sends us round in circles")

    def _next(self, target: Target, response: httpx.Response, subject: str) -> Target:
        """Where a redirect leads; its body stays unread."""
        locations = {value.strip() for value in response.headers.get_list("location")}
        if len(locations) != 1 or not all(locations):
            raise PageUnreachable(subject, "protocol_error", "a redirect without one address")
        try:
            following = parse_target(_absolute(target, locations.pop()), self._parts.network.policy)
        except PageRefused as refused:
            raise PageRefused(subject, refused.reason, f"redirected: {refused.detail}") from None
        if following.internal and not target.internal:
            raise PageRefused(subject, "ip_private", "redirected from a public site to an internal host")
        return following

    @asynccontextmanager
    async def _response(self, target: Target, subject: str, known: Validators | None) -> AsyncIterator[httpx.Response]:
        """The response to one request, its headers read and checked, its body not yet read. 304 comes only to a
        conditional request."""
        headers = self._headers(target) | (known.headers if known else {})
        request = httpx.Request("GET", target.origin + "/", headers=headers, extensions=self._extensions(target))
        async with self._transport(target, subject) as transport:
            response = await self._send(transport, request, subject)
            try:
                _check_headers(response, self._parts.limits, subject)
                if known is None or response.status_code != NOT_MODIFIED:
                    _check_status(response, target.host, subject)
                yield response
            finally:
                await response.aclose()

    def _transport(self, target: Target, subject: str) -> httpx.AsyncHTTPTransport:
        """For one request; environment variables are never asked."""
        context, proxy_url = self._parts.ssl_context, self._parts.proxy_url
        if proxy_url:
            return httpx.AsyncHTTPTransport(verify=context, trust_env=False, proxy=proxy_url)
        backend = GuardedBackend(self._parts.network, target, self._parts.limits.hop, subject)
        return GuardedTransport(backend, context)

    async def _send(self, transport: httpx.AsyncHTTPTransport, request: httpx.Request, subject: str) -> httpx.Response:
        try:
            response = await transport.handle_async_request(request)
        except httpx.TimeoutException:
            raise PageUnreachable(subject, "timeout", "the site does not answer") from None
        except (httpx.ConnectError, httpx.ProxyError):
            raise PageUnreachable(subject, "connect", "the proxy does not reach the site") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise PageUnreachable(subject, "protocol_error", "the site does not speak proper HTTP") from None
        stream = response.extensions["network_stream"]
        if isinstance(stream, GuardedStream):
            stream.body_begins()
        return response

    def _headers(self, target: Target) -> dict[str, str]:
        return {
            "Host": target.netloc,
            "User-Agent": self._parts.user_agent,
            "Accept": ACCEPT,
            "Accept-Encoding": ACCEPT_ENCODING,
            "Connection": "close",
        }

    def _extensions(self, target: Target) -> dict[str, object]:
        """`target`: the path goes on the wire as it was checked, without httpx's own quoting."""
        seconds = {"connect": None, "pool": None, "write": 5.0, "read": self._parts.limits.first_byte_seconds}
        return {"timeout": seconds, "target": target.path.encode("ascii")}


def _absolute(target: Target, location: str) -> str:
    """The address that a Location header means. Only true relative references are joined, since urljoin reads
    `http:///x` as a path on the same host."""
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", location):
        return location
    if location.startswith("//"):
        return f"{target.scheme}:{location}"
    return urljoin(target.url, location)


def _unchanged(target: Target, response: httpx.Response, known: Validators | None) -> Fetched:
    """No body; new validators where the site sent some."""
    validators = validators_of(target.url, response.headers) or known
    shared = may_be_shared(response.headers)
    return Fetched(target.url, b"", unchanged=True, validators=validators, shared=shared)


def _check_headers(response: httpx.Response, limits: FetchLimits, subject: str) -> None:
    lines = response.headers.raw
    if len(lines) > MAX_HEADER_LINES or sum(len(n) + len(v) for n, v in lines) > limits.max_header_bytes:
        raise PageTooLarge(subject, "headers_too_large", "more headers than are read")
    if "content-length" in response.headers and "transfer-encoding" in response.headers:
        raise PageUnreachable(subject, "protocol_error", "two ways to say where the page ends")


def _check_status(response: httpx.Response, host: str, subject: str) -> None:
    if response.status_code in REDIRECTS or response.status_code in (200, 203):
        return
    reason, detail = f"http_{response.status_code}", f"the site answers {response.status_code}"
    if response.status_code in (429, 503):
        asked = AskedToWait(subject, reason, detail)
        asked.host, asked.wait_seconds = host, wait_seconds(response.headers.get("retry-after", ""))
        raise asked
    raise PageUnreachable(subject, reason, detail)


def wait_seconds(retry_after: str) -> float:
    """The Retry-After header, seconds or a date, as seconds from now; 0 when it is absent or not understood."""
    if re.fullmatch(r"[0-9]{1,18}", retry_after.strip()):
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


class _Reading:
    """One body on its way in."""

    def __init__(self, parts: FetchParts, target: Target, subject: str) -> None:
        self._parts, self._target, self._subject = parts, target, subject
        self._body = bytearray()
        self._wire_bytes = 0
        self._kind = ""

    async def take(self, response: httpx.Response) -> Fetched:
        content_type = response.headers.get("content-type", "")
        source = Source(self._target.url, content_type)
        try:
            truncated = await self._read(response, source)
        except BadCoding as bad:
            raise PageUnreadable(self._subject, "bad_encoding", str(bad)) from None
        self._sniff(source)
        if truncated and self._kind in WHOLE_OR_NOTHING:
            raise self._incomplete(truncated)
        if truncated == "size" and len(self._body) > BOMB_RATIO * self._wire_bytes:
            raise PageTooLarge(self._subject, "too_large", "a small body that unpacks to a huge one")
        return Fetched(
            self._target.url,
            bytes(self._body),
            content_type,
            truncated,
            validators=validators_of(self._target.url, response.headers),
            shared=may_be_shared(response.headers),
        )

    async def _read(self, response: httpx.Response, source: Source) -> str:
        """Fill the body. Returns why it is not whole: `size`, `disconnect` or ""."""
        decoder = decoder_for(",".join(response.headers.get_list("content-encoding")))
        chunks = response.aiter_raw()
        while True:
            try:
                async with asyncio.timeout(self._parts.limits.read_gap_seconds):
                    chunk = await anext(chunks, b"")
            except (httpx.RemoteProtocolError, httpx.ReadError):
                return "disconnect"
            except (TimeoutError, httpx.TimeoutException):
                raise PageUnreachable(self._subject, "timeout", "the site stopped in the middle") from None
            if not chunk:
                return "" if decoder.complete or not self._wire_bytes else "disconnect"
            if await self._is_full(decoder, chunk, source):
                return "size"

    async def _is_full(self, decoder: Decoder, chunk: bytes, source: Source) -> bool:
        """Take one chunk in, letting others run between the pieces. True when nothing more fits."""
        self._wire_bytes += len(chunk)
        for piece in decoder.feed(chunk):
            self._body += piece
            if not self._kind and len(self._body) >= SNIFFED_BYTES:
                self._sniff(source)
            if len(self._body) > self._max(self._parts.limits.max_decoded_bytes):
                del self._body[self._max(self._parts.limits.max_decoded_bytes) :]
                return True
            await asyncio.sleep(0)
        return self._wire_bytes > self._max(self._parts.limits.max_wire_bytes)

    def _max(self, page_bytes: int) -> int:
        return self._parts.limits.max_pdf_bytes if self._kind in WHOLE_OR_NOTHING else page_bytes

    def _sniff(self, source: Source) -> None:
        """Refuse early what nobody can read: a video is not downloaded to its end."""
        if not self._kind and self._body:
            self._kind = self._parts.kind_of(bytes(self._body[:SNIFFED_BYTES]), source)

    def _incomplete(self, truncated: str) -> PageTooLarge | PageUnreachable:
        name = {"pdf": "a PDF", "docx": "a Word document"}[self._kind]
        if truncated == "size":
            return PageTooLarge(self._subject, "too_large", f"{name} of more bytes than are read")
        return PageUnreachable(self._subject, "disconnect", f"the site stopped in the middle of {name}")
