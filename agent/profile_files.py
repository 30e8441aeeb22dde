"""Reads profile files. A broken one is refused with its file, the field and the reason, before anything is asked."""

import json
import tomllib
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agent.profile import Profile

FOLDER = Path(__file__).parent / "profiles"
MAX_FILE_BYTES = 64 * 1024
_PROFILE = TypeAdapter(Profile)


class ProfileRefused(ValueError):
    """A profile file that cannot be used; the message names the file, the field and the reason, in one line."""


def known_names() -> tuple[str, ...]:
    """Of the profiles that come with the program."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def known_profiles() -> tuple[Profile, ...]:
    """All that come with the program. Raises ProfileRefused."""
    return tuple(read_profile(FOLDER / f"{name}.toml") for name in known_names())


def profile_of(name: str) -> Profile:
    """The profile of that name, or of the file at that path (it ends in .toml). Raises ProfileRefused."""
    if name in known_names():
        return read_profile(FOLDER / f"{name}.toml")
    if name.endswith(".toml"):
        return read_profile(Path(name).expanduser())
    raise ProfileRefused(f"there is no profile {name!r}; there are {', '.join(known_names())}, or the path of a .toml")


def read_profile(path: Path) -> Profile:
    """The profile in a TOML file; its name is the file's. Raises ProfileRefused."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise ProfileRefused(f"{path}: larger than {MAX_FILE_BYTES:,} bytes, so it is no profile")
        fields = tomllib.loads(content.decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ProfileRefused(f"{path}: cannot be read: {reason}") from None
    if "name" in fields:
        raise ProfileRefused(f"{path}: name: is taken from the file's own name")
    try:
        named = json.dumps({**fields, "name": path.stem}, default=str)
        return _PROFILE.validate_json(named, strict=True, extra="forbid")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ").replace("Unexpected keyword argument", "no such field")
        raise ProfileRefused(f"{path}: {place or 'profile'}: {reason}") from None
