"""Starts what a live test needs beside the servers that `make live` has started: a router."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".venv-sglang"


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@contextmanager
def running(command: list[str], ready: str, seconds: float, **environment: str) -> Iterator[None]:
    """A program in a process group of its own, ended with all that it has started. ready: answers 200 when it is up."""
    started = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        ends = time.monotonic() + seconds
        while ready and not answers(ready):
            assert time.monotonic() < ends, f"{command[0]} was not ready within {seconds:.0f} s"
            time.sleep(0.2)
        yield
    finally:
        end(started)


def end(started: subprocess.Popen[bytes]) -> None:
    """The starter may be gone already; its group is not."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(started.pid, sign)
        except ProcessLookupError:
            break
        time.sleep(2.0 if sign == signal.SIGTERM else 0.0)
    started.wait(10)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5.0, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def router(key: str, *workers: str, ready: bool = True) -> Iterator[str]:
    """sglang-router before these workers; yields its address. ready: wait until it has a healthy one."""
    port = free_port()
    command = [
        str(VENV / "router" / "bin" / "python"),
        *("-m", "sglang_router.launch_router", "--worker-urls", *workers, "--policy", "cache_aware"),
        *("--host", "127.0.0.1", "--port", str(port), "--prometheus-port", str(free_port()), "--api-key", key),
    ]
    path = "readiness" if ready else "health"
    with running(command, f"http://127.0.0.1:{port}/{path}", 60.0):
        yield f"http://127.0.0.1:{port}/v1"
