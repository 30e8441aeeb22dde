"""`kaozheng serve`: the REST service in a server of its own."""

import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from workers.keys import first_key
from workers.logs import set_up_logs
from workers.rest import rest_app
from workers.service import Service
from workers.service_build import keys_file, open_service
from workers.settings import Settings, load_settings
from workers.terminal import say

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_DRAIN_SECONDS = 30


def run(host: str | None, port: int | None, config: Path | None) -> int:
    """Serves until it is told to stop, then lets running answers end for up to 30 s."""
    import uvicorn

    given: dict[str, Any] = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load_settings(config, **given)
    set_up_logs(settings.log_level, settings.log_format)
    _tell_of_keys(settings)

    def opened() -> AbstractAsyncContextManager[Service]:
        return open_service(settings, say)

    say(f"kaozheng: http://{settings.host}:{settings.port}/v1/answers (Ctrl-C stops it)")
    uvicorn.run(
        rest_app(opened),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    return 0


def _tell_of_keys(settings: Settings) -> None:
    """Beyond loopback nothing is served without a key: the first one is made here and shown once (decision 12)."""
    if settings.host in _LOOPBACK or settings.api_keys:
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = first_key(keys_file(settings))
    if key:
        print(f"kaozheng: your first key, shown only this once: {key}", file=sys.stderr, flush=True)
