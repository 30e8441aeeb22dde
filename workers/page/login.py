"""Logging in and out: a key that is known becomes a cookie, and goes with it."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workers.page.cookie import COOKIE, COOKIE_SECONDS, key_in, token_of
from workers.problems import Problem
from workers.requests import read_json
from workers.service import Service


async def get_login(request: Request) -> Response:
    """Whether a key is needed here, whether the cookie holds one that is known, and the token that goes with it."""
    keys = request.state.service.keys
    key = key_in(request.headers)
    known = bool(keys) and bool(key) and bool(keys.owner(key))
    refused = bool(keys) and bool(key) and not known
    token = token_of(key) if known else ""
    fields = {"needed": bool(keys), "logged_in": known, "token": token, "refused": refused}
    return JSONResponse(fields, headers={"Vary": "Cookie"})


async def post_login(request: Request) -> Response:
    """Takes `{"key": "…"}`. Raises Problem `wrong_key`."""
    service: Service = request.state.service
    key = (await read_json(request, service.limits)).get("key")
    if not isinstance(key, str) or not service.keys.owner(key.strip()):
        raise Problem("wrong_key", "this key is not accepted here; ask the operator for one", "key")
    key = key.strip()
    response = JSONResponse({"needed": True, "logged_in": True, "token": token_of(key), "refused": False})
    secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
    response.set_cookie(COOKIE, key, COOKIE_SECONDS, path="/", secure=secure, httponly=True, samesite="strict")
    return response


async def post_logout() -> Response:
    """The browser forgets the key; the key itself stays as good as it was."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response
