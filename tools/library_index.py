"""The index file of the library: SQLite with FTS5 over terms that `tools.text.words` made. Synchronous.

Every call opens the file, does one short transaction and closes it, so that threads and processes share it freely.
"""

import json
import re
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from tools.errors import SearchDown
from tools.library_files import FoundFile, Problem
from tools.library_passages import passages
from tools.page import Webpage
from tools.text import words

BUSY_SECONDS = 10.0
CONTENTS_WEIGHT = 0.5
"""Factor for the score of a table of contents: what it lists stands on another page."""
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z]{2,}")
_DAMAGED = "the index is damaged: delete its file and add the folders again"
_FULL = "the disk of the index is full: make room and try again; what it held before is still in it"
_UNWRITABLE = "the index cannot be read or written: its disk is full, over its quota, or fails; mend that and try again"
_NEWER = "the index has version {}, this program knows {}: update the program or name another index file"
_PAGE_COLUMNS = "page.id, folder.name, page.path, page.title, page.site, page.date, page.truncated, page.text"

# One entry for each version of the schema; a file of version n is brought up by the entries from n on.
# Contentless FTS5 tables cannot delete before SQLite 3.43, so the terms are stored.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE folder (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE,"
        " root TEXT NOT NULL UNIQUE)",
        "CREATE TABLE page (id INTEGER PRIMARY KEY, folder INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,"
        " path TEXT NOT NULL, mtime INTEGER NOT NULL, size INTEGER NOT NULL, hash BLOB NOT NULL,"
        " title TEXT NOT NULL DEFAULT '', site TEXT NOT NULL DEFAULT '', date TEXT NOT NULL DEFAULT '',"
        " truncated TEXT NOT NULL DEFAULT '', text BLOB,"
        " reason TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '', UNIQUE (folder, path))",
        "CREATE TABLE place (id INTEGER PRIMARY KEY, page INTEGER NOT NULL REFERENCES page ON DELETE CASCADE,"
        " start INTEGER NOT NULL, end INTEGER NOT NULL, language TEXT NOT NULL,"
        " weight REAL NOT NULL)",
        "CREATE INDEX place_of_page ON place (page)",
        "CREATE VIRTUAL TABLE passage USING fts5 (title, headings, body, tokenize = \"ascii tokenchars '-._/@:+#'\")",
        "CREATE VIRTUAL TABLE term USING fts5vocab (passage, row)",
        "CREATE TRIGGER forget_passage AFTER DELETE ON place BEGIN DELETE FROM passage WHERE rowid = old.id; END",
    ),
)
VERSION = len(_MIGRATIONS)


