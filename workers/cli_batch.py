"""`kaozheng batch run`: a file of questions on this machine, its progress, its files of answers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.question import DEPTHS
from workers.batch.answer_rows import AnswerRow, answer_rows
from workers.batch.batch_progress import BatchProgress
from workers.batch.estimating import Amounts, Estimate, Rates
from workers.batch.journal import Journal, OutputRefused
from workers.batch.lines import FileRefused
from workers.batch.local_run import JobGone, Limits, LocalRun, Reading
from workers.batch.questions import Asking, QuestionFile
from workers.batch.records import JobState
from workers.batch.reports import Report
from workers.batch.sheets import Sheet
from workers.batch.wishes import night_of, time_of
from workers.build import index_of
from workers.cli import BAD_INPUT
from workers.cli_worker import working_beside
from workers.problems import Problem
from workers.service_build import fill_rules, open_service
from workers.settings import Settings, load_settings
from workers.store_keys import LOCAL_USER
from workers.terminal import say

NOT_WHOLE = 4
STOPPED = 130
_OUTPUTS = (".jsonl", ".csv", ".parquet")
_REPORTS = (".md", ".html", ".htm")
_MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What the command line says. report: None for none; at: a time, "" for now; window: hours, "" for any."""

    questions: Path
    out: Path
    depth: str = ""
    strict: bool = False
    library: Path | None = None
    report: Path | None = None
    at: str = ""
    window: str = ""
    ceiling_cost: float = 0.0
    ceiling_tokens: int = 0
    retry_failed: bool = False
    rows: int | None = None
    dry_run: bool = False
    quiet: bool = False
    config: Path | None = None

    def check(self) -> None:
        """Raises Problem, naming the option."""
        if self.out.suffix.lower() not in _OUTPUTS:
            raise Problem("bad_question", f"the file of answers ends with {', '.join(_OUTPUTS)}", "--out")
        if self.depth and self.depth not in DEPTHS:
            raise Problem("bad_question", f"the depth is one of {', '.join(DEPTHS)}", "--depth")
        if self.report and self.report.suffix.lower() not in _REPORTS:
            raise Problem("bad_question", f"a report ends with {', '.join(_REPORTS)}", "--report")
        if self.library and not self.library.is_dir():
            raise Problem("bad_question", f"there is no folder {self.library}", "--library")

    @property
    def lines(self) -> Path:
        """The file of whole answers; a table is made of it."""
        return self.out if self.out.suffix.lower() == ".jsonl" else self.out.with_name(f"{self.out.name}.jsonl")


def run(options: BatchOptions) -> int:
    """The exit code. Raises SettingsError, StoreError."""
    try:
        options.check()
        settings = settings_of(options)
        return asyncio.run(_run(options, settings, prepared(options, settings)))
    except Problem as problem:
        say(f"kaozheng: {problem.field}: {problem.detail}")
    except FileRefused as refused:
        _say_refused(options.questions, refused)
    except (OutputRefused, JobGone) as error:
        say(f"kaozheng: {error}")
        return 1
    except KeyboardInterrupt:
        say("kaozheng: stopped; what is answered is kept, and the same command goes on")
        return STOPPED
    return BAD_INPUT


def settings_of(options: BatchOptions) -> Settings:
    """With a folder of its own, the questions are answered from that folder alone. Raises SettingsError."""
    given: dict[str, Any] = {"worker_in_serve": "yes"}
    if options.rows is not None:
        given["worker_rows"] = options.rows
    settings = load_settings(options.config, **given)
    if options.library is None:
        return settings
    index = index_of(options.library, settings.data_dir)
    given |= {"library": (options.library,), "search_engines": ("library",), "library_index": index}
    return load_settings(options.config, **given)


