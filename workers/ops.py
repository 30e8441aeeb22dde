"""What the operator's commands do. Each returns its exit code: 0 done, 1 failed, 2 bad input, 3 nothing found."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workers import keys
from workers.backup import BackupRefused, back_up
from workers.batch.job_store import JobStore
from workers.queue import on_rabbitmq, open_queue
from workers.restore import Backup, open_backup
from workers.restore import restore as restore_backup
from workers.settings import Settings, load_settings, shown, sources
from workers.slack.forgetting import forget_asker
from workers.store import Forgotten, Retention, Store, open_store
from workers.store_errors import StoreError
from workers.valkey import store_address

QUEUE_NOT_SAVED = (
    "kaozheng: batches are not in this backup: they lie in KAOZHENG_QUEUE_URL, a server of its own; save its "
    "append-only file too (docs/batch.md)"
)
DONE, FAILED, BAD_INPUT, NOTHING_FOUND = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be forgotten; exactly one is not empty."""

    answer: str = ""
    thread: str = ""
    user: str = ""

    def __str__(self) -> str:
        return ", ".join(f"{kind} {name}" for kind, name in asdict(self).items() if name)

    @property
    def one(self) -> bool:
        return sum(bool(name) for name in asdict(self).values()) == 1


def show_config(config: Path | None, as_json: bool) -> int:
    settings = load_settings(config)
    values, origins = shown(settings), sources(settings)
    if as_json:
        rows = {name: {"value": value, "source": origins[name]} for name, value in values.items()}
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return DONE
    width = max(len(name) for name in values)
    for name, value in values.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        print(f"{name:<{width}}  {text or '(empty)'}  [{origins[name]}]")
    return DONE


def backup(file: Path, config: Path | None) -> int:
    settings = load_settings(config)

    async def work() -> int:
        async with opened_store(settings) as store:
            manifest = await back_up(store, settings, file)
        library = "with the library" if manifest.library_version else "without a library"
        print(f"{file}: {manifest.keys} keys of the store, {library}; secrets are not in it")
        if settings.queue_url and not on_rabbitmq(settings):
            print(QUEUE_NOT_SAVED, file=sys.stderr)
        return DONE

    return _run(work())


def restore(file: Path, yes: bool, config: Path | None) -> int:
    settings = load_settings(config)

    async def work() -> int:
        with tempfile.TemporaryDirectory(prefix="kaozheng-restore-") as folder:
            verified = await asyncio.to_thread(open_backup, file, Path(folder))
            made = f"the backup of {verified.manifest.created}, {verified.manifest.keys} keys"
            if not _agreed(f"replace what the store and the library hold by {made}", yes):
                return FAILED
            async with opened_store(settings) as store:
                await restore_backup(verified, store, settings.library_index)
            print(f"restored {made}")
            _leave_settings(verified, settings)
            return DONE

    return _run(work())


def forget(target: Target, yes: bool, config: Path | None) -> int:
    if not target.one:
        print("kaozheng: name one of --answer ID, --thread ID, --user NAME", file=sys.stderr)
        return BAD_INPUT
    settings = load_settings(config)
    if not _agreed(f"forget {target} for good", yes):
        return FAILED

    async def work() -> int:
        async with opened_store(settings) as store:
            counts = await _forget(store, target)
            if target.user:
                counts += await _forget_in_queue(settings, store, target.user)
            written = await store.rewrite_file()
        print(", ".join(f"{kind}: {count}" for kind, count in asdict(counts).items()))
        if not written:
            print("kaozheng: the server did not rewrite its file; run BGREWRITEAOF there", file=sys.stderr)
        return DONE if counts != Forgotten() else NOTHING_FOUND

    return _run(work())


@dataclass(frozen=True, slots=True)
class KeyWords:
    """A key as the command line describes it. limits: NAME=NUMBER each."""

    name: str
    scopes: Sequence[str]
    days: float
    limits: Sequence[str]

    def wish(self) -> keys.Wish:
        """Raises ValueError."""
        pairs = [limit.partition("=") for limit in self.limits]
        limits = tuple((name.strip(), float(number)) for name, _, number in pairs)
        return keys.Wish(self.name, tuple(self.scopes), self.days, limits)


def create_key(words: KeyWords, config: Path | None) -> int:
    return _with_keys(config, lambda file: print(keys.create_key(file, words.wish())))


def list_keys(config: Path | None) -> int:
    def show(file: Path) -> None:
        for key in keys.listed_keys(file):
            print(f"{key.id}  {key.created or '-':<25}  {key.name}{_rights(key)}".rstrip())

    return _with_keys(config, show)


def _rights(key: keys.KeptKey) -> str:
    """What sets this key apart from one that may do everything."""
    scopes = [",".join(key.scopes)] if key.scopes != keys.SCOPES else []
    ends = [f"{'expired' if key.expired(keys.utc_now()) else 'until'} {key.expires}"] if key.expires else []
    words = scopes + ends + [f"{name}={number:g}" for name, number in key.limits]
    return f"  [{' '.join(words)}]" if words else ""


def revoke_key(id_: str, config: Path | None) -> int:
    return _with_keys(config, lambda file: print(f"revoked {keys.revoke_key(file, id_).id}"))


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncGenerator[Store, None]:
    """The configured store, or the embedded one for as long as this block lasts. Raises StoreError."""
    retention = Retention.of(settings.answer_days, settings.thread_days, settings.page_hours)
    async with (
        store_address(settings.redis_url, settings.data_dir) as address,
        open_store(address, retention) as store,
    ):
        yield store


async def _forget(store: Store, target: Target) -> Forgotten:
    """The operator may know an id alone; then whosever it is."""
    total = Forgotten()
    for user in await store.owners("answer", target.answer):
        total += await store.forget_answer(user, target.answer)
    for user in await store.owners("thread", target.thread):
        total += await store.forget_thread(user, target.thread)
    return total + (await store.forget_user(target.user) if target.user else Forgotten())


async def _forget_in_queue(settings: Settings, store: Store, user: str) -> Forgotten:
    """Batches, and questions from Slack; they may lie in a store of their own."""
    async with store_address(settings.redis_url, settings.data_dir) as address, open_queue(settings, address) as queue:
        slack = await forget_asker(queue, store.client, user)
        return Forgotten(batches=await JobStore(queue).forget_user(user), slack=slack)


def _leave_settings(backup: Backup, settings: Settings) -> None:
    """Beside the data, to be looked at: which settings hold is decided on this machine."""
    file = settings.data_dir / "restored-settings.toml"
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_text(backup.settings, encoding="utf-8")
    print(f"the backup's settings are in {file}; those that hold have not been changed")


def _agreed(what: str, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        print(f"kaozheng: to {what}, add --yes", file=sys.stderr)
        return False
    return input(f"{what}? [y/N] ").strip().lower() in ("y", "yes")


def _run(work: Coroutine[Any, Any, int]) -> int:
    """One line for what failed, whatever it was."""
    try:
        return asyncio.run(work)
    except (StoreError, BackupRefused, OSError, ValueError) as error:
        print(f"kaozheng: {error}", file=sys.stderr)
        return FAILED


def _with_keys(config: Path | None, work: Callable[[Path], None]) -> int:
    file = load_settings(config).data_dir / keys.FILE_NAME
    try:
        work(file)
    except (keys.UnknownKey, OSError, ValueError) as error:
        print(f"kaozheng: {error}", file=sys.stderr)
        return FAILED
    return DONE
