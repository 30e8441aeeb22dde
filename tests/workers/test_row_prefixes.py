"""Prompts of rows begin with the same pages where they can, and one of them is read before the others are sent."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Sequence

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent.delta import Delta
from agent.events import Answered
from agent.graph import ask
from agent.packing import Shown
from agent.prompt import Message, Prompt
from agent.question import Question
from tests.fakes import SUN, TIDES, FakeModel, FakeWeb, deps
from tools.page import Webpage
from workers.row_prefixes import one_reads_first, shared_order

AWAY = Redis(port=1, retry=Retry(NoBackoff(), 0))
TEXT = "word " * 100


def shown(*names: str, text: str = TEXT) -> list[Shown]:
    return [Shown(Webpage(f"https://{name}.example/", name, text), text, True) for name in names]


def order(pages: Sequence[Shown]) -> str:
    return "".join(each.page.title for each in pages)


def asked(tenant: str = "a", **changed: object) -> Question:
    return Question("Why are there tides?", tenant=tenant, **changed)  # type: ignore[arg-type]


async def test_pages_that_an_earlier_prompt_began_with_come_first_in_its_order(valkey: Redis) -> None:
    arrange = shared_order(valkey)
    assert order(await arrange(asked(), shown("A", "B", "C", "D"))) == "ABCD"
    assert order(await arrange(asked(), shown("D", "B", "A", "X"))) == "ABDX"
    assert order(await arrange(asked(), shown("X", "D", "A", "B"))) == "ABDX"
    assert order(await arrange(asked(), shown("C", "Y", "D", "B", "A"))) == "ABCDY"


async def test_the_best_page_stays_first_where_little_would_be_shared(valkey: Redis) -> None:
    arrange = shared_order(valkey)
    await arrange(asked(), shown("A", "B"))
    assert order(await arrange(asked(), shown("C", "D", "E", "F", "G", "A"))) == "CDEFGA"


async def test_another_tenant_another_text_and_a_talk_share_nothing(valkey: Redis) -> None:
    from agent.question import Turn

    arrange = shared_order(valkey)
    await arrange(asked(), shown("A", "B"))
    assert order(await arrange(asked("b"), shown("B", "A"))) == "BA"
    assert order(await arrange(asked(instructions="Be short."), shown("B", "A"))) == "BA"
    assert order(await arrange(asked(history=(Turn("?", "!"),)), shown("B", "A"))) == "BA"
    assert order(await arrange(asked(), [*shown("B"), *shown("A", text="other " * 100)])) == "BA"


async def test_every_page_is_shown_once_whatever_was_shown_before(valkey: Redis) -> None:
    arrange, random_ = shared_order(valkey), random.Random(20261122)
    for _ in range(200):
        names = random_.sample("ABCDEFGH", random_.randint(1, 8))
        assert sorted(order(await arrange(asked(), shown(*names)))) == sorted(names)
    (key,) = [key async for key in valkey.scan_iter("kz:q:{trails:*")]
    assert await valkey.llen(key) == 64  # type: ignore[misc]


async def test_without_the_store_the_best_page_comes_first_and_nobody_waits() -> None:
    assert order(await shared_order(AWAY)(asked(), shown("B", "A"))) == "BA"
    model = FakeModel([["a"], ["b"]])
    generate = one_reads_first(model.generate, AWAY)
    await asyncio.gather(*(_read(generate(_prompt())) for _ in range(2)))
    assert len(model.prompts) == 2


async def test_citations_mean_the_pages_in_the_order_in_which_they_were_shown(valkey: Redis) -> None:
    async def sun_first(_question: Question, pages: Sequence[Shown]) -> Sequence[Shown]:
        return sorted(pages, key=lambda each: each.page.url != SUN.url)

    model = FakeModel([["The sun adds to the tides at new moon[citation:1]."]], [(), ()])
    parts = deps(FakeWeb(TIDES, SUN), model, arrange=sun_first)
    events = [event async for event in ask(Question("Why are there tides?", "quick"), parts)]
    assert [page.url for page in model.written[0].pages] == [SUN.url, TIDES.url]
    assert isinstance(events[-1], Answered)
    answer = events[-1].answer
    assert [answer.sources[each.number - 1].url for each in answer.citations] == [SUN.url]
    assert answer.supports[0].verdict == "supported"


# --- one reads first ---------------------------------------------------------


def _prompt(seconds: float = 600.0, text: str = "the same pages") -> Prompt:
    pages = tuple(each.page for each in shown("A"))
    return Prompt(asked(), (Message("user", text),), pages, deadline=time.monotonic() + seconds)


async def _read(deltas: AsyncGenerator[Delta, None]) -> None:
    async for _ in deltas:
        pass


class Server:
    """Takes prompts, and says its first word when it is let."""

    def __init__(self) -> None:
        self.sent, self.reads, self.fails = 0, asyncio.Event(), False

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        self.sent += 1
        await self.reads.wait()
        if self.fails:
            raise ValueError("broken")
        yield Delta(text="word", finish="stop")

    async def until(self, sent: int) -> None:
        async with asyncio.timeout(30):
            while self.sent < sent:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_prompts_that_begin_alike_wait_until_one_of_them_was_read(valkey: Redis) -> None:
    server = Server()
    generate = one_reads_first(server.generate, valkey)
    tasks = [asyncio.create_task(_read(generate(_prompt()))) for _ in range(8)]
    await server.until(1)
    other = asyncio.create_task(_read(generate(_prompt(text="other pages"))))
    await server.until(2)
    await asyncio.sleep(0.3)
    assert server.sent == 2
    server.reads.set()
    async with asyncio.timeout(30):
        await asyncio.gather(*tasks, other)
    assert server.sent == 9


async def test_the_next_one_goes_when_the_first_has_failed(valkey: Redis) -> None:
    server = Server()
    server.fails = True
    generate = one_reads_first(server.generate, valkey)
    tasks = [asyncio.create_task(_read(generate(_prompt()))) for _ in range(3)]
    server.reads.set()
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in outcomes] == [ValueError] * 3
    assert server.sent == 3


@pytest.mark.parametrize("cancelled", [True, False])
async def test_nobody_waits_for_long_for_one_that_says_nothing(valkey: Redis, cancelled: bool) -> None:
    server = Server()
    generate = one_reads_first(server.generate, valkey)
    first = asyncio.create_task(_read(generate(_prompt())))
    await server.until(1)
    second = asyncio.create_task(_read(generate(_prompt(600.0 if cancelled else 1.0))))
    if cancelled:
        first.cancel()
    await server.until(2)  # a quarter of its second, or at once
    server.reads.set()
    async with asyncio.timeout(30):
        await asyncio.gather(first, second, return_exceptions=True)


async def test_a_prompt_without_pages_waits_for_nobody(valkey: Redis) -> None:
    server = Server()
    generate = one_reads_first(server.generate, valkey)
    plans = [Prompt(asked(), (Message("user", "plan"),)) for _ in range(2)]
    tasks = [asyncio.create_task(_read(generate(plan))) for plan in plans]
    await server.until(2)
    server.reads.set()
    await asyncio.gather(*tasks)
