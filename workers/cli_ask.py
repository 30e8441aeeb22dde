"""`kaozheng ask`: one question, its progress, its answer."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args
from urllib.parse import unquote

from agent.errors import BadQuestion
from agent.events import Answered, Event, Failed, event_name
from agent.question import Depth, Filters, Question, Turn
from tools.errors import ToolError
from tools.extractor import Extractor
from tools.page import Webpage
from tools.search import Recency
from workers.build import index_of, open_house, read_upload
from workers.cli import BAD_INPUT, EXIT_CODES
from workers.progress import Progress
from workers.settings import Settings, load_settings
from workers.terminal import say
from workers.tracing_build import traced_ask

if TYPE_CHECKING:
    from workers.threads import Thread


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; "" and None leave it to the settings."""

    depth: str = ""
    library: Path | None = None
    files: tuple[Path, ...] = ()
    search: bool | None = None
    strict: bool = False
    sites: tuple[str, ...] = ()
    recency: str = ""
    thread: str = ""
    form: Literal["text", "json", "events"] = "text"
    thinking: bool = False
    quiet: bool = False
    config: Path | None = None


def run(text: str, options: Options) -> int:
    """The exit code. Raises SettingsError."""
    try:
        return asyncio.run(_run(text, options, _settings(options)))
    except BadQuestion as error:
        say(f"kaozheng: {error.field}: {error}")
        return BAD_INPUT


def _settings(options: Options) -> Settings:
    """With a folder of its own, the question is answered from that folder alone."""
    settings = load_settings(options.config)
    if options.library is None:
        return settings
    if not options.library.is_dir():
        raise BadQuestion("library", f"there is no folder {options.library}")
    return load_settings(
        options.config,
        library=(options.library,),
        search_engines=("library",),
        library_index=index_of(options.library, settings.data_dir),
    )


async def _run(text: str, options: Options, settings: Settings) -> int:
    async with AsyncExitStack() as opened:
        thread = await opened.enter_async_context(_thread(settings, options.thread)) if options.thread else None
        question = await _question(text, options, settings, thread.turns if thread else ())
        shown = options.form == "text" and not options.quiet
        house = await opened.enter_async_context(open_house(settings, say if shown else _unsaid))
        asking = await opened.enter_async_context(traced_ask(settings))
        last = await _answered(asking(question, house.deps), _shower(options))
        if isinstance(last, Answered) and thread is not None:
            await thread.keep(last)
    return EXIT_CODES[last.answer.status] if isinstance(last, Answered) else 1


def _thread(settings: Settings, name: str) -> AbstractAsyncContextManager["Thread"]:
    from workers.threads import open_thread  # brings the store's client, which few questions need

    return open_thread(settings, name)


async def _answered(asked: AsyncGenerator[Event, None], show: Callable[[Event], None]) -> Event | None:
    last: Event | None = None
    async with aclosing(asked) as events:
        async for event in events:
            show(event)
            last = event
    return last


async def _question(text: str, options: Options, settings: Settings, turns: tuple[Turn, ...]) -> Question:
    files = await _files(options.files, settings)
    return Question(
        text=text.strip("\n"),
        depth=cast(Depth, options.depth or settings.depth),
        history=turns,
        files=files,
        filters=_filters(options),
        search=options.search if options.search is not None else not files,
        strict=options.strict,
    )


def _filters(options: Options) -> Filters:
    if options.recency and options.recency not in get_args(Recency):
        raise BadQuestion("recency", f"recency is one of {', '.join(get_args(Recency))}")
    return Filters(
        tuple(site for site in options.sites if not site.startswith("-")),
        tuple(site[1:] for site in options.sites if site.startswith("-")),
        cast(Recency | None, options.recency or None),
    )


async def _files(paths: tuple[Path, ...], settings: Settings) -> tuple[Webpage, ...]:
    """Uploads, read into pages. Raises BadQuestion that names the file."""
    if len(paths) > settings.max_files:
        raise BadQuestion("file", f"more than {settings.max_files} files")
    if not paths:
        return ()
    extractor = Extractor()
    try:
        contents = [(path.name, _bytes_of(path, settings.max_file_bytes)) for path in paths]
        return tuple([await read_upload(name, content, extractor) for name, content in contents])
    except ToolError as error:
        name = unquote(error.subject.removeprefix("file:"))
        raise BadQuestion("file", f"{name}: {error.detail or error.reason}") from None
    finally:
        await extractor.aclose()


def _bytes_of(path: Path, most_bytes: int) -> bytes:
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= most_bytes else b""
    except OSError as error:
        raise BadQuestion("file", f"{path}: {error.strerror}") from None
    if size > most_bytes:
        raise BadQuestion("file", f"{path} has {size:,} bytes; {most_bytes:,} are allowed")
    return content


def _unsaid(_line: str) -> None:
    """With --json, --events and --quiet nothing but the result is written."""


def _shower(options: Options) -> Callable[[Event], None]:
    if options.form == "text":
        return Progress(options.quiet, options.thinking).show
    return _print_event if options.form == "events" else _print_answer


def _print_event(event: Event) -> None:
    fields = {"answer": asdict(event.answer)} if isinstance(event, Answered) else asdict(event)
    _print_json({"event": event_name(event), **fields})


def _print_answer(event: Event) -> None:
    if isinstance(event, Answered):
        _print_json({**asdict(event.answer), "evidence": _evidence(event)})
    elif isinstance(event, Failed):
        _print_json({"error": {"code": event.code, "message": event.message}})


def _evidence(answered: Answered) -> list[dict[str, Any]]:
    """The texts of the cited pages, so that `kaozheng verify` can judge the answer again, anywhere, years later."""
    cited = {source.number for source in answered.answer.sources if source.cited}
    pages = ((number, page) for number, page in enumerate(answered.pages, 1) if number in cited)
    return [{"number": number, **asdict(page), "sha256": page.sha256} for number, page in pages]


def _print_json(fields: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fields, ensure_ascii=False).replace("\x7f", "\\u007f") + "\n")
    sys.stdout.flush()
