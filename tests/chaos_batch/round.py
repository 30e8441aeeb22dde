"""One round: a batch of rows, and everything that it needs broken at random moments while it runs."""

import asyncio
import json
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from tests.chaos_batch.parts import Part, Store, model, worker
from tests.chaos_batch.takeover import Takeovers
from tests.chaos_batch.verifier import Verdict, verify
from workers.batch.job_store import JobStore
from workers.batch.records import Job, Row, new_job_id

QUESTION = "How do I upgrade Debian to the next stable release? ({})"
USER = "chaos"


Event = tuple[float, str, Callable[[], None]]
"""Seconds from the round's begin, what happens, and what makes it happen."""


@dataclass(frozen=True)
class Plan:
    """What a round is made of. seconds: of one model reply; suspended, gone: how long a worker is suspended and the
    model server away, 0: not at all; give_up: after so long, or when no row has ended for as long as `still`, the round
    is over; command: runs instead of `kaozheng worker`; store: whether it is killed and filled, too."""

    lease: float = 5.0
    rows: int = 200
    workers: int = 4
    rows_each: int = 4
    seconds: float = 3.0
    span: float = 45.0
    suspended: float = 60.0
    gone: float = 30.0
    kills: int = 3
    give_up: float = 420.0
    still: float = 120.0
    command: tuple[str, ...] = ()
    store: bool = True


@dataclass
class House:
    """The parts of all rounds, in one folder."""

    folder: Path
    plan: Plan
    environment: dict[str, str] = field(default_factory=dict)
    store: Store = field(init=False)
    model: Part = field(init=False)
    workers: list[Part] = field(init=False)
    suspended: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.store, self.model = Store(self.folder), model(self.folder, self.plan.seconds)
        environment = {
            "KAOZHENG_MODEL_URL": self.model.environment["MODEL_URL"],
            "KAOZHENG_MODEL_JUDGE": "false",
            "KAOZHENG_LIBRARY": str(_library(self.folder)),
            "KAOZHENG_LEASE_SECONDS": str(self.plan.lease),
            "KAOZHENG_WORKER_ROWS": str(self.plan.rows_each),
            "KAOZHENG_LOG_LEVEL": "warning",
            **self.environment,
        }
        self.workers = [worker(n, self.folder, self.store, environment) for n in range(self.plan.workers)]
        for each in self.workers if self.plan.command else ():
            each.command = self.plan.command

    def open(self) -> None:
        self.store.start()
        self.model.start()
        for each in self.workers:
            each.start()
        self.wait_ready(self.plan.workers)

    def close(self) -> None:
        for part in (*self.workers, self.model, self.store):
            part.kill()

    def ready(self) -> list[int]:
        """Workers that work: alive, not suspended, and past their start."""
        numbers = range(len(self.workers))
        return [n for n in numbers if n not in self.suspended and self.workers[n].alive and _started(self.workers[n])]

    def wait_ready(self, count: int, seconds: float = 180.0) -> None:
        deadline = time.monotonic() + seconds
        while len(self.ready()) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.ready())} of {count} workers started; see {self.folder}")
            time.sleep(0.2)


def _library(folder: Path) -> Path:
    """One page, which answers every row."""
    library = folder / "library"
    library.mkdir()
    text = "Debian is upgraded to the next stable release with apt full-upgrade after the sources were changed."
    (library / "upgrade.txt").write_text(text)
    return library


def _started(part: Part) -> bool:
    return f"[{part.pid}]" in part.log.read_text(errors="replace")


@dataclass
class Played:
    """What happened in a round."""

    verdict: Verdict
    takeovers: Takeovers
    seconds: float
    events: list[str]

    @property
    def good(self) -> bool:
        return self.verdict.good and not self.takeovers.late


