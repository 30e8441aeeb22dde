"""When a job may run: `22:00-06:00 Asia/Shanghai`, or at any time."""

import re
from datetime import datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NIGHT = re.compile(r"(\d{2}):(\d{2})-(\d{2}):(\d{2}) (\S{1,64})")


class BadNight(ValueError):
    """The text says no span of a day."""


def span_of(night: str) -> tuple[time, time, ZoneInfo]:
    """Begin and end of the span, and where the clock hangs. Raises BadNight."""
    found = _NIGHT.fullmatch(night)
    try:
        if found is None:
            raise ValueError
        begin, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
        return begin, end, ZoneInfo(found[5])
    except (ValueError, ZoneInfoNotFoundError, OSError):
        raise BadNight("a window looks like 22:00-06:00 Asia/Shanghai") from None


def is_open(night: str, now: datetime) -> bool:
    """Whether a job of this window may begin rows. now: with a time zone. A window that begins when it ends is the
    whole day."""
    if not night:
        return True
    begin, end, zone = span_of(night)
    local = now.astimezone(zone).time()
    if begin < end:
        return begin <= local < end
    return local >= begin or local < end
