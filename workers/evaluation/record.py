"""One answer of a run as a line of JSON, and the file that holds them."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from workers.evaluation.cases import BadSet
from workers.evaluation.fields import object_of

Grade = Literal["correct", "incorrect", "not_attempted", "ungraded"]
"""SimpleQA's three; ungraded: there is nothing to compare with."""
GradedBy = Literal["model", "text", ""]


@dataclass(frozen=True, slots=True)
class Record:
    """An answer with its scores. Key: case and sample (from 0).

    grade: graded_by `model` or `text` (whether the answer holds the gold answer)
    exact, f1, contains: None without a gold answer
    citation_precision, citation_recall: by ALCE's definitions, None where nothing is cited or claimed
    cited_gold: share of the citations whose page holds (a part of) the gold answer; None without either
    echoed: pages of the prompt that hold the question word for word, as copies of question sets do
    prompt: the messages that the answer was written from, for training on it; pages: their addresses
    failure: code and message of a question that ended without an answer
    """

    case: str
    sample: int
    question: str
    language: str
    status: str
    text: str
    grade: Grade
    graded_by: GradedBy
    gold: list[list[str]] = field(default_factory=list)
    answerable: bool = True
    topic: str = ""
    refused: bool = False
    exact: bool | None = None
    f1: float | None = None
    contains: bool | None = None
    citation_precision: float | None = None
    citation_recall: float | None = None
    cited_gold: float | None = None
    citations: int = 0
    claims: int = 0
    claims_supported: int = 0
    pages: list[str] = field(default_factory=list)
    echoed: int = 0
    seconds: float = 0.0
    first_text_seconds: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    model: str = ""
    degraded: str = ""
    thinking: str = ""
    prompt: list[dict[str, str]] = field(default_factory=list)
    licence: str = ""
    failure: str = ""

    @property
    def right(self) -> bool:
        """The right answer, or a refusal where no right answer exists."""
        return self.grade == "correct" if self.answerable else self.refused


_NAMES = frozenset(one.name for one in fields(Record))
_NEEDED = ("case", "sample", "question", "language", "status", "text", "grade", "graded_by")
_TEXTS = ("case", "question", "language", "status", "text")


class Journal:
    """answers.jsonl: one line for each answer, each written at once and whole; a line that a kill tore is cut off."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def mend(self) -> None:
        """Cuts a torn last line off, so that the next one stands on a line of its own."""
        if not self.path.is_file():
            return
        with self.path.open("r+b") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                file.truncate(whole)

    def append(self, record: Record) -> None:
        line = (json.dumps(asdict(record), ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        with self.path.open("ab", buffering=0) as file:
            file.write(line)
            os.fsync(file.fileno())


def read_records(path: Path) -> list[Record]:
    """Every whole line, the last of two with the same key; a torn last line is passed over. Raises BadSet."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise BadSet(path, 0, "", error.strerror or str(error)) from None
    found: dict[tuple[str, int], Record] = {}
    for number, line in enumerate(lines, 1):
        if line.strip() and number < len(lines):  # behind the last line end nothing is whole
            record = record_of(path, number, line)
            found[record.case, record.sample] = record
    return list(found.values())


def record_of(path: Path, number: int, line: bytes) -> Record:
    """Raises BadSet."""
    return record_from(path, number, object_of(path, number, line))


def record_from(path: Path, number: int, told: dict[str, Any]) -> Record:
    """Raises BadSet, naming the field."""
    _check(path, number, told)
    return Record(**{name: value for name, value in told.items() if name in _NAMES})


def _check(path: Path, number: int, values: dict[str, Any]) -> None:
    for name in _NEEDED:
        if name not in values:
            raise BadSet(path, number, name, "this field is missing: is this a run of kaozheng eval?")
    for name in _TEXTS:
        if not isinstance(values[name], str):
            raise BadSet(path, number, name, "a text is expected here")
    if values["grade"] not in get_args(Grade):
        raise BadSet(path, number, "grade", f"one of {', '.join(get_args(Grade))} is expected here")
    for name in ("prompt", "pages", "gold"):
        if not isinstance(values.get(name, []), list):
            raise BadSet(path, number, name, "a list is expected here")


def by_case(records: Iterable[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.case, []).append(record)
    return found


def mean_of(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
