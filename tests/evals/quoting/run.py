"""Whether the quoting reader finds the answer, beside BM25's first sentence: python -m tests.evals.quoting.run DIR [N]

DIR holds xquad/xquad.{en,zh}.json.gz and rgb/*.jsonl.gz as their authors publish them; N: questions of each set, from
the front (all). XQuAD's questions search all paragraphs of their language, RGB's their own snippets; the reader sees
the six best pages, as the depth `quick` does. Columns, in per cent:

  answer    answers that hold the gold answer            cited   citations of a page that holds it
  quoted    citations whose quote holds it               refused questions that got no quote
  bm25      the sentence that BM25 ranks first over all sentences: does it hold the gold answer, does its page
  first     the first sentence of the page that BM25 ranks first, likewise

The last line is for programs: `quoting answer 0.93 cited 0.92 bm25 0.71 bm25cited 0.80 gain 0.22 0.12`, means over the
four collections (xquad en, xquad zh, rgb en, rgb zh) and the least gain over BM25 in any of them.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from agent.question import Question
from agent.quoting import reply
from tools.page import Webpage
from tools.search import SearchQuery
from tools.text import bm25, content_words, sentences, words
from workers.evaluation.cases import Case, EvalSet
from workers.evaluation.collection import Collection, Scope, open_collection
from workers.evaluation.scoring import contains, touches
from workers.evaluation.sets import read_set

PAGES_READ = 6
SETS: tuple[tuple[str, str, str, Scope], ...] = (
    ("xquad en", "xquad", "xquad/xquad.en.json.gz", "pool"),
    ("xquad zh", "xquad", "xquad/xquad.zh.json.gz", "pool"),
    ("rgb en", "rgb", "rgb/en_fact.jsonl.gz", "own"),
    ("rgb zh refine", "rgb", "rgb/zh_refine.jsonl.gz", "own"),
    ("rgb zh int", "rgb", "rgb/zh_int.jsonl.gz", "own"),
    ("rgb zh fact", "rgb", "rgb/zh_fact.jsonl.gz", "own"),
)
COLUMNS = ("answer", "cited", "quoted", "bm25", "bm25 cited", "first", "first cited", "refused", "quotes", "ms")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question: the reader's quotes, and the two readings of the baseline. cited and quoted: shares of citations,
    weighed by their number."""

    case: Case
    answer: bool
    citations: int
    cited: int
    quoted: int
    bm25: tuple[bool, bool]
    first: tuple[bool, bool]
    ms: float
    said: str = ""


@dataclass(frozen=True, slots=True)
class Sentences:
    """All sentences of a collection, as BM25 sees them."""

    texts: Sequence[str]
    pages: Sequence[str]
    terms: Sequence[list[str]]

    @staticmethod
    def of(pages: Sequence[str]) -> "Sentences":
        pairs = [(text, page) for page in pages for text in split(page)]
        return Sentences([text for text, _ in pairs], [page for _, page in pairs], [words(text) for text, _ in pairs])

    def best(self, question: str) -> tuple[str, str]:
        """The sentence that BM25 ranks first, and its page."""
        scores = bm25(content_words(question), self.terms)
        at = max(range(len(scores)), key=scores.__getitem__)
        return self.texts[at], self.pages[at]


def split(page: str) -> list[str]:
    return [page[span.start : span.end] for span in sentences(page)]


def best_page(question: str, pages: Sequence[str], terms: Sequence[list[str]]) -> str:
    scores = bm25(content_words(question), terms)
    return pages[max(range(len(scores)), key=scores.__getitem__)]


