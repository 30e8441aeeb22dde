"""Every setting, and the only file that reads the environment.

Order, the first one wins: command line, environment (KAOZHENG_NAME), one TOML file, default. The file is
`--config FILE`, else KAOZHENG_CONFIG, else ./kaozheng.toml, else kaozheng.toml in the user's folder for
configuration.
Settings that exist are valid; what is unknown or out of range is a SettingsError of one line.
"""

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import platformdirs
from pydantic import ByteSize, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from agent.limits import DepthLimits
from agent.question import Depth
from workers.file_settings import FileSettings
from workers.limit_settings import LimitSettings
from workers.queue_settings import QueueSettings
from workers.setting_types import (
    ENGINES,
    KEYED_ENGINES,
    Domains,
    EngineKey,
    Engines,
    Folder,
    Folders,
    HttpUrl,
    Keys,
    ProfileName,
    RedisUrl,
    TimeZone,
    without_password,
)
from workers.settings_error import SettingsError
from workers.share_settings import ShareSettings
from workers.slack_settings import SLACK_SECRETS, SlackSettings
from workers.watching_settings import WatchingSettings

__all__ = ["NAMES", "SECRET", "Settings", "SettingsError", "load_settings", "shown", "sources"]

PREFIX = "KAOZHENG_"
CONFIG_NAME = "kaozheng.toml"
EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "debian"
MIB = 1024 * 1024


def _example_library() -> tuple[Path, ...]:
    return (EXAMPLES,) if EXAMPLES.is_dir() else ()


def _default_engines(values: dict[str, Any]) -> tuple[str, ...]:
    """The example pages are no substitute for the web: only one's own library stands in for its engines."""
    web = ["searxng"] if values["searxng_url"] else []
    web += [name for name in KEYED_ENGINES if values[f"{name}_key"].get_secret_value()]
    own_library = values["library"] and values["library"] != (EXAMPLES,)
    return (*web, "library") if own_library or not web else tuple(web)


def _engine_key(name: str) -> Any:
    return Field(SecretStr(""), description=f"key of the search engine {name}; empty: none")


def _default(text: str) -> dict[str, Any]:
    """What the table says of a default that depends on the machine or on other settings."""
    return {"default_text": text}


