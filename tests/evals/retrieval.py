"""How often the library finds the right page: XQuAD and RGB, pooled into one index.

    python -m tests.evals.retrieval DIR

DIR holds xquad/xquad.{en,zh}.json.gz and rgb/{zh_refine,zh_int,zh_fact,en_fact}.jsonl.gz as their authors publish
them. Prints, for each set: pages, questions, how often a right page is first and among the first five, and the
time of a search. Nothing is written but a temporary index.
"""

import asyncio
import gzip
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tools.extraction import Source
from tools.library import Library
from tools.page import Webpage
from tools.search import SearchQuery

RGB = ("zh_refine", "zh_int", "zh_fact", "en_fact")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the texts that answer it."""

    collection: str
    text: str
    language: Literal["zh", "en"]
    right: frozenset[str]


async def whole(content: bytes, source: Source) -> Webpage:
    return Webpage(source.url, "", content.decode("utf-8"))


def xquad(folder: Path, language: Literal["zh", "en"]) -> Iterator[tuple[str, list[Asked]]]:
    """Each paragraph with its questions."""
    with gzip.open(folder / "xquad" / f"xquad.{language}.json.gz", "rt", encoding="utf-8") as file:
        loaded = json.load(file)
    for article in loaded["data"] if isinstance(loaded, dict) else loaded:
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            right = frozenset({text})
            yield text, [Asked(f"xquad {language}", qa["question"], language, right) for qa in paragraph["qas"]]


def rgb(folder: Path, name: str) -> Iterator[tuple[str, list[Asked]]]:
    """Each snippet; the question comes with the first of its right ones."""
    with gzip.open(folder / "rgb" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            right = frozenset(flat(row["positive"]))
            language: Literal["zh", "en"] = "zh" if name.startswith("zh") else "en"
            questions = [Asked(f"rgb {name}", row["query"], language, right)]
            for text in (*right, *flat(row["negative"])):
                yield text, questions
                questions = []


def flat(nested: Any) -> Iterator[str]:
    for item in nested:
        if isinstance(item, str):
            yield item
        else:
            yield from flat(item)


async def measure(folder: Path, place: Path) -> None:
    pairs = [*xquad(folder, "en"), *xquad(folder, "zh"), *(pair for name in RGB for pair in rgb(folder, name))]
    texts = list(dict.fromkeys(text for text, _ in pairs))
    pages = place / "pages"
    pages.mkdir()
    for number, text in enumerate(texts):
        (pages / f"{number}.txt").write_text(text, encoding="utf-8")
    library = Library(place / "library.db")
    done = await library.add(pages, whole)
    print(f"{done.added:,} pages in {done.seconds:.1f} s")
    by_collection: dict[str, list[tuple[int, float]]] = {}
    for asked in (asked for _, questions in pairs for asked in questions):
        started = time.perf_counter()
        results = await library.search(SearchQuery(asked.text, asked.language, limit=5))
        seconds = time.perf_counter() - started
        found = [texts[int(result.url.rpartition("/")[2].removesuffix(".txt"))] for result in results]
        rank = next((at for at, text in enumerate(found) if text in asked.right), 99)
        by_collection.setdefault(asked.collection, []).append((rank, seconds))
    for name, ranks in by_collection.items():
        first, five = (sum(rank < most for rank, _ in ranks) / len(ranks) for most in (1, 5))
        middle = statistics.median(seconds for _, seconds in ranks) * 1000
        print(f"{name:14} {len(ranks):4} questions  first {first:.3f}  first five {five:.3f}  {middle:.1f} ms")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(measure(Path(sys.argv[1]), Path(place)))
