"""All wanted pages at once. A slow or dead page is left behind and named; near-identical texts are kept once."""

import asyncio
import time
from collections.abc import Sequence

from langgraph.runtime import Runtime

from agent.answer import Skipped
from agent.events import PageRead, PageSkipped
from agent.nodes.deps import Run
from agent.nodes.state import Found
from tools.errors import ToolError
from tools.page import Webpage
from tools.text import words

_SHINGLE_WORDS = 5
_SAME_TEXT = 0.9  # share of the smaller text's shingles that the other one has
_MOST_SHINGLES = 4_000
_SHORT_SHINGLES = 600  # of a snippet or a short page: its own words outweigh what a site puts around them
_ENOUGH = 0.6  # of the wanted pages; then only a grace period is left for the others


async def read(state: Found, runtime: Runtime[Run]) -> Found:
    """Texts go into Run.pages, addresses into the state, in the order in which they were wanted."""
    run, wanted = runtime.context, state["wanted"]
    outcomes = await _read_all(wanted, runtime)
    kept: list[str] = []
    skipped: list[Skipped] = []
    shingles = {url: _shingles(run.pages[url].text) for url in state["read"]}
    for url, outcome in zip(wanted, outcomes, strict=True):
        if isinstance(outcome, Webpage) and not run.question.filters.keeps(outcome.date):
            outcome = Skipped(url, "wrong_date", f"the page is of {outcome.date}")
        if isinstance(outcome, Webpage):
            outcome = await _unless_known(url, outcome, shingles)
        if isinstance(outcome, Skipped):
            skipped.append(outcome)
            runtime.stream_writer(PageSkipped(outcome.url, outcome.reason, outcome.detail))
        else:
            run.pages[url] = outcome
            kept.append(url)
    return {**state, "read": (*state["read"], *kept), "skipped": (*state["skipped"], *skipped)}


async def _read_all(wanted: Sequence[str], runtime: Runtime[Run]) -> list[Webpage | Skipped]:
    limits, started = runtime.context.deps.limits, time.monotonic()
    slots = asyncio.Semaphore(limits.parallel_pages)
    tasks = [asyncio.create_task(_read_one(url, slots, runtime)) for url in wanted]
    try:
        await _wait(tasks, min(limits.page_seconds, runtime.context.seconds_for_sources), limits.grace_seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        for task in tasks:
            task.cancel()
    seconds = round(time.monotonic() - started, 1)
    return [
        Skipped(url, "too_slow", f"not read within {seconds} s") if task.cancelled() else task.result()
        for url, task in zip(wanted, tasks, strict=True)
    ]


async def _wait(tasks: Sequence[asyncio.Task[Webpage | Skipped]], seconds: float, grace: float) -> None:
    """Until all are done or the time is up; once most are done, the rest has the grace period only."""
    deadline = time.monotonic() + seconds
    pending: set[asyncio.Task[Webpage | Skipped]] = set(tasks)
    while pending and (left := deadline - time.monotonic()) > 0:
        done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if done and len(tasks) - len(pending) >= _ENOUGH * len(tasks):
            deadline = min(deadline, time.monotonic() + grace)
            grace = deadline - time.monotonic()


async def _read_one(url: str, slots: asyncio.Semaphore, runtime: Runtime[Run]) -> Webpage | Skipped:
    started = time.monotonic()
    async with slots:
        try:
            page = await runtime.context.deps.read(url)
        except ToolError as error:
            return Skipped(url, error.reason, error.detail)
    seconds = round(time.monotonic() - started, 3)
    runtime.stream_writer(PageRead(page.url, page.title, len(page.text), seconds, page.truncated))
    return page


async def _unless_known(url: str, page: Webpage, shingles: dict[str, frozenset[int]]) -> Webpage | Skipped:
    mine = await asyncio.to_thread(_shingles, page.text)
    for other, theirs in shingles.items():
        if _alike(mine, theirs):
            return Skipped(url, "duplicate", f"the same text as {other}")
    shingles[url] = mine
    return page


def _shingles(text: str) -> frozenset[int]:
    terms = words(text[:60_000])
    grams = {hash(tuple(terms[at : at + _SHINGLE_WORDS])) for at in range(max(1, len(terms) - _SHINGLE_WORDS + 1))}
    return frozenset(sorted(grams)[:_MOST_SHINGLES])  # the smallest hashes: a fair sample of both texts alike


def _alike(mine: frozenset[int], theirs: frozenset[int]) -> bool:
    """Texts of very different length are not the same page, even if one holds the other; nor are short ones in which
    words stand in the place of others: they may say another number, and that is worth knowing."""
    smaller, larger = sorted((len(mine), len(theirs)))
    if larger <= _SHORT_SHINGLES and mine - theirs and theirs - mine:
        return False
    return smaller >= 0.7 * larger and len(mine & theirs) >= _SAME_TEXT * smaller
