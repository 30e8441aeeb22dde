"""What a round breaks: a Valkey with an append-only file, a model server, workers. All are processes of ours."""

import os
import random
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from workers.valkey import server_binary

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0


def free_port() -> int:
    """Not one of those that the kernel gives to connections: a part that is away for a while gets its own back."""
    while True:
        with socket.socket() as door, suppress(OSError):
            door.bind(("127.0.0.1", random.randrange(15_000, 30_000)))
            return int(door.getsockname()[1])


@dataclass
class Part:
    """A process that can be killed, suspended and started anew."""

    command: Sequence[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    running: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            environment = {**os.environ, "PYTHONPATH": str(ROOT), **self.environment}
            # restore_signals: Python ignores SIGXFSZ, and what it starts has to as well (full_disk)
            self.running = subprocess.Popen(
                self.command, cwd=ROOT, env=environment, stdout=out, stderr=out, restore_signals=False
            )

    @property
    def pid(self) -> int:
        assert self.running is not None, "it was started"
        return self.running.pid

    @property
    def alive(self) -> bool:
        return self.running is not None and self.running.poll() is None

    def signal(self, number: int) -> None:
        if self.alive:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """-9, also while it is suspended; and nobody is left of it."""
        self.signal(signal.SIGKILL)
        if self.running is not None:
            self.running.wait(10)


class Store(Part):
    """Valkey with an append-only file. sync: of the disk; every second, as in the compose file, a server that is killed
    while it syncs may lose what it has not written since; with `no` it writes each command before it answers."""

    def __init__(self, folder: Path, sync: str = "everysec") -> None:
        self.port = free_port()
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes"]
        more = ["--appendfsync", sync, "--save", "", "--maxmemory-policy", "noeviction"]
        super().__init__([str(server_binary()), *options, *more], folder / "valkey.log")
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)

    def start(self) -> None:
        super().start()
        self.wait()

    def wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if self.client.ping():
                    return
            except RedisError:
                time.sleep(0.02)
        raise TimeoutError("the store does not start")

    def full_disk(self, full: bool) -> None:
        """Files of the server cannot grow any more, which it sees as it sees a full disk."""
        hard = resource.RLIM_INFINITY
        if self.alive:
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (1 if full else hard, hard))

    def full_memory(self, full: bool) -> None:
        self.client.config_set("maxmemory", "1" if full else "0")


def model(folder: Path, seconds: float) -> Part:
    port = free_port()
    log = folder / "model.jsonl"
    log.touch()
    module = [sys.executable, "-m", "tests.chaos_batch.model", str(port), str(log), str(seconds)]
    return Part(module, folder / "model.log", {"MODEL_URL": f"http://127.0.0.1:{port}/v1"})


def worker(number: int, folder: Path, store: Store, environment: dict[str, str]) -> Part:
    """`kaozheng worker`, as anybody runs it."""
    data = folder / f"worker-{number}"
    given = {"KAOZHENG_REDIS_URL": store.url, "KAOZHENG_DATA_DIR": str(data), **environment}
    return Part([sys.executable, "-m", "workers.cli", "worker"], folder / f"worker-{number}.log", given)
