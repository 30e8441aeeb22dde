"""How much of a batch's prompts a model server has in its prefix cache, with rows as they come and near each other.

    python -m tests.bench.prefixes [--topics 30] [--room 16]

The real way from the file to the model: queue, worker, library, packing, prompts. Only the model server is a stand-in:
it keeps the beginnings of prompts in blocks, as SGLang's radix cache and vLLM's do, the latest ones as far as they fit,
each from the moment on at which it was read, and reports how much of a prompt was there.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

from tests.fake_model import Body, Reply, fake_model
from workers.batch.filling import fill
from workers.batch.job_store import JobStore
from workers.batch.records import Job, new_job_id
from workers.batch.uploaded import Uploaded
from workers.cli_worker import working_beside
from workers.service_build import fill_rules, open_service
from workers.settings import Settings

BLOCK_CHARACTERS, CHARACTERS_A_TOKEN = 64, 4
TOKENS_A_SECOND = 50_000
PROMPT_CHARACTERS = 26_000
PARTS = ("Founding", "Leadership", "Products", "Finances", "People")
ASKED = (
    "When was {} founded?",
    "Who founded {}?",
    "Who is the chief executive of {}?",
    "Where does {} have its seat?",
    "What does {} make?",
    "Which product of {} sells best?",
    "What is the revenue of {}?",
    "How much profit did {} report?",
    "How many people work for {}?",
    "What do workers of {} earn?",
)
FACTS = {
    "Founding": "{0} was founded in {1}. The founder of {0} had sold boots before. The seat of {0} is in town {1}.",
    "Leadership": "The chief executive of {0} has led it since {1}. Before, the founder was the chief executive.",
    "Products": "{0} makes pumps, valves and lamps. Its product that sells best is lamp {1}, made since {1}.",
    "Finances": "{0} reported a revenue of {1} million and a profit of {2} million. The revenue of {0} grows.",
    "People": "{1} people work for {0}. Workers of {0} earn {2} thousand a year and have {2} days off.",
}


@dataclass
class PrefixCache:
    """blocks: how many it holds; the least recently used go first. prompt, cached: characters so far."""

    blocks: int
    prompt: int = 0
    cached: int = 0
    _held: OrderedDict[int, None] = field(default_factory=OrderedDict)

    def __call__(self, body: Body) -> Reply:
        chain = _chain("\x00".join(f"{each['role']}\x01{each['content']}" for each in body["messages"]))
        known = next((at for at, block in enumerate(chain) if block not in self._held), len(chain))
        self.prompt += len(chain) * BLOCK_CHARACTERS
        self.cached += known * BLOCK_CHARACTERS
        tokens = (len(chain) - known) * BLOCK_CHARACTERS // CHARACTERS_A_TOKEN
        seconds = tokens / TOKENS_A_SECOND
        asyncio.get_running_loop().call_later(seconds, self._keep, chain)
        whole = len(chain) * BLOCK_CHARACTERS // CHARACTERS_A_TOKEN
        text = "It is so[citation:1]."
        return Reply(text, cut=99, pause=seconds, prompt_tokens=whole, cached_tokens=whole - tokens)

    def _keep(self, chain: list[int]) -> None:
        for block in reversed(chain):  # the beginning is the last to go
            self._held[block] = None
            self._held.move_to_end(block)
        while len(self._held) > self.blocks:
            self._held.popitem(last=False)

    @property
    def share(self) -> float:
        return self.cached / self.prompt


def _chain(text: str) -> list[int]:
    """Each block by what it says and all that stands before it."""
    chain, before = [], 0
    for start in range(0, len(text) - BLOCK_CHARACTERS + 1, BLOCK_CHARACTERS):
        before = hash((before, text[start : start + BLOCK_CHARACTERS]))
        chain.append(before)
    return chain


def library(folder: Path, topics: int) -> Path:
    """Pages about so many companies, five of each, of which every question finds several."""
    folder.mkdir()
    random_ = random.Random(1)
    for name in names(topics):
        for part in PARTS:
            facts = FACTS[part].format(name, random_.randrange(1_900, 2_000), random_.randrange(9, 99))
            filler = "".join(f"<p>{name} {part} {at}: {random_.random()} and more of it.</p>" for at in range(100))
            text = f"<title>{name}: {part}</title><h1>{name}: {part}</h1><p>{facts}</p>{filler}"
            (folder / f"{name} {part}.html").write_text(f"<html><body>{text}</body></html>")
    return folder


def names(topics: int) -> list[str]:
    stems = ("Alba", "Bero", "Cora", "Dima", "Ebro", "Fara")
    return [f"{stem}{ending}" for stem in stems for ending in "lmnrstvxz"][:topics]


def questions(topics: int) -> bytes:
    """In no order."""
    texts = [each.format(name) for name in names(topics) for each in ASKED]
    random.Random(20261122).shuffle(texts)
    wrap = {"method": "POST", "url": "/v1/answers"}
    rows = (
        {"custom_id": f"{at}", **wrap, "body": {"question": text, "depth": "quick"}} for at, text in enumerate(texts)
    )
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


async def share(folder: Path, topics: int, cache: PrefixCache, near: bool) -> float:
    """Runs the batch; the share of its prompts that was in the cache."""
    async with fake_model(cache) as server:
        settings = Settings(
            data_dir=folder / f"data-{near}",
            library=(folder / "pages",),
            search_engines=("library",),
            model_url=server.url,
            model_judge=False,
            rows_near=near,
        )
        async with open_service(settings, lambda _line: None) as service, working_beside(settings, service):
            assert service.jobs is not None
            job = Job(new_job_id(), "bench", "/v1/answers", int(time.time()))
            await service.jobs.create(job)
            await fill(service.jobs, job, Uploaded("q.jsonl", _content(questions(topics))), fill_rules(settings))
            await service.jobs.start(job)
            await _ended(service.jobs, job, topics * len(ASKED))
    return cache.share


async def _ended(jobs: JobStore, job: Job, rows: int) -> None:
    state = None
    async with asyncio.timeout(60 + 2 * rows):
        while not (state and state.final):
            await asyncio.sleep(0.1)
            state = await jobs.state(job.user, job.id)
    assert state.completed == rows, state


async def _content(text: bytes) -> AsyncGenerator[bytes, None]:
    yield text


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--topics", type=int, default=30)
    parser.add_argument("--room", type=int, default=16, help="prompts for which the server has room")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        library(Path(scratch) / "pages", given.topics)
        shares = {}
        for near in (False, True):
            cache = PrefixCache(given.room * PROMPT_CHARACTERS // BLOCK_CHARACTERS)
            shares[near] = asyncio.run(share(Path(scratch), given.topics, cache, near))
            how, rows = "near each other" if near else "as they come", given.topics * len(ASKED)
            length = cache.prompt / rows
            print(f"{rows} rows {how}: {shares[near]:.0%} of {length:,.0f} characters each were cached", flush=True)
        print(f"prompt tokens that the server has to read: {(1 - shares[True]) / (1 - shares[False]):.2f} of before")


if __name__ == "__main__":
    main()
