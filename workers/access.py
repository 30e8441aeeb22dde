"""Who may do what: one row for each route, read by the gate and held against /openapi.json by a test.

A path that stands here in no row is taken as one that asks.
"""

import re
from dataclasses import dataclass
from typing import Literal

Scope = Literal["", "ask", "read", "batch", "admin"]
Owner = Literal["nobody", "caller"]


@dataclass(frozen=True, slots=True)
class Rule:
    """scope: what the key must be allowed, "" when any key will do; owner: whose the thing in the path is, so that it
    is unknown to everybody else; open: served without any key; runs: it counts against the key's limits;
    tells: its protocol says by itself that we are overloaded, call by call; public: served without any key,
    but where no keys are set to this machine alone."""

    methods: tuple[str, ...]
    path: str
    scope: Scope
    owner: Owner = "nobody"
    open: bool = False
    runs: bool = False
    tells: bool = False
    public: bool = False

    def fits(self, method: str, path: str) -> bool:
        return method in self.methods and re.fullmatch(_pattern(self.path), path) is not None


def _pattern(path: str) -> str:
    return re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path).replace(r"\{path\}", ".+"))


RULES = (
    Rule(("GET",), "/healthz", "", open=True),
    Rule(("GET",), "/readyz", "", open=True),
    Rule(("GET",), "/", "", public=True),
    Rule(("GET",), "/shared", "", public=True),
    Rule(("GET",), "/operator", "", public=True),
    Rule(("GET",), "/batches", "", public=True),
    Rule(("GET",), "/page/{path}", "", public=True),
    Rule(("GET", "POST"), "/login", "", public=True),
    Rule(("POST",), "/logout", "", public=True),
    Rule(("GET",), "/openapi.json", ""),
    Rule(("GET",), "/metrics", "admin"),
    Rule(("GET",), "/v1/operator", "admin"),
    Rule(("POST",), "/v1/operator/doctor", "admin"),
    Rule(("POST",), "/v1/answers", "ask", runs=True),
    Rule(("GET",), "/v1/answers", "read"),
    Rule(("GET",), "/v1/answers/{answer_id}", "read", "caller"),
    Rule(("DELETE",), "/v1/answers/{answer_id}", "ask", "caller"),
    Rule(("GET",), "/v1/answers/{answer_id}/events", "read", "caller"),
    Rule(("POST",), "/v1/answers/{answer_id}/cancel", "ask", "caller"),
    Rule(("GET",), "/v1/answers/{answer_id}/sources", "read", "caller"),
    Rule(("GET",), "/v1/answers/{answer_id}/sources/{number}", "read", "caller"),
    Rule(("GET", "POST"), "/v1/answers/{answer_id}/shares", "ask", "caller"),
    Rule(("DELETE",), "/v1/answers/{answer_id}/shares/{share}", "ask", "caller"),
    Rule(("GET",), "/v1/shared/{token}", "", public=True),  # the link says whether it needs a key
    Rule(("GET",), "/v1/shared/{token}/sources/{number}", "", public=True),
    Rule(("POST",), "/v1/verify", "ask", runs=True),
    Rule(("POST",), "/v1/chat/completions", "ask", runs=True),
    Rule(("POST",), "/async/chat/completions", "ask", runs=True),
    Rule(("GET",), "/async/chat/completions", "read"),
    Rule(("GET",), "/async/chat/completions/{async_id}", "read", "caller"),
    Rule(("GET",), "/v1/models", ""),
    Rule(("GET",), "/v1/models/{model}", ""),
    Rule(("POST",), "/v1/responses", "ask", runs=True),
    Rule(("GET",), "/v1/responses/{response_id}", "read", "caller"),
    Rule(("DELETE",), "/v1/responses/{response_id}", "ask", "caller"),
    Rule(("POST",), "/v1/responses/{response_id}/cancel", "ask", "caller"),
    Rule(("GET",), "/v1/responses/{response_id}/input_items", "read", "caller"),
    Rule(("POST",), "/v1/files", "batch", runs=True, tells=True),  # counted, with its bytes; no slot is taken
    Rule(("GET",), "/v1/files", "batch"),
    Rule(("GET", "DELETE"), "/v1/files/{file_id}", "batch", "caller"),
    Rule(("GET",), "/v1/files/{file_id}/content", "batch", "caller"),
    Rule(("GET", "POST"), "/v1/batches", "batch"),
    Rule(("GET", "DELETE"), "/v1/batches/{batch_id}", "batch", "caller"),
    Rule(("POST",), "/v1/batches/{batch_id}/cancel", "batch", "caller"),
    Rule(("POST",), "/v1/batches/{batch_id}/retry", "batch", "caller"),
    Rule(("GET",), "/v1/batches/{batch_id}/rows", "batch", "caller"),
    Rule(("GET",), "/v1/batches/{batch_id}/table", "batch", "caller"),
    Rule(("POST",), "/mcp", "ask", runs=True, tells=True),
    Rule(("GET", "DELETE"), "/mcp", "ask"),
)
UNNAMED = Rule((), "", "ask")


def rule_of(method: str, path: str) -> Rule:
    """The row of this request; a HEAD is a GET."""
    method = "GET" if method == "HEAD" else method
    return next((rule for rule in RULES if rule.fits(method, path)), UNNAMED)