class Settings(LimitSettings, FileSettings, QueueSettings, ShareSettings, WatchingSettings, SlackSettings):
    """One field for each setting; `description` is its line in the table, with the unit."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )
    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)

    # The model
    model_url: HttpUrl = Field(
        "",
        repr=False,
        description="OpenAI-compatible server, up to and with /v1; empty: the built-in quoting reader",
    )
    model_key: SecretStr = Field(SecretStr(""), description="key of the model server; empty: none is sent")
    model_name: str = Field("", description="name of the model; empty: the first that the server lists")
    model_context_tokens: int = Field(0, ge=0, description="context length in tokens; 0: as the server says")
    model_profile: ProfileName = Field(
        "",
        description="how the model is asked: the name of a profile (docs/sglang.md), or the path of a profile file "
        "of one's own; empty: by what the server says of itself",
    )
    model_thinking: Literal["", "parsed", "opened"] = Field(
        "",
        description="where R1's reasoning begins: `parsed` (the server separates it) or `opened` (the chat template "
        "writes `<think>`, the server does not separate it); empty: as the profile says",
    )
    answer_tokens: int = Field(8_192, ge=256, description="longest answer with its reasoning, in tokens")
    research_answer_tokens: int = Field(16_384, ge=256, description="the same for research, in tokens")
    thinking_percent: float = Field(
        75,
        ge=1,
        le=100,
        description="share of an answer's tokens and time after which a model that still thinks is told to answer, "
        "in percent",
    )
    page_tokens: int = Field(24_000, ge=500, description="page text shown to the model at most, in tokens")
    first_token_seconds: float = Field(60, gt=0, le=3_600, description="wait for the model's first token, in seconds")
    silent_seconds: float = Field(30, gt=0, le=3_600, description="longest silence between two tokens, in seconds")
    connect_seconds: float = Field(5, gt=0, le=600, description="wait for a connection to the model, in seconds")
    model_judge: bool = Field(True, description="let the model judge citations that the built-in judge is unsure of")
    insert_offers: bool = Field(
        False, description="put a citation behind a sentence that cites nothing and that a page supports"
    )
    repair_seconds: float = Field(
        60, gt=0, le=600, description="wait for the model to mend sentences that no page supports, in seconds"
    )
    model_judge_seconds: float = Field(30, gt=0, le=600, description="wait for that judgement at most, in seconds")
    retry_attempts: int = Field(
        3, ge=1, le=10, description="tries of one request to the model before its first token; 1: none is repeated"
    )
    retry_seconds: float = Field(
        10, ge=0, le=600, description="all pauses between these tries together at most, in seconds"
    )
    retry_percent: float = Field(
        10, ge=0, le=100, description="tries that all requests together may add, in percent of those that were answered"
    )
    breaker_failures: int = Field(
        5, ge=1, le=1_000, description="failures of the model server in a row after which it is left alone"
    )
    breaker_seconds: float = Field(
        15, gt=0, le=3_600, description="how long it is left alone before one request probes it, in seconds"
    )
    degrade: bool = Field(True, description="answer with the quoting reader while the model server is down")

    # Depths
    default_depth: Literal[""] | Depth = Field(
        "", description="depth of a question that names none; empty: normal, quick without a model"
    )
    quick_seconds: float = Field(30, gt=0, le=86_400, description="deadline of a quick question, in seconds")
    quick_pages: int = Field(6, ge=1, le=1_000, description="pages read at most for a quick question")
    quick_rounds: int = Field(0, ge=0, le=100, description="planner rounds at most for a quick question")
    quick_calls: int = Field(1, ge=1, le=1_000, description="tool calls at most for a quick question")
    normal_seconds: float = Field(120, gt=0, le=86_400, description="deadline of a normal question, in seconds")
    normal_pages: int = Field(12, ge=1, le=1_000, description="pages read at most for a normal question")
    normal_rounds: int = Field(2, ge=0, le=100, description="planner rounds at most for a normal question")
    normal_calls: int = Field(8, ge=1, le=1_000, description="tool calls at most for a normal question")
    research_seconds: float = Field(900, gt=0, le=86_400, description="deadline of a research question, in seconds")
    research_pages: int = Field(40, ge=1, le=1_000, description="pages read at most for a research question")
    research_rounds: int = Field(6, ge=0, le=100, description="planner rounds at most for a research question")
    research_calls: int = Field(40, ge=1, le=1_000, description="tool calls at most for a research question")

    # Search
    searxng_url: HttpUrl = Field("", repr=False, description="address of a SearXNG with JSON enabled; empty: none")
    bocha_key: EngineKey = _engine_key("Bocha (博查)")
    brave_key: EngineKey = _engine_key("Brave")
    exa_key: EngineKey = _engine_key("Exa")
    serper_key: EngineKey = _engine_key("Serper")
    tavily_key: EngineKey = _engine_key("Tavily")
    library: Folders = Field(
        default_factory=_example_library,
        description="folders of pages of one's own, comma-separated",
        json_schema_extra=_default("the project's `examples/debian`, where it is there"),
    )
    search_engines: Engines = Field(
        default_factory=_default_engines,
        min_length=1,
        description=f"engines in fail-over order, comma-separated: {', '.join(ENGINES)}",
        json_schema_extra=_default(
            "`searxng` with `searxng_url`, engines with a key, a library of one's own; else `library`"
        ),
    )
    search_seconds: float = Field(10, gt=0, le=600, description="wait for one search engine, in seconds")
    search_proxy: HttpUrl = Field("", repr=False, description="HTTP proxy for search engines; empty: none")
    allow_domains: Domains = Field(
        (), description="only these domains are used as sources, comma-separated; empty: all"
    )
    deny_domains: Domains = Field((), description="these domains are never used as sources, comma-separated")

    # Pages
    page_seconds: float = Field(15, gt=0, le=600, description="longest time to fetch one page, in seconds")
    max_page_bytes: ByteSize = Field(
        ByteSize(10 * MIB), ge=1_024, description="largest HTML or text page, decoded, in bytes (or `10MiB`)"
    )
    max_pdf_bytes: ByteSize = Field(
        ByteSize(20 * MIB), ge=1_024, le=20 * MIB, description="largest PDF, in bytes (or `20MiB`, which is the most)"
    )
    page_proxy: HttpUrl = Field(
        "",
        repr=False,
        description="HTTP proxy for pages, which must then refuse internal addresses; empty: none",
    )
    contact: str = Field(
        "",
        max_length=200,
        pattern=r"^[\x20-\x7e]*$",
        description="address or e-mail in the user agent, for site owners",
    )
    obey_robots: bool = Field(True, description="obey robots.txt")
    allow_internal_hosts: Domains = Field(
        (), description="internal hosts that pages may come from, comma-separated; empty: none"
    )
    browser: str = Field(
        "",
        max_length=1_000,
        description="path of a Chromium (`/usr/bin/chromium`) that shows pages which are empty without JavaScript; "
        "empty: none",
    )
    browser_seconds: float = Field(
        10.0, gt=0, le=120, description="longest time for the browser and one page, in seconds"
    )
    page_hours: float = Field(
        24,
        ge=0,
        le=8_760,
        description="how long a fetched page is used for other questions before its site is asked again, in hours; "
        "its text is held for seven times as long; 0: not kept",
    )

    # What is kept
    data_dir: Folder = Field(
        default_factory=lambda: platformdirs.user_data_path("kaozheng", appauthor=False),
        description="folder for the store, the library's index and the keys",
        json_schema_extra=_default("the user's data folder (`~/.local/share/kaozheng` on Linux)"),
    )
    library_index: Folder = Field(
        default_factory=lambda values: values["data_dir"] / "library.sqlite3",
        description="file of the library's index",
        json_schema_extra=_default("`library.sqlite3` in `data_dir`"),
    )
    redis_url: RedisUrl = Field(
        "",
        repr=False,
        description="Valkey or Redis; empty: one of our own, started and stopped with the service",
    )
    answer_days: float = Field(30, gt=0, le=3_650, description="how long answers and their evidence are kept, in days")
    thread_days: float = Field(
        30, gt=0, le=3_650, description="how long a thread's turns are kept after the last one, in days"
    )

    # The service
    host: str = Field(
        "127.0.0.1", min_length=1, description="address to listen on; without a key only loopback is allowed"
    )
    port: int = Field(8_000, ge=0, le=65_535, description="port to listen on; 0: any free one")
    api_keys: Keys = Field(
        (),
        repr=False,
        description="accepted keys, comma-separated, plain or as `sha256:` and 64 hexadecimal digits",
    )
    max_concurrent_answers: int = Field(8, ge=1, le=10_000, description="questions answered at the same time")
    max_request_bytes: ByteSize = Field(
        ByteSize(256 * 1024),
        ge=1_024,
        description="largest request without its files, in bytes (or `256KiB`)",
    )
    max_file_bytes: ByteSize = Field(
        ByteSize(20 * MIB), ge=1_024, description="largest uploaded file, in bytes (or `20MiB`)"
    )
    max_files: int = Field(10, ge=0, le=10, description="files with one question at most")

    # What is said
    time_zone: TimeZone = Field("", description="time zone of the date told to the model; empty: the system's")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *unused: PydanticBaseSettingsSource,
        **also_unused: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """`Settings(port=1)` is what it says; only load_settings looks at the file and the environment."""
        return (init_settings,)

    def depth_limits(self, depth: Depth) -> DepthLimits:
        """What one question of this depth may cost."""
        seconds, pages, rounds, calls = (
            getattr(self, f"{depth}_{name}") for name in ("seconds", "pages", "rounds", "calls")
        )
        tokens = self.research_answer_tokens if depth == "research" else self.answer_tokens
        return DepthLimits(seconds, pages, rounds, calls, tokens)

    @property
    def depth(self) -> Depth:
        """Of a question that names none."""
        return self.default_depth or ("normal" if self.model_url else "quick")


NAMES = tuple(Settings.model_fields)
SECRET = SLACK_SECRETS | {"model_key", "api_keys", "otlp_headers", *(f"{name}_key" for name in KEYED_ENGINES)}
"""Never shown, never backed up. Addresses are shown without their user and password."""


def load_settings(config: Path | None = None, **overrides: object) -> Settings:
    """The settings that hold. config: the file of `--config`; overrides: of the command line.

    Raises SettingsError.
    """
    path = _config_path(config)
    file = _read_toml(path) if path else {}
    _refuse_unknown(file, f"the file {path}", "")
    _refuse_unknown(_environment_names(), "the environment", PREFIX)
    environment = EnvSettingsSource(Settings)()
    values = {**file, **environment, **overrides}
    origins = {
        **dict.fromkeys(file, f"file {path}"),
        **{name: f"environment {PREFIX}{name.upper()}" for name in environment},
        **dict.fromkeys(overrides, "command line"),
    }
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise _first_of(error, origins) from None
    settings._origins = MappingProxyType(origins)
    return settings


def sources(settings: Settings) -> dict[str, str]:
    """Where each one comes from: `default`, `file PATH`, `environment KAOZHENG_NAME` or `command line`."""
    return {name: settings._origins.get(name, "default") for name in NAMES}


def shown(settings: Settings) -> dict[str, object]:
    """The settings as JSON values, fit for a screen: no secret, no password in an address."""
    values: dict[str, object] = settings.model_dump(mode="json", exclude=set(SECRET))
    for name, value in values.items():
        if isinstance(value, str) and "://" in value:
            values[name] = without_password(value)
    held = {name: len(getattr(settings, name)) for name in SECRET}
    counts = {name: count if name == "api_keys" else min(count, 1) for name, count in held.items()}
    secrets = {name: f"({count} set)" if count else "" for name, count in counts.items()}
    return {name: {**values, **secrets}[name] for name in NAMES}


def environment_proxies() -> tuple[str, ...]:
    """Names of the variables by which this environment asks programs to use a proxy. Ours do not (decision 2), but
    the library ddgs obeys them whatever it is told, so that engine is not opened beside them."""
    names = ("DDGS_PROXY", "ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
    return tuple(name for each in names for name in (each, each.lower()) if os.environ.get(name))


def _config_path(config: Path | None) -> Path | None:
    """A file that was named must be there; one of the two usual places may be empty."""
    named = config or (Path(os.environ[f"{PREFIX}CONFIG"]) if os.environ.get(f"{PREFIX}CONFIG") else None)
    if named is not None:
        named = named.expanduser()
        if not named.is_file():
            raise SettingsError("config", f"the settings file {named} is not there")
        return named
    usual = (Path(CONFIG_NAME), platformdirs.user_config_path("kaozheng", appauthor=False) / CONFIG_NAME)
    return next((path.absolute() for path in usual if path.is_file()), None)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError("config", f"the settings file {path} cannot be read: {error}") from None


def _environment_names() -> list[str]:
    names = (name.upper() for name in os.environ)
    ours = (name.removeprefix(PREFIX).lower() for name in names if name.startswith(PREFIX))
    return [name for name in ours if name != "config"]


def _refuse_unknown(names: Iterable[str], place: str, prefix: str) -> None:
    for name in names:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
            spelt = f"{prefix}{name.upper()}" if prefix else name
            meant = f"; did you mean {prefix + near[0].upper() if prefix else near[0]}?" if near else ""
            raise SettingsError(name, f"{place} sets {spelt}, which is no setting{meant}")


def _first_of(error: ValidationError, origins: Mapping[str, str]) -> SettingsError:
    """One line for the first wrong value; the value itself stays out, since it may be a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0])
    reason = first["msg"].removeprefix("Value error, ")
    return SettingsError(name, f"the setting {name} ({origins.get(name, 'default')}) is wrong: {reason}")
