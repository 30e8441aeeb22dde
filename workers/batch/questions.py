"""A file of questions on this machine, of whatever kind, as the lines of a batch.

.jsonl: OpenAI's batch lines, or objects with a `question`, or texts. .csv, .tsv, .parquet: a column `question`.
.txt: one question a line. What has no custom_id gets `row-` and its line.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from agent.question import DEPTHS, Depth
from workers.batch.lines import WIDE_MARKS, FileRefused, Line, Splitter
from workers.batch.records import ANSWERS, ENDPOINTS, RESPONSES, LineError, Row
from workers.batch.request_lines import BadLine, LineReader
from workers.batch.tables import (
    ID_COLUMNS,
    OTHER_COLUMNS,
    OTHER_ENCODING,
    QUESTION_COLUMNS,
    Record,
    csv_records,
    is_foreign,
    lines_of_text,
    parquet_records,
    text_of,
)
from workers.problems import Problem
from workers.requests import strict_json

KINDS = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".txt")
_READ_BYTES = 1024 * 1024
_ALSO = ("history", "include_domains", "exclude_domains", "search", "thinking")
_TRUE, _FALSE = ("true", "yes", "1", "是"), ("false", "no", "0", "否", "")
_RESEARCH_MODELS = {"kaozheng": "kaozheng-research", "kaozheng-quick": "kaozheng-research"}


@dataclass(frozen=True, slots=True)
class Asking:
    """What holds for all questions of a file. depth: of those that name none; "" as the settings say; strict: only
    sentences that a page supports."""

    depth: Depth | str = ""
    strict: bool = False

    def __post_init__(self) -> None:
        if self.depth and self.depth not in DEPTHS:
            raise ValueError(f"depth is one of {', '.join(DEPTHS)}")


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """max_bytes: of the file."""

    path: Path
    asking: Asking
    max_bytes: int = 200 * 1024 * 1024

    def fingerprint(self, more: str) -> str:
        """Of its bytes and of how they are asked: 64 hexadecimal digits. Raises FileRefused."""
        digest = hashlib.sha256()
        with _opened(self.path) as file:
            while piece := file.read(_READ_BYTES):
                digest.update(piece)
        told = json.dumps([self.asking.depth, self.asking.strict, more])
        return hashlib.sha256(digest.digest() + told.encode()).hexdigest()

    def records(self, max_line_bytes: int) -> Iterator[Record]:
        """Raises FileRefused, also half-way."""
        self._check_size()
        kind = self.path.suffix.lower()
        if kind == ".parquet":
            return parquet_records(self.path)
        if kind in (".csv", ".tsv"):
            with _opened(self.path) as file:
                return csv_records(text_of(file.read()).text)
        if kind == ".txt":
            with _opened(self.path) as file:
                return _texts(text_of(file.read()).text)
        if kind in (".jsonl", ".ndjson"):
            return _objects(self.path, max_line_bytes)
        raise FileRefused(LineError("unknown_kind", f"a file of questions ends with {', '.join(KINDS)}"))

    def _check_size(self) -> None:
        with _opened(self.path):
            size = self.path.stat().st_size
        if size > self.max_bytes:
            message = f"the file has {size:,} bytes; {self.max_bytes:,} are allowed (KAOZHENG_KEPT_FILE_BYTES)"
            raise FileRefused(LineError("file_too_large", message))

    @property
    def encoding(self) -> str:
        """Where it is not UTF-8, for a table of text. Raises FileRefused."""
        if self.path.suffix.lower() not in (".csv", ".tsv", ".txt"):
            return "utf-8"
        with _opened(self.path) as file:
            return text_of(file.read()).encoding


def _opened(path: Path) -> Any:
    """It is read more than once: no pipe, no device, which might never end. Raises FileRefused."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise FileRefused(LineError("unreadable", f"{path} is no file: write the questions to one first"))
        return path.open("rb")
    except OSError as error:
        raise FileRefused(LineError("unreadable", f"{path}: {error.strerror}")) from None


def _texts(text: str) -> Iterator[Record]:
    for number, line in enumerate(lines_of_text(text), 1):
        if is_foreign(line):
            yield Record(number, {}, BadLine("wrong_encoding", OTHER_ENCODING, "question"))
        elif line.strip():
            yield Record(number, {"question": line.strip()})


