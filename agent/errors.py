"""Why no answer came, sorted by whose fault it is. Only workers/ turn these into statuses.

AgentError
├── BadQuestion       the asker's fault: asking again in the same words will fail again
├── ModelMisbehaved   the model's fault: it answered, but without any text
└── ModelDown         our fault: the model server is out of reach or broke off; worth a retry

That nothing was found is not an error but an Answer with the status `no_sources`.
"""


class AgentError(Exception):
    """The question stays unanswered. `code` is for programs, the message says what to do."""

    code = "agent_error"


class BadQuestion(AgentError):
    """The asker's fault. `field` names the field of the request that is wrong."""

    code = "bad_question"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class ModelMisbehaved(AgentError):
    """The model answered with nothing that could be shown, twice."""

    code = "model_misbehaved"


class ModelDown(AgentError):
    """The model server is unreachable, refuses, stalls or broke off.

    reason: `unreachable`, `timeout`, `stalled`, `http_503`, `context_overflow`, `broken_stream`, `aborted` …;
            `no_tools`: the prompt declares some, and nothing was asked, because the model's profile sends none
    retry_after: seconds that the server asked to be left alone for, 0 where it named none
    """

    code = "model_down"

    def __init__(self, reason: str, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after
