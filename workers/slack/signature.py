"""Whether a request is Slack's: HMAC over the bytes as they came, at most five minutes old, each once.

docs.slack.dev/authentication/verifying-requests-from-slack
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_AGE_SECONDS = 300
NONCE_SECONDS = 2 * MAX_AGE_SECONDS
"""A signature is refused for as long as its time could still be accepted, from either side of now."""


class SignatureRefused(Exception):
    """`reason` is a word for the log; whoever sent the request is told nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """timestamps and signatures: every value of X-Slack-Request-Timestamp and X-Slack-Signature, as they came."""

    body: bytes
    timestamps: Sequence[str]
    signatures: Sequence[str]


def check(request: SignedRequest, secret: str, now: float) -> str:
    """The signature, by which a replay is known. now: seconds since 1970. Raises SignatureRefused."""
    if not request.timestamps or not request.signatures:
        raise SignatureRefused("no_signature")
    if len(request.timestamps) > 1 or len(request.signatures) > 1:
        raise SignatureRefused("doubled_header")
    stamp, signature = request.timestamps[0], request.signatures[0]
    if not re.fullmatch(r"[0-9]{1,12}", stamp, re.ASCII):
        raise SignatureRefused("bad_timestamp")
    if abs(now - int(stamp)) > MAX_AGE_SECONDS:
        raise SignatureRefused("too_old")
    if not signature.startswith("v0="):
        raise SignatureRefused("unknown_version")
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + request.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(f"v0={digest}".encode(), signature.encode("utf-8", "surrogateescape")):
        raise SignatureRefused("wrong_signature")
    return signature
