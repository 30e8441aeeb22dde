"""Asking operators' search endpoints over HTTP. This is not the guarded door: these addresses come from settings and
may be private (decision 1); an address from a page never comes here."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tools.errors import SearchDown
from tools.http import wait_seconds
from tools.search import SearchResult

Reason = tuple[str, str]
"""A word for programs and a clause for people, as in SearchDown."""

MAX_ATTEMPTS = 4
MAX_SHORT_WAIT_SECONDS = 2.0
"""A shorter wait is waited for: an engine that takes one query a second gets ours one after the other."""
MAX_RESET_SECONDS = 31 * 86_400.0  # larger numbers in X-RateLimit-Reset are times of day, not waits

REFUSALS: Mapping[int, Reason] = {
    400: ("bad_request", "it did not accept the query"),
    401: ("unauthorized", "it does not accept the key"),
    402: ("out_of_credit", "the account has no credit left"),
    403: ("unauthorized", "it does not accept the key"),
    422: ("bad_request", "it did not accept the query"),
    429: ("rate_limited", "it has had too many requests"),
}
"""What a status means where an engine has no meaning of its own for it."""


def engine_client(proxy: str | None, seconds: float) -> httpx.AsyncClient:
    """A client for search engines; whoever opens it closes it. proxy: the operator's, None for none.

    Environment proxies are ignored (decision 2). Bodies are asked for as they are: httpx inflates a small
    compressed body to any size before its reader can count.
    """
    return httpx.AsyncClient(
        trust_env=False,
        proxy=proxy,
        timeout=seconds,
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        limits=httpx.Limits(max_connections=32, max_keepalive_connections=8),
    )


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """seconds: for one search with all its attempts; max_bytes: of the body of one answer."""

    seconds: float = 10.0
    max_bytes: int = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine is asked, and what its refusals mean.

    headers:  of every request; one of them holds the key
    refusals: by HTTP status, before REFUSALS
    tells:    by lower-case words in the body of a refusal, before the status
    """

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    refusals: Mapping[int, Reason] = field(default_factory=dict)
    tells: Mapping[bytes, Reason] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ValueError for a key that no header can hold; h11 would log it as it refuses it."""
        if not all(value.isascii() and value.isprintable() for value in self.headers.values()):
            raise ValueError(f"the key of {self.name} holds a character that is not printable ASCII")


class EngineAsksToWait(SearchDown):
    """The engine said for how long it does not want to be asked: Retry-After, or Brave's X-RateLimit-Reset."""

    wait_seconds = 0.0


class JsonApi:
    """An endpoint that answers in JSON. The client is not closed here.

    What goes wrong is a SearchDown: timeout, unreachable, bad_answer, http_error, or what the endpoint's refusal
    means. No error holds a header, a query or a word of the answer.
    """

    def __init__(self, http: httpx.AsyncClient, endpoint: Endpoint, limits: EngineLimits | None = None) -> None:
        self._http, self._endpoint, self._limits = http, endpoint, limits or EngineLimits()

    async def get(self, params: Mapping[str, str | int]) -> dict[str, Any]:
        """The JSON object that a GET with these parameters answers. Raises SearchDown."""
        return await self._ask({"method": "GET", "params": params})

    async def post(self, fields: Mapping[str, object]) -> dict[str, Any]:
        """The JSON object that a POST of these fields as JSON answers. Raises SearchDown."""
        return await self._ask({"method": "POST", "json": fields})

    def down(self, reason: str, detail: str) -> SearchDown:
        return SearchDown(self._endpoint.name, reason, detail)

    async def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._limits.seconds):
                return self._parsed(await self._patiently(request))
        except (TimeoutError, httpx.TimeoutException):
            raise self.down("timeout", f"it did not answer within {self._limits.seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.down("unreachable", f"it cannot be reached ({type(error).__name__})") from None

    async def _patiently(self, request: Mapping[str, Any]) -> bytes:
        """The body, after a few short waits if the engine asks for them."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return await self._send(request)
            except EngineAsksToWait as asked:
                if attempt == MAX_ATTEMPTS or asked.wait_seconds > MAX_SHORT_WAIT_SECONDS:
                    raise
                await asyncio.sleep(asked.wait_seconds)
        raise AssertionError("the last attempt returns or raises")

    async def _send(self, request: Mapping[str, Any]) -> bytes:
        headers = {"Accept": "application/json", **self._endpoint.headers}
        url = self._endpoint.url
        async with self._http.stream(url=url, headers=headers, follow_redirects=False, **request) as answer:
            body = bytearray()
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > self._limits.max_bytes:
                    raise self.down("bad_answer", "its answer is too large")
            if answer.status_code != 200:
                raise self._refusal(answer, bytes(body))
            return bytes(body)

    def _refusal(self, answer: httpx.Response, body: bytes) -> SearchDown:
        status, name = answer.status_code, self._endpoint.name
        told = next((reason for words, reason in self._endpoint.tells.items() if words in body.lower()), None)
        known = told or self._endpoint.refusals.get(status) or REFUSALS.get(status)
        reason, detail = known or ("http_error", f"it answers with HTTP status {status}")
        wait = _wait_asked(answer.headers) if status in (429, 503) else 0.0
        if not wait:
            return SearchDown(name, reason, detail)
        asked = EngineAsksToWait(name, reason, detail)
        asked.wait_seconds = wait
        return asked

    def _parsed(self, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            raise self.down("bad_answer", "it does not answer in JSON; is this its address?") from None
        if not isinstance(answer, dict):
            raise self.down("bad_answer", "its answer holds no results; is this its address?")
        return answer

    def rows(self, answer: Mapping[str, Any], *path: str) -> list[dict[str, Any]]:
        """The objects of the list that lies at `path`; null on the way is an empty one. Raises SearchDown (bad_answer)
        where there is none, so that a changed format is never taken for "nothing found"."""
        found: Any = answer
        for step in path:
            if not isinstance(found, Mapping) or step not in found:
                raise self.down("bad_answer", f"its answer holds no {'.'.join(path)}")
            found = found[step]
            if found is None:
                return []
        if not isinstance(found, list):
            raise self.down("bad_answer", f"its answer holds no list of results in {'.'.join(path)}")
        return [row for row in found if isinstance(row, dict)]


@dataclass(frozen=True, slots=True)
class Fields:
    """How an engine names the parts of a result."""

    url: str = "url"
    title: str = "title"
    snippet: str = "snippet"
    date: str = "date"


def results_of(rows: Iterable[Mapping[str, Any]], fields: Fields) -> list[SearchResult]:
    """Rows as results, still untidied; what is missing or null is ""."""
    names = (fields.url, fields.title, fields.snippet, fields.date)
    return [SearchResult(*(str(row.get(name) or "") for name in names)) for row in rows]


def _wait_asked(headers: httpx.Headers) -> float:
    """Seconds, 0 when it does not say. X-RateLimit-*: one number for each window, `0, 1200` and `1, 1419704`."""
    if seconds := wait_seconds(headers.get("retry-after", "")):
        return seconds
    left = headers.get("x-ratelimit-remaining", "").replace(" ", "").split(",")
    resets = headers.get("x-ratelimit-reset", "").replace(" ", "").split(",")
    waits = [float(reset) for rest, reset in zip(left, resets, strict=False) if rest == "0" and reset.isdecimal()]
    return max((wait for wait in waits if wait <= MAX_RESET_SECONDS), default=0.0)
