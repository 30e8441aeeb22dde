"""Puts a backup back: verified before anything is written, then all of it or nothing."""

import asyncio
import base64
import hashlib
import shutil
import sqlite3
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from redis.asyncio.client import Pipeline
from redis.exceptions import ResponseError

from workers.backup import (
    BATCH,
    ENTRIES,
    KNOWN_VERSIONS,
    LEFT_OUT,
    LIBRARY,
    MANIFEST,
    MANIFESTS,
    MEMBERS,
    SETTINGS,
    STAGED,
    STORE,
    BackupRefused,
    Entry,
    Manifest,
    Member,
    copy_index,
    index_version,
)
from workers.store import Store, reaching
from workers.store_keys import PREFIX

MAX_MANIFEST_BYTES = 64 * 1024
CHUNK_BYTES = 1024 * 1024
BEFORE = "before.sqlite3"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was verified. folder: where its members lie, unpacked."""

    manifest: Manifest
    folder: Path

    @property
    def settings(self) -> str:
        """The settings file of the backup; restoring does not touch the settings that hold."""
        return (self.folder / SETTINGS).read_text(encoding="utf-8")

    def entries(self) -> Iterator[Entry]:
        """Raises BackupRefused for a line that is no entry of ours."""
        with (self.folder / STORE).open("rb") as lines:
            for line in lines:
                yield _entry(line)


def open_backup(file: Path, folder: Path) -> Backup:
    """Unpacks into folder, an empty one, and verifies names, sizes, hashes, versions and every line.

    Raises BackupRefused, OSError. Nothing outside folder is written.
    """
    try:
        with tarfile.open(file, "r:gz") as archive:
            members = _members(archive)
            manifest = _manifest(archive, members)
            _check_space(manifest, folder)
            for name, member in manifest.members.items():
                _unpack(archive, members[name], folder / name, member)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise BackupRefused(f"{file} is no whole backup: {error}") from None
    backup = Backup(manifest, folder)
    _check_content(backup)
    return backup


async def restore(backup: Backup, store: Store, library_index: Path) -> None:
    """Replaces what the store and the library hold by what the backup holds. Fetched pages stay, and so does the
    library when the backup has none.

    Raises BackupRefused, StoreDown, OSError; then everything is as it was before.
    """
    index = _Index(library_index, backup.folder)
    await _clear_staged(store)
    try:
        await _stage(backup, store)
        await asyncio.to_thread(index.replace)
        try:
            await _swap_store(backup, store)
        except BaseException:
            await asyncio.to_thread(index.put_back)
            raise
    except sqlite3.Error as error:
        raise BackupRefused(f"the library's index cannot be written: {error}") from None
    finally:
        await _clear_staged(store)


@dataclass(frozen=True, slots=True)
class _Index:
    """The library's index in its place, and the one of the backup, if it has one, in its folder."""

    file: Path
    folder: Path

    def replace(self) -> None:
        if not (self.folder / LIBRARY).is_file():
            return
        if self.file.is_file():
            copy_index(self.file, self.folder / BEFORE)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        copy_index(self.folder / LIBRARY, self.file)

    def put_back(self) -> None:
        if not (self.folder / LIBRARY).is_file():
            return
        if (self.folder / BEFORE).is_file():
            copy_index(self.folder / BEFORE, self.file)
        else:
            self.file.unlink(missing_ok=True)


