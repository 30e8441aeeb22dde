"""API keys: 256 random bits with a prefix, kept as their SHA-256 only.

The keys of the settings come first; those that `kaozheng keys` makes lie in a file, one to a line. What a key may do
stands as JSON in the place of the name; without it a key may do everything:

    sha256:64-HEXADECIMAL-DIGITS 2026-11-22T01:00:00+00:00 what it is for
    sha256:64-HEXADECIMAL-DIGITS 2026-11-22T01:00:00+00:00 {"name":"bot","scopes":["ask"],"expires":"","limits":[]}
"""

import fcntl
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from workers.quota import LIMIT_NAMES

PREFIX = "kz_"
FILE_NAME = "keys"
LINE = re.compile(r"(?P<hash>sha256:[0-9a-f]{64})(?: (?P<created>\S+))?(?: (?P<rest>.*))?")
MAX_NAME_CHARACTERS = 100
MAX_DAYS = 36_500
SCOPES = ("ask", "read", "batch", "admin")
"""ask: put, cancel and forget questions; read: what was answered; batch: files of questions; admin: the operator's page
and the metrics."""
USUAL_SCOPES = ("ask", "read", "batch")


class UnknownKey(Exception):
    """There is no key with this id in the file."""


@dataclass(frozen=True, slots=True)
class KeptKey:
    """What is known of a key. hash: `sha256:` and 64 digits; created: ISO 8601, UTC; name: what it is for; expires:
    ISO 8601, UTC, "" for never; limits: by their names in workers/quota.py, the others are as in the settings."""

    hash: str
    created: str = ""
    name: str = ""
    scopes: tuple[str, ...] = SCOPES
    expires: str = ""
    limits: tuple[tuple[str, float], ...] = ()

    @property
    def id(self) -> str:
        """A name that does not give the key away; it is also the user that the key's answers belong to."""
        return f"key-{self.hash.removeprefix('sha256:')[:16]}"

    def expired(self, now: datetime) -> bool:
        return bool(self.expires) and datetime.fromisoformat(self.expires) <= now


@dataclass(frozen=True, slots=True)
class Wish:
    """A key to be made. days: until it expires, 0 for never. Raises ValueError for what no key can have."""

    name: str = ""
    scopes: tuple[str, ...] = USUAL_SCOPES
    days: float = 0
    limits: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if len(self.name) > MAX_NAME_CHARACTERS or not self.name.isprintable():
            raise ValueError(f"a key's name is one line of at most {MAX_NAME_CHARACTERS} characters")
        if not self.scopes or not set(self.scopes) <= set(SCOPES):
            raise ValueError(f"a key has one or more of the scopes {', '.join(SCOPES)}")
        if not 0 <= self.days <= MAX_DAYS:
            raise ValueError(f"a key expires after 0 (never) to {MAX_DAYS:,} days")
        if not all(name in LIMIT_NAMES and 0 <= number < 1e15 for name, number in self.limits):
            raise ValueError(f"a limit is NAME=NUMBER, with a name of {', '.join(LIMIT_NAMES)}")


@dataclass(frozen=True, slots=True)
class _Rest:
    """What stands as JSON in the place of the name."""

    name: str = ""
    scopes: tuple[str, ...] = ()
    expires: str = ""
    limits: tuple[tuple[str, float], ...] = ()


_REST = TypeAdapter(_Rest)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Keys:
    """hashes: of the settings; file: of first_key and create_key, read anew for each question, so that a key that
    is revoked is refused from then on. False while there is no key at all; an expired one still counts.
    """

    hashes: tuple[str, ...] = ()
    file: Path | None = None
    now: Callable[[], datetime] = utc_now

    def __bool__(self) -> bool:
        return bool(self._known())

    def owner(self, key: str) -> str:
        """Who asks with this key, a name that does not give it away; "" when it is unknown or expired."""
        found = self.find(key)
        return found.id if found else ""

    def find(self, key: str) -> KeptKey | None:
        """What is known of this key; None when it is unknown or expired.

        All hashes are compared, each in constant time, so that the time says nothing about any of them.
        """
        asked = hashed(key)
        matches = [known for known in self._known() if hmac.compare_digest(asked, known.hash)]
        return next((known for known in matches if not known.expired(self.now())), None)

    def all(self) -> tuple[KeptKey, ...]:
        """Those of the settings first; expired ones too."""
        return self._known()

    def good(self, user: str) -> bool:
        """Whether the key of this user would be let in now. Without any key everybody is let in, under one name."""
        known = self._known()
        return not known or any(each.id == user and not each.expired(self.now()) for each in known)

    def limits_of(self, user: str) -> tuple[tuple[str, float], ...]:
        """Of the key that this user asks with; none for anybody else."""
        return next((known.limits for known in self._known() if known.id == user), ())

    def _known(self) -> tuple[KeptKey, ...]:
        return tuple(map(KeptKey, self.hashes)) + (listed_keys(self.file) if self.file else ())


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
        return "" if path.is_file() else _add(path, Wish("first key", SCOPES))


def create_key(path: Path, wish: Wish) -> str:
    """Makes one more key and returns it, once."""
    with _writing(path):
        return _add(path, wish)


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
    found = (_kept(**match.groupdict(default="")) for match in matches if match)
    return tuple(key for key in found if key)


def kept_keys(path: Path) -> tuple[str, ...]:
    """The hashes of the keys in the file."""
    return tuple(key.hash for key in listed_keys(path))


def _kept(hash: str, created: str, rest: str) -> KeptKey | None:
    """None for a line whose rights cannot be read: a key of which nobody knows what it may do is no key."""
    if not rest.startswith("{"):
        return KeptKey(hash, created, rest)
    try:
        said = _REST.validate_json(rest)
        if said.expires and datetime.fromisoformat(said.expires).tzinfo is None:
            return None
    except (ValidationError, ValueError):
        return None
    return KeptKey(hash, created, said.name, said.scopes, said.expires, said.limits)


def _add(path: Path, wish: Wish) -> str:
    key, now = new_key(), datetime.now(UTC)
    expires = (now + timedelta(days=wish.days)).isoformat(timespec="seconds") if wish.days else ""
    made = KeptKey(hashed(key), now.isoformat(timespec="seconds"), wish.name, wish.scopes, expires, wish.limits)
    _write(path, [*listed_keys(path), made])
    return key


def _line(key: KeptKey) -> str:
    plain = replace(key, name="") == KeptKey(key.hash, key.created) and not key.name.startswith("{")
    rest = _Rest(key.name, key.scopes, key.expires, key.limits)
    return f"{key.hash} {key.created} {key.name if plain else to_json(rest).decode()}".rstrip() + "\n"


def _write(path: Path, keys: list[KeptKey]) -> None:
    """Whole or not at all, and readable by its user only from the first byte."""
    text = "".join(map(_line, keys))
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
