"""Replays a file of address cases through the real WebReader: `python -m tests.cases.run_ssrf FILE`.

Each line: case, url, expect (block or allow), resolves_to {host: answers, or one list of answers per look-up},
redirect_chain (Location, or {status, location, headers}, per hop), env. Markers among the answers: NXDOMAIN,
TIMEOUT, SELF (one of this machine's own public addresses). A name that is not listed resolves to a public
address, so that only the guard can refuse it. The name server and the dialler are handed in and record.

block: a typed refusal, and no connect to a refused address. When several look-ups are scripted the page is read
as often as that, since every fetch must check for itself; `retry` in the name: the first connect fails;
`robots` in the name: robots.txt is asked first.
`layer: provenance`: the planner asked to open the URL, so the agent's own step decides before the door; `known_urls`
are those that the user or a result named.
allow: a page comes back, one look-up per hop, every connect to an address of that look-up, our headers only.

Prints each failure and, last, `ssrf: passed/all`. Exit status 0 only if none failed.
"""

import asyncio
import ipaddress
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from ssl import SSLContext
from typing import Any

import httpcore
import httpx
from langgraph.runtime import Runtime

from agent.nodes.deps import Deps, Run
from agent.nodes.search import search
from agent.nodes.state import Plan, PlannedPage
from agent.question import Question
from tools.address import Address, AddressPolicy, Verdict, canonical, classify
from tools.dialling import Network
from tools.errors import PageUnreachable, ToolError
from tools.extraction import Source
from tools.http import FetchLimits, FetchParts
from tools.manners import Manners
from tools.page import Webpage
from tools.web import WebParts, WebReader

Case = dict[str, Any]
Read = Callable[[str], Awaitable[object]]
PUBLIC, OWN = "93.184.215.14", "151.101.65.140"
OUR_HEADERS = {"host", "user-agent", "accept", "accept-encoding", "connection"}
HTML = b"<!doctype html><title>t</title><p>A page of the public web.</p>"
LIMITS = FetchLimits(total_seconds=5.0, dns_seconds=0.05)


