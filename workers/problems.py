"""Errors as a caller sees them: problem objects (RFC 9457), one table of codes for all of them.

A code is for programs, the detail is a sentence that says what to do. No stack, host, path or prompt ever gets out.
"""

import json
import math
import re
from dataclasses import dataclass
from types import MappingProxyType

from starlette.responses import Response

from agent.errors import AgentError, BadQuestion
from tools.errors import PageRefused, PageTooLarge, PageUnreachable, PageUnreadable, SearchDown, ToolError
from workers.store_errors import StoreError

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
UNKNOWN_ANSWER = "there is no answer of yours with this id; it may have been forgotten"
ADDRESS = re.compile(r"\bhttps?://[^\s;,)]+")


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the table. retry: whether asking again in the same words may help (then Retry-After is sent)."""

    status: int
    title: str
    retry: bool = False


KINDS = MappingProxyType(
    {
        "malformed_body": Kind(400, "The body cannot be parsed"),
        "bad_file": Kind(400, "The file cannot be taken as it was sent"),
        "missing_key": Kind(401, "A key is needed"),
        "wrong_key": Kind(401, "The key is not known"),
        "loopback_only": Kind(403, "Only this machine is served without a key"),
        "cross_origin": Kind(403, "Requests from other web pages are not served"),
        "csrf": Kind(403, "The page's token is missing"),
        "missing_scope": Kind(403, "The key may not do this"),
        "sharing_off": Kind(403, "No such links are made here"),
        "not_found": Kind(404, "There is nothing here"),
        "unknown_model": Kind(404, "There is no such model"),
        "method_not_allowed": Kind(405, "Not with this method"),
        "body_timeout": Kind(408, "The body came too slowly", retry=True),
        "evidence_gone": Kind(410, "The page is not kept any more"),
        "share_expired": Kind(410, "The link has expired"),
        "share_revoked": Kind(410, "The link was taken back"),
        "body_too_large": Kind(413, "The request is too large"),
        "file_too_large": Kind(413, "A file is too large"),
        "files_full": Kind(413, "The files of this key have no room left"),
        "unsupported_type": Kind(415, "The body is of a type that is not taken"),
        "bad_question": Kind(422, "The question cannot be answered as it was put"),
        "idempotency_key_reused": Kind(422, "The key was used with another body"),
        "bad_answer": Kind(422, "The answer cannot be judged as it was given"),
        "file_unreadable": Kind(422, "No text can be taken from a file"),
        "rate_limit_exceeded": Kind(429, "This key has used up a limit", retry=True),
        "insufficient_quota": Kind(429, "This key has spent what it may", retry=True),
        "agent_error": Kind(500, "The answer failed"),
        "internal": Kind(500, "Something broke on our side"),
        "model_misbehaved": Kind(502, "The model answered nothing that could be shown", retry=True),
        "model_down": Kind(503, "The model server does not answer", retry=True),
        "stopping": Kind(503, "The service is being stopped", retry=True),
        "overloaded": Kind(503, "Too many questions at once", retry=True),
        "replica_lost": Kind(503, "The replica that made the answer is gone", retry=True),
        "cancelled": Kind(503, "The answer was cancelled", retry=True),
        "store_error": Kind(503, "The store cannot be used", retry=True),
        "store_down": Kind(503, "The store does not answer", retry=True),
        "store_too_new": Kind(503, "The store was written by a newer version"),
        "record_poisoned": Kind(500, "What is stored cannot be read"),
    }
)

UPLOAD_CODES: MappingProxyType[type[ToolError], str] = MappingProxyType(
    {
        PageTooLarge: "file_too_large",
        PageUnreadable: "file_unreadable",
        PageRefused: "file_unreadable",
        PageUnreachable: "file_unreadable",
        SearchDown: "internal",
        ToolError: "file_unreadable",
    }
)


class Problem(Exception):
    """A request that is refused. code: a key of KINDS; field: the field at fault, "" when it is not one field;
    retry_seconds: when asking again may help, for kinds with `retry`; limits: headers that say how a limit stands."""

    def __init__(self, code: str, detail: str, field: str = "", retry_seconds: float = RETRY_SECONDS) -> None:
        super().__init__(detail)
        self.limits: dict[str, str] = {}
        self.code, self.detail, self.field, self.retry_seconds = code, detail, field, retry_seconds

    @property
    def kind(self) -> Kind:
        return KINDS[self.code]

    @property
    def retry_headers(self) -> dict[str, str]:
        """Whole seconds, rounded up; and how the limit stands."""
        retry = {"Retry-After": str(max(1, math.ceil(self.retry_seconds)))} if self.kind.retry else {}
        return retry | self.limits


def problem_of(error: AgentError | StoreError) -> Problem:
    """The same error as the caller sees it: what a StoreError says of addresses is for the operator's log."""
    if isinstance(error, StoreError):
        return Problem(error.code, "what is kept cannot be reached right now; new questions are answered all the same")
    return Problem(error.code, without_hosts(str(error)), error.field if isinstance(error, BadQuestion) else "")


def without_hosts(message: str) -> str:
    """A message about the model server names its address, which is for the operator's log only."""
    return ADDRESS.sub("the model server", message)


def upload_problem(name: str, error: ToolError, field: str = "files") -> Problem:
    """An upload that could not be read. name: of the file, fit to be shown."""
    code = next(UPLOAD_CODES[kind] for kind in type(error).__mro__ if kind in UPLOAD_CODES)
    return Problem(code, f"{name}: {error.detail or error.reason}", field)


def problem_response(problem: Problem, request_id: str) -> Response:
    """application/problem+json; lone surrogates, should a message hold one, become question marks."""
    kind = problem.kind
    members = {
        "type": f"urn:kaozheng:problem:{problem.code}",
        "title": kind.title,
        "status": kind.status,
        "code": problem.code,
        "detail": problem.detail,
        "field": problem.field,
        "request_id": request_id,
    }
    headers = dict(problem.retry_headers)
    if kind.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = json.dumps(members, ensure_ascii=False).encode("utf-8", "replace")
    return Response(body, kind.status, headers, MEDIA_TYPE)
