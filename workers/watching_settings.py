"""The settings of what operators see: logs and traces."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from workers.setting_types import HttpUrl


class WatchingSettings(BaseSettings):
    """One field for each, as in workers/settings.py."""

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error")
    log_format: Literal["console", "json"] = Field("console", description="console or json")
    log_texts: bool = Field(
        False,
        description="write questions, queries and addresses of pages, and the messages of unexpected errors, into logs "
        "and traces",
    )
    otlp_url: HttpUrl = Field(
        "",
        repr=False,
        description="OpenTelemetry collector that takes traces by HTTP, like `http://127.0.0.1:4318`; empty: no traces",
    )
    otlp_headers: SecretStr = Field(
        SecretStr(""),
        description="what that collector wants in the header, like `Authorization=Bearer KEY`, comma-separated",
    )
