"""A model server on loopback that says what a script tells it to: OpenAI's chat completions over real HTTP.

    async with fake_model(script) as server:
        ModelServer(ModelConfig(server.url))

script: a Reply for every request, or a function from the request's JSON body to a Reply. The chunks have the
shape of SGLang 0.5.23's (tests/live compares them with the real one's). The server runs in its own thread,
so that it goes on when a test blocks its loop.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
NAME = "deepseek-r1-0528"
CONTEXT = 163_840


@dataclass(frozen=True)
class Fault:
    """What goes wrong. after: how many chunks are sent before (the first is the one that holds the role).

    status:  this HTTP status instead of a stream, with `body`
    error:   an error object in the stream, as SGLang sends it with status 200
    cut:     the connection closes without a finish
    garbage: this instead of the JSON of the next chunk; then the stream goes on
    stall:   silence; the connection stays open until the client leaves
    finish:  this finish_reason instead of the right one (`abort`, `length`)
    deaf:    the generation counts as running although its client has left
    """

    status: int = 0
    body: Body = field(default_factory=dict)
    error: Body = field(default_factory=dict)
    cut: bool = False
    garbage: str = ""
    stall: bool = False
    finish: str = ""
    after: int = 1
    deaf: bool = False


@dataclass(frozen=True)
class Reply:
    """reasoning and content: a string (cut into pieces of `cut` characters) or the pieces themselves.

    calls: (name, arguments as JSON text), streamed as SGLang streams them: the name, then all arguments.
    reasoning_field: `reasoning_content` (SGLang) or `reasoning` (vLLM). pause: seconds before each chunk.
    lost_tokens: counted in the usage and never sent, as when the server's parser loses a call.
    prompt_tokens: instead of those counted from the messages.
    recorded: a body as a real server sent it, in these pieces, instead of all this; recorded_as: its content type.
    """

    content: str | tuple[str, ...] = ""
    reasoning: str | tuple[str, ...] = ""
    calls: tuple[tuple[str, str], ...] = ()
    cut: int = 4
    pause: float = 0.0
    fault: Fault | None = None
    reasoning_field: str = "reasoning_content"
    cached_tokens: int = 0
    prompt_tokens: int = 0
    lost_tokens: int = 0
    recorded: tuple[bytes, ...] = ()
    recorded_as: str = "text/event-stream"


Script = Reply | Callable[[Body], Reply]


class FakeModel:
    """url: to give to a client (ends in /v1). requests: the bodies, in the order of their coming; heads: theirs.

    aborted: ids that /abort_request was asked to end.
    running: replies being streamed now. finished: replies streamed to the end. left: how many times a client
    closed the connection before the end. pages: what other paths answer to GET, as (status, content type, body);
    None there is /v1/loads with what is running.
    """

    def __init__(self, script: Script, models: Body | None = None, api_key: str = "", port: int = 0) -> None:
        self.url = ""
        self._port = port
        self.requests: list[Body] = []
        self.heads: list[str] = []
        self.aborted: list[str] = []
        self.running = self.finished = self.left = 0
        self.pages: dict[str, tuple[int, str, str] | None] = {}
        self._script: Callable[[Body], Reply] = (lambda _: script) if isinstance(script, Reply) else script
        self._models = models or {"object": "list", "data": [{"id": NAME, "max_model_len": CONTEXT}]}
        self._api_key = api_key

    async def wait_left(self, count: int = 1, within: float = 1.0) -> None:
        """Until `count` clients have left early and nothing runs; raises TimeoutError."""
        async with asyncio.timeout(within):
            while self.left < count or self.running:  # noqa: ASYNC110 - the counts change in another thread
                await asyncio.sleep(0.005)

    async def serve(self, ready: Callable[[], None], stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", self._port)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready()
        await stop.wait()
        server.close()
        for task in (others := asyncio.all_tasks() - {asyncio.current_task()}):
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next((int(h[15:]) for h in head.split("\r\n") if h.lower().startswith("content-length:")), 0)
            body = await reader.readexactly(length)
            answering = asyncio.ensure_future(self._answer(head, body, writer))
            leaving = asyncio.ensure_future(reader.read(1))
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)
        writer.close()

    async def _answer(self, head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        if self._api_key and f"authorization: bearer {self._api_key}\r\n" not in head.lower():
            return await _json(writer, 401, {"error": "Unauthorized"})
        path = head.split(" ", 2)[1]
        if head.startswith("GET ") and path in self.pages:
            return await self._page(path, writer)
        if head.startswith("GET /v1/models "):
            return await _json(writer, 200, self._models)
        if head.startswith("POST /abort_request "):
            self.aborted.append(str(json.loads(body)["rid"]))
            return await _json(writer, 200, {})
        if not head.startswith("POST /v1/chat/completions "):
            return await _json(writer, 404, {"detail": "Not Found"})
        request: Body = json.loads(body)
        if not request["messages"]:
            return await _json(writer, 400, {"object": "error", "message": "Messages cannot be empty.", "code": 400})
        self.requests.append(request)
        self.heads.append(head)
        reply = self._script(request)
        if reply.recorded:
            return await _play(reply, writer)
        if reply.fault and reply.fault.status:
            return await _json(writer, reply.fault.status, reply.fault.body)
        if not request.get("stream"):
            await asyncio.sleep(reply.pause)
            return await _json(writer, 200, completion(reply, request))
        return await self._stream(reply, request, writer)

    async def _page(self, path: str, writer: asyncio.StreamWriter) -> None:
        loads = json.dumps({"loads": [{"num_running_reqs": self.running, "num_waiting_reqs": 0}]})
        status, kind, body = self.pages[path] or (200, "application/json", loads)
        await _head(writer, status, kind)
        await _chunk(writer, body.encode())
        await _chunk(writer, b"")

    async def _stream(self, reply: Reply, request: Body, writer: asyncio.StreamWriter) -> None:
        self.running += 1
        left = True
        try:
            await _head(writer, 200, "text/event-stream")
            for line in lines(reply, request):
                await asyncio.sleep(reply.pause)
                if line is None:
                    await asyncio.Event().wait()
                await _chunk(writer, f"data: {line}\n\n".encode())
            left = False
            if not (reply.fault and reply.fault.cut):
                await _chunk(writer, b"")
                self.finished += 1
        finally:
            self.running -= not (reply.fault and reply.fault.deaf)
            self.left += left


@contextlib.contextmanager
def running_fake_model(script: Script, models: Body | None = None, api_key: str = "") -> Iterator[FakeModel]:
    """The same for a test without a loop."""
    server = FakeModel(script, models, api_key)
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        with contextlib.closing(loop):
            loop.run_until_complete(server.serve(ready.set, stop))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        ready.wait(5)
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)


@contextlib.asynccontextmanager
async def fake_model(script: Script, models: Body | None = None, api_key: str = "") -> AsyncIterator[FakeModel]:
    with running_fake_model(script, models, api_key) as server:
        yield server


def lines(reply: Reply, request: Body) -> Iterator[str | None]:
    """What stands behind each `data: `; None is silence without an end."""
    fault = reply.fault or Fault(after=1_000_000)
    chunks = list(_chunks(reply, request))
    for number, chunk in enumerate(chunks):
        if number == fault.after:
            if fault.stall:
                yield None
            if fault.error:
                yield json.dumps({"error": fault.error})
                break
            if fault.garbage:
                yield fault.garbage
            if fault.cut:
                return
        yield json.dumps(chunk, ensure_ascii=False)
    yield "[DONE]"


def _chunks(reply: Reply, request: Body) -> Iterator[Body]:
    field_name = reply.reasoning_field
    yield _choice({"role": "assistant", "content": "", field_name: None})
    for piece in _pieces(reply.reasoning, reply.cut):
        yield _choice({field_name: piece})
    for piece in _pieces(reply.content, reply.cut):
        yield _choice({"content": piece, field_name: None})
    for index, (name, arguments) in enumerate(reply.calls):
        function = {"name": name, "arguments": ""}
        call: Body = {
            "id": f"call_{index}_{id(reply)}",
            "index": index,
            "type": "function",
            "function": function,
        }
        yield _choice({"tool_calls": [call], field_name: None})
        rest = {
            "id": None,
            "index": index,
            "type": "function",
            "function": {"name": None, "arguments": arguments},
        }
        yield _choice({"tool_calls": [rest], field_name: None})
    finish = (reply.fault and reply.fault.finish) or ("tool_calls" if reply.calls else "stop")
    yield _choice({field_name: None}, finish)
    if (request.get("stream_options") or {}).get("include_usage"):
        yield {**_frame(), "choices": [], "usage": _usage(reply, request)}


def completion(reply: Reply, request: Body) -> Body:
    """The same reply without streaming, as SGLang shapes it."""
    message: Body = {"role": "assistant", "content": "".join(_pieces(reply.content, 4))}
    message[reply.reasoning_field] = "".join(_pieces(reply.reasoning, 4))
    message["tool_calls"] = [
        {"id": f"whole_{index}", "index": index, "type": "function", "function": {"name": name, "arguments": arguments}}
        for index, (name, arguments) in enumerate(reply.calls)
    ] or None
    finish = "tool_calls" if reply.calls else "stop"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish, "matched_stop": None}
    return {**_frame(), "object": "chat.completion", "choices": [choice], "usage": _usage(reply, request)}


def _usage(reply: Reply, request: Body) -> Body:
    """Counts that grow with the text; not those of a tokenizer."""
    prompt = reply.prompt_tokens or len(json.dumps(request["messages"])) // 4
    reasoning, content = ("".join(_pieces(text, 4)) for text in (reply.reasoning, reply.content))
    written = (len(reasoning) + len(content)) // 4 + 1 + reply.lost_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "reasoning_tokens": len(reasoning) // 4,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
    }


def _pieces(text: str | tuple[str, ...], cut: int) -> list[str]:
    if isinstance(text, tuple):
        return list(text)
    return [text[start : start + cut] for start in range(0, len(text), cut)]


def _frame() -> Body:
    return {"id": "fake", "object": "chat.completion.chunk", "created": int(time.time()), "model": NAME}


def _choice(delta: Body, finish: str | None = None) -> Body:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish, "matched_stop": None}
    return {**_frame(), "choices": [choice]}


async def _play(reply: Reply, writer: asyncio.StreamWriter) -> None:
    await _head(writer, (reply.fault and reply.fault.status) or 200, reply.recorded_as)
    for piece in filter(None, reply.recorded):
        await _chunk(writer, piece)
        await asyncio.sleep(0)
    if not (reply.fault and reply.fault.cut):
        await _chunk(writer, b"")


async def _head(writer: asyncio.StreamWriter, status: int, kind: str) -> None:
    fields = (
        f"HTTP/1.1 {status} -",
        f"content-type: {kind}",
        "transfer-encoding: chunked",
        "connection: close",
    )
    writer.write("\r\n".join((*fields, "", "")).encode())
    await writer.drain()


async def _chunk(writer: asyncio.StreamWriter, body: bytes) -> None:
    writer.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
    await writer.drain()


async def _json(writer: asyncio.StreamWriter, status: int, body: Body) -> None:
    await _head(writer, status, "application/json")
    await _chunk(writer, json.dumps(body).encode())
    await _chunk(writer, b"")
