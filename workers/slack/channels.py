"""What holds in a channel: depth, engines, domains, quiet hours; changed by a slash command."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from redis.asyncio import Redis

from agent.question import DEPTHS, Filters
from tools.search import host_names
from workers.records import Record
from workers.slack.desk import PREFIX
from workers.store import reaching
from workers.store_errors import RecordPoisoned

MOST_DOMAINS = 50
_DOMAIN = re.compile(r"-?(?:[a-z0-9-]{1,63}\.)+[a-z]{2,24}", re.IGNORECASE)
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
OFF = frozenset({"off", "default", "无", "关"})


class SettingRefused(ValueError):
    """The message says what is allowed."""


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """Empty means: as the service is set. domains: host names, with `-` those that are never used; quiet: HH:MM-HH:MM
    in the service's time zone, in which questions wait."""

    depth: str = ""
    engines: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    quiet: str = ""

    @property
    def filters(self) -> Filters:
        wanted = [domain for domain in self.domains if not domain.startswith("-")]
        unwanted = [domain[1:] for domain in self.domains if domain.startswith("-")]
        return Filters(host_names(wanted), host_names(unwanted), engines=self.engines)

    def quiet_until(self, now: datetime) -> datetime | None:
        """The end of the quiet hours that hold now; None outside of them. now: with its time zone."""
        found = _HOURS.fullmatch(self.quiet)
        if found is None:
            return None
        hours = [int(one) for one in found.groups()]
        begins, ends = time(hours[0], hours[1]), time(hours[2], hours[3])
        at = now.time()
        holds = begins <= at < ends if begins < ends else (at >= begins or at < ends)
        if not holds or begins == ends:
            return None
        day = now.date() if at < ends else now.date() + timedelta(days=1)
        return datetime.combine(day, ends, now.tzinfo)

    def changed(self, name: str, value: str, engines: Sequence[str]) -> "ChannelSettings":
        """engines: those that are set up. Raises SettingRefused."""
        words = tuple(word for word in re.split(r"[\s,，]+", value.strip().lower()) if word)
        if not words:
            raise SettingRefused("give a value, or `off`")
        if name not in ("depth", "engines", "domains", "quiet"):
            raise SettingRefused("depth, engines, domains and quiet can be set")
        if words[0] in OFF:
            return replace(self, **{name: () if name in ("engines", "domains") else ""})  # type: ignore[arg-type]
        if name == "depth" and words[0] not in DEPTHS:
            raise SettingRefused(f"depth is one of {', '.join(DEPTHS)}")
        if name == "engines" and (unknown := [word for word in words if word not in engines]):
            raise SettingRefused(f"{unknown[0][:40]} is not set up here; there are {', '.join(engines)}")
        if name == "domains" and (len(words) > MOST_DOMAINS or not all(_DOMAIN.fullmatch(word) for word in words)):
            raise SettingRefused("domains are host names such as debian.org, with - before those never to use")
        if name == "quiet" and not _HOURS.fullmatch(words[0]):
            raise SettingRefused("quiet hours look like 22:00-07:00")
        return replace(self, **{name: words if name in ("engines", "domains") else words[0]})  # type: ignore[arg-type]

    def told(self) -> str:
        """In one line, "" for none."""
        pairs = (("depth", self.depth), ("engines", ", ".join(self.engines)), ("domains", ", ".join(self.domains)))
        return "; ".join(f"{name} {value}" for name, value in (*pairs, ("quiet", self.quiet)) if value)


_RECORD = Record("slack_channel", ChannelSettings)


class Channels:
    """The settings of every channel. Raises StoreDown."""

    def __init__(self, client: Redis, time_zone: str = "") -> None:
        self._client = client
        self.zone = ZoneInfo(time_zone) if time_zone else None

    async def of(self, team: str, channel: str) -> ChannelSettings:
        """What is damaged counts as not set."""
        with reaching():
            found = cast("bytes | None", await self._client.get(_key(team, channel)))
        try:
            return _RECORD.read(found) if found else ChannelSettings()
        except RecordPoisoned:
            return ChannelSettings()

    async def keep(self, team: str, channel: str, settings: ChannelSettings) -> None:
        with reaching():
            await self._client.set(_key(team, channel), _RECORD.write(settings))

    def local(self, seconds: float) -> datetime:
        """A time since 1970 where the team lives."""
        return datetime.fromtimestamp(seconds, self.zone) if self.zone else datetime.fromtimestamp(seconds).astimezone()


def _key(team: str, channel: str) -> str:
    return f"{PREFIX}channel:{team}:{channel}"
