"""The settings of the Slack bot (docs/slack.md)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode

from workers.setting_types import EngineKey, HttpUrl

SLACK_SECRETS = frozenset({"slack_bot_token", "slack_app_token", "slack_signing_secret"})


def _api_url(value: str) -> str:
    return value if value.endswith("/") else f"{value}/"


def _split(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


class SlackSettings(BaseSettings):
    """One field for each, as in workers/settings.py."""

    slack_bot_token: EngineKey = Field(SecretStr(""), description="token of the Slack bot (`xoxb-…`); empty: no bot")
    slack_app_token: EngineKey = Field(
        SecretStr(""), description="app-level token for Socket Mode (`xapp-…`); empty: Slack comes over HTTP"
    )
    slack_signing_secret: EngineKey = Field(
        SecretStr(""), description="signing secret of the Slack app; needed without Socket Mode"
    )
    slack_api_url: Annotated[HttpUrl, AfterValidator(_api_url)] = Field(
        "https://slack.com/api/", repr=False, description="address of Slack's Web API"
    )
    slack_host: str = Field("127.0.0.1", min_length=1, description="address on which Slack's requests are taken")
    slack_port: int = Field(3_000, ge=0, le=65_535, description="port for them; 0: any free one")
    slack_answers: int = Field(
        4, ge=0, le=1_000, description="questions from Slack answered at the same time by one process; 0: by others"
    )
    slack_user_per_hour: int = Field(
        60, ge=0, le=1_000_000, description="questions of one person in an hour; 0: no limit"
    )
    slack_channel_per_hour: int = Field(
        300, ge=0, le=1_000_000, description="questions of one channel in an hour; 0: no limit"
    )
    slack_admins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = Field(
        (), description="ids of people (`U…`) who may set up any channel beside its workspace's admins, comma-separated"
    )

    @property
    def slack_mode(self) -> Literal["socket", "http"]:
        return "socket" if self.slack_app_token.get_secret_value() else "http"
