"""The second half of the composition root: what the REST service needs beside the agent's Deps."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agent.alone import Complete, alone
from agent.answer import Answer
from agent.events import Event
from agent.graph import ask
from agent.nodes.deps import Deps
from agent.question import Question
from agent.related import related_questions
from agent.second_opinion import ModelJudge
from tools.page import Webpage
from workers.batch.estimating import Rates
from workers.batch.files import FileLimits, FileStore
from workers.batch.filling import FillRules
from workers.batch.job_store import JobStore
from workers.build import House, Notice, open_house, read_upload
from workers.doctor import Finding
from workers.keys import FILE_NAME, Keys
from workers.meter import Meter
from workers.model_start import check_at_start
from workers.overview_build import open_overview
from workers.queue import open_queue
from workers.quota_store import Quotas
from workers.row_prefixes import one_reads_first, shared_order
from workers.run_log import RunLog
from workers.service import Ask, Limits, Part, Service
from workers.settings import Settings
from workers.shares import Shares
from workers.store import Retention, Store, open_store
from workers.store_errors import StoreError
from workers.store_file import rewriting
from workers.store_flights import StoreFlights, limited_model, shared_read, shared_search
from workers.trace_context import carried
from workers.tracing_build import traced_ask
from workers.valkey import store_address


def keys_file(settings: Settings) -> Path:
    """Where the hashes of the keys lie that `kaozheng keys` makes."""
    return settings.data_dir / FILE_NAME


@asynccontextmanager
async def open_service(settings: Settings, notice: Notice) -> AsyncGenerator[Service, None]:
    """Open the store, the library, the engines and the model; close all of them in the end."""
    async with AsyncExitStack() as opened:
        retention = Retention.of(settings.answer_days, settings.thread_days, settings.page_hours)
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        address = await opened.enter_async_context(store_address(settings.redis_url, settings.data_dir))
        store = await opened.enter_async_context(open_store(address, retention))
        if not settings.redis_url:  # what is over must leave the disk too, not only the memory
            await opened.enter_async_context(rewriting(store))
        house = _carrying(await opened.enter_async_context(open_house(settings, notice, store)))
        ill = await check_at_start(settings, notice)

        async def upload(name: str, content: bytes) -> Webpage:
            return await read_upload(name, content, house.extractor)

        ways = Ways(await opened.enter_async_context(traced_ask(settings)), house.judge)
        queue = await opened.enter_async_context(open_queue(settings, address))
        quotas = Quotas(store.client, settings.quota, settings.limits_without_store)
        await opened.enter_async_context(quotas.keeping())
        service = Service(
            ask=ways.asking(house.deps),
            read_upload=upload,
            store=store,
            keys=Keys(settings.api_keys, keys_file(settings)),
            limits=_limits(settings),
            default_depth=settings.depth,
            depths=house.deps.limits.depths,
            parts=Parts(store, house, settings, ill).all,
            run_log=RunLog(store.client),
            search=house.deps.search,
            read=house.deps.read,
            metered=ways.metering(house.deps),
            prices=settings.prices,
            quotas=quotas,
            shares=Shares(store.client, settings.share_limits),
            files=FileStore(store.client, _file_limits(settings)),
            fill_rules=fill_rules(settings),
            rates=rates_of(settings, house.deps),
            complete=alone(house.deps.generate) if house.deps.generate else None,
            completing=completing(house.deps),
            related=relating(house.deps),
            jobs=JobStore(queue, retention.answer_seconds),
            queue=queue,
        )
        service = replace(service, overview=open_overview(service, settings, store))
        patient = _for_rows(house.deps, settings, StoreFlights(queue))
        for_rows = replace(service, ask=ways.asking(patient), metered=ways.metering(patient), stopping=asyncio.Event())
        yield replace(service, for_rows=for_rows)


def _carrying(house: House) -> House:
    """The model server is told which trace of the caller's it works for."""
    generate = house.deps.generate
    return replace(house, deps=replace(house.deps, generate=carried(generate))) if generate else house


