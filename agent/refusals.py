"""What a model server's error means: its status and body, or an error object in its stream, as a ModelDown.

The words of SGLang 0.5.23 were seen on the real server, those of vLLM, OpenAI and llama.cpp stand in their sources.
"""

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from agent.errors import ModelDown

SERVER = "the model server"
"""What it is called in messages that an asker may see: without its address."""
OPENAI_REMEDY = "the address must be that of an OpenAI-compatible server, such as http://HOST:30000/v1"

_OVERFLOW = re.compile(
    r"context.length|maximum context|maximum allowed length|longer than the model|exceeds? the.{0,40}context"
    r"|exceed_context_size|maximum model length|max_model_len|prompt is too long|reduce the length of the",
    re.IGNORECASE,
)
_LONGEST_BODY = 4_000  # characters of an error that are looked at
_NUMBERED = re.compile(r"(\d[\d,]{0,14})\)? (?:input )?tokens|\(length (\d+)\)|length (?:is|of) (\d+)")


def refused(status: int, body: str, place: str, headers: Mapping[str, str] | None = None) -> ModelDown:
    """The failure behind an HTTP status, or the same code in an error object. Only numbers are repeated."""
    if status in (400, 413, 422, 500) and _OVERFLOW.search(body[:_LONGEST_BODY]):
        return ModelDown(
            "context_overflow",
            f"the prompt does not fit the model's context (tokens: {_counted(body)}); use fewer pages",
        )
    match status:
        case 401 | 403:
            return ModelDown("unauthorized", f"{place} refuses the key; set KAOZHENG_MODEL_KEY")
        case 404 | 405:
            return ModelDown("not_found", f"{place} has no such address or model; {OPENAI_REMEDY}")
        case 429 | 503:
            message = f"{place} is overloaded or starting; ask again in a moment"
            return ModelDown(f"http_{status}", message, retry_after(headers or {}))
    message = f"{place} refused the request with status {status}; its log says why"
    return ModelDown(f"http_{status}", message, retry_after(headers or {}))


def _counted(body: str) -> str:
    found = (next(filter(None, match)) for match in _NUMBERED.findall(body[:_LONGEST_BODY]))
    return ", ".join(dict.fromkeys(found)) or "not said"


def error_in_stream(body: object, place: str) -> ModelDown:
    """SGLang answers 200 and then sends this when the queue is full or the prompt exceeds the KV pool."""
    fields = body if isinstance(body, dict) else {}
    code = fields.get("code")
    if isinstance(code, str) and code.isdecimal():
        code = int(code)
    if isinstance(code, int):
        return refused(code, str(fields.get("message", "")), place)
    return ModelDown("server_error", f"{place} broke off with an error; its log says why")


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds of `Retry-After` (RFC 9110: a number or a date), also in milliseconds as OpenAI sends it; 0 without."""
    if milliseconds := _seconds(headers.get("retry-after-ms", "")):
        return milliseconds / 1_000
    named = headers.get("retry-after", "").strip()
    try:
        return max(0.0, parsedate_to_datetime(named).timestamp() - time.time())
    except (ValueError, OverflowError):
        return _seconds(named)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
