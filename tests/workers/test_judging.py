"""POST /v1/verify and the tool of the same name: an answer of any system, judged against the sources it comes with."""

import asyncio
import json
from typing import Any

import pytest

from tests.workers.serving import service_of, serving
from tests.workers.test_mcp import called, connected, refused
from workers.judging import SMALL_BYTES, judged
from workers.problems import Problem
from workers.service import Limits

VERIFY = "/v1/verify"
TAI: dict[str, Any] = {
    "text": "Mount Tai is 1,545 m high[1]. It is in Sichuan[2].",
    "sources": [
        {"url": "https://tai.example/height", "title": "Mount Tai", "text": "Mount Tai is 1,545 m high."},
        {"url": "https://tai.example/where", "text": "Mount Tai stands in Shandong."},
    ],
}


async def test_each_sentence_gets_the_verdict_of_each_of_its_sources_and_its_words() -> None:
    async with serving(service_of()) as client:
        response = await client.post(VERIFY, json=TAI)
    answer = response.json()
    assert response.status_code == 200, answer
    assert (answer["supports"][0]["number"], answer["supports"][0]["verdict"]) == (1, "supported")
    assert answer["supports"][1]["verdict"] in ("unsupported", "contradicted")
    assert "1,545 m high" in answer["supports"][0]["quote"]
    assert answer["verified"] is False
    assert answer["report"]["citation_precision"] == 0.5


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"text": ""}, "text"),
    ({"text": 7}, "text"),
    ({"sources": "x"}, "sources"),
    ({"sources": [{"url": "https://a/"}]}, "sources.0.text"),
    ({"sources": [{"number": 0, "text": "x"}]}, "sources.0.number"),
    ({"sources": [{"text": "x", "sha256": "0" * 64}]}, "sources.0.sha256"),
]


@pytest.mark.parametrize(("wrong", "field"), WRONG)
async def test_each_wrong_field_is_named(wrong: dict[str, Any], field: str) -> None:
    async with serving(service_of()) as client:
        response = await client.post(VERIFY, json={**TAI, **wrong})
    assert (response.status_code, response.json()["code"], response.json()["field"]) == (422, "bad_answer", field)


async def test_more_than_an_upload_may_have_is_refused() -> None:
    async with serving(service_of(limits=Limits(max_file_bytes=2_000))) as client:
        large = await client.post(VERIFY, json={**TAI, "question": "x" * 3_000})
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")


async def test_a_judgement_takes_a_place_like_a_question() -> None:
    async with serving(service_of(limits=Limits(max_concurrent_answers=1))) as client:
        headers = {"content-type": "application/json"}
        both = await asyncio.gather(*(client.post(VERIFY, content=long(TAI), headers=headers) for _ in range(2)))
    assert sorted(each.status_code for each in both) == [200, 503]


async def test_what_takes_too_long_is_ended_and_said() -> None:
    with pytest.raises(Problem, match="takes longer than"):
        await judged(long(TAI), seconds=0.01)


def long(answer: dict[str, Any]) -> bytes:
    """The same with a source that nobody cites."""
    return json.dumps({**answer, "sources": [*answer["sources"], {"text": "x " * SMALL_BYTES}]}).encode()


async def test_a_long_one_is_judged_like_a_short_one() -> None:
    apart, here = await judged(long(TAI)), await judged(json.dumps(TAI).encode())
    assert apart["supports"] == list(here["supports"])
    assert (apart["verified"], apart["report"]["claims"]) == (here["verified"], here["report"]["claims"])


async def test_agents_have_it_as_a_tool() -> None:
    async with connected() as client:
        found = await called(client, "verify", **TAI)
        wrong = await refused(client, "verify", text=" ", sources=[])
    assert found["verified"] is False
    first, second = found["sentences"]
    assert (first["number"], first["verdict"]) == (1, "supported")
    assert second["sentence"].startswith("It is in Sichuan")
    assert "bad_answer: text" in wrong
