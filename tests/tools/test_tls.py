"""Certificates are checked against the name in the URL, whatever address was dialled."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpcore
import pytest

from tests.fake_web import FakeWeb, Page, redirect
from tools.address import Address
from tools.errors import PageUnreachable
from tools.http import Fetcher, FetchLimits, FetchParts

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate with")
LIMITS = FetchLimits(total_seconds=3.0, tls_seconds=0.3)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate for a.test and 93.184.215.14 in one file."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=a.test".split()
    command += ["-addext", "subjectAltName=DNS:a.test,IP:93.184.215.14", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return both


@pytest.fixture
async def web(certificate: Path) -> AsyncIterator[FakeWeb]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with FakeWeb(context) as running:
        running.put("https://a.test/", Page("text of a"))
        running.put("https://b.test/", Page("text of b"))
        yield running


@pytest.fixture
def fetching(web: FakeWeb, certificate: Path) -> FetchParts:
    trusted = ssl.create_default_context(cafile=str(certificate))
    return FetchParts(web.network(), "agent/1", LIMITS, ssl_context=trusted)


async def test_a_site_with_its_own_certificate_is_read(fetching: FetchParts) -> None:
    assert (await Fetcher(fetching).fetch("https://a.test/")).body == b"text of a"


async def test_a_literal_address_is_checked_against_the_certificate_too(web: FakeWeb, fetching: FetchParts) -> None:
    web.put("https://93.184.215.14/", Page("text"))
    assert (await Fetcher(fetching).fetch("https://93.184.215.14/")).body == b"text"


async def test_a_site_on_the_same_address_does_not_ride_on_anothers_session(web: FakeWeb, fetching: FetchParts) -> None:
    web.put("https://a.test/to-b", redirect("https://b.test/"))
    fetcher = Fetcher(fetching)
    await fetcher.fetch("https://a.test/")
    for url in ("https://b.test/", "https://a.test/to-b"):
        with pytest.raises(PageUnreachable) as raised:
            await fetcher.fetch(url)
        assert (raised.value.reason, raised.value.subject) == ("tls", url)


async def test_a_certificate_that_nobody_vouches_for_is_refused(web: FakeWeb) -> None:
    with pytest.raises(PageUnreachable) as raised:
        await Fetcher(FetchParts(web.network(), "agent/1", LIMITS)).fetch("https://a.test/")
    assert raised.value.reason == "tls"


async def test_a_handshake_that_never_ends_ends_at_its_limit(web: FakeWeb, fetching: FetchParts) -> None:
    async def silence(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def dial(_address: Address, _port: int) -> httpcore.AsyncNetworkStream:
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", port)

    parts = replace(fetching, network=replace(web.network(), dial=dial))
    with pytest.raises(PageUnreachable) as raised:
        await Fetcher(parts).fetch("https://a.test/")
    server.close()
    assert raised.value.reason == "tls"
