"""The model server: any that speaks OpenAI's chat completions, made for SGLang with DeepSeek-R1-0528.

This is the only file that names `openai`; importing it takes about a second, so it is imported when a
ModelServer is made. There are no retries here: agent/retries.py is the one layer that has them.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Literal
from urllib.parse import urlsplit
from uuid import uuid4

from agent.chunks import BROKEN, Reply, as_chunk
from agent.delta import Delta
from agent.errors import ModelDown
from agent.profile import GENERIC, Profile, chosen
from agent.prompt import Prompt
from agent.refusals import OPENAI_REMEDY, SERVER, error_in_stream, refused
from agent.request import request_body

_ABORT_PAUSES_SECONDS, _ABORT_SECONDS = (0.0, 1.0), 2.0


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Where the model server is and how long it may take. Times in seconds.

    url:             with or without the final /v1
    name:            "" takes the first model of /v1/models
    context_tokens:  what to assume where the server does not say; 0: what the profile says
    first_token_seconds: from the request to the first token; includes the server's queue and the prompt
    silent_seconds:  between two tokens
    whole_seconds:   for a reply that is not streamed, from the request to its end
    thinking:        instead of the profile's (agent/profile.py); "": as the profile says
    profile:         the operator's choice; None: the best of `profiles` for what /v1/models says
    """

    url: str
    api_key: str = ""
    name: str = ""
    context_tokens: int = 0
    connect_seconds: float = 5.0
    discover_seconds: float = 10.0
    first_token_seconds: float = 60.0
    silent_seconds: float = 30.0
    whole_seconds: float = 120.0
    thinking: Literal["", "parsed", "opened"] = ""
    profile: Profile | None = None
    profiles: tuple[Profile, ...] = ()

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname:
            raise ValueError("the model server's address must look like http://HOST:30000/v1 (KAOZHENG_MODEL_URL)")

    @property
    def endpoint(self) -> str:
        """The address up to and including the version; a bare host gets /v1, as SGLang and vLLM serve it."""
        bare = self.url.rstrip("/")
        return bare if urlsplit(bare).path else f"{bare}/v1"

    @property
    def place(self) -> str:
        """Scheme, host and port, for messages to the operator: without user name and password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What /v1/models says. offered: all its names; context_tokens: for prompt and reply together; said: whether the
    server itself says it; profile: how this model behind this server is asked."""

    name: str
    context_tokens: int
    offered: tuple[str, ...] = ()
    profile: Profile = GENERIC
    said: bool = True


