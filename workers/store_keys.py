"""Under whose name a thing is kept: the layout of the store's keys.

    kz:version                    version of this layout
    kz:u:USER:answer:ID           an answer
    kz:u:USER:answers:all         the ids of all of them by their time (workers/answer_list.py)
    kz:u:USER:evidence:ID         the pages that it cites, one field for each number
    kz:u:USER:thread:ID           list of turns, the oldest first
    kz:u:USER:{run,events,lease}:ID  a run that goes on without its caller (workers/run_log.py)
    kz:u:USER:quota:NAME          what a key has used (workers/quota_store.py)
    kz:u:USER:once:SHA256-OF-KEY  which run an Idempotency-Key stands for (workers/idempotency.py)
    kz:u:USER:{file,pieces}:ID    an uploaded file, its list of pieces; files:all: all ids (workers/batch/files.py)
    kz:u:USER:shares:ID           the links to an answer (workers/shares.py)
    kz:shared:SHA256-OF-TOKEN     which answer a link leads to
    kz:u:USER:feedback:ANSWER-ID  what a user of Slack thought of an answer (workers/slack/feedback.py)
    kz:page:SHA256-OF-URL         a fetched page, nobody's in particular

USER is percent-quoted. An id has 1 to 64 letters, digits, - and _, so that it is neither a pattern nor a path; ours
are 128 random bits, and an id is looked for among its user's own only.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote

PREFIX = "kz:"
VERSION_KEY = "kz:version"
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_USER_CHARACTERS = 200

Kind = Literal[
    "answer",
    "answers",
    "evidence",
    "thread",
    "run",
    "events",
    "lease",
    "quota",
    "once",
    "runs",
    "shares",
    "file",
    "pieces",
    "files",
    "feedback",
]


LOCAL_USER = "local"
"""Whoever asks from this machine without a key, on the command line or over loopback."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose answer it is. user: whom the door recognised, the tenant included; thread: an id, "" without."""

    user: str
    thread: str = ""

    def __post_init__(self) -> None:
        check_user(self.user)
        if self.thread and not is_id(self.thread):
            raise ValueError("a thread's id has 1 to 64 letters, digits, - and _")


def is_id(text: str) -> bool:
    """Whether it can be the id of an answer or of a thread. Checked before any use."""
    return ID.fullmatch(text) is not None


def check_user(user: str) -> None:
    """Raises ValueError for a name that no door gives."""
    if not 1 <= len(user) <= MAX_USER_CHARACTERS:
        raise ValueError(f"a user has 1 to {MAX_USER_CHARACTERS} characters")


def key_of(user: str, kind: Kind, id_: str) -> str:
    """id_ has passed is_id."""
    return f"{_folder(user)}{kind}:{id_}"


def all_of(user: str, kind: Kind | None = None) -> str:
    """A pattern for SCAN: everything of one user, or all that is of one kind. Quoting leaves no wildcard
    in a name.
    """
    return f"{_folder(user)}{f'{kind}:*' if kind else '*'}"


def anybodys(kind: Kind, id_: str) -> str:
    """A pattern for SCAN: this id, whosever it is. For the operator only."""
    return f"{PREFIX}u:*:{kind}:{id_}"


def user_of(key: str) -> str:
    return unquote(key.split(":")[2])


def kind_of(key: str) -> str:
    return key.split(":")[3]


def id_of(key: str) -> str:
    return key.split(":")[4]


def page_key(url: str) -> str:
    """The address is hashed: a key has a bounded length and says nothing."""
    return f"{PREFIX}page:{hashlib.sha256(url.encode('utf-8', 'surrogatepass')).hexdigest()}"


def shared_key(token_hash: str) -> str:
    """token_hash: SHA-256 of a link's token, as hex."""
    return f"{PREFIX}shared:{token_hash}"


def _folder(user: str) -> str:
    check_user(user)
    return f"{PREFIX}u:{quote(user, safe='', errors='surrogatepass')}:"
