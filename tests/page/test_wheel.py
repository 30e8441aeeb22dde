"""The wheel holds every file of the page: what is installed shows the same as a clone."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from workers.page.files import FOLDER

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_every_file_of_the_page_and_its_licences(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="the builder of wheels is not installed here")
    code = f"import hatchling.build; print(hatchling.build.build_wheel({str(tmp_path)!r}))"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert made.returncode == 0, made.stderr
    with zipfile.ZipFile(tmp_path / made.stdout.split()[-1]) as wheel:
        held = {name: wheel.read(name) for name in wheel.namelist() if name.startswith("workers/page/static/")}
        licences = [name for name in wheel.namelist() if name.endswith("THIRD_PARTY_NOTICES.md")]
    files = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in FOLDER.rglob("*") if path.is_file()}
    assert held == files
    assert len(licences) == 1
