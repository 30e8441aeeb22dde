"""1 GiB bombs through the real fetcher: `python -m tests.cases.bench_bombs`. Each runs in a process of its own.

Prints per coding the bytes on the wire, how the fetch ended, its seconds, the growth of the peak resident memory
and the longest time in which the event loop did nothing else. Goal: 1.0 s, 64 MiB, 100 ms.
"""

import asyncio
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import brotli
import zstandard

from tests.fake_web import FakeWeb, Page
from tools.errors import ToolError
from tools.http import MIB, Fetcher, FetchParts

CODINGS = ("gzip", "deflate", "br", "zstd", "gzip, gzip")


class Compressor(Protocol):
    """What the four libraries have in common."""

    def compress(self, content: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class Brotli:
    """brotli's compressor under the names of the others."""

    def __init__(self) -> None:
        compressor = brotli.Compressor(quality=9)
        self.compress, self.flush = compressor.process, compressor.finish


COMPRESSORS: dict[str, Callable[[], Compressor]] = {
    "gzip": lambda: zlib.compressobj(9, wbits=31),
    "deflate": lambda: zlib.compressobj(9),
    "br": Brotli,
    "zstd": lambda: zstandard.ZstdCompressor().compressobj(),
}


def coded(coding: str, chunks: Iterator[bytes]) -> bytes:
    compressor = COMPRESSORS[coding]()
    return b"".join([*(compressor.compress(chunk) for chunk in chunks), compressor.flush()])


def bomb(coding: str) -> bytes:
    body = coded(coding.split(",")[0], (b" " * MIB for _ in range(1024)))
    return coded("gzip", iter([body])) if "," in coding else body


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def longest_stall(done: asyncio.Event) -> float:
    """Seconds, seen from beside."""
    worst = 0.0
    while not done.is_set():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, time.perf_counter() - before - 0.001)
    return worst


async def measure(coding: str, body: bytes) -> str:
    async with FakeWeb() as web:
        web.put("http://warm.test/", Page("<p>page</p>"))
        web.put("http://bomb.test/", Page(body, headers=(("Content-Encoding", coding),)))
        fetcher = Fetcher(FetchParts(web.network(), "kaozheng/1"))
        await fetcher.fetch("http://warm.test/")
        done = asyncio.Event()
        stall = asyncio.ensure_future(longest_stall(done))
        peak, started = peak_mib(), time.perf_counter()
        try:
            end = f"read {len((await fetcher.fetch('http://bomb.test/')).body)} bytes"
        except ToolError as error:
            end = error.reason
        seconds, growth = time.perf_counter() - started, peak_mib() - peak
        done.set()
    return f"{len(body):>9,} {end:14} {seconds:.3f} s {growth:5.1f} MiB {await stall * 1000:5.1f} ms"


def main() -> None:
    if len(sys.argv) > 1:
        print(f"{sys.argv[1]:10} {asyncio.run(measure(sys.argv[1], sys.stdin.buffer.read()))}")
        return
    for coding in CODINGS:
        command = [sys.executable, "-m", "tests.cases.bench_bombs", coding]
        subprocess.run(command, input=bomb(coding), check=True)


if __name__ == "__main__":
    main()
