"""Logging in and out: a key that is known becomes a cookie, and goes with it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workers.keys import SCOPES, KeptKey
from workers.page.cookie import COOKIE, COOKIE_SECONDS, key_in, token_of
from workers.problems import Problem
from workers.requests import read_json
from workers.service import Service


async def get_login(request: Request) -> Response:
    """Whether a key is needed here, whether the cookie holds one that is known, what it may do, and its token."""
    keys = request.state.service.keys
    sent = key_in(request.headers)
    known = keys.find(sent) if sent else None
    fields = {**_state(bool(keys), sent, known), "refused": bool(keys and sent) and known is None}
    return JSONResponse(fields, headers={"Vary": "Cookie"})


async def post_login(request: Request) -> Response:
    """Takes `{"key": "…"}`. Raises Problem `wrong_key`."""
    service: Service = request.state.service
    key = (await read_json(request, service.limits)).get("key")
    known = service.keys.find(key.strip()) if isinstance(key, str) else None
    if known is None or not isinstance(key, str):
        raise Problem("wrong_key", "this key is not accepted here; ask the operator for one", "key")
    key = key.strip()
    response = JSONResponse({**_state(True, key, known), "refused": False})
    secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
    response.set_cookie(COOKIE, key, COOKIE_SECONDS, path="/", secure=secure, httponly=True, samesite="strict")
    return response


def _state(needed: bool, key: str, known: KeptKey | None) -> dict[str, Any]:
    """Without keys whoever is served here may do everything."""
    scopes = known.scopes if known else () if needed else SCOPES
    token = token_of(key) if known and needed else ""
    return {"needed": needed, "logged_in": bool(known and needed), "token": token, "scopes": list(scopes)}


async def post_logout() -> Response:
    """The browser forgets the key; the key itself stays as good as it was."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response
