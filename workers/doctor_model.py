"""The doctor on the model server, before anything is generated: reachable, key, name, profile, context."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from agent.errors import ModelDown
from agent.model import ModelConfig, ModelFacts, read_models
from agent.prompt import Message, Prompt, Tool
from agent.question import Question
from agent.request import request_body
from tools.operator import Heard, OperatorDown, OperatorServer
from workers.doctor import Finding, quoted
from workers.gate import is_loopback
from workers.room import LEAST_TOKENS, least_needed
from workers.setting_types import without_password
from workers.settings import Settings

ASK_SECONDS = 10.0
_REPLY_TOKENS = 2_048
_LONG_WORDS = 12_000  # of a prompt that a server with too short a context cuts in silence
_ADDRESS = "KAOZHENG_MODEL_URL must be that of an OpenAI-compatible server, such as http://HOST:30000/v1"
_START = "start the server, or correct KAOZHENG_MODEL_URL"


@dataclass(slots=True)
class Patient:
    """The server under examination. facts: once /v1/models has been read; version: of its software."""

    settings: Settings
    config: ModelConfig
    server: OperatorServer
    root: OperatorServer
    stranger: OperatorServer
    facts: ModelFacts | None = None
    owner: str = ""
    listing: dict[str, object] = field(default_factory=dict)

    @classmethod
    def at(cls, settings: Settings, config: ModelConfig) -> "Patient":
        """stranger: the same address, asked without the key."""
        parts = urlsplit(config.endpoint)
        root = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
        seconds = settings.connect_seconds
        server = OperatorServer(config.endpoint, config.api_key, seconds)
        return cls(
            settings,
            config,
            server,
            OperatorServer(root, config.api_key, seconds),
            OperatorServer(config.endpoint, "", seconds),
        )

    async def aclose(self) -> None:
        for server in (self.server, self.root, self.stranger):
            await server.aclose()

    @property
    def known(self) -> ModelFacts:
        assert self.facts is not None
        return self.facts

    def body(self, text: str, tools: tuple[Tool, ...] = (), max_tokens: int = 0, **more: object) -> dict[str, object]:
        """A request as kaozheng would send it to this server by its profile."""
        room = max(64, min(_REPLY_TOKENS, self.known.context_tokens // 2))
        messages = (Message("system", "Be brief."), Message("user", text))
        prompt = Prompt(Question("check"), messages, tools=tools, max_tokens=max_tokens or room)
        return {**request_body(prompt, self.known.name, self.known.profile), **more}

    # --- probes ---

    async def reachable(self) -> Finding:
        """Whether OpenAI's API answers at the address, with this key."""
        place = without_password(self.config.endpoint)
        try:
            heard = await self.server.get("/models", ASK_SECONDS)
        except OperatorDown as down:
            remedy = "give it a certificate that this machine trusts" if down.reason == "tls" else _START
            return Finding("reachable", "fails", f"{place}: {down.detail}", remedy)
        try:
            if heard.status == 200:
                self.facts = read_models(heard.json(), self.config, place)
                self._note_owner(heard)
                return Finding("reachable", "works", f"{place} answers in {heard.seconds:.2f} s")
        except ModelDown:
            pass
        return await self._not_openai(heard, place)

    def _note_owner(self, heard: Heard) -> None:
        listing = heard.json()
        entries = listing.get("data") if isinstance(listing, dict) else None
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and (not self.owner or entry.get("id") == self.known.name):
                self.owner = str(entry.get("owned_by") or "")

    async def _not_openai(self, heard: Heard, place: str) -> Finding:
        """Why what answered is not what is wanted; the neighbouring addresses are tried for the remedy."""
        if heard.status in (401, 403):
            key = "set KAOZHENG_MODEL_KEY to" if not self.config.api_key else "KAOZHENG_MODEL_KEY is not"
            return Finding(
                "reachable", "fails", f"{place} refuses the key ({_words(heard)})", f"{key} the server's key"
            )
        better = await self._better_address()
        remedy = f"set KAOZHENG_MODEL_URL={better}" if better else _ADDRESS
        if heard.status in (429, 502, 503, 504):
            return Finding(
                "reachable", "fails", f"{place} is starting or overloaded ({_words(heard)})", "wait, or see its log"
            )
        if 300 <= heard.status < 400:
            said = f"{place} redirects to {quoted(heard.location)}"
        elif "html" in heard.kind or heard.body.lstrip()[:1] == b"<":
            said = f"{place}: a web page answers, not an API (status {heard.status})"
        elif heard.json() is None:
            said = f"{place} does not answer in JSON (status {heard.status}, {quoted(heard.kind) or 'no type'})"
        else:
            said = f"{place} does not list models as OpenAI's API does ({_words(heard)})"
        return Finding("reachable", "fails", said, remedy)

    async def _better_address(self) -> str:
        """An address near the one given at which the API answers, "" for none."""
        parts = urlsplit(self.config.url)
        bare = re.sub(r"/(v1/)?(chat/completions|models|completions)/?$", "", parts.path).rstrip("/")
        for path in dict.fromkeys((bare, f"{bare}/v1", "/v1", "/api/v1", "/openai/v1")):
            if not path or path == urlsplit(self.config.endpoint).path:
                continue
            url = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
            server = OperatorServer(url, self.config.api_key, self.settings.connect_seconds)
            try:
                heard = await server.get("/models", 3.0)
                if heard.status in (200, 401, 403) and isinstance(heard.json(), dict):
                    return without_password(url)
            except OperatorDown:
                return ""
            finally:
                await server.aclose()
        return ""

    async def key(self) -> Finding:
        """Whether strangers are refused: sglang-router shows them its models, and nothing more."""
        empty: dict[str, object] = {"model": self.known.name, "messages": [], "max_tokens": 1}
        try:
            heard = await self.stranger.post("/chat/completions", empty, ASK_SECONDS)
        except OperatorDown as down:
            return Finding("key", "warning", f"without a key: {down.detail}")
        if heard.status in (401, 403):
            return Finding("key", "works", "refused without the key")
        if is_loopback(urlsplit(self.config.url).hostname or ""):
            return Finding("key", "works", "none is asked for; the server listens on this machine only by its address")
        open_ = "everybody who reaches this address may use it"
        return Finding("key", "warning", open_, "start the server with --api-key and set KAOZHENG_MODEL_KEY")

    async def model(self) -> Finding:
        facts, profile = self.known, self.known.profile
        if facts.name not in facts.offered:
            offers = quoted(", ".join(facts.offered))
            remedy = "set KAOZHENG_MODEL_NAME to one of these, or leave it empty for the first"
            return Finding("model", "fails", f"{quoted(facts.name)} is not there; the server has {offers}", remedy)
        served = await self._served_by()
        said = f"{quoted(facts.name)} by {served}, profile {profile.name} ({profile.title})"
        if profile.name == "generic" and self.owner in ("sglang", "vllm"):
            remedy = "set KAOZHENG_MODEL_PROFILE, for example to r1-0528-" + self.owner
            return Finding("model", "warning", f"{said}: nothing is known of this model", remedy)
        return Finding("model", "works", said)

    async def _served_by(self) -> str:
        """The software and its version, where it says so."""
        for path, name in (("/server_info", "version"), ("/version", "version"), ("/api/version", "version")):
            try:
                heard = await self.root.get(path, 3.0)
            except OperatorDown:
                break
            fields = heard.json()
            if heard.status == 200 and isinstance(fields, dict) and isinstance(fields.get(name), str):
                return quoted(f"{self.owner or 'a server'} {fields[name]}")
        return quoted(self.owner) or "a server that does not say what it is"

    async def context(self) -> Finding:
        """Whether template, pages and answer fit what the server says, or what it can be seen to take."""
        facts, settings = self.known, self.settings
        tokens = settings.model_context_tokens or facts.context_tokens
        if not facts.said and not settings.model_context_tokens and (cut := await self._cut()):
            remedy = "give the server a longer context, and set KAOZHENG_MODEL_CONTEXT_TOKENS to it"
            return Finding("context", "fails", f"a prompt was cut to {cut:,} tokens in silence", remedy)
        wanted = least_needed(settings)
        if tokens < LEAST_TOKENS:
            said = f"{tokens:,} tokens; the prompt with a page and an answer needs {LEAST_TOKENS:,}"
            return Finding("context", "fails", said, "start the server with a longer context (--context-length)")
        if facts.said and settings.model_context_tokens > facts.context_tokens:
            said = f"{facts.context_tokens:,} tokens, but KAOZHENG_MODEL_CONTEXT_TOKENS says {tokens:,}"
            return Finding("context", "fails", said, "leave KAOZHENG_MODEL_CONTEXT_TOKENS empty")
        if tokens < wanted:
            said = f"{tokens:,} tokens; pages and answer would fill {wanted:,}, so both are shortened"
            return Finding("context", "warning", said, "lower KAOZHENG_ANSWER_TOKENS and KAOZHENG_PAGE_TOKENS yourself")
        if not facts.said and not settings.model_context_tokens:
            said = f"{tokens:,} tokens by the profile; the server does not say"
            return Finding("context", "warning", said, "set KAOZHENG_MODEL_CONTEXT_TOKENS to what it was started with")
        return Finding("context", "works", f"{tokens:,} tokens")

    async def _cut(self) -> int:
        """How many tokens arrived of a prompt longer than 4,096, where fewer did; 0 where all did or nobody counts."""
        asked = self.body("one two three " * (_LONG_WORDS // 3), max_tokens=1, stream=False)
        fields = {name: value for name, value in asked.items() if name != "stream_options"}
        heard = await self.server.post("/chat/completions", fields, 60.0)
        reply = heard.json()
        usage = reply.get("usage") if isinstance(reply, dict) else None
        counted = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        return counted if isinstance(counted, int) and 0 < counted < _LONG_WORDS // 2 else 0


def _words(heard: Heard) -> str:
    fields = heard.json()
    error = fields.get("error", fields.get("detail")) if isinstance(fields, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return f"status {heard.status}" + (f": {quoted(message)}" if message else "")
