"""What the store keeps, as plain JSON with a schema version. What is read back passes the schema or is refused.

{"schema": 1, "kind": "answer", "value": {…}}
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from agent.answer import Answer
from agent.question import Turn
from tools.conditional import Validators
from tools.page import Webpage
from workers.store_errors import RecordPoisoned

MAX_DETAIL_CHARACTERS = 300
SCHEMA = 1
"""Of one record. A field that is added with a default needs no new number; anything else does, and a
migration.
"""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer with what the store must know of it. thread: its thread's id, "" without; stored: ISO
    8601, UTC.
    """

    answer: Answer
    stored: str
    thread: str = ""


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn of a thread and the answer it came from."""

    answer_id: str
    turn: Turn


@dataclass(frozen=True, slots=True)
class Evidence:
    """A page as it was read. number: of its [citation:N]; read: when, ISO 8601, UTC; sha256: of the text,
    as hex. Raises ValueError when it is not: then one of the two was changed.
    """

    number: int
    url: str
    title: str
    read: str
    sha256: str
    text: str

    def __post_init__(self) -> None:
        if hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest() != self.sha256:
            raise ValueError("the text is not the one whose hash is kept")


FailureKind = Literal["PageRefused", "PageUnreachable", "PageUnreadable", "PageTooLarge"]


@dataclass(frozen=True, slots=True)
class KeptFailure:
    """Why an address could not be read. kind: the name of a ToolError; the others as in ToolError."""

    kind: FailureKind
    reason: str
    detail: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9_]{1,40}", self.reason) or len(self.detail) > MAX_DETAIL_CHARACTERS:
            raise ValueError("no failure of a page")


@dataclass(frozen=True, slots=True)
class KeptPage:
    """What came of an address: a page or a failure, one of them.

    checked:      when it was fetched, or confirmed by its site, in seconds since 1970
    validators:   of the page, None where the site sent none
    obeyed_robots: whether robots.txt was asked
    """

    checked: float
    page: Webpage | None = None
    failure: KeptFailure | None = None
    validators: Validators | None = None
    obeyed_robots: bool = True

    def __post_init__(self) -> None:
        if (self.page is None) == (self.failure is None):
            raise ValueError("either a page or a failure is kept")


Value = TypeVar("Value")


class Record(Generic[Value]):
    """How one kind of value becomes JSON and is checked when it comes back."""

    def __init__(self, kind: str, type_: type[Value]) -> None:
        self._kind, self._values = kind, TypeAdapter(type_)

    def write(self, value: Value) -> bytes:
        """UTF-8 JSON. Raises RecordPoisoned for text that no UTF-8 can hold (a lone surrogate)."""
        try:
            plain = self._values.dump_python(value, mode="json")
            return to_json({"schema": SCHEMA, "kind": self._kind, "value": plain}, inf_nan_mode="constants")
        except (PydanticSerializationError, UnicodeEncodeError) as error:
            raise RecordPoisoned(f"this {self._kind} cannot be kept: {error}") from None

    def read(self, text: bytes) -> Value:
        """Raises RecordPoisoned for anything but what write made, whatever it is."""
        try:
            envelope = from_json(text, allow_inf_nan=False)
        except ValueError as error:
            raise RecordPoisoned(f"a kept {self._kind} is no JSON: {error}") from None
        if not isinstance(envelope, dict) or envelope.get("kind") != self._kind:
            raise RecordPoisoned(f"a kept value is no {self._kind}")
        if envelope.get("schema") != SCHEMA:
            raise RecordPoisoned(f"a kept {self._kind} has the schema {envelope.get('schema')!r}, not {SCHEMA}")
        try:
            return self._values.validate_json(to_json(envelope.get("value")), strict=True)
        except ValidationError as error:
            raise RecordPoisoned(f"a kept {self._kind} is damaged: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    """Where and what, without the value, which may be a user's text."""
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}"


ANSWER = Record("answer", StoredAnswer)
TURN = Record("turn", StoredTurn)
EVIDENCE = Record("evidence", Evidence)
PAGE = Record("visit", KeptPage)
