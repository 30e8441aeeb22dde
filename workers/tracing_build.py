"""Traces as the settings want them, for every door that asks."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from agent.events import Event
from agent.graph import ask
from agent.nodes.deps import Deps
from agent.question import Question
from workers.build import program_version
from workers.settings import Settings
from workers.settings_error import SettingsError


@asynccontextmanager
async def traced_ask(
    settings: Settings,
) -> AsyncGenerator[Callable[[Question, Deps], AsyncGenerator[Event, None]], None]:
    """agent.graph.ask, with traces where a collector is set. Raises SettingsError."""
    if not settings.otlp_url:
        yield ask
        return
    try:
        from workers.tracing import Collector, open_tracing
    except ImportError:
        raise SettingsError("otlp_url", "traces need the extra `otel`: install kaozheng[otel]") from None
    collector = Collector(settings.otlp_url, settings.otlp_headers.get_secret_value(), program_version())
    async with open_tracing(collector, texts=settings.log_texts) as tracing:
        yield tracing.ask
