"""The key of a person who is logged in: kept by the browser where no script can read it.

The cookie holds the key itself, so that every replica knows it and a revoked one is refused from then on. A request
that changes something and rests on the cookie must carry the token too, which only our own page can have read.
"""

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers

from workers.problems import Problem

COOKIE = "kaozheng_key"
TOKEN_HEADER = "x-csrf-token"
COOKIE_SECONDS = 30 * 24 * 3600
READING = ("GET", "HEAD")


def key_in(headers: Headers) -> str:
    """The key in the cookie, "" without one or with a damaged one."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def token_of(key: str) -> str:
    """What our page sends with the cookie; it does not give the key away."""
    return hmac.new(key.encode("utf-8", "surrogatepass"), b"kaozheng csrf", hashlib.sha256).hexdigest()


def refuse_forged(method: str, headers: Headers, key: str) -> None:
    """Raises Problem `csrf` for a request by cookie that another site's page could have made."""
    given = headers.get(TOKEN_HEADER, "").encode("utf-8", "replace")
    if method not in READING and not hmac.compare_digest(given, token_of(key).encode()):
        raise Problem("csrf", "load the page again; programs send the key as `Authorization: Bearer KEY`", TOKEN_HEADER)
