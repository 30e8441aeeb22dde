"""The command line. Heavy imports wait inside the commands: `kaozheng --help` must be quick.

Exit codes: 0 answered · 1 failed on our side · 2 bad input · 3 nothing found · 4 answer not whole · 5 answer without
citation · 6 verify: a claim is not supported · 78 bad setting · 130 stopped with Ctrl-C.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from workers import batch_cli, eval_cli, ops_cli, slack_cli

EXIT_CODES = {"answered": 0, "no_sources": 3, "partial": 4, "uncited": 5}
BAD_INPUT = 2
UNSUPPORTED = 6
"""Of `kaozheng verify`: a sentence cites sources of which none says it."""

app = typer.Typer(
    help="Answers questions from the web or from your own pages, and proves what it says.",
    epilog="Exit codes: 0 answered, 1 failed, 2 bad input, 3 nothing found, 4 not whole, 5 uncited, 6 not supported, "
    "78 bad setting.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
library_app = typer.Typer(help="Folders of your own pages: add, list, remove.", no_args_is_help=True)
app.add_typer(library_app, name="library")
ops_cli.register(app)
eval_cli.register(app)
batch_cli.register(app)
app.add_typer(slack_cli.slack_app, name="slack")

Config = Annotated[Path | None, typer.Option("--config", help="settings file (TOML)", dir_okay=False)]


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="the question; - reads it from standard input")],
    depth: Annotated[str, typer.Option(help="quick, normal or research; empty: as the settings say")] = "",
    library: Annotated[Path | None, typer.Option(help="answer from this folder of pages alone")] = None,
    file: Annotated[list[Path] | None, typer.Option(help="answer from this file; may be repeated")] = None,
    search: Annotated[bool | None, typer.Option(help="search too (default: only without --file)")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="show only sentences that a page supports")] = False,
    site: Annotated[list[str] | None, typer.Option(help="only this site, or without it as -SITE; repeatable")] = None,
    recency: Annotated[str, typer.Option(help="results of the last day, week, month or year")] = "",
    thread: Annotated[str, typer.Option(help="go on with this conversation, or begin it")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print the answer as one JSON object")] = False,
    events: Annotated[bool, typer.Option("--events", help="print every event as a line of JSON")] = False,
    thinking: Annotated[bool, typer.Option("--thinking", help="show the model's reasoning")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress, only answer and sources")] = False,
    config: Config = None,
) -> None:
    """Ask a question and get an answer with its sources."""
    from workers.cli_ask import Options, run

    text = sys.stdin.read() if question == "-" else question
    options = Options(
        depth=depth,
        library=library,
        files=tuple(file or ()),
        search=search,
        strict=strict,
        sites=tuple(site or ()),
        recency=recency,
        thread=thread,
        form="events" if events else "json" if as_json else "text",
        thinking=thinking,
        quiet=quiet,
        config=config,
    )
    raise typer.Exit(run(text, options))


@app.command()
def verify(
    file: Annotated[str, typer.Argument(help="an answer as JSON: ours, or text and sources; - reads standard input")],
    as_json: Annotated[
        bool, typer.Option("--json", help="print the answer with its verdicts as one JSON object")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="print each sentence with its quotes as Markdown")
    ] = False,
) -> None:
    """Judge a stored answer again, also one of another system: which sentences do its sources support?"""
    from workers.cli_verify import run

    raise typer.Exit(run(file, "json" if as_json else "markdown" if markdown else "text"))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on")] = None,
    config: Config = None,
) -> None:
    """Run the REST service."""
    from workers.cli_serve import run

    raise typer.Exit(run(host, port, config))


@app.command()
def worker(
    rows: Annotated[int | None, typer.Option(help="rows of batches at the same time")] = None,
    config: Config = None,
) -> None:
    """Work on batches until it is stopped. As many of these as you like, on any machine that reaches the store."""
    from workers.cli_worker import run

    raise typer.Exit(run(rows, config))


@library_app.command("add")
def library_add(
    folder: Annotated[Path, typer.Argument(help="folder of HTML, PDF, Word, Markdown or text files")],
    config: Config = None,
) -> None:
    """Index a folder, or bring its index up to date."""
    from workers.cli_library import add

    raise typer.Exit(add(folder, config))


@library_app.command("list")
def library_list(config: Config = None) -> None:
    """The indexed folders and how many pages each has."""
    from workers.cli_library import show

    raise typer.Exit(show(config))


@app.command()
def mcp(config: Config = None) -> None:
    """Be a tool of another agent: the Model Context Protocol on standard input and output."""
    import asyncio

    from workers.mcp_doors import serve_standard_streams

    asyncio.run(serve_standard_streams(config))


@library_app.command("remove")
def library_remove(folder: Annotated[str, typer.Argument(help="its name or its path")], config: Config = None) -> None:
    """Forget a folder; its files stay where they are."""
    from workers.cli_library import remove

    raise typer.Exit(remove(folder, config))


def main() -> int:
    """Runs a command; what is wrong is one line on standard error and an exit code."""
    from tools.errors import ToolError
    from workers.settings_error import SettingsError
    from workers.store_errors import StoreError

    try:
        app(prog_name="kaozheng")
    except SettingsError as error:
        print(f"kaozheng: {error}", file=sys.stderr)
        return error.exit_code
    except (StoreError, ToolError) as error:  # the store or the index cannot be used: the message says what to do
        print(f"kaozheng: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
