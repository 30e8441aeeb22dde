"""What an operator wants to see at a glance: what works, what is running and waiting, what is kept, who uses how much.

Everything is bounded, so that a look never costs what it looks at: so many jobs, so many keys, so much of the store.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from workers.batch.job_keys import OPEN_JOBS
from workers.batch.job_store import JobStore
from workers.batch.records import JobState
from workers.doctor import Finding
from workers.keys import KeptKey, Keys
from workers.metrics import Metrics
from workers.problems import Problem
from workers.quota_store import Quotas
from workers.sse import Message
from workers.store import Store, reaching
from workers.store_errors import RecordPoisoned, StoreError

MOST_JOBS = 100
MOST_KEYS = 200
SCANS = 50
SCAN_COUNT = 1_000

Examine = Callable[[], AsyncGenerator[Finding, None]]


@dataclass(frozen=True, slots=True)
class Overview:
    """examine: the doctor with this service's settings; looking: held while it is at work."""

    version: str
    store: Store
    jobs: JobStore
    quotas: Quotas
    keys: Keys
    metrics: Metrics
    examine: Examine
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def fields(self) -> dict[str, Any]:
        """As JSON. A part that cannot be had holds `problem` with the code of the error."""
        queue, store, pages, keys = await asyncio.gather(
            _told(self._queue()), _told(self._store()), _told(self._pages()), _told(self._keys())
        )
        prompt, cached = _value(self.metrics.prompt_tokens), _value(self.metrics.cached_tokens)
        return {
            "version": self.version,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "queue": queue,
            "store": store,
            "caches": {"pages": pages, "prefix": {"prompt_tokens": prompt, "cached_tokens": cached}},
            "limits": {"usual": asdict(self.quotas.usual), **keys},
            "counted": list(_counted(self.metrics)),
        }

    async def _queue(self) -> dict[str, Any]:
        """Jobs of everybody that have not ended, the oldest first."""
        with reaching():
            count = await self.jobs.client.zcard(OPEN_JOBS)
            ids = cast(list[bytes], await self.jobs.client.zrange(OPEN_JOBS, 0, MOST_JOBS - 1))
        states = [await self._job(each.decode("ascii", "replace")) for each in ids]
        open_ = [state for state in states if state and not state.final]
        running = sum(state.running for state in open_)
        left = sum(state.total - state.ended for state in open_)
        rows = [_job_fields(state) for state in open_]
        jobs = len(open_) if count <= MOST_JOBS else count
        return {"jobs": jobs, "waiting": left - running, "running": running, "shown": rows}

    async def _job(self, job_id: str) -> JobState | None:
        try:
            return await self.jobs.anybodys(job_id)
        except RecordPoisoned:
            return None

    async def _store(self) -> dict[str, Any]:
        with reaching():
            memory = await self.store.client.info("memory")
        health = await self.store.health()
        sizes = {"used_bytes": int(memory.get("used_memory", 0)), "most_bytes": int(memory.get("maxmemory", 0))}
        return {"server": health.server, "poisoned": health.poisoned, **sizes}

    async def _pages(self) -> dict[str, Any]:
        """kept: pages in the store, as far as a bounded look at it finds them; whole: whether it saw all of it."""
        kept, cursor = 0, 0
        for _ in range(SCANS):
            with reaching():
                cursor, found = await self.store.client.scan(cursor, "kz:page:*", SCAN_COUNT)
            kept += len(found)
            if not cursor:
                break
        asked, had = self.store.pages_asked, self.store.pages_found
        return {"kept": kept, "whole": not cursor, "asked": asked, "found": had}

    async def _keys(self) -> dict[str, Any]:
        known = self.keys.all()
        shown = [await self._key(key) for key in known[:MOST_KEYS]]
        return {"keys": shown, "more_keys": len(known) - len(shown)}

    async def _key(self, key: KeptKey) -> dict[str, Any]:
        told = {name: value for name, value in asdict(key).items() if name not in ("hash", "limits")}
        limits = asdict(self.quotas.usual.but(key.limits))
        expired = key.expired(self.keys.now())
        return {"id": key.id, **told, "expired": expired, "limits": limits, "used": await self.quotas.used(key.id)}

    def refuse_second(self) -> None:
        """Raises Problem while the doctor is at work."""
        if self.looking.locked():
            raise Problem("overloaded", "the doctor is at work already; wait until it is done")

    async def findings(self) -> AsyncGenerator[Message, None]:
        """The doctor's lines as they come, and then how many of each kind; one after the other."""
        async with self.looking:
            verdicts: list[str] = []
            async with aclosing(self.examine()) as found:
                async for finding in found:
                    verdicts.append(finding.verdict)
                    yield Message("finding", asdict(finding))
            yield Message("examined", {name: verdicts.count(name) for name in sorted(set(verdicts))}, last=True)


async def _told(part: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    try:
        return await part
    except StoreError as error:
        return {"problem": error.code}


def _job_fields(state: JobState) -> dict[str, Any]:
    job = state.job
    counts = {"total": state.total, "completed": state.completed, "failed": state.failed, "running": state.running}
    times = {"created": job.created, "expires": state.expires or job.expires, "not_before": job.not_before}
    return {"id": job.id, "user": job.user, "status": state.status, **counts, **times, "reason": state.reason}


def _value(counter: Any) -> int:
    samples = [sample for metric in counter.collect() for sample in metric.samples]
    return int(sum(sample.value for sample in samples if sample.name.endswith("_total")))


def _counted(metrics: Metrics) -> Iterator[dict[str, Any]]:
    """This process's counts without the steps of its histograms."""
    for metric in metrics.registry.collect():
        for sample in metric.samples:
            if not sample.name.endswith(("_bucket", "_created")):
                yield {"name": sample.name, "labels": dict(sample.labels), "value": sample.value}
