"""What others made is named, with its licence, and no licence has crept in that we could not honour."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTICES = (ROOT / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([a-z0-9.-]+) \| (\d\S*) \| (.+?) \| (.*?) ?\|$", re.MULTILINE)
ROWS = {name: (version, licence) for name, version, licence, _ in ROW.findall(NOTICES)}
ACCEPTED = re.compile(
    r"MIT|MIT-0|BSD-[23]-Clause|Apache-2\.0|ISC|PSF-2\.0|CNRI-Python|MPL-(1\.1|2\.0)|LGPL-3\.0-only|LicenseRef-PDFium-and-its-parts"
)


def locked() -> dict[str, str]:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", lock, re.MULTILINE))


def test_every_locked_package_is_listed_in_its_version_and_no_other() -> None:
    assert {name: version for name, (version, _) in ROWS.items()} == locked()


@pytest.mark.parametrize("name", ROWS)
def test_every_licence_can_be_honoured(name: str) -> None:
    """One of the choices, and every part that has to be taken together, is on the list."""
    licence = ROWS[name][1].replace("(", "").replace(")", "")
    choices = licence.split(" OR ") if " AND " not in licence else [licence]
    parts = [re.split(r" AND | OR ", choice) for choice in choices]
    assert any(all(ACCEPTED.fullmatch(part) for part in choice) for choice in parts), licence


def test_the_table_is_as_the_script_writes_it() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "third-party"), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_what_others_wrote_in_this_repository_is_named_and_its_licence_is_there() -> None:
    for named in ("templates/vendor/deepseek-r1", "examples/debian", "tests/samples/compose-spec.json"):
        assert f"| {named} |" in NOTICES
        assert (ROOT / named).exists()
    assert "Copyright (c) 2023 DeepSeek" in NOTICES
    assert (ROOT / "tests/samples/compose-spec.LICENSE").is_file()
    assert any((ROOT / "examples/debian/licences").iterdir())