@dataclass
class Round:
    """Number `number` of these rounds; everything random in it comes from seed."""

    house: House
    number: int
    seed: str
    events: list[str] = field(default_factory=list)

    def play(self) -> Played:
        began = time.monotonic()
        custom_ids = [f"row-{self.number}-{row}" for row in range(self.house.plan.rows)]
        job = asyncio.run(made(self.house.store.url, custom_ids))
        takeovers = Takeovers(self.house.store.client, f"kz:q:{{{job.id}}}:rows", self.house.plan.lease)
        watching = threading.Thread(target=takeovers.watch, daemon=True)
        watching.start()
        try:
            self._break(takeovers, began)
            self._wait(job.id, began)
        finally:
            takeovers.stop()
            watching.join()
        log = self.house.folder / "model.jsonl"
        verdict = verify(self.house.store.client, job.id, custom_ids, log)
        return Played(verdict, takeovers, time.monotonic() - began, self.events)

    # --- what is broken ------------------------------------------------------

    def _break(self, takeovers: Takeovers, began: float) -> None:
        """Plays the plan's events in the order of their moments; each may add later ones."""
        self._due = sorted(self._planned(random.Random(self.seed), takeovers), key=lambda each: each[0])
        while self._due:
            moment, what, act = self._due.pop(0)
            time.sleep(max(0.0, began + moment - time.monotonic()))
            self.events.append(f"{time.monotonic() - began:.1f} {what}")
            act()
            self._supervise()
            self._due.sort(key=lambda each: each[0])

    def _planned(self, chance: random.Random, takeovers: Takeovers) -> list[Event]:
        plan, span = self.house.plan, self.house.plan.span
        planned = [(chance.uniform(2, span), "kill", lambda: self._kill(chance, takeovers)) for _ in range(plan.kills)]
        if plan.suspended:
            planned.append((chance.uniform(2, span / 3), "suspend", lambda: self._suspend(chance, takeovers)))
        if plan.gone:
            gone = chance.uniform(2, span / 2)
            planned.append((gone, "model gone", self.house.model.kill))
            planned.append((gone + plan.gone, "model back", self.house.model.start))
        return planned + (self._store_planned(chance, takeovers) if plan.store else [])

    def _store_planned(self, chance: random.Random, takeovers: Takeovers) -> list[Event]:
        planned, span = list[Event](), self.house.plan.span
        died = chance.uniform(2, span)
        planned.append((died, "store killed", lambda: self._kill_store(takeovers)))
        planned.append((died + chance.uniform(0.5, 3), "store back", self.house.store.start))
        full = (died + span / 2) % span + 2
        fill = chance.choice([self.house.store.full_disk, self.house.store.full_memory])
        planned.append((full, f"{fill.__name__}", lambda: self._fill(fill, True, takeovers)))
        planned.append((full + chance.uniform(3, 8), "room again", lambda: self._fill(fill, False, takeovers)))
        return planned

    def _later(self, seconds: float, what: str, act: Callable[[], None]) -> None:
        moment = float(self.events[-1].split(" ")[0]) + seconds
        self._due.append((moment, what, act))

    def _supervise(self) -> None:
        """A worker that starts while the store is away ends and says so; whoever runs it starts it again."""
        expected = {
            id(act.__self__) for _, what, act in self._due if what == "worker back" and hasattr(act, "__self__")
        }
        for part in self.house.workers:
            if not part.alive and id(part) not in expected:
                part.start()

    def _kill(self, chance: random.Random, takeovers: Takeovers) -> None:
        """-9 on a worker that works, as soon as another is there to take over."""
        ready = self.house.ready()
        if len(ready) < 2:
            self._later(1, "kill", lambda: self._kill(chance, takeovers))
            return
        number = chance.choice(ready)
        part, pid = self.house.workers[number], self.house.workers[number].pid
        part.kill()
        takeovers.gone("killed", pid)
        self._later(chance.uniform(0.5, 4), "worker back", part.start)

    def _suspend(self, chance: random.Random, takeovers: Takeovers) -> None:
        ready = self.house.ready()
        if len(ready) < 2:
            self._later(1, "suspend", lambda: self._suspend(chance, takeovers))
            return
        number = chance.choice(ready)
        part = self.house.workers[number]
        part.signal(signal.SIGSTOP)
        self.house.suspended.add(number)
        takeovers.gone("suspended", part.pid)
        self._later(self.house.plan.suspended, "goes on", lambda: self._go_on(number))

    def _go_on(self, number: int) -> None:
        self.house.workers[number].signal(signal.SIGCONT)
        self.house.suspended.discard(number)

    def _kill_store(self, takeovers: Takeovers) -> None:
        self.house.store.full_disk(False)
        self.house.store.kill()
        takeovers.excuse()

    def _fill(self, fill: Callable[[bool], None], full: bool, takeovers: Takeovers) -> None:
        with suppress(RedisError, ProcessLookupError):  # it is away: a new one has room
            fill(full)
        takeovers.excused = full  # nothing can be taken over while nothing can be written
        takeovers.excuse()

    # --- until it is over ----------------------------------------------------

    def _wait(self, job_id: str, began: float) -> None:
        """Until the job has ended, or nothing of it moves any more; what is wrong then, the verifier says."""
        status, ended, moved = b"", -1, time.monotonic()
        client, key = self.house.store.client, f"kz:q:{{{job_id}}}:"
        while time.monotonic() < min(began + self.house.plan.give_up, moved + self.house.plan.still):
            with suppress(RedisError):
                status = cast(bytes, client.hget(f"{key}job", "status"))
                now = cast(int, client.llen(f"{key}order"))
                ended, moved = (now, time.monotonic()) if now != ended else (ended, moved)
            self._supervise()
            if status in (b"completed", b"failed", b"cancelled", b"expired"):
                time.sleep(1)  # late writes may come
                return
            time.sleep(0.2)


async def made(address: str, custom_ids: list[str], question: str = QUESTION) -> Job:
    """question: with a {} for the row's name."""
    job = Job(new_job_id(), USER, "/v1/answers", int(time.time()))
    rows = [
        Row(number, name, json.dumps({"question": question.format(name), "depth": "quick"}).encode())
        for number, name in enumerate(custom_ids)
    ]
    async with AsyncRedis.from_url(address) as client:
        store = JobStore(client)
        await store.create(job)
        await store.add_rows(job, rows)
        await store.start(job)
    return job