@dataclass(frozen=True, slots=True)
class Folder:
    """name: as it stands in addresses; root: where it lies on this machine, for the operator only."""

    name: str
    root: str
    pages: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What the index remembers of a file. reason: why it gave no page, "" when it gave one."""

    mtime: int
    size: int
    hash: bytes
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """A page as the index holds it."""

    id: int
    folder: str
    path: str
    page: Webpage


class Index:
    """Raises SearchDown("library", missing | broken | locked | newer_version | no_access | full
    | unwritable) from every method."""

    def __init__(self, file: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        self.file, self._busy_seconds = file, busy_seconds

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to an index that exists and is of this version."""
        if not self.file.exists() or self.file.stat().st_size == 0:
            raise SearchDown("library", "missing", "no folder has been added yet: kaozheng library add DIR")
        with self._connection() as connection:
            if _version(connection) != VERSION:
                _migrate(connection)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The same inside one transaction; the file is made when it does not exist."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SearchDown("library", "no_access", "the folder of the index cannot be made") from error
        with self._connection() as connection:
            if _version(connection) != VERSION:
                _migrate(connection)
            with _transaction(connection):
                yield connection

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(self.file, timeout=self._busy_seconds, isolation_level=None)
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = NORMAL")
            yield connection
        except sqlite3.Error as error:
            raise _down(error) from error
        except zlib.error as error:
            raise SearchDown("library", "broken", _DAMAGED) from error
        finally:
            if connection is not None:
                connection.close()

    def folder_for(self, root: Path) -> Folder:
        """The folder of this root, made when it is new, under a name that no other folder has."""
        with self.writing() as connection:
            known = connection.execute("SELECT name, root FROM folder WHERE root = ?", (str(root),)).fetchone()
            if known:
                return Folder(*known)
            taken = {name.casefold() for (name,) in connection.execute("SELECT name FROM folder")}
            wanted = root.name or "library"
            names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
            name = next(name for name in names if name.casefold() not in taken)
            connection.execute("INSERT INTO folder (name, root) VALUES (?, ?)", (name, str(root)))
            return Folder(name, str(root))

    def folders(self) -> list[Folder]:
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT name, root, count(page.text), count(page.id) - count(page.text) FROM folder"
                " LEFT JOIN page ON page.folder = folder.id GROUP BY folder.id ORDER BY folder.id"
            )
            return [Folder(*row) for row in rows]

    def remove(self, name: str) -> int:
        """Forget a folder, by its name or root; how many pages went with it."""
        with self.writing() as connection:
            pages = connection.execute(
                "SELECT count(page.text) FROM page JOIN folder ON folder.id = page.folder"
                " WHERE folder.name = ?1 OR folder.root = ?1",
                (name,),
            ).fetchone()
            connection.execute("DELETE FROM folder WHERE name = ?1 OR root = ?1", (name,))
            return int(pages[0])

    def known(self, folder: str) -> dict[str, Known]:
        """Every file of a folder that the index has seen, by path."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT path, mtime, size, hash, reason, detail FROM page"
                " WHERE folder = (SELECT id FROM folder WHERE name = ?)",
                (folder,),
            )
            return {path: Known(*rest) for path, *rest in rows}

    def put(self, folder: str, file: FoundFile, digest: bytes, page: Webpage | Problem) -> None:
        """Replace what is known of one file, as one transaction: never half a page."""
        entry = _page_row(page)
        cut = _passage_rows(page) if isinstance(page, Webpage) else []
        with self.writing() as connection:
            connection.execute(
                "DELETE FROM page WHERE path = ? AND folder = (SELECT id FROM folder WHERE name = ?)",
                (file.path, folder),
            )
            made = connection.execute(
                "INSERT INTO page (folder, path, mtime, size, hash, title, site, date, truncated, text,"
                " reason, detail) SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM folder WHERE name = ?",
                (file.path, file.mtime, file.size, digest, *entry, folder),
            )
            if made.rowcount == 1 and made.lastrowid is not None:  # 0 when the folder was removed meanwhile
                _insert_passages(connection, made.lastrowid, cut)

    def touch(self, folder: str, file: FoundFile) -> None:
        """The same bytes with a new time stamp."""
        with self.writing() as connection:
            connection.execute(
                "UPDATE page SET mtime = ? WHERE path = ? AND folder = (SELECT id FROM folder WHERE name = ?)",
                (file.mtime, file.path, folder),
            )

    def forget(self, folder: str, paths: Sequence[str]) -> None:
        with self.writing() as connection:
            connection.execute(
                "DELETE FROM page WHERE folder = (SELECT id FROM folder WHERE name = ?)"
                " AND path IN (SELECT value FROM json_each(?))",
                (folder, json.dumps(paths)),
            )

    def page(self, folder: str, path: str) -> Stored | None:
        with self.reading() as connection:
            row = connection.execute(
                f"SELECT {_PAGE_COLUMNS} FROM page JOIN folder ON folder.id = page.folder"
                " WHERE folder.name = ? AND page.path = ? AND page.text IS NOT NULL",
                (folder, path),
            ).fetchone()
            return stored(row) if row else None


def pages_of(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Stored]:
    """The pages of these ids."""
    rows = connection.execute(
        f"SELECT {_PAGE_COLUMNS} FROM page JOIN folder ON folder.id = page.folder"
        " WHERE page.id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    )
    return {row[0]: stored(row) for row in rows}


def stored(row: Sequence[Any]) -> Stored:
    """From a row of _PAGE_COLUMNS."""
    number, folder, path, title, site, date, truncated, packed = row
    text = zlib.decompress(packed).decode("utf-8")
    return Stored(number, folder, path, Webpage(address(folder, path), title, text, site or folder, date, truncated))


def address(folder: str, path: str) -> str:
    """`library://NAME/rel/path.html`: no path of this machine in it."""
    return f"library://{quote(folder, safe='')}/{quote(path, safe='/')}"


def _page_row(page: Webpage | Problem) -> tuple[str | bytes | None, ...]:
    """title, site, date, truncated, text, reason, detail."""
    if isinstance(page, Problem):
        return ("", "", "", "", None, page.reason, page.detail)
    packed = zlib.compress(page.text.encode("utf-8"))
    return (page.title, page.site, page.date, page.truncated, packed, "", "")


def language_of(text: str) -> Literal["zh", "en"]:
    """Which of the two languages a passage is closer to: a Chinese word has about two characters."""
    return "zh" if len(_HAN.findall(text)) / 2 > 0.3 * len(_LATIN_WORD.findall(text)) else "en"


_PassageRow = tuple[int, int, str, float, str, str, str]


def _passage_rows(page: Webpage) -> list[_PassageRow]:
    """start, end, language, weight, and the terms of title, headings and body."""
    title = " ".join(words(page.title))
    return [
        (
            passage.start,
            passage.end,
            language_of(page.text[passage.start : passage.end]),
            CONTENTS_WEIGHT if passage.is_contents else 1.0,
            title,
            " ".join(words("\n".join(passage.headings))),
            " ".join(words(page.text[passage.start : passage.end])),
        )
        for passage in passages(page.text)
    ]


def _insert_passages(connection: sqlite3.Connection, page: int, rows: Sequence[_PassageRow]) -> None:
    for start, end, language, weight, *terms in rows:
        place = connection.execute(
            "INSERT INTO place (page, start, end, language, weight) VALUES (?, ?, ?, ?, ?)",
            (page, start, end, language, weight),
        )
        connection.execute(
            "INSERT INTO passage (rowid, title, headings, body) VALUES (?, ?, ?, ?)", (place.lastrowid, *terms)
        )


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # SQLite itself takes it back where the disk is full
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the file up to VERSION; two processes may try at once, one does it."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")
    with _transaction(connection):
        version = _version(connection)
        if version > VERSION:
            raise SearchDown("library", "newer_version", _NEWER.format(version, VERSION))
        for statements in _MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _down(error: sqlite3.Error) -> SearchDown:
    """The kind of failure, with what to do about it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return SearchDown("library", "locked", "another program holds the index; try again")
    if code == sqlite3.SQLITE_FULL:
        return SearchDown("library", "full", _FULL)
    if code == sqlite3.SQLITE_IOERR:
        return SearchDown("library", "unwritable", _UNWRITABLE)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return SearchDown("library", "no_access", "the index file cannot be opened or written")
    return SearchDown("library", "broken", _DAMAGED)
