"""The model client against a server that speaks SGLang's shapes over real HTTP."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace

import pytest

from agent.delta import Delta, Usage
from agent.errors import ModelDown
from agent.model import ModelConfig, ModelServer
from agent.profile import Profile, Quirks
from agent.prompt import Message, Prompt, Tool, ToolCall
from agent.question import Question
from tests.fake_model import CONTEXT, NAME, Fault, Reply, Script, fake_model, running_fake_model

OPEN = Tool("open_page", "Open.", {"type": "object", "properties": {"url": {"type": "string"}}})
SEARCH = Tool("web_search", "Search.", {"type": "object", "properties": {"query": {"type": "string"}}})
KEY = "a-key"


def prompt(*messages: Message, tools: tuple[Tool, ...] = ()) -> Prompt:
    return Prompt(Question("q?"), messages or (Message("user", "q?"),), tools=tools, max_tokens=77)


@asynccontextmanager
async def client(url: str, **config: object) -> AsyncIterator[ModelServer]:
    model = ModelServer(ModelConfig(url, **config))  # type: ignore[arg-type]
    try:
        yield model
    finally:
        await model.aclose()


async def deltas(script: Script, asked: Prompt | None = None, **config: object) -> list[Delta]:
    async with fake_model(script) as server, client(server.url, **config) as model:
        return [delta async for delta in model.generate(asked or prompt())]


async def failure(script: Script, **config: object) -> ModelDown:
    with pytest.raises(ModelDown) as caught:
        await deltas(script, **config)
    return caught.value


def said(found: list[Delta]) -> tuple[str, str]:
    return "".join(d.thinking for d in found), "".join(d.text for d in found)


# What the server is


async def test_name_and_context_come_from_the_server() -> None:
    async with fake_model(Reply()) as server, client(server.url) as model:
        facts = await model.discover()
    assert (facts.name, facts.context_tokens, facts.offered) == (NAME, CONTEXT, (NAME,))


async def test_a_bare_host_gets_v1_and_an_address_with_a_path_is_left_alone() -> None:
    async with fake_model(Reply()) as server, client(server.url.removesuffix("/v1")) as model:
        assert (await model.discover()).name == NAME
    assert ModelConfig("https://host/api/v3/").endpoint == "https://host/api/v3"


async def test_a_server_that_is_silent_about_the_context_gets_the_setting() -> None:
    models = {"data": [{"id": "a"}, {"id": "b", "context_length": 9_000}]}
    async with fake_model(Reply(), models) as server:
        async with client(server.url, context_tokens=5_000) as model:
            assert (await model.discover()).context_tokens == 5_000
        async with client(server.url, name="b") as model:
            assert (await model.discover()).context_tokens == 9_000


async def test_a_dead_address_is_unreachable_and_the_message_names_the_setting_but_no_password() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with client(f"http://user:hidden@127.0.0.1:{closed.getsockname()[1]}/v1") as model:
            with pytest.raises(ModelDown, match="KAOZHENG_MODEL_URL") as caught:
                await model.discover()
    assert caught.value.reason == "unreachable"
    assert "hidden" not in str(caught.value)


async def test_a_failure_that_an_asker_may_see_names_no_address() -> None:
    async with client("http://127.0.0.1:9/v1") as model:
        with pytest.raises(ModelDown) as caught:
            _ = [delta async for delta in model.generate(prompt())]
    assert "127.0.0.1" not in str(caught.value)


async def test_a_wrong_key_is_unauthorized_and_the_right_one_is_sent() -> None:
    async with fake_model(Reply(content="Yes."), api_key=KEY) as server:
        async with client(server.url, api_key="another") as model:
            with pytest.raises(ModelDown, match="KAOZHENG_MODEL_KEY") as caught:
                await model.discover()
        async with client(server.url, api_key=KEY) as model:
            assert said([d async for d in model.generate(prompt())])[1] == "Yes."
    assert caught.value.reason == "unauthorized"


@pytest.mark.parametrize("models", [{"data": []}, {"detail": "x"}, {"data": "x"}, {"data": [{"id": 1}]}])
async def test_a_server_of_another_kind_is_not_openai(models: dict[str, object]) -> None:
    async with fake_model(Reply(), models) as server, client(server.url) as model:
        with pytest.raises(ModelDown) as caught:
            await model.discover()
    assert caught.value.reason == "not_openai"


async def test_a_server_without_the_address_is_not_found() -> None:
    async with fake_model(Reply()) as server, client(server.url.replace("/v1", "/v2")) as model:
        with pytest.raises(ModelDown) as caught:
            await model.discover()
    assert caught.value.reason == "not_found"


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with fake_model(Reply()) as server, client(server.url) as model:
        assert (await model.discover()).name == NAME


@pytest.mark.parametrize("url", ["", "localhost:30000", "ftp://host/v1", "http://"])
def test_an_address_that_is_none_is_refused_when_the_settings_are_read(url: str) -> None:
    with pytest.raises(ValueError, match="KAOZHENG_MODEL_URL"):
        ModelConfig(url)


# What is sent


async def sent(asked: Prompt) -> dict[str, object]:
    async with fake_model(Reply(content="ok")) as server, client(server.url) as model:
        async with aclosing(model.generate(asked)) as reply:
            async for _ in reply:
                pass
        return server.requests[0]


async def test_the_request_carries_the_prompts_sampling_and_asks_for_usage() -> None:
    body = await sent(prompt(Message("system", "s"), Message("user", "u")))
    assert body == {
        "model": NAME,
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 77,
        "temperature": 0.6,
        "top_p": 0.95,
    }


async def test_tools_are_sent_only_with_a_prompt_that_has_some() -> None:
    body = await sent(prompt(tools=(SEARCH,)))
    function = {"name": "web_search", "description": "Search.", "parameters": SEARCH.parameters}
    assert body["tools"] == [{"type": "function", "function": function}]


@pytest.mark.parametrize(
    "arguments", ['{"query": "潮汐"}', '"{\\"query\\": \\"潮汐\\"}"', '```json\n{"query": "潮汐"}\n```']
)
async def test_arguments_go_back_as_json_encoded_once_and_content_is_never_null(arguments: str) -> None:
    call = Message("assistant", "", (ToolCall("c1", "web_search", arguments),))
    body = await sent(prompt(Message("user", "u"), call, Message("tool", "r", tool_call_id="c1")))
    assistant = body["messages"][1]  # type: ignore[index]
    assert assistant["content"] == ""
    assert json.loads(assistant["tool_calls"][0]["function"]["arguments"]) == {"query": "潮汐"}


async def test_broken_arguments_in_the_history_become_an_empty_object() -> None:
    call = Message("assistant", "", (ToolCall("c1", "web_search", '{"query": '),))
    body = await sent(prompt(Message("user", "u"), call, Message("tool", "r", tool_call_id="c1")))
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == "{}"  # type: ignore[index]


async def test_tool_results_are_sent_in_the_order_of_their_calls() -> None:
    calls = tuple(ToolCall(f"c{n}", "web_search", "{}") for n in range(3))
    results = [Message("tool", f"r{n}", tool_call_id=f"c{n}") for n in (2, 0, 1)]
    body = await sent(prompt(Message("user", "u"), Message("assistant", "", calls), *results))
    assert [m["content"] for m in body["messages"]][2:] == ["r0", "r1", "r2"]  # type: ignore[index, union-attr]


@pytest.mark.parametrize("content", ["<think>secret</think>\n\nShown.", "<think>\nsecret\n</think>Shown."])
async def test_reasoning_is_never_sent_back(content: str) -> None:
    body = await sent(prompt(Message("user", "u"), Message("assistant", content), Message("user", "v")))
    assert body["messages"][1]["content"] == "Shown."  # type: ignore[index]


# What comes back


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_reasoning_and_answer_come_apart(field: str) -> None:
    found = await deltas(Reply("\n\n答案[citation:1]。", "想一想", cut=1, reasoning_field=field))
    assert said(found) == ("想一想", "答案[citation:1]。")
    assert [d.finish for d in found if d.finish] == ["stop"]
    assert found[-1].finish == "stop"


async def test_tags_in_the_content_never_reach_the_text_over_the_wire() -> None:
    content = "<think>\nsecret\n</think>\n\nShown."
    for cut in (1, 3, 7, 100):
        assert said(await deltas(Reply(content, cut=cut))) == ("\nsecret\n", "Shown.")


async def test_an_answer_may_name_the_tags_amid_a_line() -> None:
    content = "R1 writes `<think>` and `</think>` around its reasoning. 1 < 2"
    assert said(await deltas(Reply(content, cut=3)))[1] == content


async def test_a_closing_tag_that_nothing_opened_is_said_to_the_operator_instead_of_leaking() -> None:
    error = await failure(Reply("secret\n</think>\n\nShown.", cut=3))
    assert error.reason == "reasoning_unparsed"
    assert "--reasoning-parser" in str(error)


async def test_a_template_that_opens_the_tag_itself_is_read_with_the_setting() -> None:
    found = await deltas(Reply("secret\n</think>\n\nShown.", cut=3), thinking="opened")
    assert said(found) == ("secret\n", "Shown.")


async def test_a_second_closing_tag_is_not_shown() -> None:
    assert said(await deltas(Reply("\n</think>\nShown.", "secret")))[1].strip() == "Shown."


async def test_reasoning_without_any_content_is_the_answer_of_a_prompt_without_tools() -> None:
    found = await deltas(Reply(reasoning="The tide is the moon's[citation:1]."))
    assert said(found)[1] == "The tide is the moon's[citation:1]."
    assert said(await deltas(Reply("<think>\nSo it is.")))[1] == "So it is."


@pytest.mark.parametrize(
    "reply",
    [
        Reply("\n\n", "only thought"),
        Reply("<think>only thought</think>"),
        Reply(reasoning="cut", fault=Fault(finish="length", after=99)),
    ],
)
async def test_reasoning_that_was_closed_or_cut_is_never_taken_for_the_answer(reply: Reply) -> None:
    assert said(await deltas(reply))[1].strip() == ""


async def test_a_planners_reasoning_is_never_taken_for_an_answer() -> None:
    assert said(await deltas(Reply(reasoning="hm"), prompt(tools=(SEARCH,))))[1] == ""


@pytest.mark.parametrize("cut", [1, 2, 5, 1_000])
async def test_an_answer_ends_where_a_tool_call_begins(cut: int) -> None:
    call = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>web_search\n{}<｜tool▁call▁end｜>"
    assert said(await deltas(Reply(f"So it is. {call} more", cut=cut)))[1] == "So it is. "
    assert said(await deltas(Reply("1 < 2 <tool", cut=cut)))[1] == "1 < 2 <tool"


async def test_a_planners_markup_is_handed_on_for_the_rescue() -> None:
    found = await deltas(Reply("<tool_call>{}</tool_call>", cut=3), prompt(tools=(SEARCH,)))
    assert said(found)[1] == "<tool_call>{}</tool_call>"


async def test_tool_calls_come_whole_and_in_order_with_the_last_delta() -> None:
    calls = (("web_search", '{"query": "a"}'), ("open_page", '{"url": "b"}'))
    found = await deltas(Reply(reasoning="x", calls=calls), prompt(tools=(SEARCH, OPEN)))
    assert [(c.name, c.arguments) for c in found[-1].calls] == list(calls)
    assert len({c.id for c in found[-1].calls}) == 2
    assert found[-1].finish == "tool_calls"


async def test_a_reply_that_is_not_streamed_comes_with_all_it_holds() -> None:
    asked = replace(prompt(tools=(SEARCH,)), stream=False)
    script = Reply("Hm.", "hm", calls=(("web_search", '{"query": "a"}'),), cached_tokens=5)
    async with fake_model(script) as server, client(server.url) as model:
        found = [delta async for delta in model.generate(asked)]
        (request,) = server.requests
    assert (request["stream"], "stream_options" in request) == (False, False)
    assert said(found) == ("hm", "Hm.")
    assert [(call.name, call.arguments) for call in found[-1].calls] == [("web_search", '{"query": "a"}')]
    assert found[-1].finish == "tool_calls"
    assert found[-1].usage is not None
    assert found[-1].usage.cached_tokens == 5


async def test_a_reply_that_is_not_streamed_has_a_limit_for_all_of_it() -> None:
    asked = replace(prompt(), stream=False)
    async with fake_model(Reply("ok", pause=1.0)) as server, client(server.url, whole_seconds=0.2) as model:
        with pytest.raises(ModelDown) as caught:
            _ = [delta async for delta in model.generate(asked)]
    assert caught.value.reason == "stalled"


async def test_a_schema_goes_to_the_servers_grammar() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    body = await sent(replace(prompt(), schema=schema))
    named = {"name": "reply", "schema": schema, "strict": True}
    assert body["response_format"] == {"type": "json_schema", "json_schema": named}


async def test_usage_is_read_wherever_it_stands() -> None:
    found = await deltas(Reply("x" * 40, "y" * 80, cached_tokens=3))
    assert found[-1].usage == Usage(found[-1].usage.prompt_tokens, 31, 20, 3)  # type: ignore[union-attr]


# What goes wrong

OVERFLOW = "The input (170004 tokens) is longer than the model's context length (163840 tokens)."
KV_POOL = "Input length (70004 tokens) exceeds the maximum allowed length (65530 tokens)."
QUEUE = {
    "object": "error",
    "message": "The request queue is full.",
    "type": "503",
    "param": None,
    "code": 503,
}
PATHS = {"object": "error", "message": "/usr/lib/python3/serving.py: field required", "code": 400}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(status=400, body={"message": OVERFLOW, "code": 400}), "context_overflow"),
        (Fault(status=400, body=PATHS), "http_400"),
        (Fault(status=401, body={"error": "Unauthorized"}), "unauthorized"),
        (Fault(status=429, body={}), "http_429"),
        (Fault(status=500, body=PATHS), "http_500"),
        (Fault(status=503, body=QUEUE), "http_503"),
        (Fault(error={**QUEUE, "type": "SERVICE_UNAVAILABLE"}, after=0), "http_503"),
        (
            Fault(error={"object": "error", "message": KV_POOL, "type": "BAD_REQUEST", "code": 400}, after=0),
            "context_overflow",
        ),
        (Fault(error={"message": "/usr/lib/x.py broke"}, after=3), "server_error"),
        (Fault(cut=True, after=0), "broken_stream"),
        (Fault(cut=True, after=3), "broken_stream"),
        (Fault(garbage='{"choices": [', after=2), "broken_stream"),
        (Fault(garbage="[1, 2]", after=2), "broken_stream"),
        (Fault(garbage='"text"', after=2), "broken_stream"),
        (Fault(finish="abort"), "aborted"),
    ],
)
async def test_each_fault_of_the_server_has_its_reason_and_no_path_in_its_message(fault: Fault, reason: str) -> None:
    error = await failure(Reply("A long enough answer.", fault=fault))
    assert error.reason == reason
    assert "/usr" not in str(error)


async def test_an_overflow_tells_the_numbers() -> None:
    error = await failure(Reply(fault=Fault(status=400, body={"message": OVERFLOW})))
    assert "170004, 163840" in str(error)


async def test_what_was_streamed_before_a_fault_has_been_handed_out() -> None:
    seen: list[str] = []
    async with (
        fake_model(Reply("abcdefgh", fault=Fault(cut=True, after=2))) as server,
        client(server.url) as model,
    ):
        with suppress(ModelDown):
            async for delta in model.generate(prompt()):
                seen.append(delta.text)
    assert seen == ["abcd"]


@pytest.mark.parametrize(
    "garbage",
    ['{"choices": null}', '{"choices": [{"delta": null}]}', '{"choices": [{"delta": {"content": 3}}]}', "{}"],
)
async def test_a_chunk_with_holes_is_passed_over(garbage: str) -> None:
    found = await deltas(Reply("Whole.", fault=Fault(garbage=garbage, after=2)))
    assert said(found)[1] == "Whole."


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_stall_ends_within_its_limit_and_frees_the_server(after: int) -> None:
    script = Reply("A long enough answer.", fault=Fault(stall=True, after=after))
    async with fake_model(script) as server:
        async with client(server.url, first_token_seconds=0.2, silent_seconds=0.1) as model:
            async with asyncio.timeout(20):
                with pytest.raises(ModelDown) as caught:
                    _ = [delta async for delta in model.generate(prompt())]
        assert caught.value.reason == "stalled"
        await server.wait_left()


async def test_a_slow_stream_is_no_stall_and_a_slow_reader_is_none_either() -> None:
    script = Reply("12345678", cut=1, pause=0.03)
    async with fake_model(script) as server:
        async with client(server.url, first_token_seconds=0.5, silent_seconds=0.2) as model:
            async for _ in model.generate(prompt()):
                await asyncio.sleep(0.05)
            assert server.finished == 1
        async with client(server.url, first_token_seconds=0.5, silent_seconds=0.01) as model:
            with pytest.raises(ModelDown):
                _ = [delta async for delta in model.generate(prompt())]


async def test_when_the_caller_leaves_the_model_stops_within_a_second() -> None:
    async with fake_model(Reply("word " * 2_000, pause=0.01)) as server, client(server.url) as model:
        async with aclosing(model.generate(prompt())) as reply:
            async for delta in reply:
                if delta.text:
                    break
        await server.wait_left(within=1.0)


async def test_when_the_callers_task_is_cancelled_the_model_stops_within_a_second() -> None:
    async with fake_model(Reply("word " * 2_000, pause=0.01)) as server, client(server.url) as model:

        async def read() -> None:
            async with aclosing(model.generate(prompt())) as reply:
                async for _ in reply:
                    pass

        task = asyncio.create_task(read())
        while not server.running:  # noqa: ASYNC110 - it runs in another thread
            await asyncio.sleep(0.01)
        task.cancel()
        await server.wait_left(within=1.0)


async def test_a_server_that_comes_back_is_asked_again() -> None:
    with running_fake_model(Reply("one")) as first:
        async with client(first.url) as model:
            assert said([d async for d in model.generate(prompt())])[1] == "one"
    async with client(first.url) as model:
        with pytest.raises(ModelDown):
            await model.discover()


async def test_a_server_that_parses_calls_only_unstreamed_is_asked_so_for_a_planners_turn() -> None:
    profile = Profile("p", "P", quirks=Quirks(tools="unstreamed"))
    async with fake_model(Reply("ok")) as server, client(server.url, profile=profile) as model:
        for asked in (prompt(tools=(SEARCH,)), prompt()):
            assert said([delta async for delta in model.generate(asked)])[1] == "ok"
    assert [request["stream"] for request in server.requests] == [False, True]
