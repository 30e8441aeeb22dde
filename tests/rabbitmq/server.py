"""A real RabbitMQ of our own: Debian's rabbitmq-server on free ports, its files in a folder that goes away."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos_batch.parts import free_port

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
START_SECONDS = 120.0


@contextmanager
def rabbitmq() -> Iterator[str]:
    """Its address, amqp://. Raises TimeoutError, FileNotFoundError where the package is missing."""
    port, distribution, names = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="rabbit-") as folder:
        environment = {
            **os.environ,
            "HOME": folder,
            "RABBITMQ_NODENAME": f"kaozheng{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(names),
        }
        log = Path(folder) / "out.log"
        with log.open("wb") as out:
            running = subprocess.Popen([str(SERVER)], env=environment, stdout=out, stderr=out, start_new_session=True)
        try:
            _wait(running, log)
            yield f"amqp://guest:guest@127.0.0.1:{port}/"
        finally:
            os.killpg(running.pid, 9)
            running.wait(10)
            _end_names(names)


def _wait(running: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while "completed with" not in log.read_text(errors="replace"):
        if running.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError(f"RabbitMQ does not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def _end_names(port: int) -> None:
    """Erlang's name server goes only when it has seen that its node is gone."""
    for _ in range(50):
        ended = subprocess.run(["epmd", "-port", str(port), "-kill"], capture_output=True, check=False, timeout=10)
        if ended.returncode == 0 and b"Killed" in ended.stdout:
            return
        time.sleep(0.1)