@dataclass(slots=True)
class Rig:
    """The world of one case: what was looked up, dialled and sent."""

    case: Case
    looked_up: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    pages_served: int = 0
    _answers: set[str] = field(default_factory=set)

    def network(self) -> Network:
        return Network(AddressPolicy(), self.resolve, self.dial, lambda address: str(address) == OWN)

    async def resolve(self, name: str) -> tuple[Address, ...]:
        answers = self._scripted(name)
        self.looked_up.append(name)
        if "TIMEOUT" in answers:
            await asyncio.sleep(60)
        if not answers or "NXDOMAIN" in answers:
            raise PageUnreachable(name, "dns", "the name does not exist")
        self._answers = {OWN if answer == "SELF" else answer for answer in answers}
        return tuple(ipaddress.ip_address(answer) for answer in answers_in_order(answers))

    def _scripted(self, name: str) -> list[str]:
        """The answers of this look-up: the last entry repeats; a flat list is the same every time."""
        script = self.case.get("resolves_to", {}).get(name, [[PUBLIC]])
        if isinstance(script, str) or all(isinstance(entry, str) for entry in script):
            script = [script]
        entry = script[min(self.looked_up.count(name), len(script) - 1)]
        return [entry] if isinstance(entry, str) else list(entry)

    async def dial(self, address: Address, port: int) -> httpcore.AsyncNetworkStream:
        self.dialled.append(str(address))
        if self._answers and str(address) not in self._answers:
            self.strays.append(str(address))
        if "retry" in self.case["case"] and len(self.dialled) == 1:
            raise ConnectionRefusedError
        return CannedStream(self)

    def answer(self, request: str) -> bytes:
        """The bytes for one request: no robots.txt, then the chain of redirects, then a page."""
        self.requests.append(request)
        if request.startswith("GET /robots.txt "):
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        chain = self.case.get("redirect_chain", [])
        hop = chain[self.pages_served] if self.pages_served < len(chain) else {"status": 200}
        hop = {"status": 302, "location": hop} if isinstance(hop, str) else hop
        self.pages_served += 1
        headers = dict(hop.get("headers", {})) | ({"Location": hop["location"]} if "location" in hop else {})
        lines = [f"HTTP/1.1 {hop.get('status', 302)} X", "Content-Type: text/html", f"Content-Length: {len(HTML)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + HTML

    @property
    def look_ups_scripted(self) -> int:
        scripts = self.case.get("resolves_to", {}).values()
        nested = [script for script in scripts if isinstance(script, list) and isinstance(script[0], list)]
        return max(map(len, nested), default=1)


def answers_in_order(answers: list[str]) -> list[str]:
    return [OWN if answer == "SELF" else answer for answer in answers]


class CannedStream(httpcore.AsyncNetworkStream):
    """A connection that answers one request; its TLS is said and not done."""

    def __init__(self, rig: Rig) -> None:
        self._rig, self._sent, self._answer = rig, b"", b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._sent += buffer
        if self._sent.endswith(b"\r\n\r\n"):
            self._answer, self._sent = self._rig.answer(self._sent.decode("latin-1")), b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        chunk, self._answer = self._answer[:max_bytes], self._answer[max_bytes:]
        return chunk

    async def start_tls(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        return self

    async def aclose(self) -> None:
        return None


async def as_it_is(body: bytes, source: Source) -> Webpage:
    return Webpage(source.url, "", body.decode())


@cache
def ssl_context() -> SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def product(rig: Rig) -> Read:
    """The reader that the product uses, with this case's name server and dialler."""
    fetching = FetchParts(rig.network(), "kaozheng/1", LIMITS, ssl_context=ssl_context())
    robots = "robots" in rig.case["case"]
    parts = WebParts(as_it_is, fetching, Manners(spacing_seconds=0.0), obey_robots=robots)
    return WebReader(parts).read


async def failure_of(case: Case, reader_for: Callable[[Rig], Read] = product) -> str:
    """Why the case failed, "" when it passed."""
    rig = Rig(case)
    if case.get("layer") == "provenance" and not await opens(case["url"], case.get("known_urls", [])):
        return block_failure(rig, "unknown_origin") if case["expect"] == "block" else "refused: unknown_origin"
    with environment(case.get("env", {})):
        try:
            refusal = await read_as_often_as_scripted(rig, reader_for(rig))
        except Exception as error:  # noqa: BLE001 - a crash is what the cases look for
            return f"crashed: {type(error).__name__}"
    return block_failure(rig, refusal) if case["expect"] == "block" else allow_failure(rig, refusal)


async def read_as_often_as_scripted(rig: Rig, read: Read) -> str:
    """The reason of the refusal, "" when every reading came back with a page."""
    refusal = ""
    for _ in range(rig.look_ups_scripted if rig.case["expect"] == "block" else 1):
        try:
            await read(rig.case["url"])
        except ToolError as error:
            refusal = error.reason
            if refusal != "connect":
                break
    return refusal


async def opens(url: str, known_urls: list[str]) -> bool:
    """True when the agent's step lets the planner open this URL."""
    unused: Any = None
    deps = Deps(unused, unused, unused, unused, unused, unused, unused)
    run = Run(Question("May this page be opened?"), deps, known_urls={canonical(known) for known in known_urls})
    state: Any = {"rounds": (), "asked": (), "skipped": (), "read": (), "plan": Plan(pages=(PlannedPage(url, "1"),))}
    found = await search(state, Runtime(context=run, stream_writer=lambda _: None))
    return url in found["wanted"]


def block_failure(rig: Rig, refusal: str) -> str:
    if not refusal:
        return "was read"
    markers = json.dumps(rig.case.get("resolves_to", {}))
    if refusal in ("dns", "timeout") and not ("NXDOMAIN" in markers or "TIMEOUT" in markers):
        return f"was not refused but failed: {refusal}"
    bad = [address for address in rig.dialled if address == OWN or not is_public(address)]
    if bad:
        return f"dialled {bad[0]}"
    if rig.dialled and rig.look_ups_scripted == 1 and not rig.case.get("redirect_chain"):
        return f"dialled {rig.dialled[0]} before it refused"
    return ""


def allow_failure(rig: Rig, refusal: str) -> str:
    if refusal:
        return f"refused: {refusal}"
    if rig.strays:
        return f"dialled {rig.strays[0]}, which was not looked up"
    if rig.looked_up and len(rig.looked_up) != len(rig.requests):
        return f"{len(rig.looked_up)} look-ups for {len(rig.requests)} hops"
    for request in rig.requests:
        names = {line.partition(":")[0].lower() for line in request.split("\r\n")[1:] if line}
        if names - OUR_HEADERS:
            return f"sent {sorted(names - OUR_HEADERS)}"
    return ""


def is_public(address: str) -> bool:
    return classify(ipaddress.ip_address(address)) is Verdict.PUBLIC


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """The case's environment variables, taken away again."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def cases_in(path: Path) -> list[Case]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


async def failures(cases: list[Case], reader_for: Callable[[Rig], Read] = product) -> dict[str, str]:
    """Case to the reason of its failure."""
    found = {case["case"]: await failure_of(case, reader_for) for case in cases}
    return {name: why for name, why in found.items() if why}


def main() -> int:
    cases = cases_in(Path(sys.argv[1]))
    failed = asyncio.run(failures(cases))
    for name, why in failed.items():
        print(f"FAILED {name}: {why}")
    print(f"ssrf: {len(cases) - len(failed)}/{len(cases)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
