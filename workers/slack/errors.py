"""What can go wrong between this bot and Slack."""


class SlackError(Exception):
    """`code` as Slack says it, or a word of ours; the message says what to do."""

    def __init__(self, code: str, said: str = "") -> None:
        super().__init__(said or code)
        self.code = code


class SlackDown(SlackError):
    """Slack does not answer, or not in time: the same call may work later, or may have worked."""


class SlackRefused(SlackError):
    """Slack has answered that it does not do this."""


class SlackBusy(SlackError):
    """There is no room for this call in its rate tier, in the time that it may wait."""


class QuestionLost(Exception):
    """Another worker has taken the question over: nothing more may be said by this one."""


STREAM_ENDED = frozenset({"message_not_in_streaming_state", "message_not_found", "streaming_state_conflict"})
NO_STREAM_HERE = frozenset({"channel_type_not_supported", "method_not_supported_for_channel_type", "unknown_method"})
THREAD_GONE = "thread_not_found"
NOT_THERE = frozenset({"not_in_channel", "channel_not_found", "is_archived", "restricted_action", THREAD_GONE})
"""The bot was removed, the channel was closed: nothing can be said there."""
BROKEN = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"})
"""Slack's own trouble, of every method's page: the call may have been done all the same."""
NO_KEY = frozenset(
    {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope"}
)
"""What the operator has to mend: the questions wait for it."""
