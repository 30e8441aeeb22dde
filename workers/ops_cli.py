"""The operator's commands: config, backup, restore, forget, keys (workers/ops.py), doctor, profile (doctor_cli.py)."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path | None, typer.Option("--config", help="settings file (TOML)", dir_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]

keys_app = typer.Typer(help="API keys of the service: create, list, revoke.", no_args_is_help=True)
profile_app = typer.Typer(help="How each model is asked and its server started: list, launch.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the commands to the program's."""
    app.command("config")(show_config)
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("forget")(forget)
    app.command("doctor")(doctor)
    app.add_typer(keys_app, name="keys")
    app.add_typer(keys_app, name="key", hidden=True)
    app.add_typer(profile_app, name="profile")


def show_config(as_json: AsJson = False, config: Config = None) -> None:
    """Print every setting that holds, and where it comes from."""
    from workers import ops

    raise typer.Exit(ops.show_config(config, as_json))


def backup(
    file: Annotated[Path, typer.Argument(help="the file to make, such as kaozheng.tar.gz", dir_okay=False)],
    config: Config = None,
) -> None:
    """Save the store, the library's index and the settings without secrets in one file."""
    from workers import ops

    raise typer.Exit(ops.backup(file, config))


def restore(
    file: Annotated[Path, typer.Argument(help="a file that `kaozheng backup` made", dir_okay=False)],
    yes: Yes = False,
    config: Config = None,
) -> None:
    """Replace what the store and the library hold by what a backup holds."""
    from workers import ops

    raise typer.Exit(ops.restore(file, yes, config))


def forget(
    answer: Annotated[str, typer.Option(help="id of an answer", metavar="ID")] = "",
    thread: Annotated[str, typer.Option(help="id of a thread, with all its answers", metavar="ID")] = "",
    user: Annotated[str, typer.Option(help="a user, with everything kept under the name", metavar="NAME")] = "",
    yes: Yes = False,
    config: Config = None,
) -> None:
    """Erase an answer, a thread or a user, from the store and from its file on disk."""
    from workers import ops

    raise typer.Exit(ops.forget(ops.Target(answer, thread, user), yes, config))


def doctor(
    url: Annotated[str, typer.Option(help="examine this model server instead of the one in the settings")] = "",
    page: Annotated[str, typer.Option(help="page to read as a trial; - for none")] = "https://example.com/",
    seconds: Annotated[float, typer.Option(help="for everything together", min=1.0)] = 300.0,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Say line by line what works, and what to do about what does not. Exit code 1 when something fails."""
    from workers import doctor_cli

    tried = "" if page == "-" else page
    raise typer.Exit(doctor_cli.run(doctor_cli.Options(url, tried, seconds, as_json, config)))


@profile_app.command("list")
def profile_list() -> None:
    """The profiles that come with the program, and what of each has been run."""
    from workers import doctor_cli

    raise typer.Exit(doctor_cli.list_profiles())


@profile_app.command("launch")
def profile_launch(
    name: Annotated[str, typer.Argument(help="a profile of `profile list`, or the path of a profile file")],
    templates: Annotated[str, typer.Option(help="folder of the chat templates, as the server sees it")] = "",
) -> None:
    """Print the command that starts the model server of a profile."""
    from workers import doctor_cli

    raise typer.Exit(doctor_cli.show_launch(name, templates))


@keys_app.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="what the key is for")] = "",
    scope: Annotated[list[str] | None, typer.Option(help="ask, read, batch or admin; all but admin")] = None,
    days: Annotated[float, typer.Option(help="until it expires; 0: never")] = 0.0,
    limit: Annotated[list[str] | None, typer.Option(help="as requests_per_minute=60", metavar="NAME=NUMBER")] = None,
    config: Config = None,
) -> None:
    """Make a key and print it, this once. docs/api.md lists scopes and limits."""
    from workers import ops
    from workers.keys import USUAL_SCOPES

    words = ops.KeyWords(name, tuple(dict.fromkeys(scope or USUAL_SCOPES)), days, limit or ())
    raise typer.Exit(ops.create_key(words, config))


@keys_app.command("list")
def keys_list(config: Config = None) -> None:
    """Print id, date and name of each key; the keys themselves are not kept."""
    from workers import ops

    raise typer.Exit(ops.list_keys(config))


@keys_app.command("revoke")
def keys_revoke(
    id_: Annotated[str, typer.Argument(help="id of the key, as `keys list` shows it", metavar="ID")],
    config: Config = None,
) -> None:
    """Refuse a key from now on."""
    from workers import ops

    raise typer.Exit(ops.revoke_key(id_, config))
