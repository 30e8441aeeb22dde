"""`kaozheng slack`: the bot; `slack doctor`: does it work; `slack feedback`: what people thought of its answers."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path | None, typer.Option("--config", help="settings file (TOML)", dir_okay=False)]
slack_app = typer.Typer(help="The Slack bot (docs/slack.md).", invoke_without_command=True)


@slack_app.callback()
def slack(context: typer.Context, config: Config = None) -> None:
    """Answer questions in Slack, until it is stopped."""
    if context.invoked_subcommand is None:
        from workers.cli_slack import run

        raise typer.Exit(run(config))


@slack_app.command("doctor")
def doctor(config: Config = None) -> None:
    """Look at tokens, scopes, connection and store, line by line; exit code 1 when something fails."""
    from workers.cli_slack import doctor as look

    raise typer.Exit(look(config))


@slack_app.command("feedback")
def feedback(
    out: Annotated[Path, typer.Option("--out", "-o", help="the file, one JSON object a line", dir_okay=False)],
    config: Config = None,
) -> None:
    """Write what people pressed under answers: helpful or not, with question and answer."""
    from workers.cli_slack import export_feedback

    raise typer.Exit(export_feedback(out, config))


@slack_app.command("manifest")
def manifest() -> None:
    """Print the app manifest, to be pasted where Slack makes a new app."""
    from workers.cli_slack import print_manifest

    raise typer.Exit(print_manifest())
