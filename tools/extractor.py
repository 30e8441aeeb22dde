"""Extraction in processes that can be killed: a page that runs away or crashes harms nobody but itself.

Threads would not do: Python cannot end one, and a hostile page keeps trafilatura or libxml2 busy for ever
(one element with 200,000 attributes does). The workers are forked from a clean fork server that has the
parsers loaded, so that a killed one is replaced in milliseconds and the memory of the parsers is shared.
"""

import asyncio
import multiprocessing
import resource
import signal
import threading
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from pebble import ProcessExpired, ProcessPool

from tools.docx import is_package
from tools.errors import PageUnreadable
from tools.extraction import Source, extract_page
from tools.page import Webpage

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class ExtractorLimits:
    """page_seconds: for one page, wall clock and processor; pdf_seconds: the same for a PDF or a Word document;
    memory_bytes: address space of a worker; waiting: pages that may stand in line for a worker, each of them
    held in memory; pages_per_worker: after so many a worker is replaced; close_seconds: for `aclose`;
    start_seconds: for a worker to start on a busy machine."""

    workers: int = 2
    page_seconds: float = 5.0
    pdf_seconds: float = 12.0
    memory_bytes: int = GIB
    waiting: int = 16
    pages_per_worker: int = 200
    close_seconds: float = 3.0
    start_seconds: float = 10.0


class Extractor:
    """The async door to extract_page. Nothing is started before the first page; `aclose` ends all workers."""

    def __init__(self, limits: ExtractorLimits | None = None) -> None:
        self._limits = limits or ExtractorLimits()
        self._room = asyncio.Semaphore(self._limits.workers + self._limits.waiting)
        self._pool: ProcessPool | None = None
        self._warm: ProcessPool | None = None
        self._running: set[asyncio.Future[Webpage]] = set()
        self._closed = False

    async def extract(self, content: bytes, source: Source) -> Webpage:
        """Raises what extract_page raises, and PageUnreadable: extract_timeout, extract_memory, extract_crash,
        extract_broken, extract_closed. Cancelling ends the work on the page."""
        async with self._room:
            pool = await self._started()
            if self._closed:
                raise _closed(source)
            slow = b"%PDF-" in content[:1024] or is_package(content)
            seconds = self._limits.pdf_seconds if slow else self._limits.page_seconds
            running = asyncio.wrap_future(pool.schedule(_extract, args=(content, source, seconds), timeout=seconds))
            self._running.add(running)
            running.add_done_callback(self._running.discard)
            try:
                async with asyncio.timeout(self._patience(seconds)):
                    return await self._outcome(running, source, seconds)
            except TimeoutError as error:  # pebble itself hangs, with a pipe to a worker that never started
                self._abandon(pool)
                raise _broke_off(source) from error

    def _patience(self, seconds: float) -> float:
        """How long a page may stand in line and be worked on, with the start of a worker, before we stop hoping."""
        in_line = self._limits.waiting / self._limits.workers
        return seconds * (in_line + 1) + self._limits.start_seconds

    def _abandon(self, pool: ProcessPool) -> None:
        """A pool that broke leaves what was running without an outcome: give it up, the next page starts another."""
        if self._pool is pool:
            self._pool = None
            threading.Thread(target=_stop, args=(pool, self._limits.close_seconds), daemon=True).start()
            for running in list(self._running):
                running.cancel()

    async def _outcome(self, running: "asyncio.Future[Webpage]", source: Source, seconds: float) -> Webpage:
        """What became of a page; what befell its worker becomes one of our errors."""
        try:
            return await running
        except TimeoutError as error:
            raise _ran_away(source, seconds) from error
        except MemoryError as error:
            raise PageUnreadable(source.url, "extract_memory", "it takes too much memory") from error
        except ProcessExpired as error:
            if error.exitcode == -signal.SIGXCPU:
                raise _ran_away(source, seconds) from error
            raise PageUnreadable(source.url, "extract_crash", "it broke the parser") from error
        except RecursionError as error:
            raise PageUnreadable(source.url, "extract_crash", "it broke the parser") from error
        except BrokenProcessPool as error:  # pebble's own threads, when a pool stops under them
            if self._pool is not None:
                self._abandon(self._pool)
            raise (_closed(source) if self._closed else _broke_off(source)) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise (_closed(source) if self._closed else _broke_off(source)) from error

    async def aclose(self) -> None:
        """End the workers, whatever they are doing, within close_seconds. May be called twice."""
        self._closed = True
        pool, self._pool = self._pool, None
        if pool is None:
            return
        await asyncio.to_thread(_stop, pool, self._limits.close_seconds)
        for running in list(self._running):  # pebble leaves what was running without an outcome
            running.cancel()

    async def _started(self) -> ProcessPool:
        """A pool whose workers are being started. The first of them takes half a second (the parsers are loaded into
        the fork server), in which nobody else is to be kept waiting."""
        while True:
            pool = self._pool = self._usable()
            if pool is self._warm or self._closed:
                return pool
            await asyncio.to_thread(_start, pool)
            if pool is self._pool:
                self._warm = pool

    def _usable(self) -> ProcessPool:
        """One that does not run yet, or runs."""
        if self._pool is None or (self._pool is self._warm and not self._pool.active):
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["tools.extraction"])
            return ProcessPool(
                max_workers=self._limits.workers,
                max_tasks=self._limits.pages_per_worker,
                initializer=_confine,
                initargs=(self._limits.memory_bytes,),
                context=context,
            )
        return self._pool


def _closed(source: Source) -> PageUnreadable:
    return PageUnreadable(source.url, "extract_closed", "the service is stopping")


def _broke_off(source: Source) -> PageUnreadable:
    return PageUnreadable(source.url, "extract_broken", "the workers broke off")


def _ran_away(source: Source, seconds: float) -> PageUnreadable:
    return PageUnreadable(source.url, "extract_timeout", f"it takes longer than {seconds:g} s")


def _start(pool: ProcessPool) -> None:
    """Whoever is the first starts it; the others wait."""
    _ = pool.active


def _stop(pool: ProcessPool, seconds: float) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join(timeout=seconds)


def _confine(memory_bytes: int) -> None:
    """In the worker, once: bounded memory, no core dumps. Ctrl-C is the parent's business; a kill takes effect
    at once, not when the parser gives the interpreter its next turn."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for kind, most in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (bound, hard))
        except (ValueError, OSError):  # macOS refuses RLIMIT_AS; the time limits hold there all the same
            continue


def _extract(content: bytes, source: Source, seconds: float) -> Webpage:
    """In the worker, for each page: the processor's time is bounded too, should the parent be stopped."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    bound = int(used.ru_utime + used.ru_stime + seconds) + 2
    if hard == resource.RLIM_INFINITY or bound < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (bound, hard))
    return extract_page(content, source)
