"""One line of a batch file: {"custom_id", "method", "url", "body"}, checked by the parser of the endpoint it asks.

A bad line is told with its number and its field, and the others run.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from agent.errors import BadQuestion
from agent.question import Depth
from tools.page import Webpage
from workers.batch.lines import Line
from workers.batch.records import CHAT, ENDPOINTS, RESPONSES, Row, RowEnd
from workers.dialects import responses_request
from workers.dialects.chat_request import understood
from workers.dialects.responses_request import ResponsesBody, attached_of, parse
from workers.problems import Problem
from workers.requests import body_of, question_of, strict_json

MAX_CUSTOM_ID_CHARACTERS = 512
WRAPPER_BYTES = 4_096
"""What stands around the body in a line."""
UNKNOWN_CODE = 400
_FILE = Webpage("file:", "", "a file")
"""Stands for a file that is read when its row is answered."""


class BadLine(Exception):
    """A line that cannot be run. param: the field at fault; custom_id: where it could be read."""

    def __init__(self, code: str, message: str, param: str = "", custom_id: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.param, self.custom_id = code, message, param, custom_id

    def end(self, number: int, line: int) -> RowEnd:
        """Its line in the error file: a refusal as the endpoint would have given it, with the line's number."""
        said = f"line {line}: {self.message}"
        error = {"message": said, "type": "invalid_request_error", "param": self.param or None, "code": self.code}
        body = json.dumps({"error": {**error, "line": line}}, ensure_ascii=False).encode("utf-8", "replace")
        return RowEnd(number, self.custom_id, "failed", UNKNOWN_CODE, body)


@dataclass(slots=True)
class LineReader:
    """Reads the lines of one file. endpoint: that all of them ask; max_body_bytes: of one request, as at the door of
    the endpoint; _seen: the line of each custom_id, by its hash."""

    endpoint: str
    default_depth: Depth = "normal"
    max_body_bytes: int = 256 * 1024
    _seen: dict[bytes, int] = field(default_factory=dict)

    @property
    def max_line_bytes(self) -> int:
        return self.max_body_bytes + WRAPPER_BYTES

    def row(self, line: Line, number: int) -> Row:
        """Raises BadLine."""
        if line.cut:
            limit = f"{self.max_line_bytes:,} bytes"
            raise BadLine("line_too_long", f"a line may have {limit} at most", "body")
        return self.request(_object(line.content), number, line.number)

    def request(self, fields: dict[str, Any], number: int, line: int) -> Row:
        """Raises BadLine."""
        custom_id = _custom_id(fields)
        try:
            self._check_wrapper(fields)
            body = _body(fields)
            check_body(self.endpoint, body, self.default_depth)
            text = _written(body)
            if len(text) > self.max_body_bytes:
                raise BadLine("body_too_large", f"a body may have {self.max_body_bytes:,} bytes at most", "body")
            self._check_double(custom_id, line)
        except BadLine as bad:
            raise BadLine(bad.code, bad.message, bad.param, custom_id) from None
        return Row(number, custom_id, text)

    def _check_wrapper(self, fields: dict[str, Any]) -> None:
        if fields.get("method") != "POST":
            raise BadLine("invalid_method", "the method is POST", "method")
        url = fields.get("url")
        if url not in ENDPOINTS:
            raise BadLine("invalid_url", f"the url is one of {', '.join(ENDPOINTS)}", "url")
        if url != self.endpoint:
            raise BadLine("mismatched_url", f"this batch asks {self.endpoint}; a batch has one endpoint", "url")

    def _check_double(self, custom_id: str, line: int) -> None:
        digest = hashlib.blake2b(custom_id.encode(), digest_size=16).digest()
        first = self._seen.setdefault(digest, line)
        if first != line:
            raise BadLine("duplicate_custom_id", f"this custom_id stands in line {first} already", "custom_id")


def _object(content: bytes) -> dict[str, Any]:
    try:
        return strict_json(content)
    except Problem as problem:
        raise BadLine("invalid_json_line", problem.detail) from None


def _custom_id(fields: dict[str, Any]) -> str:
    given = fields.get("custom_id")
    if given is None:
        raise BadLine("missing_required_parameter", "every line has a custom_id", "custom_id")
    if not isinstance(given, str) or not 1 <= len(given) <= MAX_CUSTOM_ID_CHARACTERS or not _whole(given):
        raise BadLine("invalid_custom_id", f"a text of 1 to {MAX_CUSTOM_ID_CHARACTERS} characters", "custom_id")
    return given


def _whole(text: str) -> bool:
    """Without lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _body(fields: dict[str, Any]) -> dict[str, Any]:
    body = fields.get("body")
    if not isinstance(body, dict):
        raise BadLine("missing_required_parameter", "the body is a JSON object, the request itself", "body")
    return body


def _written(body: dict[str, Any]) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadLine("invalid_request", "the body holds a lone surrogate; send whole characters", "body") from None


def check_body(endpoint: str, body: dict[str, Any], default_depth: Depth) -> None:
    """What the endpoint would refuse at its door is refused here, with the same words. Raises BadLine."""
    for name in ("stream", "background"):
        if body.get(name):
            raise BadLine("invalid_request", f"`{name}` is not for batches: leave it out", f"body.{name}")
    try:
        if endpoint == CHAT:
            understood(body, default_depth)
        elif endpoint == RESPONSES:
            _check_response(parse(body), default_depth)
        else:
            asked = body_of(body)
            question_of(asked, default_depth, pages=tuple(_FILE for _ in asked.files))
    except Problem as problem:
        raise BadLine(problem.code, problem.detail, f"body.{problem.field}" if problem.field else "body") from None
    except BadQuestion as bad:
        raise BadLine(bad.code, str(bad), f"body.{bad.field}") from None


def _check_response(body: ResponsesBody, default_depth: Depth) -> None:
    """Raises Problem, BadQuestion. Files are looked for when the row runs."""
    without = body.model_copy(update={"tool_choice": None}) if attached_of(body) else body
    responses_request.question_of(without, default_depth, ())


def question_in(body: dict[str, Any]) -> str:
    """What is asked by a body that has passed check_body."""
    if "question" in body:
        return str(body["question"])
    messages = body.get("messages") or body.get("input") or ""
    if isinstance(messages, str):
        return messages
    content = [each for each in messages if each.get("role") == "user"][-1].get("content") or ""
    return content if isinstance(content, str) else "\n".join(part.get("text") or "" for part in content)
