"""Two real processes over one store: what one began the other tells, and a killed one's runs end with a reason."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.contracts.service import Running, running
from tests.fake_model import Body, Reply
from tests.workers.serving import ASK, Seen, events_of
from tests.workers.test_secrets import guarded_store

ASKED = {"question": "What causes tides?", "depth": "quick", "background": True}
PIECES = 400


def slow(_request: Body) -> Reply:
    """An answer of about 20 seconds."""
    return Reply(tuple(f"The moon pulls the sea {number}. " for number in range(PIECES)), pause=0.05)


async def heard(client: httpx.AsyncClient, run: str, after: str = "", most_texts: int = 10**6) -> list[Seen]:
    """The run's events behind `after`, to its end or to so many of text."""
    headers = {"Last-Event-ID": after} if after else {}
    body, texts = "", 0
    async with client.stream("GET", f"{ASK}/{run}/events", headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        async for line in response.aiter_lines():
            body += line + "\n"
            texts += line == "event: text"
            if texts > most_texts and not line:
                break
    return events_of(body)


def text_of(events: list[Seen]) -> str:
    return "".join(event.fields["text"] for event in events if event.name == "text")


async def both(one: Running, other: Running) -> list[Seen]:
    """Read from one, which is killed half-way, then from the other."""
    async with one.client() as client, other.client() as second:
        run = (await client.post(ASK, json=ASKED)).json()["id"]
        before = await heard(client, run, most_texts=5)
        one.process.kill()
        after = await heard(second, run, before[-1].id)
        state = (await second.get(f"{ASK}/{run}")).json()
        whole = await heard(second, run)
    assert [event.id for event in (*before, *after)] == [event.id for event in whole]
    assert text_of([*before, *after]) == text_of(whole)
    assert state["status"] == "failed"
    return whole


@pytest.mark.timeout(240)
def test_a_killed_replica_s_run_is_told_by_another_whole_and_ends_with_its_reason(tmp_path: Path) -> None:
    with (
        guarded_store() as (store, _),
        running(tmp_path / "a", slow, KAOZHENG_REDIS_URL=store) as one,
        running(tmp_path / "b", slow, KAOZHENG_REDIS_URL=store) as other,
    ):
        whole = asyncio.run(both(one, other))
    assert [event.name for event in whole if event.name in ("answered", "failed", "cancelled")] == ["failed"]
    assert whole[-1].fields["code"] == "replica_lost"
    assert [int(event.id.rpartition(":")[2]) for event in whole] == list(range(1, len(whole) + 1))
    assert 0 < text_of(whole).count("The moon") < PIECES
