"""Files that users keep here to work on: OpenAI's Files, in the store, in pieces, each its user's own.

kz:u:USER:file:ID      what is known of it; there from the moment at which it is whole
kz:u:USER:pieces:ID    list of its bytes, piece by piece
kz:u:USER:files:all    sorted set of its user's ids, by the time at which each was made, in milliseconds
"""

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from redis.asyncio import Redis

from workers.problems import Problem
from workers.records import Record
from workers.store import reaching
from workers.store_errors import RecordPoisoned
from workers.store_keys import is_id, key_of

PIECE_BYTES = 512 * 1024
MAX_FILES = 10_000
"""Of one user."""
UNFINISHED_SECONDS = 3_600
"""How long the pieces of an upload that broke off with its replica stay."""
UNKNOWN_FILE = "there is no file of yours with this id; it may have expired"
MIB = 1024 * 1024

Purpose = Literal["batch", "user_data", "batch_output"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


@dataclass(frozen=True, slots=True)
class KeptFile:
    """What is known of a file. size: in bytes; created, expires: seconds since 1970."""

    id: str
    name: str
    purpose: Purpose
    size: int
    created: int
    expires: int
    pieces: int


FILE = Record("file", KeptFile)


@dataclass(frozen=True, slots=True)
class FileLimits:
    """max_bytes: of one file; all_bytes: of all that one user keeps; seconds: how long each is kept."""

    max_bytes: int = 200 * MIB
    all_bytes: int = 2_048 * MIB
    seconds: int = 30 * 86_400
    upload_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a file is to be kept. seconds: 0 for as long as the service is set to."""

    name: str
    purpose: Purpose
    seconds: int = 0


@dataclass(slots=True)
class Writer:
    """One file while it is written. What is not finished is removed."""

    store: "FileStore"
    user: str
    id: str
    room_bytes: int
    size: int = 0
    pieces: int = 0
    finished: bool = False
    _waiting: bytearray = field(default_factory=bytearray)

    async def write(self, content: bytes) -> None:
        """Raises Problem for more than may be kept, StoreDown."""
        self.size += len(content)
        if self.size > self.store.limits.max_bytes:
            limit = f"{self.store.limits.max_bytes:,} bytes"
            raise Problem("file_too_large", f"the file has more than {limit}; send it in parts", "file")
        if self.size > self.room_bytes:
            limit = f"{self.store.limits.all_bytes:,} bytes"
            raise Problem("files_full", f"all your files together may have {limit}; delete some", "file")
        self._waiting += content
        while len(self._waiting) >= PIECE_BYTES:
            await self._put(bytes(self._waiting[:PIECE_BYTES]))
            del self._waiting[:PIECE_BYTES]

    async def _put(self, piece: bytes) -> None:
        key = key_of(self.user, "pieces", self.id)
        with reaching():
            async with self.store.client.pipeline(transaction=True) as pipe:
                pipe.rpush(key, piece)
                pipe.expire(key, UNFINISHED_SECONDS)
                await pipe.execute()
        self.pieces += 1

    async def finish(self, wanted: Wanted) -> KeptFile:
        """From here on the file is there. Raises StoreDown."""
        if self._waiting:
            await self._put(bytes(self._waiting))
            self._waiting.clear()
        now, seconds = self.store.now(), wanted.seconds or self.store.limits.seconds
        made = KeptFile(self.id, wanted.name, wanted.purpose, self.size, int(now), int(now) + seconds, self.pieces)
        with reaching():
            async with self.store.client.pipeline(transaction=True) as pipe:
                pipe.expire(key_of(self.user, "pieces", self.id), seconds)
                pipe.set(key_of(self.user, "file", self.id), FILE.write(made), ex=seconds)
                pipe.zadd(key_of(self.user, "files", "all"), {self.id: round(now * 1_000)})
                await pipe.execute()
        self.finished = True
        return made


@dataclass(frozen=True, slots=True)
class FileStore:
    """Every method raises StoreDown when the server does not answer. An id that is unknown, foreign, expired or
    malformed finds nothing, and all four look the same. now: seconds since 1970."""

    client: Redis
    limits: FileLimits = field(default_factory=FileLimits)
    now: Callable[[], float] = time.time

    @asynccontextmanager
    async def writing(self, user: str) -> AsyncIterator[Writer]:
        """A new file. What was written is removed again unless finish() was reached. Raises Problem."""
        kept = await self.all(user)
        if len(kept) >= MAX_FILES:
            raise Problem("files_full", f"{MAX_FILES:,} files at most are kept of each key; delete some", "file")
        room = self.limits.all_bytes - sum(each.size for each in kept)
        writer = Writer(self, user, f"file-{secrets.token_hex(16)}", room)
        try:
            yield writer
        finally:
            if not writer.finished:
                with reaching():
                    await self.client.unlink(key_of(user, "pieces", writer.id))

    async def get(self, user: str, file_id: str) -> KeptFile | None:
        """None: this user has no such file."""
        if not is_id(file_id):
            return None
        with reaching():
            found = cast("bytes | None", await self.client.get(key_of(user, "file", file_id)))
        return None if found is None else FILE.read(found)

    async def all(self, user: str) -> list[KeptFile]:
        """The newest first. Those that have expired leave the list here."""
        key = key_of(user, "files", "all")
        with reaching():
            members = cast("list[bytes]", await self.client.zrevrange(key, 0, -1))
            ids = [each.decode("ascii", "replace") for each in members]
            keys = [key_of(user, "file", each) for each in ids]
            found = cast("list[bytes | None]", await self.client.mget(keys)) if keys else []
            gone = [each for each, record in zip(ids, found, strict=True) if record is None]
            if gone:
                await self.client.zrem(key, *gone)
        return [FILE.read(record) for record in found if record is not None]

    async def content(self, user: str, file: KeptFile) -> AsyncGenerator[bytes, None]:
        """The bytes, piece by piece. Raises RecordPoisoned where one is missing: it was deleted meanwhile, or lost."""
        left = file.size
        for number in range(file.pieces):
            with reaching():
                reading = cast(Awaitable[bytes | None], self.client.lindex(key_of(user, "pieces", file.id), number))
                piece = await reading
            if piece is None:
                raise RecordPoisoned(f"the file {file.id} has lost its piece {number}")
            left -= len(piece)
            yield piece
        if left:
            raise RecordPoisoned(f"the file {file.id} is not as long as it was")

    async def delete(self, user: str, file_id: str) -> bool:
        """Whether it was there."""
        if not is_id(file_id):
            return False
        with reaching():
            async with self.client.pipeline(transaction=True) as pipe:
                pipe.delete(key_of(user, "file", file_id))
                pipe.unlink(key_of(user, "pieces", file_id))
                pipe.zrem(key_of(user, "files", "all"), file_id)
                removed = await pipe.execute()
        return bool(removed[0])
