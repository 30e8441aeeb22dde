"""What somebody asked in Slack, as it is kept until it is answered."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from workers.records import Record

Kind = Literal["mention", "direct", "command", "check", "more"]
"""command: a slash command; check: the shortcut on a message; more: the button for a deeper answer."""
MAX_TEXT_CHARACTERS = 40_000


@dataclass(frozen=True, slots=True)
class SlackFile:
    """A file of the asker's own message. bytes_: as Slack says, 0 where it does not."""

    id: str
    name: str
    url: str
    bytes_: int


@dataclass(frozen=True, slots=True)
class SlackQuestion:
    """text: without the bot's name; ts: of the message, "" where there is none (a command); thread_ts: of the thread
    in which the answer goes, "" where one is begun with the asker; depth: "" as the channel has it; asked_in: the
    channel that a private answer may be shared with; shared_ts: the thread of it, "" for a new message.
    """

    id: str
    kind: Kind
    team: str
    channel: str
    user: str
    text: str
    ts: str = ""
    thread_ts: str = ""
    depth: str = ""
    files: tuple[SlackFile, ...] = ()
    asked_in: str = ""
    shared_ts: str = ""

    @property
    def owner(self) -> str:
        """Under whose name the answer is kept."""
        return owner_of(self.team, self.user)

    @property
    def thread(self) -> str:
        """Questions of one thread are answered one after the other; the first message of a thread begins it."""
        return id_of(self.team, self.channel, self.thread_ts or self.id)

    @property
    def private(self) -> bool:
        """Answered to the asker alone, who may share it."""
        return self.kind in ("command", "check")


def owner_of(team: str, user: str) -> str:
    return f"slack:{team}:{user}"


def id_of(*parts: str) -> str:
    """32 hex digits: the same for the same message, however often Slack tells of it, and under whichever event."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


QUESTION = Record("slack_question", SlackQuestion)
