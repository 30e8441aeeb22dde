"""For the operator, with a key that has the scope `admin`: how the service stands, and the doctor."""

import asyncio
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workers.openapi import problems
from workers.overview import Overview
from workers.problems import Problem
from workers.service import Service
from workers.slots import Slots
from workers.sse import EventStream, Stream


def _overview(service: Service) -> Overview:
    if service.overview is None:
        raise Problem("not_found", "this service shows no overview")
    return service.overview


async def get_operator(request: Request) -> Response:
    """What works, what runs and waits, what is kept, who uses how much. Keys are named by their ids only."""
    service: Service = request.state.service
    overview, slots = _overview(service), request.state.slots
    parts, fields = await asyncio.gather(service.parts(), service.in_store_time(overview.fields()))
    told = {"ready": not slots.closed and all(part.works for part in parts if part.needed)}
    return JSONResponse({**told, "parts": [asdict(part) for part in parts], "answers": _load(slots), **fields})


def _load(slots: Slots) -> dict[str, Any]:
    room = slots.room
    load = {"running": slots.running, "most": room.places, "waiting": slots.waiting, "most_waiting": room.line}
    return {**load, "stopping": slots.closed}


async def post_doctor(request: Request) -> Response:
    """`kaozheng doctor` with the settings of this service: an event for each finding. It asks the model."""
    service: Service = request.state.service
    overview = _overview(service)
    overview.refuse_second()
    return EventStream(Stream(request.state.request_id, overview.findings(), service.limits, ExitStack()))


_OVERVIEW: dict[str, Any] = {
    "responses": {
        200: {"description": "how the service stands", "content": {"application/json": {"schema": {"type": "object"}}}},
        **problems(401, 403, 404, 503),
    },
}
_DOCTOR: dict[str, Any] = {
    "responses": {
        200: {
            "description": "`finding` for each part, then `examined`",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problems(401, 403, 404, 503),
    },
}


def add_operator(app: FastAPI) -> None:
    app.add_api_route("/v1/operator", get_operator, methods=["GET"], **_OVERVIEW)
    app.add_api_route("/v1/operator/doctor", post_doctor, methods=["POST"], **_DOCTOR)
