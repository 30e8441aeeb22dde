"""Answer rounds that survive: a whole question through the graph and the real client, R1 and its server misbehaving."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from agent.alone import alone
from agent.answer import Answer
from agent.events import LAST, Answered, Event, Failed, Packed, Text, Thinking
from agent.graph import ask
from agent.limits import DepthLimits, Limits
from agent.model import ModelConfig, ModelServer
from agent.nodes.deps import Deps
from agent.profile import GENERIC, Profile, Quirks
from agent.prompt import Message
from agent.question import Question, Turn
from tests.fake_model import Body, Fault, Reply, fake_model
from tests.fake_model import FakeModel as Server
from tests.fakes import CHAOXI, SUN, TIDES, FakeWeb, deps
from tools.page import Webpage

MOON = "The moon pulls the sea twice a day[citation:1]."
QUESTION = Question("Why are there tides?", depth="quick")
CONTINUING = Profile("continuing", "One that goes on", quirks=Quirks(continue_final_message=True))
TIGHT = Limits(depths={"quick": DepthLimits(20, 6, 0, 1, 400)}, thinking_share=0.5)
SHORT = Limits(depths={"quick": DepthLimits(6, 6, 0, 1, 4_000)}, thinking_share=0.25)
ENDLESS = Reply(reasoning="hm, " * 5_000, cut=12)
QUEUE = {"object": "error", "message": "The request queue is full.", "type": "503", "param": None, "code": 503}


@asynccontextmanager
async def asked(
    script: Callable[[Body], Reply] | Reply,
    profile: Profile = GENERIC,
    web: FakeWeb | None = None,
    patience: float = 15.0,
    **changed: Any,
) -> AsyncIterator[tuple[Server, Deps]]:
    async with fake_model(script) as server:
        model = ModelServer(
            ModelConfig(server.url, profile=profile, first_token_seconds=patience, silent_seconds=patience)
        )
        try:
            yield server, deps(web or FakeWeb(TIDES, SUN), generate=model.generate, model_name="r1", **changed)
        finally:
            await model.aclose()


async def events_of(given: Deps, question: Question = QUESTION) -> list[Event]:
    """All of them; the last one is the only one of its kind."""
    async with asyncio.timeout(20), aclosing(ask(question, given)) as events:
        found = [event async for event in events]
    assert [isinstance(event, LAST) for event in found] == [False] * (len(found) - 1) + [True]
    return found


async def answer_of(given: Deps, question: Question = QUESTION) -> Answer:
    last = (await events_of(given, question))[-1]
    assert isinstance(last, Answered), last
    return last.answer


def first_then(first: Reply, then: Reply) -> Callable[[Body], Reply]:
    calls = iter((first, then, then, then))
    return lambda _body: next(calls)


# Reasoning that takes all the room


@pytest.mark.parametrize("profile", [CONTINUING, GENERIC], ids=["continued", "asked again"])
async def test_reasoning_that_goes_on_and_on_is_cut_and_the_answer_asked_for_once(profile: Profile) -> None:
    script = first_then(ENDLESS, Reply(MOON))
    async with asked(script, profile, limits=TIGHT) as (server, given):
        answer = await answer_of(given)
        await server.wait_left(within=1.0)
    assert (answer.text, answer.status, answer.degraded, answer.model) == (MOON, "answered", "", "r1")
    assert len(server.requests) == 2
    assert 200 <= answer.usage.reasoning_tokens < 260  # half of 400, and one piece more
    assert answer.thinking.startswith("hm, hm, ")
    assert answer.thinking not in answer.text


async def test_a_server_that_can_goes_on_behind_the_reasoning_so_far() -> None:
    async with asked(first_then(ENDLESS, Reply(MOON)), CONTINUING, limits=TIGHT) as (server, given):
        answer = await answer_of(given)
    first, second = server.requests
    assert second["messages"][:-1] == first["messages"]  # the prefix stays: the server's cache holds it
    assert second["messages"][-1] == {
        "role": "assistant",
        "content": f"<think>\n{answer.thinking.strip()}\n</think>\n\n",
    }
    assert second["continue_final_message"] is True
    assert second["max_tokens"] + answer.usage.reasoning_tokens <= first["max_tokens"] + 1


async def test_another_server_is_told_to_answer_now_and_gets_no_reasoning_back() -> None:
    async with asked(first_then(ENDLESS, Reply(MOON, "Well.")), limits=TIGHT) as (server, given):
        await answer_of(given)
    first, second = server.requests
    assert second["messages"][-1]["content"].startswith(first["messages"][-1]["content"])
    assert "write the final answer at once" in second["messages"][-1]["content"]
    assert "hm, hm" not in str(second["messages"])
    assert "continue_final_message" not in second


async def test_a_chinese_question_is_hurried_in_chinese() -> None:
    web = FakeWeb(CHAOXI)
    async with asked(first_then(ENDLESS, Reply("是月亮[citation:1]。")), web=web, limits=TIGHT) as (server, given):
        await answer_of(given, Question("为什么会有潮汐？", depth="quick"))
    assert "请立即" in server.requests[1]["messages"][-1]["content"]


async def test_reasoning_that_has_used_up_max_tokens_is_followed_by_the_answer() -> None:
    cut = Reply(reasoning="hm", fault=Fault(finish="length", after=99))
    async with asked(first_then(cut, Reply(MOON)), CONTINUING) as (server, given):
        assert (await answer_of(given)).text == MOON
    assert server.requests[1]["messages"][-1]["content"] == "<think>\nhm\n</think>\n\n"


async def test_reasoning_that_takes_too_much_of_the_time_is_cut_although_its_tokens_are_few() -> None:
    slow = Reply(reasoning="hm, " * 500, pause=0.05)
    async with asked(first_then(slow, Reply(MOON)), CONTINUING, limits=SHORT) as (_, given):
        answer = await answer_of(given)
    assert (answer.text, answer.degraded) == (MOON, "")
    assert answer.usage.reasoning_tokens < 100


async def test_a_model_that_thinks_on_even_then_is_asked_no_third_time() -> None:
    async with asked(ENDLESS, limits=TIGHT) as (server, given):
        answer = await answer_of(given)
        await server.wait_left(2)
    assert len(server.requests) == 2
    assert (answer.model, answer.degraded.partition(":")[0]) == ("quoting-reader", "model_misbehaved")


async def test_where_the_operator_forbids_quoting_it_is_a_typed_failure() -> None:
    async with asked(ENDLESS, limits=TIGHT, degrade=False) as (_, given):
        last = (await events_of(given))[-1]
    assert isinstance(last, Failed)
    assert last.code == "model_misbehaved"


async def test_a_text_that_has_begun_is_never_cut_for_its_reasoning() -> None:
    late = Reply((MOON, " It is so."), ("hm, " * 60,))
    async with asked(late, limits=TIGHT) as (server, given):
        assert (await answer_of(given)).text == f"{MOON} It is so."
    assert len(server.requests) == 1


# Tags that are wrong


@pytest.mark.parametrize(
    "reply",
    [
        Reply(reasoning=MOON),  # never closed: all of it was tagged as reasoning
        Reply(f"\n\n{MOON}", "hm"),
        Reply(f"<think>hm</think>\n\n{MOON}"),
        Reply(f"{MOON}\n</think>\n", "hm"),
        Reply(f"\n</think>\n{MOON}", "hm"),
    ],
)
async def test_whatever_becomes_of_the_tags_the_answer_stands_without_them(reply: Reply) -> None:
    async with asked(reply) as (server, given):
        answer = await answer_of(given)
    assert (answer.text.strip(), answer.status) == (MOON, "answered")
    assert len(server.requests) == 1


@pytest.mark.parametrize("empty", [Reply("\n\n", "Only this."), Reply("<think>Only this.</think>"), Reply()])
async def test_reasoning_without_an_answer_is_followed_by_one_that_asks_for_it(empty: Reply) -> None:
    async with asked(first_then(empty, Reply(MOON)), CONTINUING) as (server, given):
        assert (await answer_of(given)).text == MOON
    assert len(server.requests) == 2


# A text that is not whole


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(finish="length", after=99), "length"),
        (Fault(finish="abort", after=99), "aborted"),
        (Fault(finish="content_filter", after=99), "content_filter"),
        (Fault(cut=True, after=8), "broken_stream"),
        (Fault(stall=True, after=8), "stalled"),
        (Fault(garbage='{"choices": [', after=8), "broken_stream"),
        (Fault(error={"message": "broke", "code": 500}, after=8), "http_500"),
        (Fault(error=QUEUE, after=8), "http_503"),
    ],
)
async def test_what_was_shown_is_kept_marked_and_never_asked_for_again(fault: Fault, reason: str) -> None:
    async with asked(Reply(MOON, "hm", cut=6, fault=fault), patience=0.7 if fault.stall else 15.0) as (server, given):
        events = await events_of(given)
    answer = events[-1].answer  # type: ignore[union-attr]
    shown = "".join(event.text for event in events if isinstance(event, Text))
    assert (answer.status, answer.degraded) == ("partial", "")
    assert answer.text.startswith("The moon")
    assert shown == answer.text.replace("[citation:1]", "")
    assert [flaw.detail for flaw in answer.flaws if flaw.rule == "truncated"] == [
        f"The answer is not whole: the model broke off ({reason})."
    ]
    assert len(server.requests) == 1


# Before the first word


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(status=400, body={"message": "field required"}), "http_400"),
        (Fault(status=503, body=QUEUE), "http_503"),
        (Fault(error=QUEUE), "http_503"),
        (Fault(stall=True, after=0), "stalled"),
        (Fault(stall=True, after=2), "stalled"),
        (Fault(cut=True, after=2), "broken_stream"),
        (Fault(finish="abort", after=1), "aborted"),
    ],
)
@pytest.mark.parametrize("degrade", [True, False])
async def test_without_a_word_the_question_is_quoted_or_fails_with_the_reason(
    fault: Fault, reason: str, degrade: bool
) -> None:
    patience = 0.5 if fault.stall else 15.0
    async with asked(Reply("", "hm, hm", fault=fault), patience=patience, degrade=degrade) as (_, given):
        last = (await events_of(given))[-1]
    if degrade:
        assert isinstance(last, Answered)
        assert last.answer.model == "quoting-reader"
        assert last.answer.degraded.startswith(f"{reason}: the model server ")
    else:
        assert isinstance(last, Failed)
        assert last.code == "model_down"


# A prompt that does not fit

OVERFLOW = Fault(error={"message": "Input length (70004 tokens) exceeds the maximum allowed length (65530 tokens)."})
OVERFLOW.error["code"] = 400
LONG = tuple(Webpage(f"https://{n}.example/", f"Page {n}", f"The sea rises {n}. " * 900) for n in range(6))


async def test_a_prompt_that_the_server_finds_too_long_is_made_smaller_once() -> None:
    script = first_then(Reply(fault=OVERFLOW), Reply("The sea rises 0[citation:1]."))
    async with asked(script, web=FakeWeb(*LONG)) as (server, given):
        events = await events_of(given)
    first, second = (len(str(request["messages"])) for request in server.requests)
    assert second < 0.7 * first
    packed = [event for event in events if isinstance(event, Packed)]
    assert len(packed) == 2
    last = events[-1]
    assert isinstance(last, Answered)
    assert last.answer.status == "answered"
    assert tuple(page.url for page in last.pages) == packed[1].pages  # its numbers are the second prompt's


async def test_a_prompt_that_is_still_too_long_is_not_made_smaller_again() -> None:
    async with asked(Reply(fault=OVERFLOW), web=FakeWeb(*LONG)) as (server, given):
        answer = await answer_of(given)
    assert len(server.requests) == 2
    assert answer.degraded.startswith("context_overflow: ")


# Thinking


async def test_thinking_is_counted_also_where_the_server_counts_nothing() -> None:
    def without_usage(body: Body) -> Reply:
        body.pop("stream_options")
        return Reply(MOON, "hm, " * 30)

    async with asked(without_usage) as (_, given):
        usage = (await answer_of(given)).usage
    assert usage.reasoning_tokens == 30
    assert usage.completion_tokens == 30 + len(MOON) // 3
    assert usage.prompt_tokens > 0


async def test_thinking_is_streamed_apart_and_never_in_the_text() -> None:
    async with asked(Reply(MOON, "Secret thought.", cut=3)) as (_, given):
        events = await events_of(given)
    assert "".join(e.text for e in events if isinstance(e, Thinking)) == "Secret thought."
    assert "Secret" not in "".join(e.text for e in events if isinstance(e, Text))


async def test_reasoning_in_an_earlier_answer_is_never_sent_back() -> None:
    turns = tuple(
        Turn("q?", answer)
        for answer in (
            "<think>secret</think>\n\nShown 1.",
            "\n<think>\nsecret\n</think>Shown 2.",
            "secret\n</think>\n\nShown 3.",
            "<think>secret without an end",
        )
    )
    question = Question("Why are there tides?", history=turns)
    async with asked(lambda body: Reply("enough" if "tools" in body else MOON, "hm")) as (server, given):
        await answer_of(given, question)
    planner, writer = server.requests[0], server.requests[-1]
    assert "tools" in planner
    assert "tools" not in writer
    for request in (planner, writer):
        assert "secret" not in str(request)
        assert [f"Shown {n}." in str(request) for n in (1, 2, 3)] == [True] * 3


async def test_reasoning_of_a_planners_round_is_not_sent_back_in_the_next() -> None:
    def script(body: Body) -> Reply:
        if "tools" not in body:
            return Reply(MOON)
        if len(body["messages"]) > 2:
            return Reply("enough", "secret two")
        return Reply("secret aside", "secret one", calls=(("web_search", '{"query": "tides"}'),))

    async with asked(script) as (server, given):
        await answer_of(given, Question("Why are there tides?"))
    assert len(server.requests) == 3
    assert "secret" not in str(server.requests[1:])


async def test_reasoning_of_the_answer_is_not_sent_back_for_its_repair() -> None:
    script = first_then(Reply("The moon pulls the sea.", "secret"), Reply(MOON))
    async with asked(script) as (server, given):
        answer = await answer_of(given)
    assert (len(server.requests), answer.text) == (2, MOON)
    assert "secret" not in str(server.requests[1])


async def test_a_repair_that_was_cut_off_is_not_taken() -> None:
    cut = Reply(f"{MOON} The sun", fault=Fault(finish="length", after=99))
    async with asked(first_then(Reply("The moon pulls the sea."), cut)) as (server, given):
        answer = await answer_of(given)
    assert (len(server.requests), answer.status) == (2, "uncited")


async def test_reasoning_is_not_sent_back_in_a_conversation_without_a_search() -> None:
    earlier = (Message("user", "q?"), Message("assistant", "<think>secret</think>Shown."), Message("user", "Title?"))
    async with asked(Reply("Tides")) as (server, given):
        assert given.generate is not None
        assert [delta.finish async for delta in alone(given.generate)(earlier)][-1] == "stop"
    assert "secret" not in str(server.requests)
    assert server.requests[0]["messages"][1]["content"] == "Shown."
