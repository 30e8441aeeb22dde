"""A new model is a new file; what a file says holds in every request; a broken file is refused by name."""

import asyncio
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from agent.delta import Delta
from agent.errors import ModelDown
from agent.model import ModelConfig, ModelServer
from agent.planner import TOOLS
from agent.profile import GENERIC, Profile, Quirks, Sampling, chosen
from agent.profile_files import FOLDER, ProfileRefused, known_names, known_profiles, profile_of, read_profile
from agent.prompt import Message, Prompt, ToolCall
from agent.question import Question
from agent.request import request_body
from tests.fake_model import Reply, fake_model

MINIMAL = 'title = "Mine"\n'
SHELF = Path(__file__).parents[2] / "templates" / "house"


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def prompt(*messages: Message, tools: bool = False) -> Prompt:
    return Prompt(Question("Why?"), messages or (Message("user", "Why?"),), tools=TOOLS if tools else ())


def test_the_programs_own_profiles_are_those_that_the_documentation_lists() -> None:
    assert set(known_names()) == {
        "r1-0528-sglang",
        "r1-0528-sglang-router",
        "r1-0528-qwen3-8b-sglang",
        "r1-0528-vllm",
        "r1-0528-qwen3-8b-vllm",
        "deepseek-api",
        "generic",
        "llama-cpp",
        "ollama",
    }


@pytest.mark.parametrize("name", known_names())
def test_parsers_and_template_of_a_profile_stand_in_its_command(name: str) -> None:
    launch = profile_of(name).launch
    words = " ".join(launch.command)
    assert launch.reasoning_parser in words
    assert launch.tool_parser in words
    assert launch.chat_template in words
    assert not launch.chat_template or (SHELF / launch.chat_template).is_file()
    assert "auto" not in launch.command  # SGLang's tool parser `auto` takes another model's


def test_the_generic_profile_is_what_holds_where_no_file_fits() -> None:
    generic = profile_of("generic")
    assert (generic.sampling, generic.quirks, generic.context_tokens) == (
        GENERIC.sampling,
        GENERIC.quirks,
        GENERIC.context_tokens,
    )


@pytest.mark.parametrize(
    ("names", "owner", "host", "expected"),
    [
        (("deepseek-r1-0528",), "sglang", "gpu", "r1-0528-sglang"),
        (("deepseek-ai/DeepSeek-R1-0528",), "SGLang", "gpu", "r1-0528-sglang"),
        (("deepseek-r1-0528",), "local", "router", "r1-0528-sglang-router"),
        (("deepseek-ai/DeepSeek-R1-0528-Qwen3-8B",), "sglang", "gpu", "r1-0528-qwen3-8b-sglang"),
        (("deepseek-r1-0528",), "vllm", "gpu", "r1-0528-vllm"),
        (("r1", "/models/DeepSeek-R1-0528-Qwen3-8B"), "vllm", "gpu", "r1-0528-qwen3-8b-vllm"),
        (("deepseek-reasoner",), "deepseek", "api.deepseek.com", "deepseek-api"),
        (("deepseek-chat",), "deepseek", "api.deepseek.com", "generic"),
        (("deepseek-r1:8b",), "library", "127.0.0.1", "ollama"),
        (("DeepSeek-R1-0528-Qwen3-8B-Q4_K_M.gguf",), "llamacpp", "127.0.0.1", "llama-cpp"),
        (("deepseek-r1-0528",), "", "gpu", "generic"),
        (("llama-3",), "sglang", "gpu", "generic"),
    ],
)
def test_the_profile_is_chosen_by_what_the_server_says(
    names: tuple[str, ...], owner: str, host: str, expected: str
) -> None:
    assert chosen(known_profiles(), names, owner, host).name == expected


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        (MINIMAL + "contxt_tokens = 3", "contxt_tokens", "no such field"),
        (MINIMAL + "[quirks]\ntools = 'maybe'", "quirks.tools", "'yes', 'unstreamed' or 'no'"),
        (MINIMAL + "[quirks]\ncache_report = 1", "quirks.cache_report", "boolean"),
        (MINIMAL + "[sampling]\ntemperature = 9.0", "sampling", "temperature lies between 0 and 2"),
        (MINIMAL + "[match]\nmodels = 'r1'", "match.models", "array"),
        (MINIMAL + "context_tokens = '9'", "context_tokens", "integer"),
        (MINIMAL + "context_tokens = -1", "profile", "at least 1"),
        (MINIMAL + "[quirks]\nabort_path = 'http://elsewhere/'", "quirks", "begins with /"),
        ("", "title", "required"),
        ("title = ", "cannot be read", ""),
        ("name = 'x'\n" + MINIMAL, "name", "file's own name"),
        (MINIMAL + "x = 2020-01-01", "x", "no such field"),
    ],
)
def test_a_broken_file_is_refused_with_file_field_and_reason(
    text: str, field: str, reason: str, tmp_path: Path
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ProfileRefused) as caught:
        read_profile(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: {field}")
    assert reason in said
    assert "\n" not in said


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * 70_000, b"title = 'x'\x00"])
def test_what_is_no_text_is_refused_too(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(ProfileRefused, match=r"mine\.toml"):
        read_profile(path)


@pytest.mark.parametrize("name", ["no-such", "nowhere/mine.toml", "../generic", ""])
def test_a_profile_that_is_not_there_is_refused_by_name(name: str) -> None:
    with pytest.raises(ProfileRefused, match=name or "there are"):
        profile_of(name)


def test_a_new_model_is_a_new_file(tmp_path: Path) -> None:
    quirks = "[quirks]\nmax_tokens_field = 'max_completion_tokens'"
    path = written(tmp_path, f"{MINIMAL}[sampling]\ntemperature = 0.2\n{quirks}")
    profile = profile_of(str(path))
    body = request_body(prompt(), "mine", profile)
    assert profile.name == "mine"
    assert body["temperature"] == 0.2
    assert body["max_completion_tokens"] == 8_192
    assert "top_p" not in body
    assert "max_tokens" not in body


@pytest.mark.parametrize("name", known_names())
def test_every_request_has_the_profiles_sampling_and_none_of_another(name: str) -> None:
    profile = profile_of(name)
    body = request_body(prompt(), "m", profile)
    fields = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    assert {key: body[key] for key in ("temperature", "top_p") if key in body} == fields["sampling"]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("r1-0528-sglang", {"response_format": {"type": "json_schema"}}),
        ("deepseek-api", {"response_format": {"type": "json_object"}}),
    ],
)
def test_a_schema_is_sent_in_the_form_that_the_server_knows(name: str, fields: dict[str, dict[str, str]]) -> None:
    asked = replace(prompt(), schema={"type": "object"})
    body = request_body(asked, "m", profile_of(name))
    assert {key: body[key] for key in body if key in ("response_format", "guided_json")}.keys() == fields.keys()
    assert str(fields["response_format"]["type"]) in str(body["response_format"])
    old = Profile("x", "x", quirks=Quirks(grammar="guided_json"))
    assert request_body(asked, "m", old)["guided_json"] == {"type": "object"}
    none = Profile("x", "x", quirks=Quirks(grammar="none"))
    assert not {"guided_json", "response_format"} & set(request_body(asked, "m", none))


