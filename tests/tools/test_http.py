"""The one door to the network, over real loopback HTTP."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import brotli
import pytest
import zstandard

from tests.fake_web import FakeWeb, Page, redirect
from tools.address import AddressPolicy
from tools.errors import PageRefused, PageTooLarge, PageUnreachable, PageUnreadable, ToolError
from tools.http import MIB, AskedToWait, Fetched, Fetcher, FetchLimits, FetchParts, wait_seconds

LIMITS = FetchLimits()
IMPATIENT = FetchLimits(total_seconds=1.0, first_byte_seconds=0.6, read_gap_seconds=0.4)
HTML = "<!doctype html><title>t</title>" + "<p>A sentence of the page.</p>" * 100


@pytest.fixture
async def web() -> AsyncIterator[FakeWeb]:
    async with FakeWeb() as running:
        yield running


def fetcher(web: FakeWeb, limits: FetchLimits = LIMITS, policy: AddressPolicy | None = None) -> Fetcher:
    return Fetcher(FetchParts(web.network(policy), "agent/1", limits))


async def failure(web: FakeWeb, url: str = "http://pub.test/", limits: FetchLimits = LIMITS) -> ToolError:
    """The error with which a fetch ends; it must be one of ours."""
    with pytest.raises(ToolError) as raised:
        await fetcher(web, limits).fetch(url)
    return raised.value


async def fetched(web: FakeWeb, page: Page, limits: FetchLimits = LIMITS) -> Fetched:
    web.put("http://pub.test/", page)
    return await fetcher(web, limits).fetch("http://pub.test/")


# What is dialled


async def test_a_page_comes_back_as_it_was_sent(web: FakeWeb) -> None:
    web.put("http://pub.test/a?b=%e4", HTML)
    page = await fetcher(web).fetch("HTTP://Pub.test./a?b=%e4#c")
    assert (page.url, page.body.decode(), page.truncated) == ("http://pub.test/a?b=%e4", HTML, "")
    assert page.content_type == "text/html; charset=utf-8"
    assert web.looked_up == ["pub.test"]
    assert web.dialled == [("93.184.215.14", 80)]


async def test_a_stranger_learns_our_user_agent_and_nothing_else(web: FakeWeb) -> None:
    await fetched(web, Page(HTML, headers=(("Set-Cookie", "a=b"),)))
    await fetched(web, Page(HTML))
    for request in web.requests:
        assert sorted(request.headers) == ["accept", "accept-encoding", "connection", "host", "user-agent"]
        assert request.headers["accept-encoding"] == "gzip, deflate, br, zstd"


@pytest.mark.parametrize("answers", [["10.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["93.184.215.14", "::1"]])
async def test_one_bad_answer_refuses_the_name(web: FakeWeb, answers: list[str]) -> None:
    web.names["pub.test"] = answers
    error = await failure(web)
    assert (type(error), error.reason, web.dialled) == (PageRefused, "ip_private", [])


async def test_every_fetch_looks_up_and_checks_for_itself(web: FakeWeb) -> None:
    web.put("http://pub.test/", HTML)
    web.names["pub.test"] = [["93.184.215.14"], ["192.168.0.1"]]
    await fetcher(web).fetch("http://pub.test/")
    assert (await failure(web)).reason == "ip_private"
    assert web.dialled == [("93.184.215.14", 80)]


async def test_our_own_public_address_is_refused(web: FakeWeb) -> None:
    web.put("http://pub.test/", HTML)
    network = replace(web.network(), is_own_address=lambda address: str(address) == "93.184.215.14")
    with pytest.raises(PageRefused):
        await Fetcher(FetchParts(network, "agent/1", LIMITS)).fetch("http://pub.test/")
    assert web.dialled == []


async def test_the_next_address_is_tried_when_the_first_is_dead(web: FakeWeb) -> None:
    web.put("http://pub.test/", HTML)
    web.names["pub.test"] = ["93.184.215.1", "93.184.215.2"]
    network = web.network()

    async def dial(address: object, port: int) -> object:
        if str(address).endswith(".1"):
            raise ConnectionRefusedError
        return await network.dial(address, port)

    page = await Fetcher(FetchParts(replace(network, dial=dial), "agent/1", LIMITS)).fetch("http://pub.test/")
    assert page.body
    assert web.looked_up == ["pub.test"]


async def test_the_environment_names_no_proxy(web: FakeWeb, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    await fetched(web, Page(HTML))
    assert web.dialled == [("93.184.215.14", 80)]


async def test_an_operators_proxy_looks_up_and_dials(web: FakeWeb) -> None:
    web.put("http://pub.test/a?b", HTML)
    parts = FetchParts(web.network(), "agent/1", LIMITS, proxy_url=f"http://127.0.0.1:{web.port}")
    assert (await Fetcher(parts).fetch("http://pub.test/a?b")).body.decode() == HTML
    assert (web.looked_up, web.dialled) == ([], [])
    with pytest.raises(PageRefused):
        await Fetcher(parts).fetch("http://10.0.0.1/")
    with pytest.raises(PageUnreachable) as raised:
        await Fetcher(replace(parts, proxy_url="http://127.0.0.1:9")).fetch("http://pub.test/a?b")
    assert raised.value.reason == "connect"


# Redirects


async def test_a_redirect_is_followed_and_its_body_not_read(web: FakeWeb) -> None:
    bomb = gzip.compress(bytes(64 * MIB))
    web.put("http://pub.test/", redirect("https://other.test/x", 301, bomb))
    web.put("http://other.test/x", redirect("/y?z", 307))
    web.put("http://other.test/y?z", HTML)
    web.put("http://pub.test/", Page(bomb, status=302, headers=(("Location", "http://other.test/x"),)))
    page = await fetcher(web).fetch("http://pub.test/")
    assert page.url == "http://other.test/y?z"
    assert web.looked_up == ["pub.test", "other.test", "other.test"]


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://127.0.0.1/", "ip_private"),
        ("//[::1]/", "ip_private"),
        ("http://2130706433/", "host"),
        ("http:///x", "host"),
        ("http://xn--/", "host"),
        ("https://redis/", "host"),
        ("http://pub.test:6379/", "port"),
        ("file:///etc/passwd", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("http:next", "scheme"),
        ("http://a@pub.test/", "userinfo"),
        ("\\\\pub.test\\x", "malformed_url"),
    ],
)
async def test_a_redirect_is_checked_like_the_first_address(web: FakeWeb, location: str, reason: str) -> None:
    web.put("http://pub.test/", redirect(location))
    error = await failure(web)
    assert (type(error), error.reason, error.subject) == (PageRefused, reason, "http://pub.test/")
    assert web.dialled == [("93.184.215.14", 80)]


async def test_a_loop_and_a_long_chain_end_after_five_redirects(web: FakeWeb) -> None:
    web.put("http://pub.test/", redirect("/"))
    assert (await failure(web)).reason == "too_many_redirects"
    assert len(web.requests) == 6


async def test_refresh_is_never_followed(web: FakeWeb) -> None:
    await fetched(web, Page(HTML, headers=(("Refresh", "0;url=http://127.0.0.1/"), ("Link", "</b>; rel=next"))))
    assert len(web.dialled) == 1


async def test_a_public_site_cannot_send_us_to_an_internal_host(web: FakeWeb) -> None:
    policy = AddressPolicy(internal_hosts=frozenset({"wiki"}))
    web.names["wiki"] = ["10.0.0.7"]
    web.put("http://wiki/", redirect("/b"))
    web.put("http://wiki/b", HTML)
    web.put("http://pub.test/", redirect("http://wiki/"))
    assert (await fetcher(web, policy=policy).fetch("http://wiki/")).url == "http://wiki/b"
    with pytest.raises(PageRefused):
        await fetcher(web, policy=policy).fetch("http://pub.test/")


# Bombs, sizes, types


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", partial(brotli.compress, quality=4)),
        ("zstd", zstandard.compress),
    ],
)
async def test_a_bomb_is_too_large_after_ten_mebibytes(web: FakeWeb, coding: str, encode: partial[bytes]) -> None:
    web.put("http://pub.test/", Page(encode(bytes(b" " * (64 * MIB))), headers=(("Content-Encoding", coding),)))
    error = await failure(web)
    assert (type(error), error.reason) == (PageTooLarge, "too_large")


@pytest.mark.parametrize("coding", ["gzip, gzip", "rot13", "gzip"])
async def test_a_wrong_or_double_coding_is_bad_encoding(web: FakeWeb, coding: str) -> None:
    web.put("http://pub.test/", Page(HTML, headers=(("Content-Encoding", coding),)))
    error = await failure(web)
    assert (type(error), error.reason) == (PageUnreadable, "bad_encoding")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_an_ordinary_coded_page_is_decoded(web: FakeWeb, coding: str) -> None:
    encode = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.compress}
    page = await fetched(web, Page(encode[coding](HTML.encode()), headers=(("Content-Encoding", coding),)))
    assert page.body.decode() == HTML


async def test_a_huge_page_is_cut_and_marked(web: FakeWeb) -> None:
    page = await fetched(web, Page(HTML * 4_000), replace(LIMITS, max_wire_bytes=MIB))
    assert page.truncated == "size"
    assert MIB <= len(page.body) <= MIB + 65_536


async def test_an_endless_body_stops_at_the_wire_limit(web: FakeWeb) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"<p>again</p>" * 1_000

    page = await fetched(web, Page(endless), replace(LIMITS, max_wire_bytes=MIB))
    assert page.truncated == "size"


async def test_a_compressed_page_is_cut_at_the_decoded_limit(web: FakeWeb) -> None:
    text = "".join(f"<p>{number * 7919}</p>" for number in range(60_000)).encode()
    coded = Page(gzip.compress(text), headers=(("Content-Encoding", "gzip"),))
    page = await fetched(web, coded, replace(LIMITS, max_decoded_bytes=100_000))
    assert (page.truncated, page.body) == ("size", text[:100_000])


@pytest.mark.parametrize("start", [b"\x7fELF", b"PK\x03\x04", b"\x00\x00\x00\x18ftypmp42", b"\x89PNG\r\n\x1a\n"])
async def test_what_is_no_text_is_unsupported_whatever_it_is_called(web: FakeWeb, start: bytes) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield start
        while True:
            yield bytes(65_536)

    web.put("http://pub.test/", Page(endless))
    error = await failure(web)
    assert (type(error), error.reason) == (PageUnreadable, "unsupported_type")


async def test_html_called_a_stream_of_octets_is_read(web: FakeWeb) -> None:
    assert (await fetched(web, Page(HTML, "application/octet-stream"))).body


async def test_a_video_by_its_type_is_refused(web: FakeWeb) -> None:
    web.put("http://pub.test/", Page("not really a video " * 100, "video/mp4"))
    assert (await failure(web)).reason == "unsupported_type"


async def test_a_pdf_is_read_whole_or_not_at_all(web: FakeWeb) -> None:
    pdf = b"%PDF-1.7\n" + b"x" * (2 * MIB)
    limits = replace(LIMITS, max_wire_bytes=MIB, max_decoded_bytes=MIB, max_pdf_bytes=3 * MIB)
    assert len((await fetched(web, Page(pdf), limits)).body) == len(pdf)
    assert (await failure(web, limits=replace(limits, max_pdf_bytes=MIB))).reason == "too_large"
    web.put("http://pub.test/", Page(pdf, cut_after=MIB))
    assert (await failure(web, limits=limits)).reason == "disconnect"


# Slow, broken and rude servers


async def endless_headers() -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X-A: b\r\n"
        await asyncio.sleep(0.1)


async def slow_informational() -> AsyncIterator[bytes]:
    while True:
        yield b"HTTP/1.1 103 Early Hints\r\n\r\n"
        await asyncio.sleep(0.3)


async def silence() -> AsyncIterator[bytes]:
    await asyncio.sleep(60)
    yield b""


@pytest.mark.parametrize(
    "page",
    [
        Page(HTML, drip=(1, 0.1)),
        Page(HTML, drip=(200, 0.5)),
        Page(HTML, delay_seconds=60),
        Page(raw=endless_headers),
        Page(raw=slow_informational),
        Page(raw=silence),
    ],
    ids=["slow body", "gap in the body", "slow first byte", "slow headers", "slow 103", "silence"],
)
async def test_a_slow_server_ends_at_the_deadline(web: FakeWeb, page: Page) -> None:
    web.put("http://pub.test/", page)
    async with asyncio.timeout(10):
        error = await failure(web, limits=IMPATIENT)
    assert (type(error), error.reason) == (PageUnreachable, "timeout")


async def test_a_name_server_that_is_silent_ends_at_its_limit(web: FakeWeb) -> None:
    async def resolve(_: str) -> tuple[()]:
        await asyncio.sleep(60)
        return ()

    network = replace(web.network(), resolve=resolve)
    with pytest.raises(PageUnreachable) as raised:
        await Fetcher(FetchParts(network, "a", replace(LIMITS, dns_seconds=0.1))).fetch("http://pub.test/")
    assert raised.value.reason == "dns"


async def test_a_dial_that_hangs_ends_at_its_limit(web: FakeWeb) -> None:
    async def dial(_address: object, _port: int) -> object:
        return await asyncio.sleep(60)

    web.put("http://pub.test/", HTML)
    network = replace(web.network(), dial=dial)
    with pytest.raises(PageUnreachable) as raised:
        await Fetcher(FetchParts(network, "a", replace(LIMITS, connect_seconds=0.1))).fetch("http://pub.test/")
    assert raised.value.reason == "connect"


def raw(*parts: bytes) -> Page:
    async def chunks() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    return Page(raw=chunks)


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@pytest.mark.parametrize(
    ("page", "kind", "reason"),
    [
        (raw(OK, b"X-A: b\r\n" * 15_000, b"\r\n"), PageTooLarge, "headers_too_large"),
        (raw(OK, b"X-A: b\r\n" * 201, b"Content-Length: 1\r\n\r\nx"), PageTooLarge, "headers_too_large"),
        (raw(OK, b"X-A: " + b"b" * MIB, b"\r\n\r\n"), PageTooLarge, "headers_too_large"),
        (raw(b"HTTP/1.1 103 Early\r\n\r\n" * 9, OK, b"\r\n"), PageTooLarge, "headers_too_large"),
        (raw(OK, b"X-A: a\rb\r\nContent-Length: 0\r\n\r\n"), PageUnreachable, "protocol_error"),
        (raw(OK, b"X-A: a\x00b\r\nContent-Length: 0\r\n\r\n"), PageUnreachable, "protocol_error"),
        (
            raw(OK, b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            PageUnreachable,
            "protocol_error",
        ),
        (raw(OK, b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), PageUnreachable, "protocol_error"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), PageUnreachable, "protocol_error"),
        (raw(b""), PageUnreachable, "protocol_error"),
        (raw(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), PageUnreachable, "protocol_error"),
        (Page("gone", status=410), PageUnreachable, "http_410"),
        (Page("error", status=500), PageUnreachable, "http_500"),
        (Page("", status=304), PageUnreachable, "http_304"),
    ],
)
async def test_a_broken_answer_is_a_typed_error(web: FakeWeb, page: Page, kind: type[ToolError], reason: str) -> None:
    web.put("http://pub.test/", page)
    error = await failure(web)
    assert (type(error), error.reason) == (kind, reason)


async def test_five_informational_responses_are_patience_enough(web: FakeWeb) -> None:
    page = raw(b"HTTP/1.1 103 Early\r\n\r\n" * 5, OK, b"Content-Length: 2\r\n\r\nhi")
    assert (await fetched(web, page)).body == b"hi"


async def test_a_page_that_breaks_off_is_used_and_marked(web: FakeWeb) -> None:
    page = await fetched(web, Page(HTML, cut_after=500))
    assert (page.truncated, page.body.decode()) == ("disconnect", HTML[:500])


async def test_a_coded_page_that_breaks_off_is_used_and_marked(web: FakeWeb) -> None:
    coded = gzip.compress(HTML.encode() + b"<p>%d</p>" * 10)
    page = await fetched(web, Page(coded[:-12], headers=(("Content-Encoding", "gzip"),)))
    assert page.truncated == "disconnect"
    assert page.body


async def test_what_follows_the_announced_length_is_ignored(web: FakeWeb) -> None:
    page = await fetched(web, raw(OK, b"Content-Length: 5\r\n\r\nhello and more"))
    assert (page.body, page.truncated) == (b"hello", "")


async def test_a_busy_site_says_how_long_to_wait(web: FakeWeb) -> None:
    web.put("http://pub.test/", Page("later", status=429, headers=(("Retry-After", "1000000000"),)))
    error = await failure(web)
    assert isinstance(error, AskedToWait)
    assert (error.reason, error.host, error.wait_seconds) == ("http_429", "pub.test", 1e9)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0.0),
        ("7", 7.0),
        ("-7", 0.0),
        ("soon", 0.0),
        ("9" * 400, 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 99999 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_nothing(header: str, seconds: float) -> None:
    assert wait_seconds(header) == seconds


async def test_an_error_never_holds_text_of_the_page(web: FakeWeb) -> None:
    web.put("http://pub.test/", Page("SECRETWORD", status=403, headers=(("X-A", "SECRETWORD"),)))
    assert "SECRETWORD" not in repr(await failure(web)) + str(await failure(web))
