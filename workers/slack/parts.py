"""What the bot is made of, handed in by workers/slack_build.py."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from workers.service import Service
from workers.slack.channels import Channels
from workers.slack.client import Client
from workers.slack.desk import Desk, HourLimits
from workers.slack.feedback import Opinions
from workers.slack.intake import Me


@dataclass(frozen=True, slots=True)
class Rules:
    """limits: questions in an hour; workers: questions answered at the same time by this process; stream_seconds: after
    which nothing more is streamed, since Slack closes a stream at about 300; show_seconds: between two pieces of it;
    position_seconds: between two words on how many questions come first; admins: users who may change channels."""

    limits: HourLimits = field(default_factory=HourLimits)
    workers: int = 4
    stream_seconds: float = 270.0
    show_seconds: float = 1.0
    position_seconds: float = 60.0
    retry_seconds: float = 5.0
    admins: frozenset[str] = frozenset()
    engines: tuple[str, ...] = ()
    time_zone: str = ""
    poll_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Parts:
    """token: for files, which are fetched with it from Slack's own hosts only."""

    service: Service
    client: Client
    desk: Desk
    channels: Channels
    opinions: Opinions
    me: Me
    token: str
    rules: Rules = field(default_factory=Rules)
    now: Callable[[], float] = time.time
