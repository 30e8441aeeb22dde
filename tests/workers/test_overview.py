"""The operator's overview: what works, what waits, what is kept, who uses how much; and the doctor, one at a time."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from agent.delta import Usage
from agent.events import Answered, Event
from agent.question import Question
from tests.workers.serving import ASK, QUESTION, TAI, answer_to, service_of, serving
from workers.batch.job_store import JobStore
from workers.batch.records import Job, Row, new_job_id
from workers.doctor import Finding
from workers.keys import SCOPES, Keys, Wish, create_key
from workers.overview import Overview
from workers.quota import Quota
from workers.quota_store import Quotas
from workers.records import KeptPage
from workers.store import Retention, Store

VIEW = "/v1/operator"


async def used(question: Question) -> AsyncGenerator[Event, None]:
    yield Answered(
        replace(answer_to(question), usage=Usage(prompt_tokens=100, completion_tokens=20, cached_tokens=40)), (TAI,)
    )


@dataclass
class House:
    client: httpx.AsyncClient
    store: Store
    jobs: JobStore
    keys: dict[str, str]
    going_on: asyncio.Event

    async def view(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.client.get(VIEW, headers=self.as_("admin"))).json()
        return found

    def as_(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[name]}"}


@asynccontextmanager
async def opened(valkey: Redis, folder: Path) -> AsyncIterator[House]:
    file, going_on = folder / "keys", asyncio.Event()
    keys = {
        "admin": create_key(file, Wish("admin", SCOPES)),
        "bot": create_key(file, Wish("bot", limits=(("requests_per_day", 9),))),
    }
    store, jobs = Store(valkey, Retention(60, 60, 60)), JobStore(valkey)
    quotas = Quotas(valkey, Quota(requests_per_minute=50))

    async def examined() -> AsyncGenerator[Finding, None]:
        yield Finding("model", "works", "answers")
        await going_on.wait()
        yield Finding("store", "fails", "does not answer", "start it")

    service = service_of(ask=used, store=store, jobs=jobs, quotas=quotas, keys=Keys(file=file))
    overview = Overview("1.2.3", store, jobs, quotas, service.keys, service.metrics, examined)
    async with serving(replace(service, overview=overview)) as client:
        yield House(client, store, jobs, keys, going_on)


@pytest.fixture
async def house(valkey: Redis, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(valkey, tmp_path) as house:
        yield house


async def test_it_says_who_uses_how_much_of_which_limit_and_names_no_key(house: House) -> None:
    asked = await house.client.post(ASK, json=QUESTION, headers=house.as_("bot"))
    assert asked.status_code == 200
    view = await house.view()
    rows = {key["name"]: key for key in view["limits"]["keys"]}
    assert view["limits"]["usual"]["requests_per_minute"] == 50
    assert (rows["bot"]["used"]["requests_per_day"], rows["bot"]["limits"]["requests_per_day"]) == (1, 9)
    assert rows["bot"]["used"]["tokens_per_day"] == 120
    assert (rows["admin"]["used"]["requests_per_day"], rows["admin"]["limits"]["requests_per_day"]) == (0, 0)
    text = json.dumps(view)
    assert not [secret for key in house.keys.values() for secret in (key, "sha256:") if secret in text]


async def test_it_counts_what_waits_what_runs_and_what_is_kept(house: House) -> None:
    job = Job(new_job_id(), "key-of-somebody", "/v1/answers", 1)
    await house.jobs.create(job)
    await house.jobs.add_rows(job, [Row(number, f"row {number}", b"{}") for number in range(3)])
    await house.jobs.start(job)
    await house.store.put_page("https://tai.example/", KeptPage(checked=1.0, page=TAI), 60)
    assert await house.store.get_page("https://tai.example/")
    assert await house.store.get_page("https://elsewhere.example/") is None
    await house.client.post(ASK, json=QUESTION, headers=house.as_("bot"))
    view = await house.view()
    assert (view["ready"], view["version"], view["answers"]) == (
        True,
        "1.2.3",
        {"running": 0, "most": 8, "waiting": 0, "most_waiting": 0, "stopping": False},
    )
    assert {name: view["queue"][name] for name in ("jobs", "waiting", "running")} == {
        "jobs": 1,
        "waiting": 3,
        "running": 0,
    }
    assert (view["queue"]["shown"][0]["id"], view["queue"]["shown"][0]["status"]) == (job.id, "in_progress")
    assert view["caches"]["pages"] == {"kept": 1, "whole": True, "asked": 2, "found": 1}
    assert view["caches"]["prefix"] == {"prompt_tokens": 100, "cached_tokens": 40}
    assert view["store"]["used_bytes"] > 0
    counted = {(row["name"], *row["labels"].values()): row["value"] for row in view["counted"]}
    assert counted["kaozheng_questions_total", "answered"] == 1


async def test_only_a_key_with_the_scope_admin_sees_it(house: House) -> None:
    statuses = [(await house.client.get(VIEW, headers=headers)).status_code for headers in ({}, house.as_("bot"))]
    doctor = await house.client.post(f"{VIEW}/doctor", headers=house.as_("bot"))
    assert (*statuses, doctor.status_code) == (401, 403, 403)


async def test_the_doctors_findings_come_one_by_one_and_a_second_doctor_has_to_wait(house: House) -> None:
    async with house.client.stream("POST", f"{VIEW}/doctor", headers=house.as_("admin")) as response:
        lines = response.aiter_lines()
        first = [await anext(lines) for _ in range(3)]
        second = await house.client.post(f"{VIEW}/doctor", headers=house.as_("admin"))
        house.going_on.set()
        rest = [line async for line in lines]
    assert first[0] == "event: finding"
    assert json.loads(first[2].removeprefix("data: "))["said"] == "answers"
    assert (second.status_code, second.json()["code"]) == (503, "overloaded")
    assert [line for line in rest if line.startswith("event")] == ["event: finding", "event: examined"]
    assert json.loads(rest[-2].removeprefix("data: ")) == {"fails": 1, "works": 1}
    again = await house.client.post(f"{VIEW}/doctor", headers=house.as_("admin"))
    assert again.status_code == 200


async def test_a_store_that_is_down_is_said_in_its_part_and_the_rest_is_shown(tmp_path: Path) -> None:
    nowhere = Redis.from_url("unix:///nowhere/valkey.sock")
    async with opened(nowhere, tmp_path) as house:
        view = await house.view()
    assert [view[part]["problem"] for part in ("queue", "store")] == ["store_down", "store_down"]
    assert view["caches"]["pages"]["problem"] == view["limits"]["problem"] == "store_down"
    assert view["answers"]["most"] == 8
    await nowhere.aclose()
