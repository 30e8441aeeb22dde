"""`kaozheng serve`: the REST service in a server of its own."""

import gc
import logging
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from workers.cli_worker import working_beside
from workers.gate import is_loopback
from workers.http_door import BoundedHead
from workers.keys import first_key
from workers.logs import set_up_logs
from workers.rest import rest_app
from workers.service import Service
from workers.service_build import keys_file, open_service
from workers.settings import Settings, load_settings
from workers.settings_error import SettingsError
from workers.store_errors import StoreError
from workers.terminal import say


def run(host: str | None, port: int | None, config: Path | None) -> int:
    """Serves until it is told to stop, then lets running answers end for a while. Raises SettingsError."""
    import uvicorn

    from workers.drain import CLOSING_SECONDS, Drain, DrainingServer

    given: dict[str, Any] = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load_settings(config, **given)
    set_up_logs(settings.log_level, settings.log_format, texts=settings.log_texts)

    refused: list[Exception] = []
    with _bound(settings.host, settings.port) as door:
        _tell_of_keys(settings)
        app = rest_app(lambda: _opened(settings, door, refused))
        serving = uvicorn.Config(
            app,
            http=BoundedHead,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=CLOSING_SECONDS,
        )

        async def drained() -> None:
            drain: Drain = app.state.drain
            await drain(settings.drain_seconds)

        server = DrainingServer(serving, drained)
        with suppress(SystemExit):  # how uvicorn tells that the start failed
            server.run(sockets=[door])
    if refused:
        raise refused[0]
    return 0 if server.started else 1


@asynccontextmanager
async def _opened(settings: Settings, door: socket.socket, refused: list[Exception]) -> AsyncGenerator[Service, None]:
    """The service; its address is said when all parts are there, which the first index of a library delays.

    refused: what stops the start; it is told in one line by `main`, not as uvicorn's traceback."""
    async with AsyncExitStack() as opened:
        try:
            service = await opened.enter_async_context(open_service(settings, say))
            await opened.enter_async_context(working_beside(settings, service))
        except (SettingsError, StoreError) as error:
            logging.getLogger("uvicorn.error").disabled = True
            refused.append(error)
            raise
        _settle_memory()
        door.listen()  # so that whoever reads the next line may ask at once
        say(f"kaozheng: {_address(settings.host, door.getsockname()[1])} (Ctrl-C stops it)")
        yield service


def _settle_memory() -> None:
    """What is loaded now stays: looking through it for garbage again and again would stop all answers for 0.2 s."""
    gc.collect()
    gc.freeze()


def _bound(host: str, port: int) -> socket.socket:
    """A socket that holds the address before anything else is begun: not listening yet. Raises SettingsError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        door = socket.socket(family)
    except OSError as error:
        raise SettingsError("host", f"{host} is no address to listen on: {error.strerror}") from None
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
    except OSError as error:
        door.close()
        then = "end what listens there, or set KAOZHENG_PORT to another port"
        raise SettingsError("port", f"cannot listen on {host}, port {port}: {error.strerror}; {then}") from None
    return door


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _tell_of_keys(settings: Settings) -> None:
    """Beyond loopback nothing is served without a key: the first one is made here and shown once (decision 12)."""
    if is_loopback(settings.host) or settings.api_keys:
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = first_key(keys_file(settings))
    if key:
        print(f"kaozheng: your first key, shown only this once: {key}", file=sys.stderr, flush=True)
