"""The table of every setting, docs/settings.md: `python -m workers.settings_table`."""

from pathlib import Path

from pydantic import ByteSize, SecretStr
from pydantic.fields import FieldInfo

from workers.settings import PREFIX, Settings

BEGIN, END = "<!-- settings:begin -->", "<!-- settings:end -->"
DOCUMENT = """# Settings

Each setting has one name in the environment (`KAOZHENG_PORT=8001`) and the same in lower case in the
settings file (`port = 8001`). The first one wins: command line, environment, file, default. The file is
TOML: the one of `--config FILE`, else of `KAOZHENG_CONFIG`, else `kaozheng.toml` in the current folder,
else `kaozheng.toml` in the user's folder for configuration (`~/.config/kaozheng` on Linux). An unknown or
wrong setting stops the start with one line that names it. `kaozheng config` prints what holds and from
where; secrets are never printed.

This table is made from `workers/settings.py` by `python -m workers.settings_table`.

"""
ROOT = Path(__file__).resolve().parent.parent


def settings_table() -> str:
    """One Markdown row for each setting, between the two markers."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_default(field)} | {field.description} |"
        for name, field in sorted(
            Settings.model_fields.items(), key=lambda each: each[0] not in Settings.__annotations__
        )
    ]
    return "\n".join((BEGIN, "| setting | default | what it is |", "|---|---|---|", *rows, END)) + "\n"


def settings_document() -> str:
    """docs/settings.md."""
    return DOCUMENT + settings_table()


def main() -> None:
    """Writes docs/settings.md."""
    (ROOT / "docs" / "settings.md").write_text(settings_document(), encoding="utf-8")


def _default(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default_text" in extra:
        return str(extra["default_text"])
    default = field.default
    if isinstance(default, SecretStr) or default in ("", ()):
        return "(empty)"
    if isinstance(default, ByteSize):
        return f"`{default.human_readable(separator='').replace('.0', '')}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    main()