def _members(archive: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """Only our own names, each once, each a plain file: no path, link or device can be among them."""
    members: dict[str, tarfile.TarInfo] = {}
    for member in archive:
        if member.name not in (MANIFEST, *MEMBERS) or member.name in members:
            raise BackupRefused(f"the backup holds {member.name[:100]!r}, which does not belong there")
        if not member.isreg() or member.issparse():
            raise BackupRefused(f"in the backup, {member.name} is no plain file")
        members[member.name] = member
    return members


def _manifest(archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> Manifest:
    """It names exactly the members that are there, and no version that we do not know."""
    content = archive.extractfile(members[MANIFEST]) if MANIFEST in members else None
    if content is None:
        raise BackupRefused(f"there is no {MANIFEST} in it; this is no backup of ours")
    try:
        manifest = MANIFESTS.validate_json(content.read(MAX_MANIFEST_BYTES), strict=True)
    except ValidationError:
        raise BackupRefused(f"the {MANIFEST} of the backup is damaged") from None
    for name, known in KNOWN_VERSIONS.items():
        if getattr(manifest, name) > known:
            raise BackupRefused(
                f"the backup was made by a newer program ({name} {getattr(manifest, name)}, we know {known}); "
                "install that one to restore it"
            )
    if set(manifest.members) != set(members) - {MANIFEST} or not {STORE, SETTINGS} <= set(members):
        raise BackupRefused("the backup does not hold what its manifest says")
    return manifest


def _check_space(manifest: Manifest, folder: Path) -> None:
    needed = sum(member.bytes for member in manifest.members.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise BackupRefused(f"the backup needs {needed:,} bytes in {folder}, where {free:,} are free")


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, said: Member) -> None:
    """No byte more than the manifest says is written, whatever the archive claims."""
    content, digest, left = archive.extractfile(member), hashlib.sha256(), said.bytes
    if content is None or member.size != said.bytes:
        raise BackupRefused(f"{member.name} in the backup has another size than its manifest says")
    with target.open("xb") as file:
        while left > 0 and (chunk := content.read(min(CHUNK_BYTES, left))):
            file.write(chunk)
            digest.update(chunk)
            left -= len(chunk)
    if left or digest.hexdigest() != said.sha256:
        raise BackupRefused(f"{member.name} in the backup is damaged: its hash differs")


def _check_content(backup: Backup) -> None:
    count = sum(1 for _ in backup.entries())
    if count != backup.manifest.keys:
        raise BackupRefused(f"the backup holds {count} keys, not {backup.manifest.keys}")
    if LIBRARY in backup.manifest.members:
        try:
            version = index_version(backup.folder / LIBRARY)
        except sqlite3.Error as error:
            raise BackupRefused(f"the library's index in the backup is damaged: {error}") from None
        if version != backup.manifest.library_version:
            raise BackupRefused(f"the library's index in the backup has version {version}, not the one it says")


def _entry(line: bytes) -> Entry:
    try:
        entry = ENTRIES.validate_json(line, strict=True)
        base64.b64decode(entry.dump, validate=True)
    except ValueError:
        raise BackupRefused(f"a line of {STORE} in the backup is damaged") from None
    if not entry.key.startswith(PREFIX) or entry.key.startswith(LEFT_OUT) or entry.expires_ms < 0:
        raise BackupRefused(f"a line of {STORE} in the backup names a key that is not ours")
    return entry


async def _stage(backup: Backup, store: Store) -> None:
    """Every value under a name that nobody reads, so that one which the server refuses changes nothing."""
    pipe = store.client.pipeline(transaction=False)
    for number, entry in enumerate(backup.entries()):
        pipe.restore(_staged(number), 0, base64.b64decode(entry.dump), replace=True)
        if len(pipe) >= BATCH:
            await _execute(pipe)
    await _execute(pipe)


async def _execute(pipe: Pipeline) -> None:
    with reaching():
        try:
            await pipe.execute()
        except ResponseError as error:
            raise BackupRefused(f"the store's server refuses the backup: {error}") from None


async def _swap_store(backup: Backup, store: Store) -> None:
    """One transaction. A staged value has no expiry, so that none can vanish before it has its name."""
    with reaching():
        old = [key async for key in store.client.scan_iter(f"{PREFIX}*", 1_000)]
        async with store.client.pipeline(transaction=True) as pipe:
            for key in old:
                if not key.decode().startswith(LEFT_OUT):
                    pipe.delete(key)
            for number, entry in enumerate(backup.entries()):
                pipe.rename(_staged(number), entry.key)
                if entry.expires_ms:
                    pipe.pexpireat(entry.key, entry.expires_ms)
            await pipe.execute()


async def _clear_staged(store: Store) -> None:
    with reaching():
        async for key in store.client.scan_iter(f"{STAGED}*", 1_000):
            await store.client.delete(key)


def _staged(number: int) -> str:
    return f"{STAGED}{number}"
