"""The commands for measuring and for training: eval, export. What they do is in cli_eval.py and cli_export.py."""

from pathlib import Path
from typing import Annotated

import typer

_FORMATS = "xquad, rgb, crag, simpleqa, chinese-simpleqa, frames, browsecomp-zh, deep-research-bench, jsonl"

Config = Annotated[Path | None, typer.Option("--config", help="settings file (TOML)", dir_okay=False)]
Paths = Annotated[list[Path], typer.Argument(help="a file of questions; or `compare` and the folders of two runs")]
SetName = Annotated[str, typer.Option("--set", help=f"format of the file: {_FORMATS}")]
Out = Annotated[Path | None, typer.Option(help="folder of the run; the same command again goes on with it")]
AtDepth = Annotated[str, typer.Option(help="quick, normal or research; empty: as the settings say")]
Pages = Annotated[str, typer.Option(help="pool: all pages of the set, own: each question's, search: the engines")]
Library = Annotated[Path | None, typer.Option(help="answer from this folder of pages instead")]
Limit = Annotated[int, typer.Option(help="so many questions, drawn with --seed; 0: all", min=0)]
Seed = Annotated[int, typer.Option(help="of the drawing")]
Samples = Annotated[int, typer.Option(help="answers to each question: pass@1, majority vote", min=1, max=256)]
Concurrency = Annotated[int, typer.Option(help="questions at a time", min=1, max=256)]
Judge = Annotated[bool, typer.Option(help="let the model grade, where one is configured")]
PromptPrice = Annotated[float | None, typer.Option(help="of a million prompt tokens, in place of the setting", min=0)]
CompletionPrice = Annotated[
    float | None, typer.Option(help="of a million tokens of answers, in place of the setting", min=0)
]
Block = Annotated[list[str] | None, typer.Option(help="no source from this host either; repeatable")]
BlockHosts = Annotated[bool, typer.Option(help="no source from hosts of data sets")]
Plots = Annotated[bool, typer.Option(help="draw pictures (needs the extra `plots`)")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the program's."""
    app.command("eval")(evaluate)
    app.command("export")(export)


Source = Annotated[Path, typer.Argument(help="a run's folder, its answers.jsonl, or answers as JSON lines")]
Target = Annotated[Path, typer.Option("--out", "-o", help="the file of examples")]
Format = Annotated[str, typer.Option("--format", help="swift: ms-swift's `messages`, one JSON object a line")]
Language = Annotated[str, typer.Option(help="zh or en; empty: both")]
Least = Annotated[float, typer.Option("--min-score", help="least citation precision and recall", min=0, max=1)]
Ungraded = Annotated[bool, typer.Option(help="also answers without a right one to compare with")]
Licences = Annotated[list[str] | None, typer.Option("--licence", help="of the questions; `unknown` too; repeatable")]
Thoughts = Annotated[str, typer.Option("--thinking", help="keep, empty or both")]


def export(
    path: Source,
    out: Target,
    form: Format = "swift",
    language: Language = "",
    least: Least = 1.0,
    ungraded: Ungraded = False,
    licence: Licences = None,
    thinking: Thoughts = "keep",
) -> None:
    """Write answers whose every claim is supported as examples to train on."""
    from workers import cli_export
    from workers.export import FREE_LICENCES, THINKING, Wanted

    if form != "swift":
        raise typer.BadParameter("the only format is swift", param_hint="--format")
    if thinking not in THINKING:
        raise typer.BadParameter("one of keep, empty, both", param_hint="--thinking")
    if language not in ("", "zh", "en"):
        raise typer.BadParameter("zh or en", param_hint="--language")
    wanted = Wanted(language, least, ungraded, tuple(licence or FREE_LICENCES), thinking)
    raise typer.Exit(cli_export.export(path, out, wanted))


def evaluate(
    paths: Paths,
    set_name: SetName = "",
    out: Out = None,
    depth: AtDepth = "",
    pages: Pages = "",
    library: Library = None,
    limit: Limit = 0,
    seed: Seed = 5,
    samples: Samples = 1,
    concurrency: Concurrency = 4,
    judge: Judge = True,
    prompt_price: PromptPrice = None,
    completion_price: CompletionPrice = None,
    block: Block = None,
    block_hosts: BlockHosts = True,
    plots: Plots = True,
    config: Config = None,
) -> None:
    """Run a set of questions and score the answers; or compare two runs: kaozheng eval compare A B."""
    from workers import cli_eval

    if str(paths[0]) == "compare" and len(paths) == 3:
        raise typer.Exit(cli_eval.compare(paths[1], paths[2]))
    if len(paths) != 1:
        raise typer.BadParameter("one file of questions, or `compare` and two runs")
    arguments = cli_eval.EvalArguments(
        set_name, out, depth, pages, library, limit, seed, samples, concurrency, judge,
        prompt_price, completion_price, tuple(block or ()), block_hosts, plots, config,
    )  # fmt: skip
    raise typer.Exit(cli_eval.evaluate(paths[0], arguments))
