"""Where files and batches are served, and how /openapi.json describes them."""

from typing import Any

from fastapi import FastAPI

from workers.batch.file_doors import delete_file, get_content, get_file, list_files, post_file
from workers.openapi import openai_errors

FILE_SCHEMA = {
    "type": "object",
    "required": ["id", "object", "bytes", "created_at", "expires_at", "filename", "purpose", "status"],
    "properties": {
        "id": {"type": "string"},
        "object": {"type": "string", "const": "file"},
        "bytes": {"type": "integer"},
        "created_at": {"type": "integer"},
        "expires_at": {"type": "integer"},
        "filename": {"type": "string"},
        "purpose": {"type": "string"},
        "status": {"type": "string"},
    },
}
_FORM = {
    "type": "object",
    "required": ["purpose", "file"],
    "properties": {
        "purpose": {"type": "string", "enum": ["batch", "user_data"]},
        "file": {"type": "string", "format": "binary"},
        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
        "expires_after[seconds]": {"type": "integer", "minimum": 3_600, "maximum": 2_592_000},
    },
}


def _json(said: str, schema: dict[str, Any] | None = None) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": said, "content": {"application/json": {"schema": schema or {"type": "object"}}}}}


def _listing(*names: str) -> dict[str, Any]:
    """The query of a list."""
    texts = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("after", *names)]
    return {"parameters": [*texts, {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}}]}


UPLOADED: dict[str, Any] = {
    "responses": {**_json("the file", FILE_SCHEMA), **openai_errors(400, 401, 403, 408, 413, 415, 429, 503)},
    "openapi_extra": {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
}
FILES: dict[str, Any] = {
    "responses": {**_json("a list of files"), **openai_errors(400, 401, 403, 503)},
    "openapi_extra": _listing("purpose", "order"),
}
FILE: dict[str, Any] = {"responses": {**_json("the file", FILE_SCHEMA), **openai_errors(401, 403, 404, 500, 503)}}
DELETED: dict[str, Any] = {"responses": {**_json("it is gone"), **openai_errors(401, 403, 404, 503)}}
CONTENT: dict[str, Any] = {
    "responses": {
        200: {
            "description": "the bytes",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        **openai_errors(401, 403, 404, 500, 503),
    },
}


def add_batches(app: FastAPI) -> None:
    app.add_api_route("/v1/files", post_file, methods=["POST"], **UPLOADED)
    app.add_api_route("/v1/files", list_files, methods=["GET"], **FILES)
    app.add_api_route("/v1/files/{file_id}", get_file, methods=["GET"], **FILE)
    app.add_api_route("/v1/files/{file_id}", delete_file, methods=["DELETE"], **DELETED)
    app.add_api_route("/v1/files/{file_id}/content", get_content, methods=["GET"], **CONTENT)
