"""The doctor on what the model says: reasoning, stream, usage, tools, structured output; and does leaving stop it?"""

import asyncio
import json
import re
from dataclasses import dataclass
from time import monotonic

from agent.calls import read_calls
from agent.planner import TOOLS
from agent.prompt import ToolCall
from tools.operator import OperatorDown
from workers.doctor import Finding, quoted
from workers.doctor_model import ASK_SECONDS, Patient
from workers.doctor_talk import Said, streamed, whole, with_usage

MARK = "This is a check by kaozheng doctor."
ANSWER = f"{MARK} Answer with the one word: ready."
CALL = f"{MARK} Call the function web_search with the query: tides."
PLAIN = f"{MARK} Greet me with one sentence in French."
COUNT = f"{MARK} Count from 1 to 2000, one number a line."
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"number": {"type": "integer"}},
    "required": ["number"],
    "additionalProperties": False,
}
STOP_SECONDS, STOP_SECONDS_THROUGH_ROUTER = 1.0, 3.0
_REPLY_SECONDS = 120.0
_WATCH_SECONDS = 20.0  # until a generation is counted as running
_MARKUP = re.compile(r"<[｜|]tool|<tool_call>|function<")
_RUNNING = re.compile(
    r"^(?:sglang:num_running_reqs|sglang:num_queue_reqs|vllm:num_requests_running|vllm:num_requests_waiting"
    r"|llamacpp:requests_processing)(?:\{[^}\n]*\})? ([0-9.e+]+)$",
    re.MULTILINE,
)


