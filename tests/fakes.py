"""Working stand-ins for what is outside: a web of a few pages, a model that follows a script. No mocks."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count

from agent.delta import Delta, Generate
from agent.errors import ModelDown
from agent.nodes.deps import Deps
from agent.prompt import Prompt, ToolCall
from agent.templates import Templates
from tools.errors import PageUnreachable, SearchDown
from tools.page import Webpage
from tools.search import SearchQuery, SearchResult

TODAY = date(2025, 5, 28)
TIDES = Webpage(
    "https://a.example/tides", "Tides", "The moon pulls the sea twice a day. Spring tides come at full moon.", "A"
)
SUN = Webpage(
    "https://b.example/sun",
    "The sun",
    "The sun adds to the tides at new moon. It is 150 million km away.",
    "B",
    "2024-02-29",
)
CHAOXI = Webpage("https://c.example/chaoxi", "潮汐", "潮汐由月球引力引起。满月时出现大潮。每天涨潮两次。", "丙")


class FakeWeb:
    """Finds all of `pages` and the `dead` addresses for any query; dead ones are unreachable, slow ones never come."""

    def __init__(self, *pages: Webpage, dead: Sequence[str] = (), slow: Sequence[str] = (), down: str = "") -> None:
        self.pages, self.dead, self.slow, self.down = {page.url: page for page in pages}, dead, slow, down
        self.queries: list[SearchQuery] = []
        self.opened: list[str] = []

    async def search(self, query: SearchQuery) -> list[SearchResult]:
        self.queries.append(query)
        if self.down:
            raise SearchDown("fake", self.down, "the engine is down")
        found = [SearchResult(page.url, page.title, page.text[:40], engine="fake") for page in self.pages.values()]
        return found + [SearchResult(url, url, engine="fake") for url in (*self.dead, *self.slow)]

    async def read(self, url: str) -> Webpage:
        self.opened.append(url)
        if url in self.slow:
            await asyncio.Event().wait()
        if url not in self.pages:
            raise PageUnreachable(url, "dns", "no such host")
        return self.pages[url]


@dataclass
class FakeModel:
    """Answers planner turns with the next of `turns` (tool calls), other prompts with the next of `answers`.

    An answer is a list of pieces of text; an exception among them is raised; None hangs for ever. A prompt with a
    schema and tools gets the next of `plans`, a JSON text. When the script has ended, nothing is said.
    """

    answers: list[Sequence[str | Exception | None]] = field(default_factory=list)
    turns: list[Sequence[tuple[str, str]]] = field(default_factory=list)
    plans: list[str] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    stopped: int = 0

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        self.prompts.append(prompt)
        try:
            if prompt.schema and prompt.tools:
                yield Delta(text=self.plans.pop(0) if self.plans else "")
            elif prompt.tools:
                turn = self.turns.pop(0) if self.turns else ()
                yield Delta(calls=tuple(ToolCall(f"id{n}", name, text) for n, (name, text) in enumerate(turn)))
            else:
                yield Delta(thinking="hm")
                for piece in self.answers.pop(0) if self.answers else ():
                    if isinstance(piece, Exception):
                        raise piece
                    if piece is None:
                        await asyncio.Event().wait()
                    yield Delta(text=str(piece))
            yield Delta(finish="stop")
        finally:
            self.stopped += 1

    @property
    def written(self) -> list[Prompt]:
        return [prompt for prompt in self.prompts if not prompt.tools]

    @property
    def planned(self) -> list[Prompt]:
        """The rounds; without the plans as JSON."""
        return [prompt for prompt in self.prompts if prompt.tools and not prompt.schema]


def quoting(_why: str) -> Generate:
    """A reader that quotes the first sentence of the first page."""

    async def quote(prompt: Prompt) -> AsyncGenerator[Delta, None]:
        yield Delta(text=f"{prompt.pages[0].text.split('.')[0]}.[citation:1]", finish="stop")

    return quote


def deps(web: FakeWeb, model: FakeModel | None = None, **changed: object) -> Deps:
    numbers = count(1)
    given: dict[str, object] = {
        "search": web.search,
        "read": web.read,
        "quote": quoting,
        "templates": Templates.load(),
        "today": lambda: TODAY,
        "count_tokens": lambda text: len(text) // 3,
        "new_id": lambda: f"answer{next(numbers)}",
        "generate": model.generate if model else None,
        "model_name": "fake-r1" if model else "",
    }
    return Deps(**{**given, **changed})  # type: ignore[arg-type]


def down(reason: str = "unreachable") -> ModelDown:
    return ModelDown(reason, "the model server does not answer")


Cut = Callable[[str], list[str]]
