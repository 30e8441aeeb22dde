"""OpenAI's Files: POST and GET /v1/files, GET and DELETE /v1/files/{file_id}, GET /v1/files/{file_id}/content."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Message, Send

from workers.batch.batch_fields import Kind
from workers.batch.files import PURPOSES, UNKNOWN_FILE, FileStore, KeptFile
from workers.batch.job_store import JobStore
from workers.batch.records import JobState
from workers.batch.results import file_of_view, lines_of_view, view_of
from workers.batch.uploading import receive_file
from workers.problems import Problem
from workers.service import Service
from workers.sse import SlowReader
from workers.store_keys import is_id

MOST_LISTED = 10_000


def files_of(service: Service) -> FileStore:
    """Raises Problem where this service keeps no files."""
    if service.files is None:
        raise Problem("not_found", "no files are kept here")
    return service.files


def file_fields(file: KeptFile) -> dict[str, Any]:
    """As OpenAI describes a file."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": file.created,
        "expires_at": file.expires,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


async def post_file(request: Request) -> Response:
    """Keep a file. It is there when it is whole, or not at all."""
    files = files_of(request.state.service)
    async with files.writing(request.state.user) as writer:
        return JSONResponse(file_fields(await receive_file(request, writer, files.limits)))


async def list_files(request: Request) -> Response:
    """One's files, the newest first, from the one behind `after` on."""
    service: Service = request.state.service
    found = await service.in_store_time(files_of(service).all(request.state.user))
    purpose = request.query_params.get("purpose", "")
    if purpose and purpose not in PURPOSES:
        raise Problem("bad_file", f"the purpose is one of {', '.join(PURPOSES)}", "purpose")
    wanted = [file_fields(each) for each in found if purpose in ("", each.purpose)]
    if request.query_params.get("order") == "asc":
        wanted.reverse()
    return JSONResponse(page_of(wanted, request, MOST_LISTED))


def page_of(rows: list[dict[str, Any]], request: Request, usual: int) -> dict[str, Any]:
    """The part of a list that `after` and `limit` ask for, as OpenAI's clients page through it."""
    after, given = request.query_params.get("after", ""), request.query_params.get("limit", str(usual))
    if not (given.isascii() and given.isdigit() and len(given) < 6 and 1 <= int(given) <= MOST_LISTED):
        raise Problem("bad_file", f"the limit is a number from 1 to {MOST_LISTED:,}", "limit")
    ids = [row["id"] for row in rows]
    if after and after not in ids:
        raise Problem("bad_file", "nothing of yours has this id; begin the list anew", "after")
    first = ids.index(after) + 1 if after else 0
    shown = rows[first : first + int(given)]
    ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {"first_id": None, "last_id": None}
    return {"object": "list", "data": shown, **ends, "has_more": first + len(shown) < len(rows)}


async def get_file(request: Request, file_id: str) -> Response:
    """What is known of a file."""
    if view := await _viewed(request, file_id):
        return JSONResponse(file_fields(await file_of_view(*view)))
    return JSONResponse(file_fields(await found_file(request, file_id)))


async def found_file(request: Request, file_id: str) -> KeptFile:
    """Raises Problem for what is none of this user's."""
    service: Service = request.state.service
    found = await service.in_store_time(files_of(service).get(request.state.user, file_id)) if is_id(file_id) else None
    if found is None:
        raise Problem("not_found", UNKNOWN_FILE, "file_id")
    return found


async def delete_file(request: Request, file_id: str) -> Response:
    """Forget a file."""
    service: Service = request.state.service
    if await _viewed(request, file_id):
        raise Problem("bad_file", "this file belongs to a batch: DELETE /v1/batches/{id} forgets it", "file_id")
    if not await service.in_store_time(files_of(service).delete(request.state.user, file_id)):
        raise Problem("not_found", UNKNOWN_FILE, "file_id")
    return JSONResponse({"id": file_id, "object": "file", "deleted": True})


async def get_content(request: Request, file_id: str) -> Response:
    """The bytes of a file, as they were sent."""
    service: Service = request.state.service
    if view := await _viewed(request, file_id):
        _, state, kind = view
        return Download(lines_of_view(*view), f"{state.job.id}_{kind}.jsonl", None, service)
    file = await found_file(request, file_id)
    return Download(files_of(service).content(request.state.user, file), file.name, file.size, service)


async def _viewed(request: Request, file_id: str) -> tuple[JobStore, JobState, Kind] | None:
    """Of a batch's output file or error file."""
    service: Service = request.state.service
    if service.jobs is None:
        return None
    found = await service.in_store_time(view_of(service.jobs, request.state.user, file_id))
    return (service.jobs, *found) if found else None


class Download(StreamingResponse):
    """A file, piece by piece. A client that does not read is left."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], name: str, size: int | None, service: Service) -> None:
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
        if size is not None:
            headers["Content-Length"] = str(size)
        super().__init__(pieces, headers=headers, media_type="application/octet-stream")
        self._seconds = service.limits.slow_client_seconds

    async def stream_response(self, send: Send) -> None:
        async def sent(message: Message) -> None:
            try:
                async with asyncio.timeout(self._seconds):
                    await send(message)
            except TimeoutError:
                raise SlowReader("the client does not read") from None

        try:
            await super().stream_response(sent)
        except SlowReader as cut:
            structlog.get_logger().info("download_cut", reason=type(cut).__name__)
