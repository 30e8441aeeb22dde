"""The operator's commands: config, backup, restore, forget, keys. What they do is in workers/ops.py."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path | None, typer.Option("--config", help="settings file (TOML)", dir_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]

keys_app = typer.Typer(help="API keys of the service: create, list, revoke.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the commands to the program's."""
    app.command("config")(show_config)
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("forget")(forget)
    app.add_typer(keys_app, name="keys")


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


@keys_app.command("create")
def keys_create(name: Annotated[str, typer.Argument(help="what the key is for")] = "", config: Config = None) -> None:
    """Make a key and print it, this once."""
    from workers import ops

    raise typer.Exit(ops.create_key(name, config))


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