class ModelServer:
    """Streams replies. `generate` is a Generate (agent/delta.py); closing the generator stops the model."""

    def __init__(self, config: ModelConfig) -> None:
        """Imports openai. Environment proxies and OPENAI_* addresses are ignored: settings alone decide."""
        import openai

        self._openai = openai
        self._config = config
        self._facts: ModelFacts | None = None
        self._stopping: set[asyncio.Task[None]] = set()
        self._broken = (openai.APIConnectionError, _transport_error(openai))
        longest = (
            max(config.first_token_seconds, config.silent_seconds, config.discover_seconds, config.whole_seconds) + 1
        )
        timeout = openai.Timeout(longest, connect=config.connect_seconds)  # our own clocks ring first
        self._client = openai.AsyncOpenAI(
            base_url=config.endpoint,
            api_key=config.api_key or "none",
            max_retries=0,
            timeout=timeout,
            # A kept connection that the server has just closed would fail a question: each has its own.
            default_headers={"Connection": "close"},
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False, timeout=timeout),
        )

    async def aclose(self) -> None:
        """Close all connections; a reply that is being streamed ends."""
        for task in self._stopping:
            task.cancel()
        await asyncio.gather(*self._stopping, return_exceptions=True)
        await self._client.close()

    async def discover(self) -> ModelFacts:
        """Ask /v1/models for name and context length. Raises ModelDown with the remedy in its message."""
        return await self._discovered(f"{self._config.place} (KAOZHENG_MODEL_URL)")

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Stream the reply to a prompt. Raises ModelDown, also half-way; what was streamed before stands.

        A reply that is reasoning only (finish `stop`, no content, no tools) ends with its reasoning as text:
        see Reply. A prompt that is not to be streamed yields its reply in a few deltas at the end.
        Close the generator (aclosing): that closes the connection and stops the model within 1 s (2 s unstreamed).
        """
        facts = self._facts or await self._discovered(SERVER)
        if prompt.tools and facts.profile.quirks.tools == "no":
            raise ModelDown("no_tools", f"profile {facts.profile.name} sends no tools; ask without any")
        async with aclosing(self._replied(prompt, facts.name)) as deltas:
            async for delta in deltas:
                yield delta

    async def _discovered(self, place: str) -> ModelFacts:
        with self._translated(place, garbled="not_openai"):
            async with asyncio.timeout(self._config.discover_seconds):
                listing = await self._client.get("/models", cast_to=object)
            if isinstance(listing, str):  # sglang-router 0.3.2 sends JSON as text/plain
                listing = json.loads(listing)
        self._facts = read_models(listing, self._config, place)
        return self._facts

    async def _replied(self, prompt: Prompt, name: str) -> AsyncGenerator[Delta, None]:
        """Once the finish has come the reply is whole, whatever happens to the connection afterwards."""
        if prompt.tools and self._profile.quirks.tools == "unstreamed":
            prompt = replace(prompt, stream=False)
        reply = self._reply(prompt)
        body = request_body(prompt, name, self._profile)
        if self._profile.quirks.abort_path:
            body["rid"] = uuid4().hex
        try:
            with self._translated(SERVER):
                async with aclosing(self._sent(body, prompt)) as chunks:
                    async for delta in self._timed(chunks, reply, prompt.stream):
                        yield delta
        except (GeneratorExit, asyncio.CancelledError):
            if "rid" in body:
                self._stop(str(body["rid"]))
            raise
        except ModelDown as down:
            if down.reason == "not_found":  # the server has another model now: look again next time
                self._facts = None
            if not reply.finish:
                raise
        for delta in reply.end():
            yield delta

    def _stop(self, rid: str) -> None:
        """End a generation whose reader has left, by its id: SGLang 0.5.23 looks for those who left a reply that is
        not streamed every 2 s only, and runs on for some who leave before the first token."""
        task = asyncio.create_task(self._stopped(rid))
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    async def _stopped(self, rid: str) -> None:
        """Twice: the request may not have come as far as its id when its reader left."""
        path = f"{self._config.endpoint.rpartition('/')[0]}{self._profile.quirks.abort_path}"
        with suppress(self._openai.OpenAIError, TimeoutError, *self._broken):
            for pause in _ABORT_PAUSES_SECONDS:
                await asyncio.sleep(pause)
                async with asyncio.timeout(_ABORT_SECONDS):
                    await self._client.post(path, body={"rid": rid}, cast_to=object)

    def _reply(self, prompt: Prompt) -> Reply:
        thinking = self._config.thinking or self._profile.quirks.thinking
        continued = prompt.due is not None and self._profile.quirks.continue_final_message
        return Reply(answer_expected=not prompt.tools, opened=thinking == "opened" and not continued)

    @property
    def _profile(self) -> Profile:
        return self._facts.profile if self._facts else GENERIC

    async def _timed(
        self, chunks: AsyncGenerator[object, None], reply: Reply, stream: bool
    ) -> AsyncGenerator[Delta, None]:
        """The deltas, each awaited within its limit; the clock stands while the caller works."""
        wait = self._config.first_token_seconds if stream else self._config.whole_seconds
        while True:
            async with asyncio.timeout(wait):
                delta = await _next_delta(chunks, reply)
            if delta is None:
                return
            if delta.thinking or delta.text:
                yield delta
            wait = self._config.silent_seconds

    def _sent(self, body: dict[str, object], prompt: Prompt) -> AsyncGenerator[object, None]:
        headers = {"traceparent": prompt.traceparent} if prompt.traceparent else {}
        return self._chunks(body, headers) if prompt.stream else self._whole(body, headers)

    async def _chunks(self, body: dict[str, object], headers: dict[str, str]) -> AsyncGenerator[object, None]:
        """The decoded JSON of each `data:` line, until [DONE] or the end of the connection."""
        stream = await self._client.post(
            "/chat/completions",
            body=body,
            options={"headers": headers},
            cast_to=object,
            stream=True,
            stream_cls=self._openai.AsyncStream[object],
        )
        async with stream:
            try:
                async for chunk in stream:
                    yield chunk
            except self._broken as error:
                raise ModelDown("broken_stream", BROKEN) from error

    async def _whole(self, body: dict[str, object], headers: dict[str, str]) -> AsyncGenerator[object, None]:
        """The reply that was not streamed, as one chunk."""
        whole = self._client.post("/chat/completions", body=body, options={"headers": headers}, cast_to=object)
        yield as_chunk(await whole)

    @contextmanager
    def _translated(self, place: str, garbled: str = "broken_stream") -> Iterator[None]:
        """Every failure of the client becomes a ModelDown, whose message never repeats what the server wrote.

        garbled: the reason when the server sends something that is not JSON.
        """
        try:
            yield
        except TimeoutError as error:
            raise ModelDown("stalled", f"{place} sent nothing in time; ask again or look at its load") from error
        except self._openai.APIStatusError as error:
            raise refused(error.status_code, str(error.body or ""), place, error.response.headers) from error
        except self._openai.APITimeoutError as error:
            raise ModelDown("timeout", f"{place} did not answer in time; is it running?") from error
        except self._openai.APIConnectionError as error:
            raise ModelDown("unreachable", f"{place} does not answer; start it or correct the address") from error
        except self._openai.APIError as error:
            raise error_in_stream(error.body, place) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ModelDown(garbled, f"{place} sent something that is not JSON; {OPENAI_REMEDY}") from error


def _transport_error(openai: ModuleType) -> type[Exception]:
    """The root of the errors of openai's HTTP library. Before openai 3.0 a broken stream raises them bare."""
    library = openai.DefaultAsyncHttpxClient.__mro__[1].__module__.partition(".")[0]
    root: type[Exception] = sys.modules[library].HTTPError
    return root


