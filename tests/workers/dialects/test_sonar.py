"""Perplexity Sonar's dialect as its own client, unmodified, meets it: only the address is changed."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import perplexity
import pytest

from agent.events import Answered, Event
from agent.question import Question
from tests.workers.dialects.test_chat import cited_twice
from tests.workers.serving import answer_to, service_of, serving

CHAT = "/v1/chat/completions"
ASKED: dict[str, Any] = {"model": "sonar-pro", "messages": [{"role": "user", "content": "How high is Mount Tai?"}]}


@asynccontextmanager
async def asking(path: str = "", **changes: Any) -> AsyncIterator[perplexity.AsyncPerplexity]:
    async with (
        serving(service_of(**{"ask": cited_twice, **changes})) as client,
        perplexity.AsyncPerplexity(base_url=f"{client.base_url}{path}", api_key="none", max_retries=0) as asker,
    ):
        yield asker


@pytest.mark.parametrize("path", ["", "/v1"])
async def test_citations_and_results_are_what_the_markers_mean(path: str) -> None:
    async with asking(path) as asker:
        done = await asker.chat.completions.create(**ASKED)
    assert done.citations == ["https://c.example/", "https://a.example/"]
    assert [result.url for result in done.search_results or ()] == done.citations
    message: Any = done.choices[0].message
    assert message.content == "泰山[1]高[2]。[1]"
    assert done.usage is not None
    assert done.usage.cost.total_cost == 0


async def test_a_stream_says_the_same() -> None:
    async with asking() as asker:
        whole: Any = await asker.chat.completions.create(**ASKED)
        chunks = [chunk async for chunk in await asker.chat.completions.create(**ASKED, stream=True)]
    said = "".join(str(chunk.choices[0].delta.content or "") for chunk in chunks if chunk.choices)
    assert said == whole.choices[0].message.content
    assert chunks[-1].citations == whole.citations


DATED = {
    "search_after_date_filter": "3/1/2025",
    "search_before_date_filter": "12/31/2025",
    "last_updated_after_filter": "04/01/2025",
}


async def test_the_dates_reach_the_question_and_the_narrower_ones_hold() -> None:
    seen: list[Question] = []

    async def noting(question: Question) -> AsyncGenerator[Event, None]:
        seen.append(question)
        yield Answered(answer_to(question))

    async with asking(ask=noting) as asker:
        await asker.chat.completions.create(**ASKED, **DATED)  # type: ignore[arg-type]
    assert (seen[0].filters.after, seen[0].filters.before) == ("2025-04-01", "2025-12-31")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"search_mode": "academic"}, "search_mode"),
    ({"search_mode": "sec"}, "search_mode"),
    ({"stream_mode": "other"}, "stream_mode"),
    ({"stream_mode": "concise"}, "stream_mode"),
    ({"disable_search": True}, "disable_search"),
    ({"search_after_date_filter": "2025-03-01"}, "search_after_date_filter"),
    ({"search_before_date_filter": "02/30/2025"}, "search_before_date_filter"),
    ({"last_updated_after_filter": "13/01/2025"}, "last_updated_after_filter"),
    ({"search_after_date_filter": "12/31/2025", "search_before_date_filter": "01/01/2025"}, "search_after_date_filter"),
    ({"return_images": True}, "return_images"),
]


@pytest.mark.parametrize(("wrong", "field"), REFUSED)
async def test_what_cannot_be_done_is_refused_by_name(wrong: dict[str, Any], field: str) -> None:
    async with serving(service_of()) as client:
        response = await client.post(CHAT, json={**ASKED, **wrong})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == field
