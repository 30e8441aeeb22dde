"""API keys: 256 random bits with a prefix, kept as their SHA-256 only.

The keys of the settings come first; those that `kaozheng keys` makes lie in a file, one to a line:

    sha256:64-HEXADECIMAL-DIGITS 2026-11-22T01:00:00+00:00 what it is for
"""

import fcntl
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PREFIX = "kz_"
FILE_NAME = "keys"
LINE = re.compile(r"(?P<hash>sha256:[0-9a-f]{64})(?: (?P<created>\S+))?(?: (?P<name>.*))?")
MAX_NAME_CHARACTERS = 100


class UnknownKey(Exception):
    """There is no key with this id in the file."""


@dataclass(frozen=True, slots=True)
class KeptKey:
    """What is known of a key. hash: `sha256:` and 64 digits; created: ISO 8601, UTC; name: what it is for."""

    hash: str
    created: str = ""
    name: str = ""

    @property
    def id(self) -> str:
        """A name that does not give the key away; it is also the user that the key's answers belong to."""
        return f"key-{self.hash.removeprefix('sha256:')[:16]}"


@dataclass(frozen=True, slots=True)
class Keys:
    """hashes: of the settings; file: of first_key and create_key, read anew for each question, so that a key that
    is revoked is refused from then on. False while there is no key at all.
    """

    hashes: tuple[str, ...] = ()
    file: Path | None = None

    def __bool__(self) -> bool:
        return bool(self._known())

    def owner(self, key: str) -> str:
        """Who asks with this key, a name that does not give it away; "" when it is unknown.

        All hashes are compared, each in constant time, so that the time says nothing about any of them.
        """
        asked = hashed(key)
        matches = [hmac.compare_digest(asked, known) for known in self._known()]
        return KeptKey(asked).id if any(matches) else ""

    def _known(self) -> tuple[str, ...]:
        return self.hashes + (kept_keys(self.file) if self.file else ())


def hashed(key: str) -> str:
    """What is kept of a key. Lone surrogates, which no key has, are hashed as they are."""
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def new_key() -> str:
    """To be shown once and never kept."""
    return PREFIX + secrets.token_urlsafe(32)


def first_key(path: Path) -> str:
    """Makes the first key of a new installation: its hash goes into the file `path`, the key is returned, once.

    "" when the file is there already, also an empty one: whoever revoked the last key wanted none.
    Raises OSError when it cannot be written.
    """
    with _writing(path):
        return "" if path.is_file() else _add(path, "first key")


def create_key(path: Path, name: str) -> str:
    """Makes one more key and returns it, once. Raises ValueError for a name that is no single line."""
    if len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise ValueError(f"a key's name is one line of at most {MAX_NAME_CHARACTERS} characters")
    with _writing(path):
        return _add(path, name)


def revoke_key(path: Path, id_: str) -> KeptKey:
    """Removes the key with this id. Raises UnknownKey."""
    with _writing(path):
        kept = listed_keys(path)
        gone = next((key for key in kept if key.id == id_), None)
        if gone is None:
            raise UnknownKey(f"there is no key {id_} in {path}; `kaozheng keys list` shows them")
        _write(path, [key for key in kept if key != gone])
    return gone


def listed_keys(path: Path) -> tuple[KeptKey, ...]:
    """The keys in the file, the oldest first; other lines are remarks; none when there is no file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
    matches = (LINE.fullmatch(line.strip()) for line in lines)
    return tuple(KeptKey(**match.groupdict(default="")) for match in matches if match)


def kept_keys(path: Path) -> tuple[str, ...]:
    """The hashes of the keys in the file."""
    return tuple(key.hash for key in listed_keys(path))


def _add(path: Path, name: str) -> str:
    key = new_key()
    created = datetime.now(UTC).isoformat(timespec="seconds")
    _write(path, [*listed_keys(path), KeptKey(hashed(key), created, name)])
    return key


def _write(path: Path, keys: list[KeptKey]) -> None:
    """Whole or not at all, and readable by its user only from the first byte."""
    text = "".join(f"{key.hash} {key.created} {key.name}".rstrip() + "\n" for key in keys)
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """One writer at a time; the kernel ends the lock with the process."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
