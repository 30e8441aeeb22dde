"""POST /v1/verify and the tool of the same name: an answer of any system, judged against the sources it comes with."""

import asyncio
from typing import Any

import pytest

from tests.workers.serving import service_of, serving
from tests.workers.test_mcp import called, connected, refused
from workers.judging import judged
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
        response = await client.post(VERIFY, json=TAI, timeout=60)
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


async def test_more_than_an_upload_may_have_is_refused_and_places_are_limited() -> None:
    limits = Limits(max_file_bytes=2_000, max_concurrent_answers=1)
    async with serving(service_of(limits=limits)) as client:
        large = await client.post(VERIFY, json={**TAI, "question": "x" * 3_000})
        assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
        both = await asyncio.gather(*(client.post(VERIFY, json=TAI, timeout=60) for _ in range(2)))
    assert sorted(each.status_code for each in both) == [200, 503]


async def test_what_takes_too_long_is_ended_and_said() -> None:
    with pytest.raises(Problem, match="takes longer than"):
        await judged(b'{"text": "It is[1].", "sources": [{"text": "It is."}]}', seconds=0.01)


async def test_agents_have_it_as_a_tool() -> None:
    async with connected() as client:
        found = await called(client, "verify", **TAI)
        wrong = await refused(client, "verify", text=" ", sources=[])
    assert found["verified"] is False
    first, second = found["sentences"]
    assert (first["number"], first["verdict"]) == (1, "supported")
    assert second["sentence"].startswith("It is in Sichuan")
    assert "bad_answer: text" in wrong
