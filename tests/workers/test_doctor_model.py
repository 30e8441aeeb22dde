"""Each probe of the model server sees what works, and each of its failures brings its own remedy."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.fake_model import NAME, Fault, Reply, fake_model
from workers.build import model_config
from workers.doctor import Finding, examine
from workers.doctor_build import model_probes
from workers.doctor_model import Patient
from workers.doctor_reply import ANSWER, CALL, COUNT, PLAIN
from workers.settings import Settings

Body = dict[str, Any]
TIDES = ("web_search", json.dumps({"query": "tides"}))
MARKUP = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>web_search"
MODELS = {"data": [{"id": NAME, "owned_by": "sglang", "max_model_len": 163_840}]}


HOSTILE = "\x1b[2J\x1b]0;owned\x07\nline" * 90
READY = Reply("ready", "One word.", cached_tokens=12)
CALLED = Reply("", "Search.", calls=(TIDES,), prompt_tokens=300)
BARE = Reply("Hm.", prompt_tokens=30)
HELD = Reply('{"number": 7}', "Hm.")


def refusing(status: int, message: str) -> Reply:
    return Reply(fault=Fault(status=status, body={"error": {"message": message}}))


@dataclass
class Healthy:
    """R1 on SGLang as it should be. Each field may be replaced to make it ill."""

    answer: Reply = READY
    call: Reply = CALLED
    streamed_call: Reply | None = None
    bare: Reply = BARE
    json: Reply = HELD
    count: Reply = field(default_factory=lambda: Reply("1 " * 5_000, pause=0.01))

    def __call__(self, body: Body) -> Reply:
        text = body["messages"][-1]["content"]
        if text == CALL and "tools" not in body:
            return self.bare
        if text == CALL:
            return (self.streamed_call or self.call) if body["stream"] else self.call
        return {ANSWER: self.answer, PLAIN: self.json, COUNT: self.count}.get(text, Reply("?", prompt_tokens=16_000))


@asynccontextmanager
async def examined(
    script: Callable[[Body], Reply], models: Body | None = None, **settings: Any
) -> AsyncIterator[dict[str, Finding]]:
    async with fake_model(script, models or MODELS) as server:
        server.pages["/v1/loads"] = None
        yield {found.part: found for found in await findings(server.url, **settings)}


async def findings(url: str, seconds: float = 20.0, parts: Iterable[str] = (), **changed: Any) -> list[Finding]:
    settings = Settings(model_url=url, **changed)
    patient = Patient.at(settings, model_config(settings))
    probes = [probe for probe in model_probes(patient) if not parts or probe.part in parts]
    try:
        return [found async for found in examine(probes, seconds)]
    finally:
        await patient.aclose()


async def test_a_healthy_server_works_in_every_part() -> None:
    async with examined(Healthy()) as found:
        verdicts = {part: finding.verdict for part, finding in found.items()}
    assert verdicts == dict.fromkeys(verdicts, "works")
    assert len(verdicts) == 12
    assert "profile r1-0528-sglang" in found["model"].said
    assert "12 from the prefix cache" in found["usage"].said


# --- reachable ---


async def test_nobody_at_the_address_says_so_and_skips_the_rest() -> None:
    found = await findings("http://127.0.0.1:9/v1")
    assert (found[0].verdict, found[0].remedy[:5]) == ("fails", "start")
    assert {finding.verdict for finding in found[1:]} == {"skipped"}


async def test_a_wrong_key_names_the_setting() -> None:
    async with fake_model(Healthy(), MODELS, api_key="right") as server:
        wrong = (await findings(server.url, model_key="wrong"))[0]
        none = (await findings(server.url))[0]
        right = await findings(server.url, model_key="right", parts=("reachable", "key"))
    assert "refuses the key (status 401: Unauthorized)" in wrong.said
    assert wrong.remedy == "KAOZHENG_MODEL_KEY is not the server's key"
    assert none.remedy == "set KAOZHENG_MODEL_KEY to the server's key"
    assert [finding.verdict for finding in right] == ["works", "works"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, "text/html", "<!doctype html><title>Sign in</title>"), "a web page answers"),
        ((404, "text/html", "<h1>Not found</h1>"), "a web page answers"),
        ((200, "application/json", '{"hello": 1}'), "does not list models"),
        ((200, "application/json", '{"data": []}'), "does not list models"),
        ((200, "application/json", "[1]"), "does not list models"),
        ((200, "text/plain", "Ollama is running"), "does not answer in JSON"),
        ((200, "text/plain", ""), "does not answer in JSON"),
        ((503, "application/json", '{"error": {"message": "No available workers"}}'), "starting or overloaded"),
        ((500, "application/json", '{"error": "boom"}'), "does not list models"),
        ((302, "text/html", ""), "redirects to"),
    ],
)
async def test_what_is_not_an_openai_api_is_told_apart(answer: tuple[int, str, str], said: str) -> None:
    async with fake_model(Healthy(), MODELS) as server:
        server.pages["/v1/models"] = answer
        found = (await findings(server.url))[0]
    assert found.verdict == "fails"
    assert said in found.said
    assert found.remedy


async def test_the_right_address_is_found_beside_the_wrong_one() -> None:
    async with fake_model(Healthy(), MODELS) as server:
        server.pages["/models"] = (200, "text/html", "<p>a page</p>")
        for wrong in ("/api", "/v1/chat/completions", "/v2/"):
            found = (await findings(server.url.removesuffix("/v1") + wrong))[0]
            assert found.verdict == "fails"
            assert found.remedy == f"set KAOZHENG_MODEL_URL={server.url}"


async def test_a_server_that_hangs_is_a_failed_probe() -> None:
    async with hanging_server() as url:
        found = await findings(url, seconds=0.5)
    assert found[0].verdict == "fails"
    assert "no end within" in found[0].said


@asynccontextmanager
async def hanging_server() -> AsyncIterator[str]:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


async def test_what_a_server_writes_cannot_steer_the_terminal() -> None:
    async with fake_model(Healthy(), MODELS) as server:
        server.pages["/v1/models"] = (
            500,
            "application/json",
            json.dumps({"error": "\x1b[2J\x1b]0;owned\x07\nline" * 90}),
        )
        found = (await findings(server.url))[0]
    assert not {"\x1b", "\x07", "\n", "\x9b"} & set(found.said + found.remedy)
    assert len(found.said) < 400


async def test_a_password_in_the_address_is_not_repeated() -> None:
    found = (await findings("http://user:hunter2@127.0.0.1:9/v1"))[0]
    assert "hunter2" not in found.said + found.remedy


# --- model and context ---


async def test_a_model_that_is_not_there_is_named_with_those_that_are() -> None:
    async with examined(Healthy(), model_name="r2", parts=("reachable", "model")) as found:
        assert found["model"].verdict == "fails"
        assert NAME in found["model"].said
        assert "KAOZHENG_MODEL_NAME" in found["model"].remedy


async def test_an_unknown_model_on_a_known_server_is_worth_a_profile() -> None:
    models = {"data": [{"id": "mine", "owned_by": "sglang", "max_model_len": 100_000}]}
    async with examined(Healthy(), models, parts=("reachable", "model")) as found:
        assert found["model"].verdict == "warning"
        assert "KAOZHENG_MODEL_PROFILE" in found["model"].remedy


@pytest.mark.parametrize(
    ("entry", "settings", "verdict", "said"),
    [
        ({"max_model_len": 163_840}, {}, "works", "163,840 tokens"),
        ({"max_model_len": 2_048}, {}, "fails", "needs"),
        ({"max_model_len": 16_384}, {}, "warning", "shortened"),
        ({"max_model_len": 65_536}, {"model_context_tokens": 131_072}, "fails", "KAOZHENG_MODEL_CONTEXT_TOKENS says"),
        ({}, {"model_context_tokens": 65_536}, "works", "65,536 tokens"),
        ({}, {}, "warning", "does not say"),
    ],
)
async def test_the_context_is_weighed_against_template_pages_and_answer(
    entry: Body, settings: Body, verdict: str, said: str
) -> None:
    models = {"data": [{"id": NAME, "owned_by": "sglang", **entry}]}
    async with examined(Healthy(), models, parts=("reachable", "context"), **settings) as found:
        assert found["context"].verdict == verdict
        assert said in found["context"].said


async def test_a_server_that_cuts_prompts_in_silence_is_found_out() -> None:
    def cutting(body: Body) -> Reply:
        return Reply("?", prompt_tokens=min(4_096, len(body["messages"][-1]["content"]) // 4))

    models = {"data": [{"id": "deepseek-r1:8b", "owned_by": "library"}]}
    async with examined(cutting, models, parts=("reachable", "context")) as found:
        assert found["context"].verdict == "fails"
        assert "cut to 4,096 tokens" in found["context"].said


# --- replies ---


QUEUE_FULL = Reply(fault=Fault(error={"message": "The request queue is full.", "code": 503}))
CUT = Reply("ready", fault=Fault(cut=True, after=2))
GARBLED = Reply("ready", fault=Fault(garbage="{oh", after=2))
DEAF = Reply("1 " * 5_000, pause=0.01, fault=Fault(deaf=True, after=99_999))
LONG_THOUGHT = Reply("", "x", fault=Fault(finish="length", after=99))
IN_TEXT, IN_THOUGHT = Reply(MARKUP, prompt_tokens=300), Reply("", MARKUP, prompt_tokens=300)
WRONG_PARSER = Reply(calls=(("function", "web_search\n```json"),))


@pytest.mark.parametrize(
    ("ill", "reply", "part", "verdict", "said", "remedy"),
    [
        ("answer", Reply("<think>\nOne.\n</think>\n\nready"), "answer", "fails", "inside", "parser deepseek-r1"),
        ("answer", Reply("One.\n</think>\n\nready"), "stream", "fails", "inside", "--reasoning-parser"),
        ("answer", Reply("", "ready"), "answer", "fails", "everything is tagged", "chat template"),
        ("answer", Reply("", ""), "answer", "fails", "empty", "log"),
        ("answer", LONG_THOUGHT, "stream", "warning", "still thinking", ""),
        ("answer", CUT, "stream", "fails", "the connection broke", "log"),
        ("answer", GARBLED, "stream", "fails", "a chunk is not JSON", "log"),
        ("answer", QUEUE_FULL, "stream", "fails", "status 503: The request queue", "log"),
        ("answer", refusing(400, "no"), "answer", "fails", "status 400: no", "log"),
        ("answer", Reply("ready", "x"), "usage", "warning", "no cached tokens", "--enable-cache-report"),
        ("bare", CALLED, "tool template", "fails", "ignored in silence", "tool_chat_template_deepseekr1.jinja"),
        ("call", refusing(400, "no tools"), "tool template", "fails", "no tools", "profile without tools"),
        ("call", IN_TEXT, "tool call", "fails", "arrives as text", "--tool-call-parser deepseekv3"),
        ("call", IN_THOUGHT, "tool call", "warning", "inside the reasoning", ""),
        ("call", Reply("Tides are…"), "tool call", "warning", "made no call", "--tool-call-parser"),
        ("call", WRONG_PARSER, "tool call", "fails", "parsed wrong: function", "never auto"),
        ("streamed_call", Reply(calls=(("web_search", "{}"),)), "streamed tool call", "warning", "wrong", "interval 1"),
        ("json", Reply("Bonjour !"), "structured output", "fails", "ignored: Bonjour", "--grammar-backend"),
        ("json", refusing(400, "no grammar"), "structured output", "fails", "no grammar", ""),
        ("count", DEAF, "abort", "fails", "still runs", "proxy"),
        ("count", refusing(503, "busy"), "abort", "fails", "status 503", "log"),
    ],
)
async def test_each_illness_is_seen_and_has_its_remedy(
    ill: str, reply: Reply, part: str, verdict: str, said: str, remedy: str
) -> None:
    async with examined(replace(Healthy(), **{ill: reply}), parts=("reachable", part)) as found:
        assert (found[part].verdict, said in found[part].said) == (verdict, True), found[part]
        assert remedy in found[part].remedy


async def test_a_slow_server_is_near_the_limits() -> None:
    slow = Healthy(answer=Reply("ready", "x", pause=0.05))
    async with examined(slow, parts=("reachable", "stream"), first_token_seconds=0.1) as found:
        assert found["stream"].verdict == "warning"
        assert "KAOZHENG_FIRST_TOKEN_SECONDS" in found["stream"].remedy


async def test_vllms_newer_name_of_the_reasoning_is_read() -> None:
    newer = Healthy(answer=Reply("ready", "One word.", reasoning_field="reasoning"))
    async with examined(newer, parts=("reachable", "answer", "stream")) as found:
        assert "apart from the answer" in found["answer"].said
        assert "apart from the answer" in found["stream"].said


async def test_a_profile_without_tools_is_asked_for_none() -> None:
    models = {"data": [{"id": "deepseek-r1-0528-qwen3-8b", "owned_by": "sglang", "max_model_len": 99_000}]}
    async with fake_model(Healthy(), models) as server:
        found = {finding.part: finding.verdict for finding in await findings(server.url)}
        assert all("tools" not in request for request in server.requests)
    assert {found[part] for part in ("tool template", "tool call", "streamed tool call")} == {"skipped"}


async def test_running_generations_are_read_from_metrics_where_there_are_no_loads() -> None:
    async with fake_model(Healthy(count=Reply("1 2 3")), MODELS) as server:
        found = {f.part: f for f in await findings(server.url, parts=("reachable", "abort"))}
        assert "cannot be seen" in found["abort"].said
        server.pages["/metrics"] = (200, "text/plain", 'vllm:num_requests_running{engine="0"} 3.0\n')
        found = {f.part: f for f in await findings(server.url, parts=("reachable", "abort"))}
    assert "ended before it was counted" in found["abort"].said


def test_every_probe_has_its_case_here() -> None:
    """A new probe without a case in which it fails does not pass."""
    settings = Settings(model_url="http://127.0.0.1:9/v1")
    parts = {probe.part for probe in model_probes(Patient.at(settings, model_config(settings)))}
    tested = Path(__file__).read_text(encoding="utf-8")
    assert [part for part in parts if f'"{part}"' not in tested] == []
