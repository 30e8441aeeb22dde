"""Pages that contradict each other, and pages that do not: does the answer cite what it says, and say when they do?

    python -m tests.evals.disagreement DIR [MOST] [--show]

DIR holds rgb/{zh_fact,en_fact}.jsonl.gz and xquad/xquad.{en,zh}.json.gz as their authors publish them; MOST: rows of a
set at most; --show prints the rows that went wrong. The quoting reader answers through the whole graph, from
    pair   one true snippet and the same one falsified
    all    every true and every falsified snippet of the question
    noise  the true snippets and those that do not answer it: a conflict here is a false alarm
    xquad  the five paragraphs nearest to the question, of all articles: likewise
"""

import asyncio
import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.answer import Answer
from agent.events import Answered
from agent.graph import ask
from agent.question import Question
from agent.quoting import QuotingReader
from tests.evals.retrieval import flat, xquad
from tests.fakes import FakeWeb, deps
from tools.page import Webpage
from tools.text import bm25, words

MOST_PAGES = 12


@dataclass(frozen=True, slots=True)
class Row:
    """A question and its pages. disagree: whether they do; values: what the two sides say, where that is known."""

    question: str
    texts: tuple[str, ...]
    disagree: bool
    values: tuple[str, ...] = ()


@dataclass
class Tally:
    """Counts of one set."""

    rows: int = 0
    answered: int = 0
    cites_what_it_says: int = 0
    told: int = 0
    duplicates: int = 0
    says: int = 0
    claims: int = 0
    conflicts: int = 0
    misses: list[str] = field(default_factory=list)

    def add(self, row: Row, answer: Answer) -> None:
        self.rows += 1
        self.duplicates += any(skipped.reason == "duplicate" for skipped in answer.skipped)
        if not answer.citations:
            return
        self.answered += 1
        self.claims += answer.report.claims
        self.conflicts += len(answer.conflicts)
        self.cites_what_it_says += all(support.verdict == "supported" for support in answer.supports)
        told = not row.values or any(value.lower() in answer.text.lower() for value in row.values)
        self.told += told
        self.says += bool(answer.conflicts) and (told or not row.disagree)
        if bool(answer.conflicts) != row.disagree and told:
            self.misses.append(_miss(row, answer))

    def line(self, name: str) -> str:
        cited = f"cites what it says {_share(self.cites_what_it_says, self.answered)}"
        says = f"says that pages disagree {_share(self.says, self.told)}"
        return (
            f"{name:10} rows {self.rows:4} answered {self.answered:4} of these with a value in question {self.told:4}  "
            f"{cited}  {says}  duplicates {self.duplicates}  conflicts {self.conflicts} in {self.claims} claims"
        )


def _miss(row: Row, answer: Answer) -> str:
    body = answer.text.partition("\n---\n")[0]
    return "\n  ".join(
        [row.question, *row.values, body, *(f"{c.kind}: {c.says} / {c.against}" for c in answer.conflicts)]
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f} ({part}/{whole})" if whole else "-"


def rows_of(folder: Path, language: str) -> Iterator[dict[str, Any]]:
    with gzip.open(folder / "rgb" / f"{language}_fact.jsonl.gz", "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def rgb_rows(folder: Path, language: str, kind: str) -> Iterator[Row]:
    for row in rows_of(folder, language):
        true, wrong, noise = (list(flat(row[key])) for key in ("positive", "positive_wrong", "negative"))
        values = tuple(flat([row["answer"], row["fakeanswer"]]))
        if kind == "pair":
            yield Row(row["query"], (true[0], wrong[0]), True, values)
        elif kind == "all":
            yield Row(
                row["query"], tuple(text for both in zip(true, wrong, strict=False) for text in both), True, values
            )
        else:
            yield Row(row["query"], (*true, *noise), False)


def xquad_rows(folder: Path, language: str, most: int) -> Iterator[Row]:
    pairs = list(xquad(folder, language))  # type: ignore[arg-type]
    texts = [text for text, _ in pairs]
    terms = [words(text) for text in texts]
    asked = [one for _, questions in pairs for one in questions]
    for one in asked[:: max(1, len(asked) // most)][:most]:
        scores = bm25(words(one.text), terms)
        best = sorted(range(len(texts)), key=lambda at: -scores[at])[:5]
        yield Row(one.text, tuple(texts[at] for at in best), False)


async def answered(row: Row) -> Answer:
    pages = [Webpage(f"https://p{n}.example/", "", text) for n, text in enumerate(row.texts[:MOST_PAGES])]
    given = deps(FakeWeb(*pages), quote=lambda why: QuotingReader(why).generate)
    last = [event async for event in ask(Question(row.question), given)][-1]
    assert isinstance(last, Answered)
    return last.answer


async def measure(name: str, rows: Sequence[Row]) -> Tally:
    tally = Tally()
    for row in rows:
        tally.add(row, await answered(row))
    print(tally.line(name), flush=True)
    return tally


async def main(folder: Path, most: int, show: bool) -> None:
    for language in ("zh", "en"):
        for kind in ("pair", "all", "noise"):
            tally = await measure(f"{kind} {language}", list(rgb_rows(folder, language, kind))[:most])
            print("\n".join(tally.misses if show else ()))
        tally = await measure(f"xquad {language}", list(xquad_rows(folder, language, most)))
        print("\n".join(tally.misses if show else ()))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int((sys.argv[2:] or ["200"])[0]), "--show" in sys.argv))
