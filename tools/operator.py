"""Asking a server of the operator's as it is, for a diagnosis: bytes and statuses, nothing mended.

Not the guarded door: the address comes from settings and may be private (decision 1).
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

import httpx

from tools.errors import ToolError

MAX_BYTES = 4 * 1024 * 1024
MAX_LINE_BYTES = 1024 * 1024


class OperatorDown(ToolError):
    """The server did not answer as HTTP: `timeout`, `unreachable`, `tls`, `broken`, `too_large`."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer. kind: its content type; location: where a redirect points; seconds: from the request to its end."""

    status: int
    kind: str
    body: bytes
    location: str = ""
    seconds: float = 0.0

    def json(self) -> object:
        """The decoded JSON; None where it is none."""
        try:
            decoded: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return decoded


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a stream and when it came, in seconds after the request."""

    text: str
    seconds: float


class OperatorServer:
    """One server. Environment proxies are ignored and redirects are not followed. Close it with aclose()."""

    def __init__(self, url: str, key: str = "", connect_seconds: float = 5.0) -> None:
        """url: scheme, host, port and whatever path all requests begin with."""
        self.url = url.rstrip("/")
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {})
        timeout = httpx.Timeout(None, connect=connect_seconds)  # the caller's deadline ends everything else
        self._http = httpx.AsyncClient(trust_env=False, follow_redirects=False, headers=headers, timeout=timeout)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def get(self, path: str, seconds: float) -> Heard:
        """Raises OperatorDown."""
        return await self._asked("GET", path, None, seconds)

    async def post(self, path: str, fields: Mapping[str, object], seconds: float) -> Heard:
        """Fields as JSON. Raises OperatorDown."""
        return await self._asked("POST", path, fields, seconds)

    async def _asked(self, method: str, path: str, fields: Mapping[str, object] | None, seconds: float) -> Heard:
        began = monotonic()
        async with self._open(method, path, fields, seconds) as answer:
            body = await _beginning(answer)
            if len(body) > MAX_BYTES:
                raise OperatorDown(self.url, "too_large", f"it answers with more than {MAX_BYTES:,} bytes")
            return _heard(answer, body, began)

    @asynccontextmanager
    async def stream(
        self, path: str, fields: Mapping[str, object], seconds: float
    ) -> AsyncGenerator[tuple[Heard, AsyncGenerator[Line, None]], None]:
        """Status and lines of an answer; leaving the block closes the connection. Raises OperatorDown.

        The Heard of a refusal (400 and more) has its body, and there are no lines then.
        """
        began = monotonic()
        async with self._open("POST", path, fields, seconds) as answer:
            refused = answer.status_code >= 400
            body = (await _beginning(answer))[:MAX_BYTES] if refused else b""
            yield _heard(answer, body, began), _lines(answer, began, refused)

    @asynccontextmanager
    async def _open(
        self, method: str, path: str, fields: Mapping[str, object] | None, seconds: float
    ) -> AsyncGenerator[httpx.Response, None]:
        try:
            async with asyncio.timeout(seconds):
                async with self._http.stream(method, self.url + path, json=fields) as answer:
                    yield answer
        except (TimeoutError, httpx.TimeoutException):
            raise OperatorDown(self.url, "timeout", f"it did not answer within {seconds:.0f} s") from None
        except httpx.ConnectError as error:
            tls = "certificate" in str(error).lower() or "ssl" in str(error).lower()
            detail = "its certificate is not trusted" if tls else "nothing answers at this address"
            raise OperatorDown(self.url, "tls" if tls else "unreachable", detail) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OperatorDown(self.url, "broken", f"the connection broke ({type(error).__name__})") from None


async def _beginning(answer: httpx.Response) -> bytes:
    """The whole body, or a little more than MAX_BYTES of a longer one."""
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > MAX_BYTES:
            break
    return bytes(body)


def _heard(answer: httpx.Response, body: bytes, began: float) -> Heard:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Heard(answer.status_code, kind, body, answer.headers.get("location", ""), monotonic() - began)


async def _lines(answer: httpx.Response, began: float, refused: bool) -> AsyncGenerator[Line, None]:
    """Whole lines, bounded: a server that never ends its line is not read for ever."""
    held, total = b"", 0
    if refused:
        return
    async for piece in answer.aiter_bytes():
        held, total = held + piece, total + len(piece)
        if len(held) > MAX_LINE_BYTES or total > 8 * MAX_BYTES:
            raise OperatorDown(str(answer.url), "too_large", "its stream has no end")
        *whole, held = held.split(b"\n")
        for line in whole:
            yield Line(line.decode("utf-8", "replace").rstrip("\r"), monotonic() - began)
    if held:
        yield Line(held.decode("utf-8", "replace"), monotonic() - began)
