"""POST /v1/verify: judges an answer of any system against the sources that come with it.

Judging a long answer keeps a processor busy for half a minute, so a long one has a process of its own, which can be
ended when its time is over or its caller has left, and which stops nobody else's answer meanwhile.
"""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.rejudging import Given, rejudged
from workers.problems import Problem
from workers.requests import read_body
from workers.runs import INTERNAL, unless_gone
from workers.service import Service
from workers.verify_input import FAULTS, read_given

VERIFY_SECONDS = 60.0
SMALL_BYTES = 16 * 1024
"""What is not larger takes about a second, less than a process takes to start."""
_JUDGED = (0, 6)  # exit codes of `kaozheng verify` for an answer that was judged: nothing unsupported, or something
_ROOT = Path(__file__).resolve().parents[1]


async def post_verify(request: Request) -> Response:
    """Judge an answer, ours or another system's: its text and its sources, in `kaozheng verify`'s own form."""
    service: Service = request.state.service
    with request.state.slots.enter(request.state.user) as ticket:
        body = await read_body(request, service.limits, service.limits.max_file_bytes)
        ticket.line_up(VERIFY_SECONDS)
        await unless_gone(request, ticket.place())
        return JSONResponse(await unless_gone(request, judged(body)))


async def judged(body: bytes, seconds: float = VERIFY_SECONDS) -> dict[str, Any]:
    """The answer with its verdicts. Raises Problem, naming the field at fault."""
    given = await asyncio.to_thread(read_given, body)  # what is wrong with it is said here, by name
    if len(body) <= SMALL_BYTES:
        return await asyncio.to_thread(_here, given)
    return _read(*await _in_a_process(body, seconds))


def _here(given: Given) -> dict[str, Any]:
    answer = rejudged(given)
    return {**asdict(answer), "verified": not any(flaw.rule in FAULTS for flaw in answer.flaws)}


def judged_fields(fields: dict[str, Any]) -> bytes:
    """The same body, of values that were read before. Lone surrogates are refused where it is read."""
    return to_json(fields, inf_nan_mode="null")


async def _in_a_process(body: bytes, seconds: float) -> tuple[int, bytes]:
    command = (sys.executable, "-m", "workers.cli", "verify", "-", "--json")
    pipes: dict[str, Any] = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    process = await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stderr=asyncio.subprocess.DEVNULL, **pipes)
    try:
        async with asyncio.timeout(seconds):
            told, _ = await process.communicate(body)
    except TimeoutError:
        detail = f"judging it takes longer than {seconds:g} seconds: send fewer sentences or shorter sources"
        raise Problem("bad_answer", detail, "text") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, told


def _read(code: int, told: bytes) -> dict[str, Any]:
    if code not in _JUDGED:
        raise Problem("internal", INTERNAL)
    found = json.loads(told)
    assert isinstance(found, dict), "`kaozheng verify --json` prints an object"
    return {**found, "verified": code == 0}
