"""The documents say what workers/settings.py says."""

import re
from pathlib import Path

import pytest

from workers.settings import NAMES, Settings
from workers.settings_table import settings_document, settings_table

ROOT = Path(__file__).resolve().parents[2]


def test_the_document_of_settings_is_the_one_that_settings_py_makes() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_document()


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_a_readme_names_settings_that_exist(name: str) -> None:
    named = set(re.findall(r"KAOZHENG_([A-Z_]+)", (ROOT / name).read_text(encoding="utf-8")))
    assert len(named) > 10
    assert {each.lower() for each in named} <= set(NAMES)


def test_every_setting_has_exactly_one_row_with_a_description() -> None:
    rows = [row for row in settings_table().splitlines() if row.startswith("| `KAOZHENG_")]
    assert [row.split("`")[1].removeprefix("KAOZHENG_").lower() for row in rows] == sorted(
        NAMES, key=lambda name: name not in Settings.__annotations__
    )
    assert all(row.count(" | ") == 2 and "None" not in row for row in rows)


def test_numbers_say_their_unit() -> None:
    units = {
        "seconds": "in seconds",
        "bytes": "in bytes",
        "tokens": "in tokens",
        "days": "in days",
        "hours": "in hours",
    }
    rows = {row.split("`")[1].lower(): row for row in settings_table().splitlines() if row.startswith("| `")}
    for name, row in rows.items():
        unit = units.get(name.rpartition("_")[2])
        assert unit is None or unit in row, name


def test_no_row_names_a_folder_of_this_machine() -> None:
    assert str(Path.home()) not in settings_table()
    assert str(ROOT) not in settings_table()