async def measured(found: EvalSet, scope: Scope, most: int) -> list[Outcome]:
    texts = [page.text for page in found.pages]
    everything = Sentences.of(texts) if scope == "pool" else None
    terms = [words(text) for text in texts]
    outcomes = []
    async with open_collection(found.pages) as collection:
        for case in found.cases[:most]:
            own = [texts[number] for number in case.pages]
            searched = everything or Sentences.of(own)
            page = (
                best_page(case.question, texts, terms)
                if everything
                else best_page(case.question, own, [terms[number] for number in case.pages])
            )
            baseline = searched.best(case.question), (split(page)[0], page)
            outcomes.append(await _outcome(case, await _pages(collection, case, scope), baseline))
    return outcomes


async def _pages(collection: Collection, case: Case, scope: Scope) -> list[Webpage]:
    query = SearchQuery(case.question, Question(case.question).language, PAGES_READ)
    return [await collection.read(result.url) for result in await collection.searching(case, scope)(query)]


async def _outcome(case: Case, pages: list[Webpage], baseline: tuple[tuple[str, str], tuple[str, str]]) -> Outcome:
    started = time.process_time()
    quotes = reply(Question(case.question), pages).quotes
    ms = 1_000 * (time.process_time() - started)
    units = [unit for quote in quotes for unit in quote.units]
    said = "\n".join(unit.text for unit in units)
    (sentence, sentence_page), (opening, page) = baseline
    return Outcome(
        case,
        contains(said, case.gold),
        len(units),
        sum(touches(pages[unit.page].text, case.gold) for unit in units),
        sum(touches(unit.text, case.gold) for unit in units),
        (contains(sentence, case.gold), touches(sentence_page, case.gold)),
        (contains(opening, case.gold), touches(page, case.gold)),
        ms,
        said,
    )


def figures(outcomes: Sequence[Outcome]) -> dict[str, float]:
    citations = max(1, sum(one.citations for one in outcomes))
    return {
        "answer": mean(one.answer for one in outcomes),
        "cited": sum(one.cited for one in outcomes) / citations,
        "quoted": sum(one.quoted for one in outcomes) / citations,
        "bm25": mean(one.bm25[0] for one in outcomes),
        "bm25 cited": mean(one.bm25[1] for one in outcomes),
        "first": mean(one.first[0] for one in outcomes),
        "first cited": mean(one.first[1] for one in outcomes),
        "refused": mean(one.citations == 0 for one in outcomes),
        "quotes": citations / len(outcomes),
        "ms": mean(one.ms for one in outcomes),
    }


def table(rows: dict[str, dict[str, float]]) -> Iterator[str]:
    yield f"{'':14}" + "".join(f"{name:>12}" for name in COLUMNS)
    for name, found in rows.items():
        shown = (
            f"{found[column]:12.2f}" if column in ("quotes", "ms") else f"{found[column]:12.1%}" for column in COLUMNS
        )
        yield f"{name:14}" + "".join(shown)


def last_line(rows: dict[str, dict[str, float]]) -> str:
    of = {name: mean(found[name] for found in rows.values()) for name in ("answer", "cited", "bm25", "bm25 cited")}
    gains = [
        min(found[ours] - found[theirs] for found in rows.values())
        for ours, theirs in (("answer", "bm25"), ("cited", "bm25 cited"))
    ]
    shown = " ".join(f"{name.replace(' ', '')} {value:.3f}" for name, value in of.items())
    return f"quoting {shown} least gains {gains[0]:+.3f} {gains[1]:+.3f}"


async def main(folder: Path, most: int) -> dict[str, list[Outcome]]:
    by_name: dict[str, list[Outcome]] = {}
    for name, reader, file, scope in SETS:
        by_name[name] = await measured(read_set(reader, folder / file), scope, most)
        print(*list(table({name: figures(by_name[name])}))[1:], file=sys.stderr, flush=True)
    zh = [one for name, found in by_name.items() if name.startswith("rgb zh") for one in found]
    rows = {name: figures(found) for name, found in (by_name | {"rgb zh": zh}).items()}
    print("\n".join(table(rows)))
    print(last_line({name: rows[name] for name in ("xquad en", "xquad zh", "rgb en", "rgb zh")}))
    return by_name


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else sys.maxsize))