def _objects(path: Path, max_line_bytes: int) -> Iterator[Record]:
    splitter = Splitter(max_line_bytes)
    with _opened(path) as file:
        head = file.read(3)
        if head.startswith(WIDE_MARKS):
            raise FileRefused(LineError("wrong_encoding", "the file is in UTF-16; save it in UTF-8"))
        file.seek(3 if head == b"\xef\xbb\xbf" else 0)
        while piece := file.read(_READ_BYTES):
            yield from (_object(line) for line in splitter.fed(piece) if line.content.strip())
    if splitter.begun and (line := splitter.line()).content.strip():
        yield _object(line)


def _object(line: Line) -> Record:
    if line.cut:
        return Record(line.number, {}, BadLine("line_too_long", "the line is too long"))
    text = line.content.strip()
    try:
        return Record(line.number, strict_json(b'{"question":' + text + b"}" if text[:1] == b'"' else text))
    except Problem as problem:
        return Record(line.number, {}, BadLine("invalid_json_line", problem.detail))


def endpoint_of(records: Iterator[Record]) -> tuple[str, Iterator[Record]]:
    """The endpoint that the first line names, else /v1/answers, and the records from the first on."""
    first = next(records, None)
    if first is None:
        return ANSWERS, iter(())
    named = first.fields.get("url")
    return named if named in ENDPOINTS else ANSWERS, chain((first,), records)


@dataclass(frozen=True, slots=True)
class RecordReader:
    """A record as a row, by the reader of batch lines."""

    reader: LineReader
    asking: Asking

    def row(self, record: Record, number: int) -> Row:
        """Raises BadLine."""
        if record.bad is not None:
            raise record.bad
        fields = record.fields
        if "body" not in fields and "url" not in fields:
            fields = self._wrapped(record)
        body = fields.get("body")
        if isinstance(body, dict):
            fields = {**fields, "body": self._deepened(body)}
        return self.reader.request(fields, number, record.number)

    def _wrapped(self, record: Record) -> dict[str, Any]:
        given = {name.strip().lower(): value for name, value in record.fields.items() if value not in (None, "")}
        custom_id = _id(next((given[name] for name in ID_COLUMNS if name in given), f"row-{record.number}"))
        question = next((given[name] for name in QUESTION_COLUMNS if name in given), None)
        if not isinstance(question, str):
            raise BadLine("missing_required_parameter", "there is no question", "question", custom_id[:512])
        body: dict[str, Any] = {"question": question.strip("\n")}
        body |= {name: given[name] for name in (*OTHER_COLUMNS, *_ALSO) if name in given}
        if isinstance(given.get("files"), list):
            body["files"] = given["files"]
        if isinstance(body.get("strict"), str):
            body["strict"] = _truth(body["strict"], custom_id)
        return {"custom_id": custom_id, "method": "POST", "url": self.reader.endpoint, "body": self._asked(body)}

    def _asked(self, body: dict[str, Any]) -> dict[str, Any]:
        """The same question in the words of the endpoint."""
        if self.reader.endpoint == ANSWERS:
            return body
        if self.reader.endpoint == RESPONSES:
            return {"model": "kaozheng", "input": body["question"]}
        return {"model": "kaozheng", "messages": [{"role": "user", "content": body["question"]}]}

    def _deepened(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.reader.endpoint == ANSWERS:
            wished = {"depth": self.asking.depth} if self.asking.depth else {}
            strict = {"strict": True} if self.asking.strict else {}
            return {**wished, **strict, **body}
        model = body.get("model")
        if self.asking.depth == "research" and isinstance(model, str):
            return {**body, "model": _RESEARCH_MODELS.get(model, model)}
        return body


def _id(given: object) -> str:
    """As a table writes it; of JSON a text or a number. Raises BadLine."""
    if isinstance(given, bool | dict | list):
        raise BadLine("invalid_custom_id", "a text or a number", "custom_id")
    return str(given)


def _truth(text: str, custom_id: str) -> bool:
    if text.strip().lower() in _TRUE:
        return True
    if text.strip().lower() in _FALSE:
        return False
    raise BadLine("invalid_request", "true or false", "strict", custom_id[:512])