def _say_refused(path: Path, refused: FileRefused) -> None:
    for error in refused.errors[:_MOST_SHOWN]:
        place = f"{path}, line {error.line}" if error.line else str(path)
        say(f"kaozheng: {place}: {error.message}")


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known before anything is opened."""

    file: QuestionFile
    journal: Journal
    limits: Limits


def prepared(options: BatchOptions, settings: Settings) -> Prepared:
    """Raises FileRefused, Problem."""
    asking = Asking(options.depth, options.strict)
    file = QuestionFile(options.questions, asking, int(settings.kept_file_bytes))
    if (encoding := file.encoding) != "utf-8":
        say(f"{options.questions} is read as {encoding}")
    fingerprint = file.fingerprint(str(options.library.resolve()) if options.library else "")
    limits = Limits(
        time_of(options.at, settings.time_zone, "--at") if options.at else 0,
        night_of(options.window, "--window") if options.window else "",
        options.ceiling_tokens,
        options.ceiling_cost,
        options.retry_failed,
    )
    return Prepared(file, Journal(options.lines, fingerprint[:16]), limits)


async def _run(options: BatchOptions, settings: Settings, found: Prepared) -> int:
    reading = Reading(found.file, fill_rules(settings))
    await reading.check()
    async with open_service(settings, _unsaid if options.quiet else say) as service:
        assert service.jobs is not None, "open_service opens them"
        if options.dry_run:
            print("\n".join(estimate_lines(await reading.estimate(service.rates or Rates()))))
            return 0
        batch = LocalRun(service.jobs, LOCAL_USER, reading, found.journal, found.limits)
        with batch.journal.open():
            async with working_beside(settings, service):
                return await _finished(batch, options, settings)


async def _finished(batch: LocalRun, options: BatchOptions, settings: Settings) -> int:
    job = await batch.prepare()
    _say_bad_lines(batch)
    state: JobState | None = None
    if job is not None:
        progress = BatchProgress(options.quiet, settings.currency)
        if not options.quiet:
            say(f"batch {job.id}: `kaozheng batch cancel {job.id}` ends it, this command again goes on with it")
        try:
            state = await batch.follow(job, progress.show)
        finally:
            progress.close()
    await asyncio.to_thread(batch.journal.finish)
    batch.journal.read()
    rows = await _rows(batch, options)
    return await asyncio.to_thread(_written, batch, options, (state, rows))


async def _rows(batch: LocalRun, options: BatchOptions) -> list[AnswerRow]:
    """The answers in the order of the questions, where a table or a report is made of them."""
    if options.out == options.lines and options.report is None:
        return []
    return list(answer_rows(batch.journal.lines(), await batch.reading.texts()))


def _say_bad_lines(batch: LocalRun) -> None:
    for error in batch.reading.tally.first_bad[:_MOST_SHOWN]:
        say(f"line {error.line}: {f'{error.param}: ' if error.param else ''}{error.message}")
    if batch.reading.tally.bad > _MOST_SHOWN:
        say(f"and {batch.reading.tally.bad - _MOST_SHOWN:,} more lines that cannot be asked")


def _written(batch: LocalRun, options: BatchOptions, made: tuple[JobState | None, list[AnswerRow]]) -> int:
    """The table, the report and the last words, when the file of answers is there."""
    state, rows = made
    if options.out != options.lines:
        Sheet(options.out).write(rows)
    if options.report:
        Report(options.report, options.questions.name).write(rows)
    if state is not None and state.reason:
        say(f"stopped: {state.reason}; the same command goes on")
    standing = batch.standing(state)
    if not options.quiet:
        say(f"{standing.done:,} answers in {options.out}{f', report {options.report}' if options.report else ''}")
    if standing.failed:
        noun = "row" if standing.failed == 1 else "rows"
        say(f"{standing.failed:,} {noun} without one: {batch.journal.errors} says why")
    return NOT_WHOLE if standing.failed or standing.left else 0


def _unsaid(_line: str) -> None:
    """With --quiet."""


def estimate_lines(found: Estimate) -> list[str]:
    """What `--dry-run` prints."""
    checked = found.checked
    lines = [f"{checked.good:,} rows would run, {checked.bad:,} lines cannot be asked"]
    lines += [f"  line {error.line}: {error.message}" for error in checked.first_bad[:_MOST_SHOWN]]
    lines.append(f"{'':20}{'about':>16}{'at most':>16}")
    names: tuple[tuple[str, Callable[[Amounts], float]], ...] = (
        ("searches", lambda each: each.searches),
        ("pages", lambda each: each.pages),
        ("prompt tokens", lambda each: each.prompt_tokens),
        ("completion tokens", lambda each: each.completion_tokens),
    )
    lines += [f"{name:20}{value(found.about):16,.0f}{value(found.most):16,.0f}" for name, value in names]
    money = f"{found.about.cost:16,.2f}{found.most.cost:16,.2f} {found.currency}".rstrip()
    priced = found.about.cost or found.most.cost
    lines.append(f"{'money':20}{money}" if priced else "money: no price is set (KAOZHENG_PRICE_PROMPT and its like)")
    return lines
