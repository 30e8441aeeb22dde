"""One file that holds what must not be lost: the store, the library's index, and the settings without secrets.

A gzipped tar with a fixed set of members:

    manifest.json     versions, and size and SHA-256 of every other member
    store.jsonl       {"key", "expires_ms", "dump"} for each key; expires_ms 0: never
    library.sqlite3   the library's index; left out when there is none
    settings.toml     what differs from the defaults; secrets are remarks

Fetched pages are left out, since they can be fetched again; API keys are left out, since they are secrets.
A time of expiry is kept as a date: what has expired since the backup does not come back with it.
"""

import asyncio
import base64
import json
import os
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from types import MappingProxyType
from typing import IO

from pydantic import TypeAdapter
from pydantic_core import to_json

from tools.library_index import VERSION as LIBRARY_VERSION
from workers.settings import SECRET, Settings, shown, sources
from workers.store import VERSION as STORE_VERSION
from workers.store import Store, reaching
from workers.store_keys import PREFIX, VERSION_KEY

FORMAT = 1
MANIFEST, STORE, LIBRARY, SETTINGS = "manifest.json", "store.jsonl", "library.sqlite3", "settings.toml"
MEMBERS = (STORE, LIBRARY, SETTINGS)
STAGED = f"{PREFIX}restoring:"
LEFT_OUT = (VERSION_KEY, STAGED, f"{PREFIX}page:")
BATCH = 200

KNOWN_VERSIONS = MappingProxyType(
    {"format": FORMAT, "store_version": STORE_VERSION, "library_version": LIBRARY_VERSION}
)
"""The newest of each that this program can restore."""


class BackupRefused(Exception):
    """The backup cannot be made or restored; nothing has been changed. The message says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the backup. sha256: as hexadecimal digits."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """created: ISO 8601, UTC; keys: lines of store.jsonl; library_version: 0 when there is no index."""

    format: int
    created: str
    store_version: int
    library_version: int
    keys: int
    members: dict[str, Member]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of the store. dump: Base64 of what the server's DUMP gave, with its own checksum and version."""

    key: str
    expires_ms: int
    dump: str


MANIFESTS, ENTRIES = TypeAdapter(Manifest), TypeAdapter(Entry)


async def back_up(store: Store, settings: Settings, file: Path) -> Manifest:
    """Writes the file, whole or not at all. Raises BackupRefused when it is there already, StoreDown,
    OSError.
    """
    if await asyncio.to_thread(file.exists):
        raise BackupRefused(f"{file} is there already; choose another name")
    with tempfile.TemporaryDirectory(prefix="kaozheng-backup-") as name:
        folder = Path(name)
        keys = await _dump_store(store, folder / STORE)
        return await asyncio.to_thread(_finish, folder, settings, keys, file)


def settings_text(settings: Settings) -> str:
    """As a settings file: only what differs from the defaults. A secret is a remark, to be filled in by
    hand.
    """
    origins = sources(settings)
    lines = []
    for name, value in shown(settings).items():
        secret = name in SECRET or (isinstance(value, str) and "***@" in value)
        if origins[name] != "default":
            lines.append(f"{'# secret: ' if secret else ''}{name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join((*lines, ""))


def copy_index(source: Path, target: Path) -> None:
    """A whole copy of a SQLite file that others may be using; target becomes it in one transaction."""
    with closing(sqlite3.connect(source, timeout=10)) as old, closing(sqlite3.connect(target, timeout=10)) as new:
        old.backup(new)


def index_version(file: Path) -> int:
    """Of a file that nobody else has open."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


async def _dump_store(store: Store, file: Path) -> int:
    """How many keys. A key that ends while we read is left out."""
    with reaching():
        keys = sorted([key async for key in store.client.scan_iter(f"{PREFIX}*", 1_000)])
    keys = [key for key in keys if not key.decode().startswith(LEFT_OUT)]
    count = 0
    with await asyncio.to_thread(file.open, "wb") as lines:
        for start in range(0, len(keys), BATCH):
            for entry in await _entries(store, keys[start : start + BATCH]):
                lines.write(to_json(entry) + b"\n")
                count += 1
    return count


async def _entries(store: Store, keys: list[bytes]) -> list[Entry]:
    with reaching():
        async with store.client.pipeline(transaction=True) as pipe:
            for key in keys:
                pipe.dump(key)
                pipe.pexpiretime(key.decode())
            answers = await pipe.execute()
    dumps, expiries = answers[::2], answers[1::2]
    return [
        Entry(key.decode(), max(0, expires), base64.b64encode(dump).decode())
        for key, dump, expires in zip(keys, dumps, expiries, strict=True)
        if dump is not None
    ]


def _finish(folder: Path, settings: Settings, keys: int, file: Path) -> Manifest:
    (folder / SETTINGS).write_text(settings_text(settings), encoding="utf-8")
    version = 0
    if settings.library_index.is_file():
        copy_index(settings.library_index, folder / LIBRARY)
        version = index_version(folder / LIBRARY)
    members = {name: _member(folder / name) for name in MEMBERS if (folder / name).is_file()}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = Manifest(FORMAT, now, STORE_VERSION, version, keys, members)
    (folder / MANIFEST).write_bytes(MANIFESTS.dump_json(manifest, indent=1))
    _pack(folder, file)
    return manifest


def _member(path: Path) -> Member:
    with path.open("rb") as content:
        return Member(path.stat().st_size, file_digest(content, "sha256").hexdigest())


def _pack(folder: Path, file: Path) -> None:
    """Readable by its user only: it holds what was asked and answered."""
    part = file.with_name(file.name + ".part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as raw:
            _write_tar(folder, raw)
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _write_tar(folder: Path, raw: IO[bytes]) -> None:
    with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=6) as archive:
        for name in (MANIFEST, *MEMBERS):
            if (folder / name).is_file():
                archive.add(folder / name, name, filter=_nobodys)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the name of the user who made it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
