"""The commands for batches: run, status, cancel, retry. What they do is in cli_batch.py and cli_jobs.py."""

from pathlib import Path
from typing import Annotated

import typer

batch_app = typer.Typer(help="A file of questions in, a file of proven answers out.", no_args_is_help=True)

Config = Annotated[Path | None, typer.Option("--config", help="settings file (TOML)", dir_okay=False)]
Questions = Annotated[Path, typer.Argument(help="questions: .jsonl, .csv, .parquet, or .txt with one a line")]
Out = Annotated[Path, typer.Option("--out", "-o", help="answers: .jsonl, or .csv or .parquet with .jsonl beside it")]
AtDepth = Annotated[str, typer.Option(help="quick, normal or research, where a question names none")]
Research = Annotated[bool, typer.Option("--research", help="long reports: --depth research")]
Strict = Annotated[bool, typer.Option("--strict", help="only sentences that a page supports")]
Library = Annotated[Path | None, typer.Option(help="answer from this folder of pages alone")]
ReportFile = Annotated[Path | None, typer.Option("--report", help="one document of all answers: .md or .html")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="check the file and reckon its cost; nothing is asked")]
MaxCost = Annotated[float, typer.Option(help="stop when this run has cost so much; 0: no ceiling", min=0)]
MaxTokens = Annotated[int, typer.Option(help="stop after so many tokens; 0: no ceiling", min=0)]
At = Annotated[str, typer.Option(help="begin at this time: 22:00, or 2026-11-22T22:00")]
Window = Annotated[str, typer.Option(help="ask at these hours only: '22:00-06:00 Asia/Shanghai'")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="ask rows again that failed in an earlier run")]
Rows = Annotated[int | None, typer.Option(help="rows at the same time", min=1)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="no progress")]
AsJson = Annotated[bool, typer.Option("--json", help="print each batch as one JSON object")]
JobId = Annotated[str, typer.Argument(help="the batch's id", metavar="ID")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the program's."""
    app.add_typer(batch_app, name="batch")


@batch_app.command("run")
def run(
    questions: Questions,
    out: Out,
    depth: AtDepth = "",
    research: Research = False,
    strict: Strict = False,
    library: Library = None,
    report: ReportFile = None,
    dry_run: DryRun = False,
    ceiling_cost: MaxCost = 0.0,
    ceiling_tokens: MaxTokens = 0,
    at: At = "",
    window: Window = "",
    retry_failed: RetryFailed = False,
    rows: Rows = None,
    quiet: Quiet = False,
    config: Config = None,
) -> None:
    """Answer a file of questions. The same command again goes on where it was stopped, or killed."""
    from workers.cli_batch import BatchOptions
    from workers.cli_batch import run as run_batch
    from workers.logs import set_up_logs

    set_up_logs("critical", "console")  # the progress says what matters; `kaozheng worker` logs every row
    options = BatchOptions(
        questions=questions,
        out=out,
        depth=depth or ("research" if research else ""),
        strict=strict,
        library=library,
        report=report,
        at=at,
        window=window,
        ceiling_cost=ceiling_cost,
        ceiling_tokens=ceiling_tokens,
        retry_failed=retry_failed,
        rows=rows,
        dry_run=dry_run,
        quiet=quiet,
        config=config,
    )
    raise typer.Exit(run_batch(options))


@batch_app.command("repeat")
def repeat(
    questions: Questions,
    folder: Annotated[Path, typer.Option("--out", "-o", help="folder of all runs and of their reports")],
    cron: Annotated[str, typer.Option(help="when: minute, hour, day, month, weekday, as '0 7 * * 1-5'")],
    time_zone: Annotated[str, typer.Option(help="of these times, as Asia/Shanghai")],
    once: Annotated[bool, typer.Option("--once", help="run what is due and end, for a timer of the system")] = False,
    depth: AtDepth = "",
    research: Research = False,
    strict: Strict = False,
    library: Library = None,
    ceiling_cost: MaxCost = 0.0,
    ceiling_tokens: MaxTokens = 0,
    rows: Rows = None,
    quiet: Quiet = False,
    config: Config = None,
) -> None:
    """Ask the same questions by a schedule, and report which claims are new, changed and vanished each time."""
    from workers.cli_batch import BatchOptions
    from workers.cli_repeat import RepeatOptions
    from workers.cli_repeat import run as run_repeatedly
    from workers.logs import set_up_logs

    set_up_logs("critical", "console")  # the progress says what matters; `kaozheng worker` logs every row
    options = BatchOptions(
        questions=questions,
        out=folder,
        depth=depth or ("research" if research else ""),
        strict=strict,
        library=library,
        ceiling_cost=ceiling_cost,
        ceiling_tokens=ceiling_tokens,
        rows=rows,
        quiet=quiet,
        config=config,
    )
    raise typer.Exit(run_repeatedly(RepeatOptions(options, cron, time_zone, once)))


@batch_app.command("status")
def status(
    job_id: Annotated[str, typer.Argument(help="the batch's id; without it all are listed", metavar="ID")] = "",
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Show how batches stand."""
    from workers import cli_jobs

    raise typer.Exit(cli_jobs.status(job_id, as_json, config))


@batch_app.command("cancel")
def cancel(job_id: JobId, config: Config = None) -> None:
    """End a batch: rows that wait are cancelled, what is answered stays."""
    from workers import cli_jobs

    raise typer.Exit(cli_jobs.cancel(job_id, config))


@batch_app.command("retry")
def retry(job_id: JobId, config: Config = None) -> None:
    """Put the rows that failed back into the queue."""
    from workers import cli_jobs

    raise typer.Exit(cli_jobs.retry(job_id, config))
