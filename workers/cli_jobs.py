"""`kaozheng batch status`, `cancel`, `retry`: the batches of this machine's user, in the store."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from workers.batch.batch_fields import batch_fields
from workers.batch.job_store import JobStore
from workers.batch.records import JobState
from workers.cli import BAD_INPUT
from workers.queue import open_queue
from workers.settings import load_settings
from workers.store_keys import LOCAL_USER
from workers.terminal import say
from workers.valkey import store_address

_MOST_LISTED = 100


@asynccontextmanager
async def _opened(config: Path | None) -> AsyncGenerator[JobStore, None]:
    settings = load_settings(config)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with store_address(settings.redis_url, settings.data_dir) as address, open_queue(settings, address) as queue:
        yield JobStore(queue)


def status(job_id: str, as_json: bool, config: Path | None) -> int:
    """One batch, or all. Raises SettingsError, StoreError."""
    return asyncio.run(_status(job_id, as_json, config))


async def _status(job_id: str, as_json: bool, config: Path | None) -> int:
    async with _opened(config) as jobs:
        if job_id:
            found = [state] if (state := await jobs.state(LOCAL_USER, job_id)) else []
        else:
            found = await jobs.list(LOCAL_USER, "", _MOST_LISTED)
    if job_id and not found:
        return _unknown(job_id)
    for state in found:
        print(json.dumps(batch_fields(state), ensure_ascii=False) if as_json else line_of_job(state))
    return 0


def line_of_job(state: JobState) -> str:
    """One line for people."""
    at = datetime.fromtimestamp(state.job.created).astimezone()
    counts = f"{state.completed:,} of {state.total:,} done"
    for name, count in (("failed", state.failed), ("cancelled", state.cancelled), ("expired", state.expired)):
        counts += f", {count:,} {name}" if count else ""
    tokens = state.prompt_tokens + state.completion_tokens
    said = f"{state.job.id}  {at:%Y-%m-%d %H:%M}  {state.status:11}  {counts}, {tokens:,} tokens"
    name = state.job.metadata.get("questions", "")
    return said + (f"  {name}" if name else "") + (f"  ({state.reason})" if state.reason else "")


def cancel(job_id: str, config: Path | None) -> int:
    """Raises SettingsError, StoreError."""
    return asyncio.run(_cancel(job_id, config))


async def _cancel(job_id: str, config: Path | None) -> int:
    async with _opened(config) as jobs:
        state = await jobs.cancel(LOCAL_USER, job_id)
    if state is None:
        return _unknown(job_id)
    print(line_of_job(state))
    return 0


def retry(job_id: str, config: Path | None) -> int:
    """Raises SettingsError, StoreError."""
    return asyncio.run(_retry(job_id, config))


async def _retry(job_id: str, config: Path | None) -> int:
    async with _opened(config) as jobs:
        moved = await jobs.retry(LOCAL_USER, job_id)
        state = await jobs.state(LOCAL_USER, job_id)
    if state is None:
        return _unknown(job_id)
    if moved is None:
        say(f"kaozheng: this batch is {state.status}: it cannot be tried again")
        return BAD_INPUT
    then = "; `kaozheng batch run` with the same files, `serve` or `worker` goes on with them" if moved else ""
    print(f"{moved:,} rows wait again{then}")
    return 0


def _unknown(job_id: str) -> int:
    say(f"kaozheng: there is no batch {job_id}; `kaozheng batch status` lists them")
    return BAD_INPUT
