"""`kaozheng serve` as an operator starts and stops it: in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def start(folder: Path, *options: str, **more: str) -> "subprocess.Popen[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KAOZHENG_")}
    (folder / "pages").mkdir(exist_ok=True)
    (folder / "pages" / "tides.md").write_text("# Tides\n\nTides are caused by the moon.\n")
    own = {"KAOZHENG_DATA_DIR": str(folder / "data"), "KAOZHENG_LIBRARY": str(folder / "pages")}
    command = [sys.executable, "-m", "workers.cli", "serve", *options]
    return subprocess.Popen(command, cwd=ROOT, env={**kept, **own, **more}, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield door.getsockname()[1]


def test_a_port_in_use_is_said_in_one_line_before_anything_is_begun(tmp_path: Path, taken: int) -> None:
    _, said = (running := start(tmp_path, "--port", str(taken))).communicate(timeout=60)

    assert running.returncode == 78
    assert len(said.splitlines()) == 1
    assert "KAOZHENG_PORT" in said
    assert not (tmp_path / "data").exists()


def test_what_stops_the_start_is_said_in_one_line(tmp_path: Path) -> None:
    _, said = (running := start(tmp_path, "--port", "0", KAOZHENG_REDIS_URL="redis://127.0.0.1:1")).communicate(
        timeout=60
    )

    assert running.returncode == 1
    assert len(said.splitlines()) == 1, said


def test_the_address_that_is_said_answers_and_a_signal_ends_all(tmp_path: Path) -> None:
    running = start(tmp_path, "--port", "0")
    assert running.stderr is not None
    said = next(line for line in running.stderr if line.startswith("kaozheng: http"))
    port = int(said.split(":")[3].split("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert client.makefile("rb").readline().split()[1] == b"200"
    running.send_signal(signal.SIGTERM)
    _, rest = running.communicate(timeout=30)

    assert "Traceback" not in rest
    assert "\x1b" not in rest