def test_a_prompt_may_have_its_own_temperature_but_not_where_none_is_wanted() -> None:
    cold = replace(prompt(), temperature=0.0)
    assert request_body(cold, "m", profile_of("generic"))["temperature"] == 0.0
    assert "temperature" not in request_body(cold, "m", profile_of("deepseek-api"))


def test_a_model_without_tools_is_sent_none() -> None:
    body = request_body(prompt(tools=True), "m", profile_of("r1-0528-qwen3-8b-sglang"))
    assert "tools" not in body
    assert "tools" in request_body(prompt(tools=True), "m", profile_of("r1-0528-sglang"))


def test_deepseeks_own_api_sees_turn_by_turn_and_no_reasoning_of_earlier_ones() -> None:
    asked = prompt(
        Message("system", "S"),
        Message("user", "one"),
        Message("assistant", "<think>\nhidden\n</think>\n\nfirst"),
        Message("assistant", "second"),
        Message("user", "two"),
        Message("user", "three"),
        tools=True,
    )
    body = request_body(asked, "deepseek-reasoner", profile_of("deepseek-api"))
    messages = body["messages"]
    assert isinstance(messages, list)
    assert [(m["role"], m["content"]) for m in messages] == [
        ("system", "S"),
        ("user", "one"),
        ("assistant", "first\n\nsecond"),
        ("user", "two\n\nthree"),
    ]
    assert all("reasoning_content" not in message for message in messages)
    assert not {"temperature", "top_p", "tools", "logprobs"} & set(body)


def test_a_model_without_a_system_role_reads_the_system_text_first() -> None:
    profile = Profile("x", "x", quirks=Quirks(system_role=False), sampling=Sampling())
    asked = prompt(Message("system", "S"), Message("user", "U"), Message("assistant", "A"), Message("user", "V"))
    messages = request_body(asked, "m", profile)["messages"]
    assert messages == [
        {"role": "user", "content": "S\n\nU"},
        {"role": "assistant", "content": "A"},
        {"role": "user", "content": "V"},
    ]


def test_tool_results_are_never_joined() -> None:
    calls = (ToolCall("a", "web_search", '{"query": "x"}'), ToolCall("b", "web_search", '{"query": "y"}'))
    asked = prompt(Message("user", "U"), Message("assistant", "", calls), Message("tool", "1", tool_call_id="a"),
                   Message("tool", "2", tool_call_id="b"))  # fmt: skip
    parted = Profile("x", "x", quirks=Quirks(one_role_at_a_time=True))
    messages = request_body(asked, "m", parted)["messages"]
    assert isinstance(messages, list)
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool"]


