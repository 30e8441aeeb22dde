"""Malformed requests, by a generator of our own and by schemathesis: a refusal each time, never a 5xx of ours.

`make fuzz` sends 10,000 of them and lets schemathesis try longer; the suite sends a part.
"""

import asyncio
import os
import random
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from redis.asyncio import Redis

from agent.events import Answered, Event
from agent.question import Question
from tests.workers.malformed import Sent, malformed
from tests.workers.serving import answer_to, service_of, serving
from workers.batch.files import FileStore
from workers.batch.job_store import JobStore
from workers.run_log import RunLog
from workers.service import Service
from workers.shares import Shares

COUNT = int(os.environ.get("KAOZHENG_MALFORMED", "600"))
EXAMPLES = int(os.environ.get("KAOZHENG_FUZZ_EXAMPLES", "8"))
SEED = 20261122


async def at_once(question: Question) -> AsyncGenerator[Event, None]:
    yield Answered(answer_to(question))


@pytest.fixture
async def client(valkey: Redis) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(whole_service(valkey)) as client:
        yield client


async def status_of(client: httpx.AsyncClient, sent: Sent) -> int:
    request = client.build_request(sent.method, "/", content=sent.body, headers=list(sent.headers))
    request.url = request.url.copy_with(raw_path=sent.target)
    return (await client.send(request)).status_code


async def test_no_malformed_request_is_our_fault(client: httpx.AsyncClient) -> None:
    random_ = random.Random(SEED)
    broken: list[tuple[int, Sent]] = []
    refused = 0
    for _ in range(COUNT):
        sent = malformed(random_)
        status = await status_of(client, sent)
        refused += 400 <= status < 500
        if status >= 500:
            broken.append((status, sent))
    assert broken == []
    assert refused > COUNT // 2, "most of them are malformed indeed"


FAULTS: list[tuple[str, bytes]] = [
    ("NaN", b'{"model": "kaozheng", "input": NaN}'),
    ("too large", b'{"model": "kaozheng", "input": "x", "top_p": 1e999}'),
    ("digits", b'{"model": "kaozheng", "input": "x", "max_output_tokens": ' + b"9" * 5_000 + b"}"),
    ("deep", b'{"model": "kaozheng", "input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ("doubled", b'{"model": "kaozheng", "model": "kaozheng", "input": "x"}'),
    ("surrogate", b'{"model": "kaozheng", "input": "\\ud800"}'),
    ("no UTF-8", b'{"model": "kaozheng", "input": "\xff"}'),
    ("no object", b"[]"),
    ("nothing", b""),
]


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/chat/completions", "/v1/answers"])
@pytest.mark.parametrize("body", [body for _, body in FAULTS], ids=[name for name, _ in FAULTS])
async def test_each_known_fault_is_refused(client: httpx.AsyncClient, path: str, body: bytes) -> None:
    response = await client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert 400 <= response.status_code < 500


def test_the_same_seed_makes_the_same_requests() -> None:
    one, other = ([malformed(random_) for _ in range(50)] for random_ in (random.Random(1), random.Random(1)))
    assert one == other
    assert len({sent.body for sent in one}) > 20


def whole_service(store: Redis) -> Service:
    """With everything that a store makes possible."""
    kept = {"files": FileStore(store), "jobs": JobStore(store), "shares": Shares(store)}
    return service_of(ask=at_once, run_log=RunLog(store), **kept)


@pytest.fixture(scope="module")
def address(valkey_address: str) -> Iterator[str]:
    """Of a service with a store, in a thread of its own, for schemathesis, which does not wait for anybody."""
    found: list[str] = []
    started, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        async with (
            Redis.from_url(valkey_address, socket_timeout=5) as store,
            serving(whole_service(store)) as client,
        ):
            found.append(str(client.base_url))
            started.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(20)
    yield found[0]
    ended.set()
    thread.join(20)


def test_what_schemathesis_makes_of_the_description_is_never_our_fault(address: str) -> None:
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    tried: set[str] = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path == "/metrics":
            continue

        @settings(
            max_examples=EXAMPLES, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def hold(case: schemathesis.Case) -> None:
            response = case.call(timeout=20)
            assert response.status_code < 500, response.text

        hold()
        tried.add(operation.path)
    assert {"/v1/answers", "/v1/chat/completions", "/v1/responses", "/v1/files", "/v1/batches"} <= tried
