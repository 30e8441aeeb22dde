"""A planner round over real HTTP: what is asked again, what is rescued, what is asked for as JSON, what is cut."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from agent.delta import Usage
from agent.errors import ModelDown
from agent.model import ModelConfig, ModelServer
from agent.planner import TOOLS
from agent.planning import Planner, PlannerRound, with_order
from agent.profile import Profile, Quirks
from agent.prompt import Message, Prompt
from agent.question import Question
from tests.fake_model import Body, Fault, Reply, fake_model

SYSTEM = Message("system", "Plan.")
PROMPT = Prompt(Question("Why?"), (SYSTEM, Message("user", "Why?")), tools=TOOLS)
TIDES, MOON = ("web_search", '{"query": "tides"}'), ("web_search", '{"query": "moon"}')
BROKEN = ("web_search", '{"query": ')
LEFT = '<｜tool▁call▁begin｜>function<｜tool▁sep｜>web_search\n```json\n{"query": "tides"}\n```<｜tool▁call▁end｜>'
PLAN = json.dumps({"calls": [{"name": "web_search", "arguments": {"query": "tides"}}]})
REFUSED = Reply(fault=Fault(status=400, body={"message": "no grammar here"}))


@dataclass
class Asked:
    """What one round was: its result, the requests, the usage it told."""

    round: PlannerRound
    requests: list[Body]
    spent: list[Usage] = field(default_factory=list)
    left: int = 0

    @property
    def queries(self) -> list[str]:
        return [call.arguments["query"] for call in self.round.turn.calls]

    @property
    def kinds(self) -> list[str]:
        return [_kind(request) for request in self.requests]


def _kind(request: Body) -> str:
    if "response_format" in request:
        return "grammar"
    if "ORDER" in request["messages"][-1]["content"]:
        return "json"
    return "streamed" if request["stream"] else "whole"


async def ask(needed: bool = True, most: int = 8, profile: Profile | None = None, **replies: Reply) -> Asked:
    """replies: by the kind of request: streamed, whole, grammar, json."""
    script: Callable[[Body], Reply] = lambda request: replies[_kind(request)]  # noqa: E731
    spent: list[Usage] = []
    async with fake_model(script) as server:
        model = ModelServer(ModelConfig(server.url, profile=profile))
        planner = Planner(model.generate, lambda text: len(text) // 4, spent.append, "ORDER", most, needed)
        try:
            found = await planner.round(PROMPT)
        finally:
            await model.aclose()
        return Asked(found, server.requests, spent, server.left)


async def test_a_turn_that_can_be_read_is_asked_once() -> None:
    asked = await ask(streamed=Reply(reasoning="hm", calls=(TIDES, MOON)))
    assert (asked.round.outcome, asked.queries, asked.kinds) == ("parsed", ["tides", "moon"], ["streamed"])


@pytest.mark.parametrize(
    "streamed",
    [
        Reply(calls=(BROKEN,)),
        Reply(calls=(("search_web", '{"query": "tides"}'),)),
        Reply(calls=(("web_search", '{"url": "tides"}'),)),
        Reply(content=LEFT[:-5]),
        Reply(reasoning="hmmm", content="\n", lost_tokens=30),
    ],
    ids=["broken JSON", "unknown name", "arguments of another tool", "half a call in the text", "nothing arrived"],
)
async def test_a_turn_whose_calls_cannot_be_read_is_asked_once_more_without_streaming(streamed: Reply) -> None:
    asked = await ask(streamed=streamed, whole=Reply(calls=(TIDES,)))
    assert (asked.round.outcome, asked.queries, asked.kinds) == ("repeated", ["tides"], ["streamed", "whole"])
    first, second = ({**request, "stream": 0, "stream_options": 0} for request in asked.requests)
    assert first == second


async def test_a_second_call_that_the_stream_has_swallowed_is_noticed_by_its_tokens() -> None:
    asked = await ask(streamed=Reply(reasoning="hmmm", calls=(MOON,), lost_tokens=40), whole=Reply(calls=(TIDES, MOON)))
    assert (asked.round.outcome, asked.queries) == ("repeated", ["tides", "moon"])


@pytest.mark.parametrize(
    "streamed",
    [
        Reply(calls=(MOON, MOON)),
        Reply("ll▁begin｜>function", calls=(MOON,)),
        Reply(LEFT + "sep｜>web_search\njson\n{", calls=()),
    ],
    ids=["the next call's arguments given to both", "pieces of markup beside a call", "beside a rescued one"],
)
async def test_a_turn_that_was_torn_on_its_way_is_asked_once_more(streamed: Reply) -> None:
    asked = await ask(streamed=streamed, whole=Reply(calls=(TIDES, MOON)))
    assert (asked.round.outcome, asked.queries) == ("repeated", ["tides", "moon"])


async def test_a_call_that_can_be_read_stands_when_asking_once_more_fails() -> None:
    asked = await ask(
        streamed=Reply(calls=(TIDES, BROKEN)), whole=Reply(fault=Fault(status=503)), grammar=Reply(), json=Reply()
    )
    assert (asked.round.outcome, asked.queries, asked.round.refused) == ("parsed", ["tides"], ("bad_json",))


@pytest.mark.parametrize("place", ["content", "reasoning"])
async def test_a_call_left_in_the_text_is_rescued_without_asking_again(place: str) -> None:
    asked = await ask(streamed=Reply(**{place: LEFT}))  # type: ignore[arg-type]
    assert (asked.round.outcome, asked.queries, asked.kinds) == ("rescued", ["tides"], ["streamed"])


async def test_without_a_call_a_plan_is_asked_for_as_json_under_the_servers_grammar() -> None:
    asked = await ask(streamed=Reply("I would search."), grammar=Reply("\n\n" + PLAN, "hm"))
    assert (asked.round.outcome, asked.queries, asked.kinds) == ("json_plan", ["tides"], ["streamed", "grammar"])
    first, second = asked.requests
    assert first["tools"] == second["tools"]  # the same prefix for the server's cache
    assert second["messages"][:-1] == first["messages"][:-1]
    assert second["messages"][-1]["content"].startswith(first["messages"][-1]["content"])


async def test_a_server_without_a_grammar_is_asked_for_plain_json() -> None:
    asked = await ask(streamed=Reply("Well."), grammar=REFUSED, json=Reply(f"```json\n{PLAN}\n```"))
    assert (asked.round.outcome, asked.queries, asked.kinds) == (
        "json_plan",
        ["tides"],
        ["streamed", "grammar", "json"],
    )


@pytest.mark.parametrize(
    "said", ["", "Well: " + PLAN, "[]", '{"calls": "x"}', '{"calls": [3]}', PLAN[:-1], PLAN + PLAN]
)
async def test_plain_json_is_read_strictly(said: str) -> None:
    asked = await ask(streamed=Reply("Well."), grammar=REFUSED, json=Reply(said))
    assert (asked.round.outcome, asked.queries) == ("fallback", [])


async def test_a_plan_as_json_calls_only_what_is_declared() -> None:
    calls = [{"name": "rm", "arguments": {"query": "a"}}, {"name": "web_search", "arguments": {"query": 3}}]
    asked = await ask(streamed=Reply("Well."), grammar=Reply(json.dumps({"calls": calls})))
    assert (asked.round.outcome, asked.round.refused) == ("fallback", ())
    assert asked.round.turn.calls == ()


async def test_a_later_round_without_a_call_means_enough() -> None:
    asked = await ask(needed=False, streamed=Reply("Enough is known.", "hm"))
    assert (asked.round.outcome, asked.kinds) == ("enough", ["streamed"])


async def test_a_later_round_that_tried_to_call_does_not_mean_enough() -> None:
    asked = await ask(needed=False, streamed=Reply(calls=(BROKEN,)), whole=Reply(calls=(BROKEN,)), grammar=Reply(PLAN))
    assert (asked.round.outcome, asked.round.refused) == ("json_plan", ("bad_json", "bad_json"))


@pytest.mark.parametrize("unit", ["<｜tool▁calls▁begin｜>", "ha ", " ", "我要搜索一下。"])
@pytest.mark.parametrize("place", ["content", "reasoning"])
async def test_a_turn_that_repeats_itself_is_cut_and_the_model_stopped(unit: str, place: str) -> None:
    endless = Reply(**{place: "Hm." + unit * 3_000}, cut=40, pause=0.001)  # type: ignore[arg-type]
    asked = await ask(streamed=endless, grammar=Reply(PLAN))
    assert (asked.round.outcome, asked.left, asked.kinds) == ("json_plan", 1, ["streamed", "grammar"])


async def test_a_long_turn_that_says_something_is_not_cut() -> None:
    reasoning = " ".join(f"Then I look at source {n}." for n in range(2_000))
    asked = await ask(streamed=Reply(reasoning=reasoning, cut=50, calls=(TIDES,)))
    assert (asked.round.outcome, asked.left) == ("parsed", 0)


async def test_every_attempts_usage_is_told() -> None:
    asked = await ask(streamed=Reply(calls=(BROKEN,)), whole=Reply(), grammar=Reply(PLAN))
    assert len(asked.spent) == len(asked.requests) == 3


async def test_a_server_that_is_down_is_said() -> None:
    with pytest.raises(ModelDown):
        await ask(streamed=Reply(fault=Fault(status=503)))


NO_TOOLS = Profile("no-tools", "A server that is sent no tools", quirks=Quirks(tools="no"))


async def test_where_no_tools_are_sent_the_plan_is_asked_for_as_json_at_once() -> None:
    asked = await ask(profile=NO_TOOLS, grammar=Reply(PLAN, "hm"))
    assert (asked.round.outcome, asked.queries, asked.kinds) == ("json_plan", ["tides"], ["grammar"])
    assert "tools" not in asked.requests[0]


async def test_where_no_tools_are_sent_a_server_without_a_grammar_is_asked_for_plain_json() -> None:
    asked = await ask(profile=NO_TOOLS, grammar=REFUSED, json=Reply(PLAN))
    assert (asked.round.outcome, asked.queries, asked.kinds) == ("json_plan", ["tides"], ["grammar", "json"])


@pytest.mark.parametrize(
    ("needed", "said", "outcome"),
    [
        (False, '{"calls": []}', "enough"),
        (True, '{"calls": []}', "fallback"),
        (False, "Enough.", "fallback"),
        (False, '{"calls": [{"name": "web_search", "arguments": {"query": 3}}]}', "fallback"),
    ],
)
async def test_where_no_tools_are_sent_only_an_empty_plan_in_a_later_round_means_enough(
    needed: bool, said: str, outcome: str
) -> None:
    asked = await ask(needed, profile=NO_TOOLS, grammar=Reply(said))
    assert (asked.round.outcome, asked.queries, asked.kinds) == (outcome, [], ["grammar"])


async def test_where_no_tools_are_sent_a_server_that_is_down_is_said() -> None:
    with pytest.raises(ModelDown) as caught:
        await ask(profile=NO_TOOLS, grammar=Reply(fault=Fault(status=503)))
    assert caught.value.reason == "http_503"


def test_an_order_is_added_where_nothing_before_it_changes() -> None:
    results = Message("tool", "r", tool_call_id="c")
    later = Prompt(Question("Why?"), (SYSTEM, Message("user", "Why?"), results), tools=TOOLS)
    assert with_order(later, "ORDER").messages == (*later.messages, Message("user", "ORDER"))
    assert with_order(PROMPT, "ORDER").messages == (SYSTEM, Message("user", "Why?\n\nORDER"))
