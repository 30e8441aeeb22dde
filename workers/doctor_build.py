"""Puts the doctor together: opens what the settings name, and lists the probes."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from redis.asyncio import Redis

from tools.extractor import Extractor
from tools.library import Library
from workers import doctor_parts
from workers.build import model_config, open_engines, open_reader
from workers.doctor import Finding, Probe
from workers.doctor_model import Patient
from workers.doctor_reply import Replies
from workers.settings import Settings
from workers.settings_error import SettingsError
from workers.store_errors import StoreError
from workers.valkey import store_address

_REPLY_SECONDS = 150.0


def model_probes(patient: Patient) -> list[Probe]:
    """From the cheapest to the dearest."""
    replies = Replies(patient)
    there = ("reachable",)
    return [
        Probe("reachable", patient.reachable, 40.0),
        Probe("key", patient.key, 15.0, there),
        Probe("model", patient.model, 20.0, there),
        Probe("context", patient.context, 90.0, there),
        Probe("answer", replies.answer, _REPLY_SECONDS, there),
        Probe("stream", replies.stream, _REPLY_SECONDS, there),
        Probe("usage", replies.usage, _REPLY_SECONDS, there),
        Probe("tool template", replies.template, _REPLY_SECONDS, there),
        Probe("tool call", replies.call, _REPLY_SECONDS, there),
        Probe("streamed tool call", replies.streamed_call, _REPLY_SECONDS, there),
        Probe("structured output", replies.structured, _REPLY_SECONDS, there),
        Probe("abort", replies.abort, _REPLY_SECONDS, there),
    ]


async def _no_model() -> Finding:
    return Finding("model", "skipped", "none configured: the quoting reader answers", "set KAOZHENG_MODEL_URL")


@asynccontextmanager
async def open_doctor(settings: Settings, page: str) -> AsyncGenerator[list[Probe], None]:
    """The probes for these settings; page: what is read to see whether the web is reached, "" for nothing."""
    async with AsyncExitStack() as opened:
        probes = [Probe("model", _no_model, 1.0)]
        if settings.model_url:
            patient = Patient.at(settings, model_config(settings))
            opened.push_async_callback(patient.aclose)
            probes = model_probes(patient)
        probes += await _search_probes(settings, opened)
        probes += await _page_probes(settings, page, opened)
        probes.append(await _store_probe(settings, opened))
        probes.append(Probe("disk", partial(doctor_parts.disk, settings.data_dir), 5.0))
        probes.append(Probe("settings", partial(doctor_parts.advice, settings), 5.0))
        yield probes


async def _search_probes(settings: Settings, opened: AsyncExitStack) -> list[Probe]:
    """Each engine by itself. Nothing is indexed for it: the index of the library is asked as it lies there."""
    indexed = settings.library_index.is_file()
    library = Library(settings.library_index) if indexed and "library" in settings.search_engines else None
    try:
        engines = await opened.enter_async_context(open_engines(settings, library))
    except SettingsError as error:
        return [Probe("search", _said(Finding("search", "fails", str(error), "docs/search.md")), 1.0)]
    seconds = settings.search_seconds + 5
    probes = [Probe(f"search {name}", doctor_parts.engine_probe(name, search), seconds) for name, search in engines]
    if not indexed and "library" in settings.search_engines:
        found = Finding("search library", "skipped", "not indexed yet: the first question or `kaozheng serve` does it")
        probes.append(Probe("search library", _said(found), 1.0))
    return probes


async def _page_probes(settings: Settings, page: str, opened: AsyncExitStack) -> list[Probe]:
    extractor = Extractor()
    opened.push_async_callback(extractor.aclose)
    read = await opened.enter_async_context(open_reader(settings, None, extractor, None))
    seconds = settings.page_seconds + 15  # the first page starts a process for the extraction
    probes = [Probe("guard", partial(doctor_parts.guard, read), seconds)]
    return [Probe("pages", partial(doctor_parts.pages, read, page), seconds), *probes] if page else probes


async def _store_probe(settings: Settings, opened: AsyncExitStack) -> Probe:
    try:
        address = await opened.enter_async_context(store_address(settings.redis_url, settings.data_dir))
        client = Redis.from_url(address, socket_timeout=5.0, socket_connect_timeout=5.0)
    except (StoreError, ValueError) as error:
        told = error if isinstance(error, StoreError) else "the address is not understood"
        remedy = "start it, or correct KAOZHENG_REDIS_URL or KAOZHENG_DATA_DIR"
        return Probe("store", _said(Finding("store", "fails", str(told), remedy)), 1.0)
    opened.push_async_callback(client.aclose)
    return Probe("store", partial(doctor_parts.store, client, not settings.redis_url), 20.0)


def _said(found: Finding) -> Callable[[], Awaitable[Finding]]:
    async def look() -> Finding:
        return found

    return look
