"""The doctor before the real SGLang: in good health, and set up wrong in every way that flags allow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from workers.build import model_config
from workers.doctor import Finding, examine
from workers.doctor_build import model_probes
from workers.doctor_model import Patient
from workers.settings import Settings


@pytest.fixture
def sick(request: pytest.FixtureRequest) -> str:
    """The real SGLang without parsers, tools in its template, reports, grammar or room (tests/live/run starts it)."""
    return str(request.config.getoption("--live-sick"))


async def found_at(url: str, key: str = "", *parts: str) -> dict[str, Finding]:
    settings = Settings(model_url=url, model_key=key)
    patient = Patient.at(settings, model_config(settings))
    probes = [probe for probe in model_probes(patient) if not parts or probe.part in ("reachable", *parts)]
    try:
        return {found.part: found async for found in examine(probes, 240.0)}
    finally:
        await patient.aclose()


async def test_the_real_server_set_up_as_documented_works_in_every_part(url: str, key: str) -> None:
    found = await found_at(url, key)
    verdicts = {part: finding.verdict for part, finding in found.items()}
    assert verdicts == dict.fromkeys(verdicts, "works"), found
    assert "sglang 0.5.23, profile r1-0528-sglang" in found["model"].said


async def test_a_server_that_streams_many_tokens_at_a_time_and_has_no_grammar_is_told_so(
    servers: dict[int, str], key: str
) -> None:
    if 64 not in servers:
        pytest.skip("only with the server of --stream-interval 64")
    found = await found_at(servers[64], key, "streamed tool call", "structured output")
    assert found["streamed tool call"].verdict == "warning"
    assert found["structured output"].verdict == "fails"


async def test_a_wrong_key_is_said_to_be_wrong(url: str) -> None:
    found = await found_at(url, "wrong")
    assert found["reachable"].verdict == "fails"
    assert "401: Unauthorized" in found["reachable"].said


async def test_an_address_without_its_version_is_corrected(url: str, key: str) -> None:
    found = await found_at(url.replace("/v1", "/v2"), key, "reachable")
    assert found["reachable"].remedy == f"set KAOZHENG_MODEL_URL={url}"


async def test_a_server_set_up_wrong_fails_in_each_part_with_the_flag_that_mends_it(sick: str) -> None:
    found = await found_at(sick)
    failing = {part: finding.remedy for part, finding in found.items() if finding.verdict != "works"}
    remedies = {
        "context": "--context-length",
        "answer": "--reasoning-parser deepseek-r1",
        "stream": "--reasoning-parser deepseek-r1",
        "usage": "--enable-cache-report",
        "tool template": "--chat-template",
        "tool call": "--tool-call-parser deepseekv3",
        "streamed tool call": "--tool-call-parser deepseekv3",
        "structured output": "--grammar-backend",
    }
    assert failing.keys() == remedies.keys(), found
    assert [part for part, flag in remedies.items() if flag not in failing[part]] == []


async def test_a_proxy_that_goes_on_reading_is_found_by_the_abort_probe(url: str, key: str) -> None:
    async with deaf_proxy(url) as through:
        found = await found_at(through, key, "abort")
    assert (found["abort"].verdict, "proxy" in found["abort"].remedy) == ("fails", True), found


@asynccontextmanager
async def deaf_proxy(url: str) -> AsyncIterator[str]:
    """Passes bytes on, and reads the server to its end although the client has left."""
    host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        there = asyncio.create_task(send(reader, up_writer))
        tasks.add(there)
        while piece := await up_reader.read(4_096):
            if not writer.is_closing():
                writer.write(piece)
        writer.close()
        up_writer.close()
        there.cancel()

    async def send(reader: asyncio.StreamReader, up_writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(4_096):
            up_writer.write(piece)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