def test_a_server_that_is_sent_no_tools_reads_calls_as_their_plan_and_results_as_a_users_message() -> None:
    calls = (ToolCall("a", "web_search", '{"query": "潮汐"}'), ToolCall("b", "open_page", "broken"))
    asked = prompt(Message("user", "U"), Message("assistant", "", calls), Message("tool", "2", tool_call_id="b"),
                   Message("tool", "1", tool_call_id="a"), Message("assistant", "A"))  # fmt: skip
    plan = {"calls": [{"name": "web_search", "arguments": {"query": "潮汐"}}, {"name": "open_page", "arguments": {}}]}
    assert request_body(asked, "m", profile_of("deepseek-api"))["messages"] == [
        {"role": "user", "content": "U"},
        {"role": "assistant", "content": json.dumps(plan, ensure_ascii=False)},
        {"role": "user", "content": "1\n\n2"},
        {"role": "assistant", "content": "A"},
    ]


async def said(config: ModelConfig, tools: bool = False) -> list[Delta]:
    server = ModelServer(config)
    try:
        return [delta async for delta in server.generate(prompt(tools=tools))]
    finally:
        await server.aclose()


async def test_the_server_is_asked_as_its_profile_says() -> None:
    models = {"data": [{"id": "deepseek-r1-0528-qwen3-8b", "owned_by": "sglang", "max_model_len": 32_768}]}
    async with fake_model(Reply("Hello."), models) as server:
        with pytest.raises(ModelDown) as caught:
            await said(ModelConfig(server.url, profiles=known_profiles()), tools=True)
        await said(ModelConfig(server.url, profiles=known_profiles()))
        await said(ModelConfig(server.url, profile=profile_of("r1-0528-sglang"), profiles=known_profiles()), tools=True)

    assert caught.value.reason == "no_tools"  # nothing was asked
    assert ["tools" in request for request in server.requests] == [False, True]


async def test_a_template_that_opens_the_reasoning_is_a_matter_of_the_profile() -> None:
    opened = Profile("x", "x", quirks=Quirks(thinking="opened"))
    async with fake_model(Reply("I think.\n</think>\n\nSo.")) as server:
        by_profile = await said(ModelConfig(server.url, profile=opened))
        by_setting = await said(ModelConfig(server.url, thinking="opened"))

    for deltas in (by_profile, by_setting):
        assert "".join(delta.thinking for delta in deltas).strip() == "I think."
        assert "".join(delta.text for delta in deltas) == "So."


async def test_a_listing_that_is_sent_as_plain_text_is_read_too() -> None:
    """As sglang-router 0.3.2 sends it, without a context length."""
    listing = '{"object":"list","data":[{"id":"deepseek-r1-0528","object":"model","owned_by":"local"}]}'
    async with fake_model(Reply("x")) as server:
        server.pages["/v1/models"] = (200, "text/plain; charset=utf-8", listing)
        asked = ModelServer(ModelConfig(server.url, profiles=known_profiles()))
        facts = await asked.discover()
        server.pages["/v1/models"] = (200, "text/html", "<p>Sign in</p>")
        with pytest.raises(ModelDown) as caught:
            await asked.discover()
        await asked.aclose()
    assert (facts.name, facts.profile.name) == ("deepseek-r1-0528", "r1-0528-sglang-router")
    assert caught.value.reason == "not_openai"


@pytest.mark.parametrize(
    ("entry", "config", "tokens", "said_so"),
    [
        ({"max_model_len": 9_000}, 0, 9_000, True),
        ({"context_length": 8_000}, 0, 8_000, True),
        ({}, 7_000, 7_000, False),
        ({}, 0, 163_840, False),
        ({"max_model_len": "many"}, 0, 163_840, False),
    ],
)
async def test_the_context_is_the_servers_then_the_operators_then_the_profiles(
    entry: dict[str, object], config: int, tokens: int, said_so: bool
) -> None:
    models = {"data": [{"id": "deepseek-r1-0528", "owned_by": "sglang", **entry}]}
    async with fake_model(Reply("x"), models) as server:
        asked = ModelServer(ModelConfig(server.url, context_tokens=config, profiles=known_profiles()))
        facts = await asked.discover()
        await asked.aclose()
    assert (facts.context_tokens, facts.said, facts.profile.name) == (tokens, said_so, "r1-0528-sglang")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_reply_whose_reader_leaves_is_ended_by_its_id_where_the_profile_names_a_way(stream: bool) -> None:
    async with fake_model(Reply("Hello. " * 500, pause=0.05)) as fake:
        for profile in (profile_of("r1-0528-sglang"), GENERIC):
            server = ModelServer(ModelConfig(fake.url, profile=profile))
            reading = asyncio.create_task(anext(server.generate(replace(prompt(), stream=stream)), None))
            async with asyncio.timeout(10):
                while not fake.requests:  # noqa: ASYNC110 - another thread's list
                    await asyncio.sleep(0.01)
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
                while profile is not GENERIC and not fake.aborted:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await server.aclose()
            asked = fake.requests.pop()
            assert fake.aborted[:1] == ([asked["rid"]] if profile is not GENERIC else [])
            fake.aborted.clear()
