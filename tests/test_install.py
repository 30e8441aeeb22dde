"""The command as `scripts/install` leaves it in the virtual environment."""

import os
import subprocess
import sys
from pathlib import Path


def test_the_installed_command_reads_pages_in_processes_of_their_own(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<h1>Tides</h1><p>Tides are caused by the gravity of the moon and of the sun.</p>")
    command = [str(Path(sys.executable).with_name("kaozheng")), "ask", "What causes tides?", "--file", str(page)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("KAOZHENG_")}
    env["KAOZHENG_DATA_DIR"] = str(tmp_path)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert "gravity of the moon" in done.stdout
    assert "Traceback" not in done.stderr
