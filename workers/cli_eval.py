"""`kaozheng eval`: a set of questions through the product, scored; and two such runs compared."""

import asyncio
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agent.question import DEPTHS
from workers.build import index_of
from workers.evaluation.cases import BadSet, EvalSet
from workers.evaluation.collection import SCOPES
from workers.evaluation.compare import compared, records_of
from workers.evaluation.figures import MEASURES, estimate
from workers.evaluation.options import DATASET_HOSTS, EvalOptions
from workers.evaluation.plots import WITHOUT, can_plot, plots
from workers.evaluation.record import Record
from workers.evaluation.report import Reported, markdown, shown
from workers.evaluation.running import ANSWERS, Finished, chosen, default_out, run
from workers.evaluation.sets import READERS, read_set
from workers.settings import Settings, load_settings
from workers.terminal import safe, say

BAD_INPUT = 2
REPORT = "report.md"
_LAST_LINE = (
    "correct",
    "holds the gold answer",
    "citation precision",
    "citation recall",
    "cited page holds the gold answer",
)


@dataclass(frozen=True, slots=True)
class EvalArguments:
    """As the command line says it; "", 0 and None leave it to the set or to the settings."""

    set_name: str = ""
    out: Path | None = None
    depth: str = ""
    pages: str = ""
    library: Path | None = None
    limit: int = 0
    seed: int = 5
    samples: int = 1
    concurrency: int = 4
    judge: bool = True
    prompt_price: float | None = None
    completion_price: float | None = None
    block: tuple[str, ...] = ()
    block_hosts: bool = True
    plots: bool = True
    config: Path | None = None


def evaluate(path: Path, arguments: EvalArguments) -> int:
    """Runs, or goes on with a run. The exit code. Raises SettingsError."""
    try:
        found = read_set(_set_name(arguments, path), path)
        options = _options(path, arguments, found)
        settings = _settings(arguments, options)
        options = as_set(options, arguments, settings)
        finished = asyncio.run(_run(settings, options, found))
        _write(options, finished)
    except BadSet as bad:
        say(f"kaozheng: {bad}")
        return BAD_INPUT
    return 0


def compare(first: Path, second: Path) -> int:
    """Prints the comparison of two runs."""
    try:
        text = compared(records_of(first), records_of(second), (first.name, second.name))
    except BadSet as bad:
        say(f"kaozheng: {bad}")
        return BAD_INPUT
    print(safe(text), end="")
    return 0


def _set_name(arguments: EvalArguments, path: Path) -> str:
    if not arguments.set_name:
        raise BadSet(path, 0, "--set", f"which format has this file? One of {', '.join(READERS)}")
    return arguments.set_name


def _options(path: Path, arguments: EvalArguments, found: EvalSet) -> EvalOptions:
    scope = arguments.pages or _usual_scope(arguments, found)
    if scope not in SCOPES:
        raise BadSet(path, 0, "--pages", f"one of {', '.join(SCOPES)} is expected, not {scope!r}")
    if scope != "search" and not found.pages:
        raise BadSet(path, 0, "--pages", f"the set {found.name} brings no pages: only --pages search can answer it")
    return EvalOptions(
        path=path,
        set_name=arguments.set_name,
        out=arguments.out or default_out(arguments.set_name, path),
        depth="quick",
        scope=scope,
        limit=arguments.limit,
        seed=arguments.seed,
        samples=arguments.samples,
        concurrency=arguments.concurrency,
        judge=arguments.judge,
        blocked=(*(DATASET_HOSTS if arguments.block_hosts else ()), *arguments.block),
        plots=arguments.plots,
    )


def _usual_scope(arguments: EvalArguments, found: EvalSet) -> str:
    """Paragraphs with several questions each make one library; what was gathered for a question is its own."""
    if arguments.library is not None or not found.pages:
        return "search"
    return "pool" if found.name == "xquad" else "own"


def _settings(arguments: EvalArguments, options: EvalOptions) -> Settings:
    """Blocked hosts are denied to the page reader as well: a search result may redirect to one."""
    settings = load_settings(arguments.config)
    changed: dict[str, Any] = {"deny_domains": (*settings.deny_domains, *options.blocked)}
    if options.scope != "search":
        changed |= {"library": (), "search_engines": ("library",), "library_index": options.out / "unused.sqlite3"}
    elif arguments.library is not None:
        if not arguments.library.is_dir():
            raise BadSet(arguments.library, 0, "--library", "there is no such folder")
        index = index_of(arguments.library, settings.data_dir)
        changed |= {"library": (arguments.library,), "search_engines": ("library",), "library_index": index}
    return load_settings(arguments.config, **changed)


def as_set(options: EvalOptions, arguments: EvalArguments, settings: Settings) -> EvalOptions:
    """What the command line leaves open is as the settings have it."""
    depth = arguments.depth or settings.depth
    if depth not in DEPTHS:
        raise BadSet(options.path, 0, "--depth", f"one of {', '.join(DEPTHS)} is expected, not {depth!r}")
    given = {"prompt": arguments.prompt_price, "completion": arguments.completion_price}
    prices = replace(settings.prices, **{name: price for name, price in given.items() if price is not None})
    return replace(options, depth=depth, prices=prices)


async def _run(settings: Settings, options: EvalOptions, found: EvalSet) -> Finished:
    total = len(chosen(found, options)) * options.samples
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(options.set_name, total=total)
        right = 0

        def show(record: Record) -> None:
            nonlocal right
            right += record.right
            progress.update(task, advance=1, description=f"{options.set_name} ({right} right)")

        return await run(
            settings, options, found, (show, lambda line: progress.console.print(safe(line), markup=False))
        )


def _write(options: EvalOptions, finished: Finished) -> None:
    """The report beside the answers, and its first figures on the screen."""
    pictures: tuple[str, ...] = ()
    if options.plots and can_plot():
        pictures = plots(finished.records, options.out)
    elif options.plots:
        say(WITHOUT)
    report = options.out / REPORT
    report.write_text(markdown(Reported(options, finished, pictures)), encoding="utf-8")
    for name, value in MEASURES.items():
        one = estimate(finished.records, value)
        if one is not None and (one.mean or name in _LAST_LINE):
            between = f"{shown(name, one.low)} to {shown(name, one.high)}"
            print(f"{name:34} {shown(name, one.mean):>8}  {between}  ({one.count:,})")
    print(f"answers: {options.out / ANSWERS}\nreport:  {report}")
    sys.stdout.flush()
