"""Perplexity Sonar's dialect as its own client, unmodified, meets it: only the address is changed."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from typing import Any

import perplexity
import pytest

from agent.alone import alone
from agent.answer import Asked as Looked
from agent.delta import Delta, Usage
from agent.errors import ModelDown
from agent.events import Answered, Event
from agent.nodes.deps import Deps
from agent.prompt import Prompt
from agent.question import Question
from tests import fakes
from tests.workers.dialects.test_chat import cited_twice
from tests.workers.serving import TAI, answer_to, service_of, serving
from tools.tokens import estimated_tokens
from workers.quota import Prices
from workers.service_build import completing, relating

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


async def test_a_concise_stream_tells_its_stages_and_its_lists_only_at_the_end() -> None:
    async with asking() as asker:
        whole: Any = await asker.chat.completions.create(**ASKED)
        stream: Any = await asker.chat.completions.create(**ASKED, stream=True, stream_mode="concise")
        chunks = [chunk async for chunk in stream]
    kinds = [chunk.object for chunk in chunks]
    stages = [kind for place, kind in enumerate(kinds) if kinds[place - 1 : place] != [kind]]
    assert stages == ["chat.reasoning", "chat.reasoning.done", "chat.completion.chunk", "chat.completion.done"]
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == chunks[-1].choices[0].message.content == whole.choices[0].message.content
    assert chunks[-1].citations == whole.citations
    assert [chunk for chunk in chunks[:-1] if chunk.citations or chunk.usage] == []


class Model:
    """Says what it is told to; counts what it is asked."""

    def __init__(self, reply: str | Exception) -> None:
        self.reply, self.asked = reply, list[Prompt]()

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        self.asked.append(prompt)
        if isinstance(self.reply, Exception):
            raise self.reply
        yield Delta(text=self.reply)
        yield Delta(finish="stop", usage=Usage(100, 20))

    def service(self) -> dict[str, Any]:
        deps = Deps(**{**vars_of(fakes.deps(fakes.FakeWeb())), "generate": self.generate})
        return {"complete": alone(self.generate), "completing": completing(deps), "related": relating(deps)}


def vars_of(deps: Deps) -> dict[str, Any]:
    return {each.name: getattr(deps, each.name) for each in fields(deps)}


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ('["How old is it?", "How high is Mount Tai?", 7, "Who climbed it?"]', ["How old is it?", "Who climbed it?"]),
        ('```json\n["泰山在哪里？"]\n```', ["泰山在哪里？"]),
        ("I have none.", []),
        ('["x", {"a": ', []),
        (ModelDown("unreachable", "it does not answer"), []),
    ],
)
async def test_related_questions_come_on_request_from_the_model_and_never_fail_an_answer(
    reply: str | Exception, told: list[str]
) -> None:
    model = Model(reply)
    async with asking(**model.service()) as asker:
        without: Any = await asker.chat.completions.create(**ASKED)
        whole: Any = await asker.chat.completions.create(**ASKED, return_related_questions=True)
        stream: Any = await asker.chat.completions.create(**ASKED, return_related_questions=True, stream=True)
        chunks = [chunk async for chunk in stream]
    assert not hasattr(without, "related_questions")
    assert whole.related_questions == chunks[-1].related_questions == told
    assert len(model.asked) == 2
    assert "How high is Mount Tai?" in model.asked[0].messages[0].content


@pytest.mark.parametrize("stream", [True, False])
async def test_without_a_search_the_model_answers_alone(stream: bool) -> None:
    model = Model("Water is wet.")
    async with asking(**model.service(), ask=never) as asker:
        made: Any = await asker.chat.completions.create(**ASKED, disable_search=True, stream=stream)
        chunks = [chunk async for chunk in made] if stream else [made]
    text = "".join(c.choices[0].delta.content or "" for c in chunks) if stream else made.choices[0].message.content
    assert (text, chunks[-1].citations, chunks[-1].search_results) == ("Water is wet.", [], [])


async def never(question: Question) -> AsyncGenerator[Event, None]:
    raise AssertionError("nothing is searched for")
    yield


async def test_without_a_search_and_without_a_model_there_is_nothing_to_answer_with() -> None:
    async with serving(service_of()) as client:
        response = await client.post(CHAT, json={**ASKED, "disable_search": True})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "disable_search")


async def test_the_usage_says_what_an_answer_costs_by_the_operator_s_prices() -> None:
    async def used(question: Question) -> AsyncGenerator[Event, None]:
        answer = replace(answer_to(question), usage=Usage(2_000_000, 500_000, 300_000))
        yield Answered(replace(answer, asked=(Looked("q", 1, "library"),)), (TAI,))

    prices = Prices(prompt=0.5, completion=2.0, search=5.0)
    async with asking(ask=used, prices=prices) as asker:
        done: Any = await asker.chat.completions.create(
            **ASKED,
            web_search_options={"search_context_size": "high"},  # type: ignore[arg-type]
        )
    cost = done.usage.cost
    assert (cost.input_tokens_cost, cost.output_tokens_cost, cost.search_queries_cost) == (1.0, 1.0, 0.005)
    assert cost.total_cost == 2.005
    assert (done.usage.search_context_size, done.usage.reasoning_tokens) == ("high", 300_000)
    assert done.usage.citation_tokens == estimated_tokens(TAI.text)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"search_mode": "academic"}, "search_mode"),
    ({"search_mode": "sec"}, "search_mode"),
    ({"stream_mode": "other"}, "stream_mode"),
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
