"""A refusal in OpenAI's form, which its clients turn into their own exceptions: {"error": {…}}."""

import json
from typing import Any

from starlette.responses import Response

from workers.problems import Problem, problem_response

PATHS = ("/v1/chat/", "/chat/", "/async/", "/v1/models", "/v1/responses", "/v1/files", "/v1/batches")
"""Where OpenAI's clients ask; everywhere else a refusal is a problem object."""
_TYPES = {401: "invalid_request_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES = {"missing_key": "invalid_api_key", "wrong_key": "invalid_api_key", "unknown_model": "model_not_found"}


def refusal(path: str, problem: Problem, request_id: str) -> Response:
    """The refusal in the form that this path's clients read."""
    if not path.startswith(PATHS):
        return problem_response(problem, request_id)
    body = json.dumps({"error": error_fields(problem)}, ensure_ascii=False).encode("utf-8", "replace")
    return Response(body, _status(problem), problem.retry_headers, "application/json")


def error_fields(problem: Problem) -> dict[str, Any]:
    """What stands under `error`, also in a stream that has begun."""
    status = _status(problem)
    return {
        "message": problem.detail,
        "type": _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error"),
        "param": problem.field or None,
        "code": _CODES.get(problem.code, problem.code),
    }


def _status(problem: Problem) -> int:
    """OpenAI knows no 422: a request that cannot be understood is 400."""
    return 400 if problem.kind.status == 422 else problem.kind.status
