"""What a setting may hold: addresses, host names, folders, keys. A wrong one is a ValueError."""

import hashlib
import re
import zoneinfo
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from agent.profile_files import profile_of

KEYED_ENGINES = ("bocha", "brave", "exa", "serper", "tavily")
ENGINES = ("library", "searxng", "ddgs", *KEYED_ENGINES)
HASHED_KEY = re.compile(r"sha256:[0-9a-f]{64}")


def without_password(url: str) -> str:
    """The address with `***` for user and password, and without its query, which may hold them too."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, f"***@{host}" if "@" in parts.netloc else host, parts.path, "", ""))


def _split(value: object) -> object:
    """`a, b` as the environment has it; a list, as the file may have it, stays."""
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value


def _http(value: str) -> str:
    return _address(value, ("http", "https"))


def _redis(value: str) -> str:
    return _address(value, ("redis", "rediss", "unix"))


def _queue(value: str) -> str:
    return _address(value, ("redis", "rediss", "unix", "amqp", "amqps"))


def _address(value: str, schemes: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port  # checked only when it is asked for
    except ValueError:
        raise ValueError("not an address") from None  # urlsplit's own words repeat the password
    if value and (parts.scheme not in schemes or not (parts.netloc or parts.path)):
        raise ValueError(f"an address begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return value


def _time_zone(value: str) -> str:
    try:
        if value:
            zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone; they look like Asia/Shanghai or Europe/Berlin") from None
    return value


def _engine(value: str) -> str:
    if value not in ENGINES:
        raise ValueError(f"{value!r} is not a search engine; there are {', '.join(ENGINES)}")
    return value


def _domain(value: str) -> str:
    if not re.fullmatch(r"[^\s/:@]+", value):
        raise ValueError("a host name has no scheme, port or path")
    return value.lower().strip(".")


def _hashed(value: str) -> str:
    """A key is kept as its hash only; a plain one is hashed here and forgotten."""
    return value if HASHED_KEY.fullmatch(value) else "sha256:" + hashlib.sha256(value.encode()).hexdigest()


def _key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("a key has printable ASCII characters only, without spaces or line ends")
    return value


def _profile(value: str) -> str:
    """The name of a profile or the path of a file, which is read now: a broken one must not wait for a question."""
    if not value:
        return value
    profile_of(value)
    return str(Path(value).expanduser().absolute()) if value.endswith(".toml") else value


def _path(value: Path) -> Path:
    return value.expanduser().absolute()


HttpUrl = Annotated[str, AfterValidator(_http)]
RedisUrl = Annotated[str, AfterValidator(_redis)]
QueueUrl = Annotated[str, AfterValidator(_queue)]
ProfileName = Annotated[str, AfterValidator(_profile)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Folder = Annotated[Path, AfterValidator(_path)]
Folders = Annotated[tuple[Folder, ...], NoDecode, BeforeValidator(_split)]
Domains = Annotated[tuple[Annotated[str, AfterValidator(_domain)], ...], NoDecode, BeforeValidator(_split)]
Engines = Annotated[tuple[Annotated[str, AfterValidator(_engine)], ...], NoDecode, BeforeValidator(_split)]
Keys = Annotated[tuple[Annotated[str, AfterValidator(_hashed)], ...], NoDecode, BeforeValidator(_split)]
EngineKey = Annotated[SecretStr, AfterValidator(_key)]
