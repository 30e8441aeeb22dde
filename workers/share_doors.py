"""Links to an answer: their owner makes, lists and revokes them; whoever has one reads the answer and nothing else."""

from dataclasses import asdict
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.answer import Answer, Source
from workers.gate import known_key
from workers.openapi import ANSWER, PROBLEMS, SOURCE, problems
from workers.page.files import UNLISTED
from workers.problems import Problem
from workers.requests import read_json, wrong_field
from workers.service import Service
from workers.shares import UNKNOWN_LINK, Share, Shared, Shares
from workers.sources import cited_source, shown_source, stored_answer

FOLDER = "/v1/answers/{answer_id}/shares"
READER = "/v1/shared/{token}"
PRIVATE = ("id", "thinking", "asked", "usage", "dropped_markers")
"""Fields of an answer that tell of its owner: what was thought and searched may come from earlier questions."""


class ShareBody(BaseModel):
    """How long a link is good, and for whom."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"days": 7}]})
    days: float = Field(7, gt=0, le=3_650, allow_inf_nan=False, description="until it expires")
    anybody: bool = Field(False, description="true: read without a key; false: with any key of this service")


async def post_share(request: Request, answer_id: str) -> Response:
    """Make a link to one's answer. Its token is told here and never again."""
    body = await _body(request)
    answer = (await stored_answer(request, answer_id)).answer
    shares, service = _shares(request), request.state.service
    made = shares.create(request.state.user, answer.id, body.days, body.anybody)
    token, share = await service.in_store_time(made)
    return JSONResponse({**share_fields(share), "token": token, "link": f"shared#{token}"}, 201)


async def list_shares(request: Request, answer_id: str) -> Response:
    """The links to one's answer, the newest first, without their tokens."""
    answer = (await stored_answer(request, answer_id)).answer
    service: Service = request.state.service
    found = await service.in_store_time(_shares(request).all(request.state.user, answer.id))
    return JSONResponse({"shares": [share_fields(share) for share in found]})


async def delete_share(request: Request, answer_id: str, share: str) -> Response:
    """Take a link back. It is refused from the next request on."""
    answer = (await stored_answer(request, answer_id)).answer
    service: Service = request.state.service
    await service.in_store_time(_shares(request).revoke(request.state.user, answer.id, share))
    return Response(status_code=204)


async def get_shared(request: Request, token: str) -> Response:
    """What a link leads to: the answer with its proof, and nothing of who asked or of what was asked before."""
    answer, share = await _opened(request, token)
    return JSONResponse({**public_fields(answer), "expires": share.expires}, headers=dict(UNLISTED))


async def get_shared_source(request: Request, token: str, number: str) -> Response:
    """A cited page of the web as it was read, with its quotes; its owner's files stay with their owner."""
    shared, answer = await _found(request, token)
    source = cited_source(answer, number)
    if not on_the_web(source):
        raise Problem("evidence_gone", "the text of its owner's own files is not shared; the quote is in the answer")
    response = await shown_source(request, shared.user, answer, source)
    response.headers.update(UNLISTED)
    return response


async def _opened(request: Request, token: str) -> tuple[Answer, Share]:
    shared, answer = await _found(request, token)
    return answer, shared.share


async def _found(request: Request, token: str) -> tuple[Shared, Answer]:
    service: Service = request.state.service
    stranger = request.client.host if request.client else ""
    shared = await service.in_store_time(_shares(request).find(token, stranger))
    if not shared.share.anybody and service.keys:
        known_key(request.method, request.headers, service.keys)
    if not service.keys.good(shared.user):
        raise Problem("share_revoked", "the key of whoever shared this answer is not accepted here any more")
    stored = await service.in_store_time(service.store.get_answer(shared.answer_id, shared.user))
    if stored is None:
        raise Problem("not_found", UNKNOWN_LINK)
    return shared, stored.answer


def _shares(request: Request) -> Shares:
    service: Service = request.state.service
    if service.shares is None:
        raise Problem("store_error", "no store is open here that could keep links")
    return service.shares


async def _body(request: Request) -> ShareBody:
    try:
        return ShareBody.model_validate(await read_json(request, request.state.service.limits))
    except ValidationError as error:
        raise wrong_field(error) from None


def share_fields(share: Share) -> dict[str, Any]:
    """As its owner sees it."""
    return {**{name: value for name, value in asdict(share).items() if name != "hash"}, "id": share.id}


def public_fields(answer: Answer) -> dict[str, Any]:
    """The answer without what tells of its owner; of the pages, those that its proof names, and those of the web."""
    fields = {name: value for name, value in asdict(answer).items() if name not in PRIVATE}
    named = {offer.number for offer in answer.offers}
    named |= {quoted.number for conflict in answer.conflicts for quoted in (conflict.says, conflict.against)}
    shown = [source for source in answer.sources if source.cited or source.number in named]
    skipped = [asdict(skipped) for skipped in answer.skipped if skipped.url.startswith(("http://", "https://"))]
    return {**fields, "sources": [asdict(source) for source in shown], "skipped": skipped}


def on_the_web(source: Source) -> bool:
    return source.url.startswith(("http://", "https://"))


_SHARE_SCHEMA = {
    "type": "object",
    "required": ["id", "created", "expires", "anybody", "revoked"],
    "properties": {
        "id": {"type": "string"},
        "created": {"type": "string"},
        "expires": {"type": "string"},
        "anybody": {"type": "boolean"},
        "revoked": {"type": "string", "description": "when it was taken back, empty while it was not"},
        "token": {"type": "string", "description": "only when it is made"},
        "link": {"type": "string", "description": "only when it is made: below the service's address"},
    },
}
_MADE: dict[str, Any] = {
    "status_code": 201,
    "responses": {
        201: {"description": "the link", "content": {"application/json": {"schema": _SHARE_SCHEMA}}},
        **problems(400, 401, 403, 404, 408, 413, 415, 422, 503),
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ShareBody.model_json_schema()}},
        }
    },
}
_LISTED: dict[str, Any] = {
    "responses": {
        200: {"description": "the links to an answer", "content": {"application/json": {}}},
        **problems(401, 403, 404, 500, 503),
    },
}
_READ: dict[str, Any] = {
    "responses": {
        200: {"description": "the answer behind a link", "content": ANSWER},
        **problems(401, 403, 404, 410, 429, 500, 503),
    },
}
_READ_SOURCE: dict[str, Any] = {"responses": {**SOURCE["responses"], **problems(429)}}


def add_shares(app: FastAPI) -> None:
    app.add_api_route(FOLDER, post_share, methods=["POST"], **_MADE)
    app.add_api_route(FOLDER, list_shares, methods=["GET"], **_LISTED)
    app.add_api_route(FOLDER + "/{share}", delete_share, methods=["DELETE"], status_code=204, **PROBLEMS)
    app.add_api_route(READER, get_shared, methods=["GET"], **_READ)
    app.add_api_route(READER + "/sources/{number}", get_shared_source, methods=["GET"], **_READ_SOURCE)
