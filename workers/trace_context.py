"""The caller's trace, by W3C's header `traceparent`: taken at the door, given to the model server, to nobody else.

It travels in the context of the request's tasks, beside the request id. https://www.w3.org/TR/trace-context/
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import structlog
from starlette.datastructures import Headers

from agent.delta import Delta, Generate
from agent.prompt import Prompt

HEADER = "traceparent"
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def traceparent_of(headers: Headers) -> str:
    """In version 00; "" for none, for several, and for one that is none: a broken header is as good as no header."""
    given = headers.getlist(HEADER)
    found = _FORM.fullmatch(given[0].strip()) if len(given) == 1 else None
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return ""
    if not int(found[2], 16) or not int(found[3], 16):
        return ""
    return f"00-{found[2]}-{found[3]}-{int(found[4], 16) & 1:02x}"


def current_traceparent() -> str:
    """Of the request, or the batch, that is worked for here; "" for none."""
    return str(structlog.contextvars.get_contextvars().get(HEADER, ""))


def carried(generate: Generate) -> Generate:
    """The same; the model server hears of the caller's trace where no span of ours has a nearer one."""

    async def carrying(prompt: Prompt) -> AsyncGenerator[Delta, None]:
        told = prompt if prompt.traceparent else replace(prompt, traceparent=current_traceparent())
        async with aclosing(generate(told)) as deltas:
            async for delta in deltas:
                yield delta

    return carrying
