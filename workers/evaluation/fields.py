"""Reads the files that sets are published in, and says of a wrong one which line and which field is wrong."""

import bz2
import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.evaluation.cases import BadSet

MAX_SET_BYTES = 2 * 1024**3
_LONGEST_CELL = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class Row:
    """One object or line of a file. line: from 1."""

    path: Path
    line: int
    fields: Mapping[str, Any]

    def text(self, name: str, other: str = "") -> str:
        """A text that must be there and not be empty, under its name or another one."""
        value = self.fields.get(name, self.fields.get(other) if other else None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise self.wrong(name, "a text is missing here" if value is None else "this is no text")
        if not value.strip():
            raise self.wrong(name, "the text is empty")
        return value.strip()

    def optional(self, name: str) -> str:
        value = self.fields.get(name)
        return str(value).strip() if value is not None else ""

    def list(self, name: str) -> list[Any]:
        value = self.fields.get(name)
        if not isinstance(value, list):
            raise self.wrong(name, "a list is missing here")
        return value

    def wrong(self, name: str, message: str) -> BadSet:
        return BadSet(self.path, self.line, name, message)


def read_text(path: Path) -> str:
    """A file as UTF-8, unpacked when it ends in .gz or .bz2."""
    try:
        with _opened(path) as file:
            content = file.read(MAX_SET_BYTES + 1)
    except OSError as error:
        raise BadSet(path, 0, "", error.strerror or str(error)) from None
    except (EOFError, zlib.error) as error:
        raise BadSet(path, 0, "", f"the compressed file is damaged ({error})") from None
    if len(content) > MAX_SET_BYTES:
        raise BadSet(path, 0, "", f"more than {MAX_SET_BYTES // 1024**2} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSet(path, content[: error.start].count(b"\n") + 1, "", "this line is not UTF-8") from None


def _opened(path: Path) -> io.BufferedIOBase:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rb")
    return bz2.open(path, "rb") if path.suffix.lower() == ".bz2" else path.open("rb")


def json_rows(path: Path) -> Iterator[Row]:
    """The objects of a JSON-lines file; empty lines are passed over."""
    for line, text in enumerate(read_text(path).split("\n"), 1):
        if text.strip():
            yield Row(path, line, object_of(path, line, text))


def object_of(path: Path, line: int, text: str | bytes) -> dict[str, Any]:
    """The JSON object that a line holds. Raises BadSet."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadSet(path, line, "", f"this line is no JSON ({error})") from None
    if not isinstance(fields, dict):
        raise BadSet(path, line, "", "a JSON object is expected on each line")
    return fields


def table_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    """The lines of a CSV or TSV file that names at least these columns in its head; a row may span lines."""
    text = read_text(path)
    csv.field_size_limit(_LONGEST_CELL)
    tabs = ".tsv" in path.suffixes
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if tabs else ",")
    try:
        for name in columns:
            if name not in (reader.fieldnames or ()):
                raise BadSet(path, 1, name, f"the head of the table lacks this column; it has {reader.fieldnames}")
        last = reader.line_num
        for fields in reader:
            yield Row(path, last + 1, {key: value for key, value in fields.items() if isinstance(key, str)})
            last = reader.line_num
    except csv.Error as error:
        raise BadSet(path, reader.line_num, "", str(error)) from None
