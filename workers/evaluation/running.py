"""Runs the questions of a set, some at a time, and keeps every answer as soon as it is there."""

import asyncio
import hashlib
import json
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from workers.build import House, open_house
from workers.evaluation.asking import Asker
from workers.evaluation.cases import BadSet, Case, EvalSet
from workers.evaluation.collection import open_collection
from workers.evaluation.grading import ModelGrader
from workers.evaluation.kept import Kept, Withheld, kept_read, kept_search
from workers.evaluation.options import EvalOptions
from workers.evaluation.record import Journal, Record, read_records
from workers.settings import Settings

ANSWERS, RUN, CACHE = "answers.jsonl", "run.json", "cache.sqlite3"

Shown = Callable[[Record], None]
Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Finished:
    """records: of the chosen questions, old and new; withheld: results of blocked hosts that were dropped now."""

    records: list[Record]
    withheld: int
    set: EvalSet


def chosen(found: EvalSet, options: EvalOptions) -> list[Case]:
    """All, or `limit` of them drawn with the seed, in the set's order."""
    if not options.limit or options.limit >= len(found.cases):
        return list(found.cases)
    drawn = random.Random(options.seed).sample(range(len(found.cases)), options.limit)
    return [found.cases[at] for at in sorted(drawn)]


def claim_folder(options: EvalOptions, model: str) -> None:
    """Makes the run's folder, or finds it to be the same run's: otherwise two runs would be mixed in one file."""
    options.out.mkdir(parents=True, exist_ok=True)
    facts = {
        "set": options.set_name,
        "file": options.path.name,
        "sha256": hashlib.sha256(options.path.read_bytes()).hexdigest(),
        "depth": options.depth,
        "pages": options.scope,
        "model": model,
    }
    path = options.out / RUN
    if not path.is_file():
        path.write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        return
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        known = None
    if not isinstance(known, dict):
        raise BadSet(path, 1, "", "this is no description of a run; delete it or name another folder with --out")
    for name, value in facts.items():
        if known.get(name) != value:
            told = f"the folder holds another run ({known.get(name)!r}, now {value!r}): name another with --out"
            raise BadSet(path, 0, name, told)


async def run(settings: Settings, options: EvalOptions, found: EvalSet, shown: tuple[Shown, Notice]) -> Finished:
    """Raises BadSet when the folder holds another run. When it is stopped, what was answered stays."""
    cases = chosen(found, options)
    journal = Journal(options.out / ANSWERS)
    async with _open_asker(settings, options, found, shown[1]) as (asker, withheld):
        journal.mend()
        wanted = {(case.id, sample) for case in cases for sample in range(options.samples)}
        old = _old(journal, wanted)
        for record in old.values():
            shown[0](record)
        left = [(case, sample) for sample in range(options.samples) for case in cases if (case.id, sample) not in old]
        new = await _answered(asker, left, (journal, shown[0]), options.concurrency)
    return Finished([*old.values(), *new], withheld.count, found)


def _old(journal: Journal, wanted: set[tuple[str, int]]) -> dict[tuple[str, int], Record]:
    """What an earlier start answered; its failures are asked again."""
    if not journal.path.is_file():
        return {}
    records = {(one.case, one.sample): one for one in read_records(journal.path)}
    return {key: one for key, one in records.items() if key in wanted and not one.failure}


@asynccontextmanager
async def _open_asker(
    settings: Settings, options: EvalOptions, found: EvalSet, notice: Notice
) -> AsyncGenerator[tuple[Asker, Withheld], None]:
    async with open_house(settings, notice) as house:
        claim_folder(options, house.deps.model_name or "quoting-reader")
        kept = Kept(options.out / CACHE)
        deps, withheld = house.deps, Withheld(house.deps.search, options.blocked)
        deps = replace(deps, search=kept_search(withheld.search, kept), read=kept_read(deps.read, kept))
        asker = Asker(deps, options, None, _grader(house, options, kept), found.licence)
        if options.scope == "search":
            yield asker, withheld
        else:
            async with open_collection(found.pages) as collection:
                yield replace(asker, collection=collection), withheld


def _grader(house: House, options: EvalOptions, kept: Kept) -> ModelGrader | None:
    generate = house.deps.generate if options.judge else None
    return ModelGrader(generate, house.deps.templates, kept) if generate is not None else None


async def _answered(
    asker: Asker, left: Sequence[tuple[Case, int]], outlets: tuple[Journal, Shown], concurrency: int
) -> list[Record]:
    """`concurrency` at a time, in order; the first error that is none of a question's stops all of them."""
    records: list[Record] = []
    journal, shown = outlets
    waiting = iter(left)

    async def work() -> None:
        for case, sample in waiting:
            record = await asker.record(case, sample)
            await asyncio.to_thread(journal.append, record)
            records.append(record)
            shown(record)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(max(1, min(concurrency, len(left)))):
            tasks.create_task(work())
    return records


def default_out(set_name: str, path: Path) -> Path:
    stem = path.name.partition(".")[0] or "set"
    return Path("eval-runs") / f"{set_name}-{stem}"
