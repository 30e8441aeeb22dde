"""The doctor on everything but the model: engines, pages, store, disk and settings that do not go together."""

import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

from agent.nodes.deps import Read
from tools.errors import PageRefused, SearchDown, ToolError
from tools.search import Search, SearchQuery
from workers.doctor import Finding, quoted
from workers.gate import is_loopback
from workers.settings import EXAMPLES, Settings

PAGE = "https://example.com/"
"""Kept for such use by IANA."""
FORBIDDEN_PAGE = "http://169.254.169.254/latest/meta-data/"
QUERY = "Debian"
OLDEST_SERVER = (7, 2)
"""Of Valkey and Redis: what redis-py 8 and our commands were tried with."""
MIB = 1024 * 1024
LEAST_FREE_BYTES, LITTLE_FREE_BYTES = 100 * MIB, 1024 * MIB

SEARCH_REMEDIES = {
    "unauthorized": "check the key",
    "out_of_credit": "top up the account",
    "rate_limited": "wait, or add another engine to KAOZHENG_SEARCH_ENGINES",
    "bad_answer": "is this its address? SearXNG needs `json` among its search.formats",
    "unreachable": "start it or correct its address; KAOZHENG_SEARCH_PROXY if it is behind a proxy",
    "timeout": "start it or correct its address; raise KAOZHENG_SEARCH_SECONDS",
}


def engine_probe(name: str, search: Search) -> Callable[[], Awaitable[Finding]]:
    """One query to one engine."""

    async def look() -> Finding:
        part = f"search {name}"
        try:
            results = await search(SearchQuery(QUERY))
        except SearchDown as down:
            remedy = SEARCH_REMEDIES.get(down.reason, "docs/search.md says how it is set up")
            return Finding(part, "fails", quoted(down.detail or down.reason), remedy)
        if not results:
            return Finding(part, "warning", f"works, and finds nothing for {QUERY!r}", "is anything indexed behind it?")
        return Finding(part, "works", f"{len(results)} results for {QUERY!r}")

    return look


async def pages(read: Read, url: str) -> Finding:
    """Whether a page of the web can be read."""
    try:
        page = await read(url)
    except ToolError as error:
        remedy = "check DNS and the way out of this network, or set KAOZHENG_PAGE_PROXY; without the web: a library"
        return Finding("pages", "warning", f"{url}: {quoted(error.detail or error.reason)}", remedy)
    return Finding("pages", "works", f"{url}: {len(page.text):,} characters")


async def guard(read: Read) -> Finding:
    """Whether an address of the inside is refused."""
    try:
        await read(FORBIDDEN_PAGE)
    except PageRefused:
        return Finding("guard", "works", "addresses of the inside are refused")
    except ToolError as error:
        said = f"{FORBIDDEN_PAGE} was tried ({quoted(error.reason)})"
        return Finding("guard", "fails", said, "leave KAOZHENG_ALLOW_INTERNAL_HOSTS empty, or let the proxy refuse it")
    return Finding("guard", "fails", f"{FORBIDDEN_PAGE} was read", "a proxy for pages must refuse internal addresses")


async def store(client: Redis, ours: bool) -> Finding:
    """Version, append-only file and what happens when its memory is full. ours: the embedded server, set up by us."""
    try:
        server = await client.info("server")
        told = {**await _configured(client, "appendonly"), **await _configured(client, "maxmemory-policy")}
    except RedisError as error:
        return Finding("store", "fails", quoted(error), "start it, or correct KAOZHENG_REDIS_URL")
    version = str(server.get("valkey_version") or server.get("redis_version") or "")
    said = f"version {quoted(version)}"
    if _numbers(version) < OLDEST_SERVER:
        return Finding("store", "fails", said, "update it to Valkey 8 or Redis 7.2")
    if not told:
        return Finding(
            "store", "warning", f"{said}; it does not show its settings", "they must be as docker/valkey.conf"
        )
    if told.get("maxmemory-policy") not in ("noeviction", None):
        fix = "set maxmemory-policy noeviction: else jobs and answers vanish when its memory is full"
        return Finding("store", "fails", f"{said}, maxmemory-policy {quoted(told['maxmemory-policy'])}", fix)
    if told.get("appendonly") != "yes" and not ours:
        return Finding(
            "store", "warning", f"{said}, no append-only file", "set appendonly yes: else a restart loses jobs"
        )
    return Finding("store", "works", f"{said}, noeviction, append-only file")


async def _configured(client: Redis, name: str) -> dict[str, str]:
    """A setting of the server; nothing where it does not tell, as hosted ones do not."""
    try:
        told = await client.config_get(name)
    except RedisError:
        return {}
    return {_string(key): _string(value) for key, value in told.items()}


def _string(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


async def disk(folder: Path) -> Finding:
    """Whether the data folder can be written, and how much is free there."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding("disk", "fails", f"{there} cannot be written", "set KAOZHENG_DATA_DIR to a folder of one's own")
    free = shutil.disk_usage(there).free
    said = f"{free / MIB / 1024:.1f} GiB free for {folder}"
    if free < LEAST_FREE_BYTES:
        return Finding("disk", "fails", said, "free some space, or set KAOZHENG_DATA_DIR")
    return Finding("disk", "warning" if free < LITTLE_FREE_BYTES else "works", said)


@dataclass(frozen=True, slots=True)
class Smell:
    """Settings that are allowed and rarely meant."""

    said: str
    remedy: str


def smells(settings: Settings) -> tuple[Smell, ...]:
    found = []
    if settings.library == (EXAMPLES,) and settings.search_engines == ("library",):
        fix = "set KAOZHENG_SEARXNG_URL or KAOZHENG_LIBRARY (docs/search.md)"
        found.append(Smell("answers come from the example pages about Debian only", fix))
    if (
        settings.model_url.startswith("http://")
        and settings.model_key.get_secret_value()
        and _public(settings.model_url)
    ):
        found.append(Smell("the model's key travels unencrypted", "use https:// for KAOZHENG_MODEL_URL"))
    if not is_loopback(settings.host) and not settings.api_keys:
        found.append(Smell(f"the service listens on {settings.host}", "keys are made at its first start: keep them"))
    if settings.model_url and settings.first_token_seconds >= settings.normal_seconds:
        fix = "lower KAOZHENG_FIRST_TOKEN_SECONDS or raise KAOZHENG_NORMAL_SECONDS"
        found.append(Smell("a question may end before the model has begun", fix))
    if not settings.obey_robots:
        found.append(Smell("robots.txt is not obeyed", "set KAOZHENG_OBEY_ROBOTS=true"))
    if settings.allow_internal_hosts:
        names = ", ".join(settings.allow_internal_hosts)
        found.append(Smell(f"pages may come from internal hosts: {names}", "keep KAOZHENG_ALLOW_INTERNAL_HOSTS short"))
    return tuple(found)


async def advice(settings: Settings) -> Finding:
    """All smells in one line."""
    found = smells(settings)
    if not found:
        return Finding("settings", "works", "nothing stands out")
    said, remedy = ("; ".join(getattr(smell, name) for smell in found) for name in ("said", "remedy"))
    return Finding("settings", "warning", said, remedy)


def _public(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".local", ".internal", ".lan"))
