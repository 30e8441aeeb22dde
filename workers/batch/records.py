"""What a batch is made of. All of it lies in the queue's store and outlives every process."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from workers.records import Record

PAYLOAD_VERSION = 1
"""Of a job and its rows. A worker leaves jobs of a newer version to newer workers."""
CHAT, RESPONSES, ANSWERS = "/v1/chat/completions", "/v1/responses", "/v1/answers"
ENDPOINTS = (CHAT, RESPONSES, ANSWERS)
MAX_ROWS = 1_000_000
_JOB_ID = re.compile(r"batch_[0-9a-f]{32}")

Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]
"""OpenAI's. `failed`: the file was refused whole and nothing ran. The output files are views of the ends, so that
nothing is ever `finalizing`."""
FINAL = frozenset({"failed", "completed", "expired", "cancelled"})
Outcome = Literal["completed", "failed", "cancelled", "expired"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


def new_job_id() -> str:
    return f"batch_{secrets.token_hex(16)}"


def is_job_id(text: str) -> bool:
    """Whether it can be a job's id. Checked before any use: it becomes part of a key."""
    return _JOB_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Row:
    """number: from 0, in the order of the input, bad lines included; body: the request's JSON as it was sent."""

    number: int
    custom_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Job:
    """What somebody wants done.

    created, not_before: seconds since 1970; not_before 0: at once
    window_seconds:      then rows that have no end get `expired`
    night:               only between these times, `22:00-06:00 Asia/Shanghai`; "" at any time
    ceiling_tokens, ceiling_cost: at which the job stops, cleanly and saying so; 0: none
    options:             what the door wants to know again (report, research, ...); the engine reads none of it
    """

    id: str
    user: str
    endpoint: str
    created: int
    input_file_id: str = ""
    window_seconds: int = 24 * 3_600
    metadata: Mapping[str, str] = field(default_factory=dict)
    not_before: int = 0
    night: str = ""
    ceiling_tokens: int = 0
    ceiling_cost: float = 0.0
    options: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not is_job_id(self.id):
            raise ValueError("a job's id is batch_ and 32 hexadecimal digits")
        if self.endpoint not in ENDPOINTS:
            raise ValueError(f"the endpoints are {', '.join(ENDPOINTS)}")

    @property
    def expires(self) -> int:
        """Seconds since 1970. A job that may begin later has its whole window from then on."""
        return max(self.created, self.not_before) + self.window_seconds


@dataclass(frozen=True, slots=True)
class RowEnd:
    """How a row ended: each has exactly one.

    status_code: of the response as the endpoint would have given it; 0: there is none, and body is the JSON of
                 {"code", "message"} that says why (`batch_expired`, `batch_cancelled`, `worker_lost`, ...)
    body:        UTF-8 JSON: the endpoint's body, not streamed, or its error's
    attempts:    how many times work on it began; seconds: of the last of them
    cost:        in the currency of the price settings
    cached_tokens: of the prompt's, those that the model server had in its prefix cache, where it says so
    place:       of this end among the job's ends, from 1; 0 before it is stored. What `ends(after=...)` takes
    """

    number: int
    custom_id: str
    outcome: Outcome
    status_code: int
    body: bytes
    attempts: int = 0
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    place: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class LineError:
    """Why a file was refused: as OpenAI's `errors.data`. line: from 1, 0 for the whole file."""

    code: str
    message: str
    line: int = 0
    param: str = ""


@dataclass(frozen=True, slots=True)
class Leased:
    """A row in a worker's hands. entry: its place in the queue; token: the fencing token, which grows each time the
    row is taken, so that whoever lost it cannot write its end; owner: the name of the process that holds it."""

    job_id: str
    entry: str
    row: Row
    token: int
    owner: str


@dataclass(frozen=True, slots=True)
class JobState:
    """How a job stands. times: seconds since 1970 by the status that began then; running: rows in workers' hands;
    reason: why it stopped early, "" else; errors: of a file that was refused whole; ending: what its open rows
    are about to become; expires: seconds since 1970, later than the job's own after a retry."""

    job: Job
    status: Status
    total: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    running: int = 0
    times: Mapping[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    reason: str = ""
    errors: tuple[LineError, ...] = ()
    ending: str = ""
    expires: int = 0
    version: int = PAYLOAD_VERSION

    @property
    def ended(self) -> int:
        return self.completed + self.failed + self.cancelled + self.expired

    @property
    def final(self) -> bool:
        return self.status in FINAL


JOB = Record("job", Job)
ROW_END = Record("row_end", RowEnd)
LINE_ERRORS = Record("line_errors", tuple[LineError, ...])
NUMBER = Record("number", int)
