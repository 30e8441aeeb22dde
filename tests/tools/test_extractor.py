"""A page that runs away, crashes or eats memory harms nobody but itself."""

import asyncio
import os
import pickle
import signal
import time
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest

from tools.errors import PageRefused, PageTooLarge, PageUnreachable, PageUnreadable, SearchDown, ToolError
from tools.extraction import Source
from tools.extractor import Extractor, ExtractorLimits
from tools.page import Webpage

GOOD = (
    b"<!doctype html><title>T</title><article><p>" + b"The address is kept after a restart. " * 20 + b"</p></article>"
)
RUNAWAY = b"<!doctype html><p " + b" ".join(b"a%d=1" % number for number in range(200_000)) + b">x</p>"
SOURCE = Source("https://a.example/", "text/html")


@pytest.fixture
async def extractor() -> AsyncIterator[Extractor]:
    made = Extractor(ExtractorLimits(workers=2, page_seconds=1.5))
    yield made
    await made.aclose()


async def reason_of(extractor: Extractor, content: bytes) -> str:
    with pytest.raises(PageUnreadable) as refused:
        await extractor.extract(content, SOURCE)
    return refused.value.reason


def workers(others: Collection[int] = ()) -> list[int]:
    """Processes whose grandparent we are: the fork server's children. others: of extractors that other tests hold."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
        except OSError:
            continue
    ours = (pid for pid, parent in parents.items() if parents.get(parent) == os.getpid())
    return [pid for pid in ours if pid not in others]


async def test_a_runaway_page_is_ended_in_time_and_its_neighbours_are_read(extractor: Extractor) -> None:
    await extractor.extract(GOOD, SOURCE)
    start = time.monotonic()
    made = await asyncio.gather(reason_of(extractor, RUNAWAY), *(extractor.extract(GOOD, SOURCE) for _ in range(5)))
    assert made[0] == "extract_timeout"
    assert all(page.title == "T" for page in made[1:] if not isinstance(page, str))
    assert time.monotonic() - start < 10
    assert (await extractor.extract(GOOD, SOURCE)).title == "T"


async def test_errors_of_extraction_come_back_whole(extractor: Extractor) -> None:
    assert await reason_of(extractor, b"") == "empty"
    assert await reason_of(extractor, b"PK\x03\x04rest of an archive") == "unsupported_type"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="finds the workers through /proc")
async def test_a_crashed_worker_is_a_typed_error_and_is_replaced() -> None:
    others = workers()
    extractor = Extractor(ExtractorLimits(workers=2, page_seconds=30))
    try:
        await extractor.extract(GOOD, SOURCE)
        before = set(workers(others))
        running = [asyncio.create_task(reason_of(extractor, RUNAWAY)) for _ in range(2)]
        await asyncio.sleep(0.5)
        for pid in workers(others):
            os.kill(pid, signal.SIGSEGV)
        assert set(await asyncio.gather(*running)) == {"extract_crash"}
        assert (await extractor.extract(GOOD, SOURCE)).title == "T"
        assert not before & set(workers(others))
    finally:
        await extractor.aclose()


async def test_memory_is_bounded() -> None:
    extractor = Extractor(ExtractorLimits(workers=1, page_seconds=20, memory_bytes=300 * 1024**2))
    try:
        rows = b"<table>" + b"<tr><td>cell</td><td>cell</td></tr>" * 400_000
        assert await reason_of(extractor, rows) in ("extract_memory", "extract_crash", "bad_html")
        assert (await extractor.extract(GOOD, SOURCE)).title == "T"
    finally:
        await extractor.aclose()


async def test_a_cancelled_extraction_ends_its_work(extractor: Extractor) -> None:
    await extractor.extract(GOOD, SOURCE)
    task = asyncio.create_task(extractor.extract(RUNAWAY, SOURCE))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await extractor.extract(GOOD, SOURCE)).title == "T"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="finds the workers through /proc")
async def test_closing_leaves_no_worker_and_no_one_waiting() -> None:
    others = workers()
    extractor = Extractor(ExtractorLimits(page_seconds=30))
    await extractor.extract(GOOD, SOURCE)
    stuck = asyncio.create_task(reason_of(extractor, RUNAWAY))
    await asyncio.sleep(0.3)
    await extractor.aclose()
    assert await asyncio.wait_for(stuck, 20) in ("extract_closed", "extract_crash")
    assert workers(others) == []
    assert await reason_of(extractor, GOOD) == "extract_closed"


@pytest.mark.parametrize("kind", [PageRefused, PageUnreachable, PageUnreadable, PageTooLarge, SearchDown, ToolError])
def test_a_tool_error_survives_the_way_between_processes(kind: type[ToolError]) -> None:
    back = pickle.loads(pickle.dumps(kind("https://a.example/", "bad_pdf", "it is damaged")))
    assert type(back) is kind
    assert (back.subject, back.reason, back.detail) == ("https://a.example/", "bad_pdf", "it is damaged")
    assert str(back) == "https://a.example/: it is damaged"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="finds the workers through /proc")
async def test_when_the_fork_server_dies_no_page_waits_for_ever_and_the_next_ones_are_read() -> None:
    others = workers()
    extractor = Extractor(ExtractorLimits(page_seconds=2, waiting=2, start_seconds=3))
    try:
        await extractor.extract(GOOD, SOURCE)
        for pid in (*workers(others), forkserver_pid()):
            os.kill(pid, signal.SIGKILL)
        outcomes = await asyncio.wait_for(
            asyncio.gather(*(extractor.extract(GOOD, SOURCE) for _ in range(4)), return_exceptions=True), 40
        )
        assert all(isinstance(one, Webpage | PageUnreadable) for one in outcomes)
        assert (await asyncio.wait_for(extractor.extract(GOOD, SOURCE), 20)).text
    finally:
        await extractor.aclose()


def forkserver_pid() -> int:
    from multiprocessing.forkserver import _forkserver  # type: ignore[attr-defined]

    return int(_forkserver._forkserver_pid)
