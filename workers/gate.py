"""What every request passes: a request id, security headers, the key, and a problem object for what broke."""

import asyncio
import ipaddress
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.access import rule_of
from workers.admission import Admitted, admission
from workers.dialects.openai_errors import refusal
from workers.keys import KeptKey, Keys
from workers.page.cookie import key_in, refuse_forged
from workers.problems import Problem
from workers.runs import INTERNAL
from workers.store_keys import LOCAL_USER
from workers.trace_context import traceparent_of

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
DRAIN_BYTES = 32 * 1024 * 1024
DRAIN_SECONDS = 2.0
DRAIN_AT_ONCE_SECONDS = 0.01


class Gate:
    """Around the whole app. The user it has found is `state["user"]`, the id `state["request_id"]`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        body = _Body(receive)
        answer = _Answer(send, body, request_id)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        traceparent = traceparent_of(Headers(scope=scope))
        told = {"request_id": request_id, **({"traceparent": traceparent} if traceparent else {})}
        with structlog.contextvars.bound_contextvars(**told):  # for lines and spans of all that it does
            await self._answered(scope, body, answer)

    async def _answered(self, scope: Scope, body: "_Body", answer: "_Answer") -> None:
        state = scope["state"]
        try:
            answer.admitted = Admitted(closing=state["slots"].closed)
            caller = caller_of(scope, state["service"].keys)
            state["user"] = caller.user
            async with admission(scope, caller.user, caller.limits) as admitted:
                body.admitted = answer.admitted = state["admitted"] = admitted
                await self._app(scope, body.receive, answer.send)
        except ClientDisconnect:
            structlog.get_logger().info("client_gone")
        except Problem as problem:
            await answer.refuse(scope, problem)
        except Exception:
            structlog.get_logger().exception("request_broke")
            if answer.started:
                raise
            await answer.refuse(scope, Problem("internal", INTERNAL))


class _Answer:
    """Adds our headers to the response that goes by, and remembers that it has begun."""

    def __init__(self, send: Send, body: "_Body", request_id: str) -> None:
        self._send, self._body, self._request_id, self.started = send, body, request_id, False
        self._refusing = False
        self.admitted = Admitted()

    async def refuse(self, scope: Scope, problem: Problem) -> None:
        scope["state"]["service"].metrics.refusals.labels(problem.code).inc()
        response = refusal(scope["path"], problem, self._request_id)
        await response(scope, self._body.unread, self.send)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif not message.get("more_body", False):
            await self.admitted.leave()  # before the last byte: whoever has it may ask the next question
        await self._send(message)
        if message["type"] == "http.response.start" and self._refusing:
            await self._body.drained(DRAIN_SECONDS)

    async def _begin(self, message: Message) -> None:
        """A refusal's status goes out at once, however slowly the rest of the body comes."""
        self.started = True
        headers = MutableHeaders(scope=message)
        headers["X-Request-Id"] = self._request_id
        headers.update(self.admitted.headers())
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)  # the web page has a policy of its own
        self._refusing = message["status"] >= 400 and not await self._body.drained(DRAIN_AT_ONCE_SECONDS)
        if self._refusing or self.admitted.closing:
            headers["Connection"] = "close"


class _Body:
    """The request's body as it goes by, so that the rest of a refused one can be dealt with.

    A server that closes at once resets the connection, and the refusal is lost on its way; one that reads on
    for ever is kept busy. So a bounded rest is read and dropped, and what is longer is cut off.
    """

    def __init__(self, receive: Receive) -> None:
        self.unread, self._whole = receive, False
        self.admitted = Admitted()

    async def receive(self) -> Message:
        message = await self._next()
        self.admitted.read(len(message.get("body", b"")))
        return message

    async def _next(self) -> Message:
        message = await self.unread()
        self._whole = not message.get("more_body", False)
        return message

    async def drained(self, seconds: float) -> bool:
        """Whether all of it was read."""
        dropped = 0
        try:
            async with asyncio.timeout(seconds):
                while not self._whole and dropped < DRAIN_BYTES:
                    dropped += len((await self._next()).get("body", b""))
        except TimeoutError:
            return False
        return self._whole


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and the limits that the key has of its own."""

    user: str = LOCAL_USER
    limits: tuple[tuple[str, float], ...] = ()


def user_of(scope: Scope, keys: Keys) -> str:
    """Who asks, as far as the store is concerned. Raises Problem."""
    return caller_of(scope, keys).user


def caller_of(scope: Scope, keys: Keys) -> Caller:
    """Who asks: the one function for all headers a key may come in. Raises Problem."""
    headers = Headers(scope=scope)
    rule = rule_of(scope.get("method", "GET"), scope["path"])
    if rule.open:
        return Caller()
    _refuse_other_origins(headers)
    if not keys:
        _refuse_all_but_loopback(scope, headers)
        return Caller()
    if rule.public:
        return Caller()
    key = known_key(scope.get("method", "GET"), headers, keys)
    if rule.scope and rule.scope not in key.scopes:
        raise Problem("missing_scope", f"this key lacks the scope `{rule.scope}`; ask the operator for one that has it")
    return Caller(key.id, key.limits)


def known_key(method: str, headers: Headers, keys: Keys) -> KeptKey:
    """The key in a header or in the cookie. Raises Problem when there is none that is known."""
    sent = _key(headers)
    key = sent or key_in(headers)
    if not key:
        raise Problem("missing_key", "send your key as `Authorization: Bearer KEY`", "authorization")
    found = keys.find(key)
    if found is None:
        raise Problem("wrong_key", "this key is not accepted here; ask the operator for one", "authorization")
    if not sent:
        refuse_forged(method, headers, key)
    return found


def _key(headers: Headers) -> str:
    """Raises Problem for two that differ under one name: who is meant would be a matter of taste."""
    if any(len(set(headers.getlist(name))) > 1 for name in ("authorization", "x-api-key")):
        raise Problem("wrong_key", "send one key: this header came twice, and not the same", "authorization")
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    return headers.get("x-api-key", "").strip()


def _refuse_other_origins(headers: Headers) -> None:
    """A web page elsewhere may send forms to us, without a pre-flight; we have no reader there (no CORS)."""
    origin = headers.get("origin")
    if origin and _netloc(origin) != headers.get("host", "").lower():
        raise Problem("cross_origin", "ask from a program, not from another site's page", "origin")


def _netloc(origin: str) -> str:
    """The host and port that it names; "" for one that is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _refuse_all_but_loopback(scope: Scope, headers: Headers) -> None:
    """The peer, and the name it asked for: a name that was bent to 127.0.0.1 (DNS rebinding) is not ours."""
    peer = scope["client"][0] if scope.get("client") else ""
    hosts = headers.getlist("host")
    forwarded = "forwarded" in headers or "x-forwarded-for" in headers
    if not is_loopback(peer) or not hosts or not all(is_loopback(_name(host)) for host in hosts) or forwarded:
        detail = "no key is set, so only this machine is served; set KAOZHENG_API_KEYS to serve others"
        raise Problem("loopback_only", detail)


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """An address of this machine, or `localhost`; no name is looked up."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
