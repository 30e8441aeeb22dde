"""The real service on a loopback port, with a run that the test hands in instead of R1."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import uvicorn

from agent.answer import Answer, Citation, Source
from agent.events import Answered, Event, Packed, Planned, Searched, Text, Thinking
from agent.question import Question, Turn
from tools.errors import PageUnreadable
from tools.page import Webpage
from workers.http_door import BoundedHead
from workers.records import Evidence, StoredAnswer
from workers.rest import rest_app
from workers.service import Service
from workers.store import Forgotten
from workers.store_errors import StoreDown
from workers.store_keys import Owner

ASK = "/v1/answers"
TAI = Webpage("https://tai.example/height", "Mount Tai", "Mount Tai is 1,545 m high.")
QUESTION = {"question": "How high is Mount Tai?", "depth": "quick"}


def answer_to(question: Question) -> Answer:
    return Answer(
        id="answer-1",
        question=question.text,
        language=question.language,
        depth=question.depth,
        status="answered",
        text="1,545 m[citation:1].",
        thinking="Page 1 says it.",
        sources=(Source(1, "https://tai.example/height", "Mount Tai", cited=True),),
        citations=(Citation(1, 7, 19),),
        model="scripted",
    )


async def quick(question: Question) -> AsyncGenerator[Event, None]:
    """A run as it should be."""
    yield Planned(1, (question.text,))
    yield Searched(question.text, "library", 8)
    yield Packed(("https://tai.example/height",), ("Mount Tai",), 200)
    yield Thinking("Page 1 says it.")
    yield Text("1,545 m")
    yield Answered(answer_to(question), (TAI,))


class Endless:
    """A run that goes on until it is closed. `closed` is when that happened, on the loop's clock."""

    def __init__(self, text: str = "x", pause: float = 0.01) -> None:
        self.text, self.pause = text, pause
        self.started, self.ended = asyncio.Event(), asyncio.Event()
        self.closed = 0.0

    async def __call__(self, question: Question) -> AsyncGenerator[Event, None]:
        self.started.set()
        try:
            while True:
                yield Text(self.text)
                await asyncio.sleep(self.pause)
        finally:
            self.closed = asyncio.get_running_loop().time()
            self.ended.set()


@dataclass
class Shelf:
    """A store in a dictionary. down: it raises what a store without a server raises."""

    answers: dict[tuple[str, str], StoredAnswer] = field(default_factory=dict)
    pages: list[Webpage] = field(default_factory=list)
    down: bool = False

    def _look(self) -> None:
        if self.down:
            raise StoreDown("the store at valkey.secret:6379 does not answer")

    async def put_answer(self, answer: Answer, pages: Sequence[Webpage], owner: Owner) -> None:
        self._look()
        self.pages.extend(pages)
        self.answers[owner.user, answer.id] = StoredAnswer(answer, "2026-11-22T00:00:00+00:00", owner.thread)

    async def get_answer(self, answer_id: str, user: str) -> StoredAnswer | None:
        self._look()
        return self.answers.get((user, answer_id))

    async def list_answers(self, user: str, after: str, limit: int) -> tuple[StoredAnswer, ...] | None:
        self._look()
        own = [each for (owner, _), each in reversed(self.answers.items()) if owner == user]
        ids = [each.answer.id for each in own]
        if after and after not in ids:
            return None
        return tuple(own[ids.index(after) + 1 if after else 0 :][:limit])

    async def source(self, answer_id: str, user: str, number: int) -> Evidence | None:
        self._look()
        if (user, answer_id) not in self.answers or not 1 <= number <= len(self.pages):
            return None
        page = self.pages[number - 1]
        return Evidence(number, page.url, page.title, "2026-11-22T00:00:00+00:00", page.sha256, page.text)

    async def forget_answer(self, user: str, answer_id: str) -> Forgotten:
        self._look()
        return Forgotten(answers=int(self.answers.pop((user, answer_id), None) is not None))

    async def thread(self, user: str, thread_id: str) -> tuple[Turn, ...]:
        self._look()
        kept = [each for (owner, _), each in self.answers.items() if (owner, each.thread) == (user, thread_id)]
        return tuple(Turn(each.answer.question, each.answer.text) for each in kept)


async def read_text(name: str, content: bytes) -> Webpage:
    """Text files only."""
    try:
        return Webpage(f"file:{name}", name, content.decode())
    except ValueError:
        raise PageUnreadable(name, "bad_pdf", "the file holds no text") from None


def service_of(**changes: Any) -> Service:
    return replace(Service(quick, read_text, Shelf()), **changes)


@asynccontextmanager
async def serving(service: Service, http: type[BoundedHead] = BoundedHead) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service, which listens on a port of its own."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Service]:
        yield service

    app = rest_app(opened)
    config = uvicorn.Config(app, "127.0.0.1", 0, http=http, log_config=None, timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has a flag, not an event
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        await running


@dataclass(frozen=True)
class Seen:
    """An event as a client sees it."""

    name: str
    id: str
    fields: dict[str, Any]


def events_of(body: str) -> list[Seen]:
    """Read a whole stream by the letter of the HTML standard; heartbeats are left out."""
    seen = []
    for block in body.split("\n\n"):
        lines = [line.partition(": ") for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            fields = {name: value for name, _, value in lines}
            seen.append(Seen(fields["event"], fields["id"], json.loads(fields["data"])))
    return seen
