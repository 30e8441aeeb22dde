"""What `kaozheng slack` does."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from redis.asyncio import Redis

from agent.templates import SHELF
from workers.doctor import examine, failed
from workers.doctor_cli import show_finding, sum_up
from workers.logs import set_up_logs
from workers.settings import Settings, load_settings
from workers.slack.feedback import all_feedback
from workers.slack_build import running_slack
from workers.slack_doctor import slack_probes
from workers.store import COMMAND_SECONDS, Retention, Store
from workers.terminal import say
from workers.valkey import store_address

DOCTOR_SECONDS = 90.0
MANIFEST = "slack-manifest.yml"


def run(config: Path | None) -> int:
    """Raises SettingsError, StoreError."""
    settings = load_settings(config)
    set_up_logs(settings.log_level, settings.log_format, texts=settings.log_texts)
    asyncio.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running_slack(settings, say):
        await stop.wait()


def doctor(config: Path | None) -> int:
    """1 when something fails. Raises SettingsError."""
    settings = load_settings(config)

    async def work() -> int:
        found = []
        async with aclosing(examine(slack_probes(settings), DOCTOR_SECONDS)) as findings:
            async for finding in findings:
                found.append(finding)
                show_finding(finding)
        sum_up(found)
        return int(failed(found))

    return asyncio.run(work())


def export_feedback(out: Path, config: Path | None) -> int:
    """Whole or not at all. Raises SettingsError, StoreError."""
    settings = load_settings(config)

    async def lines() -> list[str]:
        async with _store(settings) as store:
            return [await _line(store, fields) async for fields in all_feedback(store.client)]

    written = asyncio.run(lines())
    part = out.with_name(f"{out.name}.part")
    try:
        part.write_text("".join(f"{line}\n" for line in written), encoding="utf-8", errors="backslashreplace")
        part.replace(out)
    except OSError as error:
        say(f"kaozheng: {out}: {error.strerror}")
        return 2
    print(f"{len(written):,} opinions in {out}")
    return 0


@asynccontextmanager
async def _store(settings: Settings) -> AsyncGenerator[Store, None]:
    async with store_address(settings.redis_url, settings.data_dir) as address:
        client = Redis.from_url(address, socket_timeout=COMMAND_SECONDS, socket_connect_timeout=COMMAND_SECONDS)
        try:
            yield Store(client, Retention.of(settings.answer_days, settings.thread_days, settings.page_hours))
        finally:
            await client.aclose()


async def _line(store: Store, fields: dict[str, str]) -> str:
    """With the answer, while it is kept."""
    for owner in await store.owners("answer", fields["answer"]):
        stored = await store.get_answer(fields["answer"], owner)
        if stored is not None:
            return json.dumps({**fields, "answered": asdict(stored.answer)}, ensure_ascii=False)
    return json.dumps({**fields, "answered": None}, ensure_ascii=False)


def print_manifest() -> int:
    print((SHELF / "slack" / MANIFEST).read_text(encoding="utf-8"), end="")
    return 0
