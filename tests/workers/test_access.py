"""The authorisation matrix: every route of /openapi.json, asked by six callers. A route without a rule fails here."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from agent.question import Question
from tests.workers.serving import TAI, answer_to, service_of, serving
from workers.access import RULES, UNNAMED, Rule, rule_of
from workers.batch.files import FileStore, Wanted
from workers.batch.job_store import JobStore
from workers.batch.records import Job, new_job_id
from workers.doctor import Finding
from workers.keys import SCOPES, Keys, Wish, create_key, revoke_key
from workers.overview import Overview
from workers.quota_store import Quotas
from workers.rest import rest_app
from workers.run_log import RunLog
from workers.service import Service
from workers.shares import Shares
from workers.store import Retention, Store
from workers.store_keys import Owner

CALLERS = ("no key", "wrong key", "revoked key", "another tenant", "without the scope", "right key")
BODIES: dict[str, dict[str, Any]] = {
    "/v1/answers": {"question": "How high is Mount Tai?", "depth": "quick"},
    "/v1/answers/{answer_id}/shares": {"days": 1},
    "/v1/chat/completions": {"model": "kaozheng", "messages": [{"role": "user", "content": "How high is Mount Tai?"}]},
    "/v1/batches": {"endpoint": "/v1/answers"},
    "/async/chat/completions": {
        "request": {"model": "sonar", "messages": [{"role": "user", "content": "How high is Mount Tai?"}]}
    },
    "/v1/verify": {"text": "It is 1,545 m high[1].", "sources": [{"text": "It is 1,545 m high."}]},
    "/v1/responses": {"model": "kaozheng", "input": "How high is Mount Tai?"},
}
FORMS: dict[str, dict[str, Any]] = {
    "/v1/files": {"data": {"purpose": "batch"}, "files": {"file": ("questions.jsonl", b"{}")}},
}
IDS = {"answer_id": "mine", "number": "1", "model": "kaozheng", "response_id": "resp_mine", "async_id": "mine"}


@asynccontextmanager
async def never() -> AsyncIterator[Any]:
    raise AssertionError("only the description is wanted")
    yield


def routes() -> list[tuple[str, str]]:
    """Each method and path that the service describes."""
    described = rest_app(never).openapi()["paths"]
    return [(method.upper(), path) for path, methods in described.items() for method in methods]


@dataclass(frozen=True)
class House:
    """A service with an answer of `right key`, and the keys of the callers that have one."""

    client: httpx.AsyncClient
    keys: dict[str, str]
    file: Path
    log: RunLog
    store: Store
    files: FileStore
    jobs: JobStore
    shares: Shares

    async def ask(self, caller: str, method: str, path: str) -> int:
        """The status. What the path names is there, before each request, for the right key alone."""
        mine = Keys(file=self.file).owner(self.keys["right key"])
        source = replace(answer_to(Question("How high?")).sources[0], sha256=TAI.sha256)
        answer = replace(answer_to(Question("How high?")), id="mine", sources=(source,))
        await self.store.forget_answer(mine, "mine")
        await self.store.put_answer(answer, [TAI], Owner(mine, "t"))
        token, share = await self.shares.create(mine, "mine", days=1, anybody=False)
        await self.log.begin(mine, "mine", "t")
        file = await self.uploaded(mine)
        job = Job(new_job_id(), mine, "/v1/answers", 1)
        await self.jobs.create(job)
        await self.jobs.start(job)
        headers = {"Authorization": f"Bearer {self.keys[caller]}"} if caller in self.keys else {}
        asked = path.format(**IDS, file_id=file, batch_id=job.id, token=token, share=share.id)
        body = FORMS.get(path, {"json": await self.body(caller, path)}) if method == "POST" else {}
        async with self.client.stream(method, asked, headers=headers, **body) as response:
            return response.status_code

    async def uploaded(self, user: str) -> str:
        async with self.files.writing(user) as writer:
            return (await writer.finish(Wanted("questions.jsonl", "batch"))).id

    async def body(self, caller: str, path: str) -> dict[str, Any] | None:
        """A batch is made of a file of the caller's own."""
        if path != "/v1/batches":
            return BODIES.get(path)
        user = Keys(file=self.file).owner(self.keys.get(caller, "")) or "nobody"
        return {**BODIES[path], "input_file_id": await self.uploaded(user)}


def overview_of(service: Service, store: Store, jobs: JobStore) -> Overview:
    async def examined() -> AsyncGenerator[Finding, None]:
        yield Finding("store", "works", "answers")

    return Overview("1", store, jobs, Quotas(store.client), service.keys, service.metrics, examined)


@pytest.fixture
async def house(valkey: Redis, tmp_path: Path) -> AsyncIterator[House]:
    file = tmp_path / "keys"
    keys = {name: create_key(file, Wish(name, SCOPES)) for name in ("right key", "another tenant", "revoked key")}
    revoke_key(file, Keys(file=file).owner(keys["revoked key"]))
    store, log, files = Store(valkey, Retention(60, 60, 0)), RunLog(valkey), FileStore(valkey)
    jobs, shares = JobStore(valkey), Shares(valkey)
    served = service_of(store=store, run_log=log, keys=Keys(file=file), files=files, jobs=jobs, shares=shares)
    served = replace(served, overview=overview_of(served, store, jobs))
    async with serving(served) as client:
        yield House(client, {**keys, "wrong key": "kz_wrong"}, file, log, store, files, jobs, shares)


def expected(caller: str, rule: Rule) -> tuple[int, ...]:
    """The statuses that this caller may get; 2xx is written 200, and 404 for the right key means that it got past."""
    if rule.open or (caller == "without the scope" and not rule.scope):
        return (200,)
    if caller in ("no key", "wrong key", "revoked key"):
        return (401,)
    if caller == "without the scope":
        return (403,)
    return (404,) if caller == "another tenant" and rule.owner == "caller" else (200,)


def test_every_route_has_a_rule() -> None:
    assert [(method, path) for method, path in routes() if rule_of(method, path) == UNNAMED] == []


def test_every_body_that_is_needed_is_known_here() -> None:
    needed = {
        path for path, methods in rest_app(never).openapi()["paths"].items() if "requestBody" in methods.get("post", {})
    }
    assert needed <= BODIES.keys() | FORMS.keys()


@pytest.mark.parametrize("caller", CALLERS)
async def test_each_caller_gets_what_the_rules_say_on_every_route(house: House, caller: str) -> None:
    for method, path in routes():
        rule = rule_of(method, path)
        if caller == "without the scope":
            scopes = tuple(scope for scope in SCOPES if scope != rule.scope)
            house.keys[caller] = create_key(house.file, Wish(caller, scopes))
        status = await house.ask(caller, method, path)
        assert (200 if status < 300 else status) in expected(caller, rule), f"{caller}: {method} {path}"


def test_what_belongs_to_somebody_has_an_id_in_its_path() -> None:
    assert all(("_id}" in rule.path) == (rule.owner == "caller") for rule in RULES)


async def test_a_key_that_is_revoked_is_refused_from_the_next_request_on(house: House) -> None:
    key = house.keys["another tenant"]
    asked = {"X-API-Key": key}
    before = await house.client.get("/v1/models", headers=asked)
    revoke_key(house.file, Keys(file=house.file).owner(key))
    after = await house.client.get("/v1/models", headers=asked)
    assert (before.status_code, after.status_code, after.json()["error"]["code"]) == (200, 401, "invalid_api_key")