async def _next_delta(chunks: AsyncIterator[object], reply: Reply) -> Delta | None:
    async for chunk in chunks:
        if (delta := reply.add(chunk)) is not None:
            return delta
    return None


def read_models(listing: object, config: ModelConfig, place: str) -> ModelFacts:
    """The facts in an answer of /v1/models: max_model_len (SGLang, vLLM), context_length, or neither."""
    entries = listing.get("data") if isinstance(listing, dict) else None
    models = (
        [m for m in entries if isinstance(m, dict) and isinstance(m.get("id"), str)]
        if isinstance(entries, list)
        else []
    )
    if not models:
        raise ModelDown("not_openai", f"{place} lists no models; {OPENAI_REMEDY}")
    offered = tuple(str(model["id"]) for model in models)
    name = config.name or offered[0]
    model = models[offered.index(name)] if name in offered else {}
    names = (name, str(model.get("root") or ""))  # vLLM's root is the path of the weights
    host = urlsplit(config.url).hostname or ""
    profile = config.profile or chosen(config.profiles, names, str(model.get("owned_by") or ""), host)
    said = model.get("max_model_len") or model.get("context_length")
    if isinstance(said, int) and said > 0:
        return ModelFacts(name, said, offered, profile)
    return ModelFacts(name, config.context_tokens or profile.context_tokens, offered, profile, said=False)
