"""An engine on loopback that answers what a sample says, and remembers what it was asked."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

SAMPLES = Path(__file__).parents[2] / "samples"


@dataclass
class Replay:
    """Gives one answer until it is told another; `first` are given before it, one for each request.

    asked: path and query of each request; sent: its JSON body; headers_sent: its headers, names in lower case
    """

    engine: str = ""
    status: int = 200
    body: bytes = b""
    wait_seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    first: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    headers_sent: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def recorded(self, name: str) -> None:
        """Answer with this sample of the engine from now on."""
        sample = json.loads((SAMPLES / self.engine / f"{name}.json").read_text(encoding="utf-8"))
        self.status, self.body = sample["status"], json.dumps(sample["body"]).encode()
        kept = ("retry-after", "x-ratelimit-remaining", "x-ratelimit-reset")
        self.headers |= {name: value for name, value in sample["headers"].items() if name.lower() in kept}


@contextmanager
def replaying(engine: str) -> Iterator[Replay]:
    made = Replay(engine)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            made.sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer()

        def _answer(self) -> None:
            made.asked.append({"path": [urlsplit(self.path).path], **parse_qs(urlsplit(self.path).query)})
            made.headers_sent.append({name.lower(): value for name, value in self.headers.items()})
            time.sleep(made.wait_seconds)
            status, extra = made.first.pop(0) if made.first else (made.status, {})
            self.send_response(status)
            for name, value in (made.headers | extra).items():
                self.send_header(name, value)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the asker may have left
                self.end_headers()
                self.wfile.write(made.body)

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
