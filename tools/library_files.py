"""The files of a folder that may become pages: found, and read without following a link out of the folder."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ENDINGS = frozenset({".html", ".htm", ".xhtml", ".pdf", ".docx", ".md", ".markdown", ".txt", ".text"})
MAX_FILE_BYTES = 20 * 1024 * 1024
MAX_FILES = 100_000
MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class FoundFile:
    """path: relative to the folder, with forward slashes; mtime: nanoseconds since 1970; size: bytes."""

    path: str
    mtime: int
    size: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A file (or folder) that is no page. path: relative; reason: one snake_case word; detail: for people."""

    path: str
    reason: str
    detail: str = ""


@dataclass(slots=True)
class Walk:
    """files: what may be read, in the order of their paths; problems: what may not; unseen: folders that could
    not be listed, so that nothing is known about what lies below them."""

    files: list[FoundFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)


def walk(root: Path) -> Walk:
    """Every regular file with one of ENDINGS. Hidden names are passed over, links are never followed.

    A link inside the folder would only show a file twice; one that leads out is a problem worth a line.
    """
    found = Walk()
    real_root = root.resolve()
    for entry in _entries(real_root, found):
        if entry.is_symlink():
            if not Path(entry.path).resolve().is_relative_to(real_root):
                _report(found, real_root, entry, "link_outside", "the link leads out of the folder")
        elif len(found.files) >= MAX_FILES:
            found.problems.append(Problem("", "too_many_files", f"only the first {MAX_FILES:,} files are read"))
            break
        else:
            _take(found, real_root, entry)
    found.files.sort(key=lambda file: file.path)
    return found


def _entries(root: Path, found: Walk) -> Iterator[os.DirEntry[str]]:
    """Visible files and links, breadth first."""
    folders = [(root, 0)]
    for folder, depth in folders:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            found.unseen.append(_shown(folder.relative_to(root).as_posix()))
            found.problems.append(Problem(found.unseen[-1], "unreadable_folder", os.strerror(error.errno or 0)))
            continue
        for entry in entries:
            if entry.name.startswith(".") or _is_twin(entry):
                continue
            if not entry.is_dir(follow_symlinks=False):
                yield entry
            elif depth < MAX_DEPTH:
                folders.append((Path(entry.path), depth + 1))


def _is_twin(entry: os.DirEntry[str]) -> bool:
    """Sphinx lays the sources of its pages beside them: the same text once more, with its markup unread."""
    return entry.name == "_sources" and (Path(entry.path).parent / "_static").is_dir()


def _take(found: Walk, root: Path, entry: os.DirEntry[str]) -> None:
    if Path(entry.name).suffix.lower() not in ENDINGS or not entry.is_file(follow_symlinks=False):
        return
    path = Path(entry.path).relative_to(root).as_posix()
    try:
        path.encode("utf-8")
        status = entry.stat(follow_symlinks=False)
    except UnicodeEncodeError:
        _report(found, root, entry, "bad_name", "the name is not valid UTF-8")
        return
    except FileNotFoundError:  # gone since it was listed
        return
    if status.st_size > MAX_FILE_BYTES:
        _report(found, root, entry, "too_large", f"more than {MAX_FILE_BYTES // 1024**2} MiB")
    else:
        found.files.append(FoundFile(path, status.st_mtime_ns, status.st_size))


def _report(found: Walk, root: Path, entry: os.DirEntry[str], reason: str, detail: str) -> None:
    found.problems.append(Problem(_shown(Path(entry.path).relative_to(root).as_posix()), reason, detail))


def _shown(path: str) -> str:
    """Fit to be stored and printed, whatever bytes the name has."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def read_file(root: Path, path: str) -> bytes:
    """The bytes of a file that `walk` found; OSError when it has become a link, something else, or too large."""
    handle = os.open(root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            raise OSError("it changed while the folder was read")
        return file.read(MAX_FILE_BYTES)