def _for_rows(deps: Deps, settings: Settings, flights: StoreFlights) -> Deps:
    """Rows wait for a model that is away, share searches and pages, and keep to the limits of all workers."""
    generate = limited_model(deps.generate, flights, settings.rows_model_calls) if deps.generate else None
    read = shared_read(deps.read, flights, settings.rows_host_reads) if settings.page_hours else deps.read
    search = shared_search(deps.search, flights, settings.rows_searches)
    patient = replace(deps, degrade=False, generate=generate, read=read, search=search)
    if generate is None or not settings.rows_near:
        return patient
    client = flights.client
    return replace(patient, generate=one_reads_first(generate, client), arrange=shared_order(client))


@dataclass(frozen=True, slots=True)
class Ways:
    """How a question is asked. traced: agent.graph.ask, with spans where a collector is set; judge: None without a
    model."""

    traced: Callable[[Question, Deps], AsyncGenerator[Event, None]] = ask
    judge: ModelJudge | None = None

    def asking(self, deps: Deps) -> Ask:
        return lambda question: self.traced(question, deps)

    def metering(self, deps: Deps) -> Callable[[Question, Meter], AsyncGenerator[Event, None]]:
        """The same with a meter around the model, also where it judges."""

        def metered(question: Question, meter: Meter) -> AsyncGenerator[Event, None]:
            if deps.generate is None:
                return self.traced(question, deps)
            watched = meter.around(deps.generate, deps.count_tokens)
            judged = self.judge.by(watched) if self.judge else None
            return self.traced(question, replace(deps, generate=watched, second_opinion=judged))

        return metered


def completing(deps: Deps) -> Callable[[Meter], Complete] | None:
    """The model alone with a meter around it; None without a model."""
    generate = deps.generate
    return (lambda meter: alone(meter.around(generate, deps.count_tokens))) if generate else None


def relating(deps: Deps) -> Callable[[Answer, Meter], Awaitable[tuple[str, ...]]] | None:
    """Questions that may follow an answer; None without a model."""
    by_model = completing(deps)
    if by_model is None:
        return None
    return lambda answer, meter: related_questions(answer, by_model(meter), deps.templates)


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_request_bytes=int(settings.max_request_bytes),
        max_file_bytes=int(settings.max_file_bytes),
        max_files=settings.max_files,
        max_concurrent_answers=settings.max_concurrent_answers,
        max_waiting_answers=settings.max_waiting_answers,
        max_wait_seconds=settings.max_wait_seconds,
    )


def fill_rules(settings: Settings) -> FillRules:
    """How a file of questions is read."""
    return FillRules(settings.batch_rows, int(settings.max_request_bytes), settings.depth, near=settings.rows_near)


def rates_of(settings: Settings, deps: Deps) -> Rates:
    """By what a batch is reckoned before it runs."""
    return Rates(deps.limits, settings.prices, settings.currency, deps.generate is not None)


def _file_limits(settings: Settings) -> FileLimits:
    return FileLimits(
        int(settings.kept_file_bytes),
        int(settings.kept_files_bytes),
        round(settings.kept_file_days * 86_400),
        settings.file_upload_seconds,
    )


class Parts:
    """What works right now. Nothing is generated for it, and no page is fetched."""

    def __init__(self, store: Store, house: House, settings: Settings, ill: Sequence[Finding] = ()) -> None:
        """ill: what did not work of the model server when the service started."""
        self._store, self._house, self._settings = store, house, settings
        self._ill = tuple(Part(f"model {found.part}", works=False, detail=found.said) for found in ill)

    async def all(self) -> tuple[Part, ...]:
        return (await self._kept(), await self._model(), *self._ill)

    async def _kept(self) -> Part:
        try:
            health = await self._store.health()
        except StoreError as error:
            return Part("store", works=False, detail=error.code)
        return Part("store", works=True, detail=health.server)

    async def _model(self) -> Part:
        if not self._settings.model_url:
            return Part("model", works=True, detail="none configured: the quoting reader answers")
        why = await self._house.probe_model()
        detail = why or self._house.deps.model_name
        return Part("model", works=not why, needed=not self._settings.degrade, detail=detail)
