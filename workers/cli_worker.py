"""`kaozheng worker`: works on batches, and on what somebody waits for, until it is told to stop."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from workers.broker import LeaseBroker
from workers.logs import set_up_logs
from workers.queue import complaints, queue_address
from workers.service import Service
from workers.service_build import open_service
from workers.settings import Settings, load_settings
from workers.terminal import say
from workers.valkey import store_address
from workers.worker_build import WorkerConfig, config_of, open_worker, patience_of, rows_of_service, within_limits


def run(rows: int | None, config: Path | None, broker: type[LeaseBroker] = LeaseBroker) -> int:
    """Raises SettingsError, StoreError."""
    given: dict[str, Any] = {} if rows is None else {"worker_rows": rows}
    settings = load_settings(config, **given)
    set_up_logs(settings.log_level, settings.log_format, texts=settings.log_texts)
    asyncio.run(_work(settings, broker))
    return 0


async def _work(settings: Settings, broker: type[LeaseBroker]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stopping, stop, number)
    async with store_address(settings.redis_url, settings.data_dir) as address, open_service(settings, say) as service:
        config = replace(config_of(settings, queue_address(settings, address)), broker=broker)
        async with _slack_too(settings, service, address):
            await work_on(settings, service, config, stop)


@asynccontextmanager
async def _slack_too(settings: Settings, service: Service, address: str) -> AsyncGenerator[None, None]:
    """Questions that a Slack bot has taken in, where this worker has its token."""
    if not settings.slack_bot_token.get_secret_value():
        yield
        return
    from workers.slack_build import slack_beside  # brings Slack's client, which few workers need

    async with slack_beside(settings, service, address, say):
        yield


def _stopping(stop: asyncio.Event, number: int) -> None:
    """The first signal lets rows end; the second one is the system's."""
    stop.set()
    asyncio.get_running_loop().remove_signal_handler(number)


async def work_on(settings: Settings, service: Service, config: WorkerConfig, stop: asyncio.Event) -> None:
    """The worker of this process, until stop is set."""
    assert service.queue is not None, "open_service opens it"
    for complaint in await complaints(service.queue):
        say(f"kaozheng: {complaint}")
    async with open_worker(within_limits(config, service), rows_of_service(service, patience_of(settings))) as worker:
        say(f"kaozheng: worker [{os.getpid()}] takes {config.room.rows} rows at a time (Ctrl-C stops it)")
        await worker.work(stop)


@asynccontextmanager
async def working_beside(settings: Settings, service: Service) -> AsyncGenerator[None, None]:
    """A worker in the process of another door, as long as the block lasts: rows that run then go back at once."""
    alone = not settings.redis_url and not settings.queue_url
    if settings.worker_in_serve == "no" or (settings.worker_in_serve == "auto" and not alone):
        yield
        return
    async with store_address(settings.redis_url, settings.data_dir) as store:
        config = replace(config_of(settings, queue_address(settings, store)), drain_seconds=0.0)
        config = within_limits(config, service)
        async with open_worker(config, rows_of_service(service, patience_of(settings))) as worker:
            stop = asyncio.Event()
            task = asyncio.create_task(worker.work(stop))
            try:
                yield
            finally:
                stop.set()
                await task