@dataclass(slots=True)
class Replies:
    """The probes that generate. first: the streamed answer, which several of them look at."""

    patient: Patient
    first: Said | None = None

    async def answer(self) -> Finding:
        """A reply that is not streamed: is there one, and is its reasoning apart?"""
        return self._reasoning("answer", await whole(self.patient.server, self.patient.body(ANSWER), _REPLY_SECONDS))

    async def stream(self) -> Finding:
        """The same streamed, with its end and its times."""
        self.first = await streamed(self.patient.server, self.patient.body(ANSWER), _REPLY_SECONDS)
        found = self._reasoning("stream", self.first)
        if found.verdict == "fails":
            return found
        if not self.first.ended:
            remedy = "look for a proxy that cuts or rewrites streams"
            return Finding("stream", "fails", "the stream ends without a finish or without [DONE]", remedy)
        return self._times(self.first, found)

    def _times(self, said: Said, found: Finding) -> Finding:
        settings = self.patient.settings
        times = f"first token after {said.first_seconds:.2f} s, longest silence {said.gap_seconds:.2f} s"
        limits = ((said.first_seconds, settings.first_token_seconds), (said.gap_seconds, settings.silent_seconds))
        if any(taken > limit / 2 for taken, limit in limits):
            remedy = "raise KAOZHENG_FIRST_TOKEN_SECONDS or KAOZHENG_SILENT_SECONDS, or take load off the server"
            return Finding("stream", "warning", f"{times}: near the limits", remedy)
        return Finding("stream", found.verdict, f"{found.said}; {times}", found.remedy)

    def _reasoning(self, part: str, said: Said) -> Finding:
        parser = self.patient.known.profile.launch.reasoning_parser or "deepseek-r1"
        remedy = f"start the server with --reasoning-parser {parser}"
        if said.refused:
            return _refusal(part, said)
        if "<think>" in said.content or "</think>" in said.content:
            return Finding(part, "fails", "the reasoning comes inside the answer: it is not parsed", remedy)
        if not said.content.strip() and said.reasoning:
            if said.finish == "length":
                return Finding(part, "warning", "it was still thinking when its tokens ran out", "raise the limits")
            thinks = "everything is tagged as reasoning, the answer is empty"
            return Finding(part, "fails", thinks, f"{remedy}, and with the chat template of this very model")
        if not said.content.strip():
            return Finding(part, "fails", "the answer is empty", "look at the server's log")
        if not said.reasoning:
            return Finding(part, "works", "answers; this model shows no reasoning")
        return Finding(part, "works", f"reasoning apart from the answer ({len(said.reasoning)} characters)")

    async def usage(self) -> Finding:
        """Whether tokens are counted, and those from the prefix cache: the same prompt is asked a second time."""
        again = await streamed(self.patient.server, self.patient.body(ANSWER), _REPLY_SECONDS)
        if again.refused:
            return _refusal("usage", again)
        if again.usage is None or not again.usage.prompt_tokens:
            return Finding("usage", "warning", "no token counts at the end of a stream", "update the server")
        counted = f"{again.usage.prompt_tokens} prompt tokens, {again.usage.completion_tokens} written"
        if again.usage.cached_tokens:
            return Finding("usage", "works", f"{counted}, {again.usage.cached_tokens} from the prefix cache")
        if not self.patient.known.profile.quirks.cache_report:
            return Finding("usage", "works", f"{counted}; this server does not report its prefix cache")
        flag = "--enable-prompt-tokens-details" if "vllm" in self.patient.owner else "--enable-cache-report"
        return Finding("usage", "warning", f"{counted}; no cached tokens reported", f"start the server with {flag}")

    async def template(self) -> Finding:
        """Whether the model is shown its tools at all: the prompt must grow by them."""
        if self._no_tools():
            return self._no_tools_finding("tool template")
        bare = await whole(self.patient.server, self.patient.body(CALL, max_tokens=1), _REPLY_SECONDS)
        shown = await whole(self.patient.server, self.patient.body(CALL, TOOLS, max_tokens=1), _REPLY_SECONDS)
        if shown.refused:
            remedy = "start the server with its tool parser (docs/sglang.md), or set a profile without tools"
            return Finding("tool template", "fails", f"tools are refused: {quoted(shown.refusal)}", remedy)
        if bare.usage is None or shown.usage is None:
            return Finding("tool template", "skipped", "cannot be seen: the server counts no tokens")
        grown = shown.usage.prompt_tokens - bare.usage.prompt_tokens
        if grown < 50:
            file = self.patient.known.profile.launch.chat_template or "one that shows tools"
            said = "the chat template shows no tools: they are ignored in silence"
            return Finding("tool template", "fails", said, f"start the server with --chat-template …/{file}")
        return Finding("tool template", "works", f"tools take {grown} tokens of the prompt")

    async def call(self) -> Finding:
        """A tool call, not streamed."""
        if self._no_tools():
            return self._no_tools_finding("tool call")
        return self._called(
            "tool call", await whole(self.patient.server, self.patient.body(CALL, TOOLS), _REPLY_SECONDS)
        )

    async def streamed_call(self) -> Finding:
        if self._no_tools():
            return self._no_tools_finding("streamed tool call")
        said = await streamed(self.patient.server, self.patient.body(CALL, TOOLS), _REPLY_SECONDS)
        found = self._called("streamed tool call", said)
        if found.verdict == "fails" and said.calls:
            remedy = "start the server with --stream-interval 1 (kaozheng asks once more without streaming meanwhile)"
            return Finding("streamed tool call", "warning", found.said, remedy)
        return found

    def _no_tools(self) -> bool:
        return self.patient.known.profile.quirks.tools == "no"

    def _no_tools_finding(self, part: str) -> Finding:
        name = self.patient.known.profile.name
        return Finding(part, "skipped", f"profile {name} sends no tools: plans are asked for as JSON")

    def _called(self, part: str, said: Said) -> Finding:
        parser = self.patient.known.profile.launch.tool_parser or "deepseekv3"
        remedy = f"start the server with --tool-call-parser {parser} (never auto)"
        if said.refused:
            return _refusal(part, said)
        taken = read_calls(TOOLS, tuple(said.calls), "", "", 8)
        if taken.calls and not taken.refused:
            return Finding(part, "works", f"parsed: {quoted(_shown(said.calls[0]))}")
        if said.calls:
            return Finding(part, "fails", f"parsed wrong: {quoted(_shown(said.calls[0]))}", remedy)
        if _MARKUP.search(said.content):
            return Finding(part, "fails", "the call arrives as text: it is not parsed", remedy)
        if _MARKUP.search(said.reasoning):
            said_so = "the call was made inside the reasoning, where no parser looks; kaozheng rescues it"
            return Finding(part, "warning", said_so)
        written = quoted(said.content) or "nothing"
        return Finding(part, "warning", f"the model made no call but wrote: {written}", "ask again; then " + remedy)

    async def structured(self) -> Finding:
        """Whether a grammar holds the model, which is asked for something else."""
        profile = self.patient.known.profile
        if profile.quirks.grammar != "json_schema":
            held = "JSON, but no schema" if profile.quirks.grammar == "json_object" else "none"
            return Finding("structured output", "skipped", f"profile {profile.name} has {held}")
        schema = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": SCHEMA}}
        said = await whole(self.patient.server, self.patient.body(PLAIN, response_format=schema), _REPLY_SECONDS)
        remedy = "start the server with a grammar backend (SGLang: --grammar-backend xgrammar) and a reasoning parser"
        if said.refused:
            return _refusal("structured output", said, remedy)
        if _fits(said.content):
            return Finding("structured output", "works", f"held to a schema: {quoted(said.content)}")
        if said.finish == "length":
            flag = "start the server with --constrained-json-disable-any-whitespace"
            return Finding("structured output", "fails", "the grammar let it fill its tokens without an end", flag)
        return Finding("structured output", "fails", f"the schema is ignored: {quoted(said.content)}", remedy)

    async def abort(self) -> Finding:
        """Whether a generation ends when its reader leaves (decision 10: 1 s, 3 s through the router)."""
        before = await self._running()
        if before is None:
            return Finding("abort", "skipped", "cannot be seen: the server does not say how many generations run")
        body = with_usage(self.patient.body(COUNT, max_tokens=min(8_000, self.patient.known.context_tokens // 2)))
        async with self.patient.server.stream("/chat/completions", body, _REPLY_SECONDS) as (heard, lines):
            if heard.status >= 400:
                return Finding("abort", "fails", f"refused with status {heard.status}", "look at the server's log")
            seen = False
            async for line in lines:
                seen = ((await self._running()) or 0) > before
                if seen or line.seconds > _WATCH_SECONDS:
                    break
        if not seen:
            return Finding("abort", "skipped", "cannot be seen: the reply ended before it was counted as running")
        return await self._stopped(before)

    async def _stopped(self, before: int) -> Finding:
        left = monotonic()
        while (waited := monotonic() - left) < 2 * STOP_SECONDS_THROUGH_ROUTER:
            if ((await self._running()) or 0) <= before:
                verdict = "works" if waited <= STOP_SECONDS_THROUGH_ROUTER else "warning"
                return Finding("abort", verdict, f"the generation ended {waited:.2f} s after its reader had left")  # type: ignore[arg-type]
            await asyncio.sleep(0.05)
        said = f"the generation still runs {waited:.0f} s after its reader has left"
        return Finding("abort", "fails", said, "look for a proxy that goes on reading; it must close with its client")

    async def _running(self) -> int | None:
        """Generations running or waiting on the server, None where it does not say."""
        quirks = self.patient.known.profile.quirks
        for path in dict.fromkeys(path for path in (quirks.loads_path, "/v1/loads", "/get_loads", "/metrics") if path):
            try:
                heard = await self.patient.root.get(path, ASK_SECONDS)
            except OperatorDown:
                return None
            if heard.status == 200 and (count := _counted(heard.body.decode("utf-8", "replace"))) is not None:
                return count
        return None


def _counted(text: str) -> int | None:
    """From SGLang's /v1/loads, its router's /get_loads, or metrics."""
    try:
        loads = json.loads(text)
    except (ValueError, RecursionError):
        found = [float(number) for number in _RUNNING.findall(text)]
        return round(sum(found)) if found else None
    rows = (loads.get("loads") or loads.get("workers")) if isinstance(loads, dict) else None
    if not isinstance(rows, list):
        return None
    names = ("num_running_reqs", "num_waiting_reqs")
    counts = [row.get(name, 0) for row in rows if isinstance(row, dict) for name in names if names[0] in row]
    return sum(count for count in counts if isinstance(count, int)) if counts else None


def _refusal(part: str, said: Said, remedy: str = "look at the server's log") -> Finding:
    if said.status in (401, 403):
        remedy = "KAOZHENG_MODEL_KEY is not the server's key"
    how = f"refused with status {said.status}" if said.status >= 400 else "broken"
    return Finding(part, "fails", f"{how}: {quoted(said.refusal)}", remedy)


def _shown(call: ToolCall) -> str:
    return f"{call.name}({call.arguments})"


def _fits(content: str) -> bool:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and list(value) == ["number"] and type(value["number"]) is int
