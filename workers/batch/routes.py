"""Where files and batches are served, and how /openapi.json describes them."""

from typing import Any, get_args

from fastapi import FastAPI

from workers.batch.batch_doors import (
    cancel_batch,
    delete_batch,
    get_batch,
    get_table,
    list_batches,
    list_rows,
    post_batch,
    retry_batch,
)
from workers.batch.file_doors import delete_file, get_content, get_file, list_files, post_file
from workers.batch.records import ENDPOINTS, Status
from workers.openapi import COMPONENTS, openai_errors

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
BATCH_SCHEMA = {
    "type": "object",
    "required": ["id", "object", "endpoint", "input_file_id", "status", "created_at", "request_counts"],
    "properties": {
        "id": {"type": "string"},
        "object": {"type": "string"},
        "endpoint": {"type": "string", "enum": list(ENDPOINTS)},
        "input_file_id": {"type": "string"},
        "status": {"type": "string", "enum": list(get_args(Status))},
        "output_file_id": {"type": ["string", "null"]},
        "error_file_id": {"type": ["string", "null"]},
        "created_at": {"type": "integer"},
        "request_counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
}
ORDERED: dict[str, Any] = {
    "responses": {
        200: {
            "description": "the batch; with `dry_run` what it would cost",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        **openai_errors(400, 401, 403, 404, 408, 413, 415, 429, 503),
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": COMPONENTS.format(model="BatchBody")}}},
        }
    },
}
BATCHES: dict[str, Any] = {
    "responses": {**_json("a list of batches"), **openai_errors(400, 401, 403, 503)},
    "openapi_extra": _listing(),
}
BATCH: dict[str, Any] = {
    "responses": {**_json("the batch", BATCH_SCHEMA), **openai_errors(400, 401, 403, 404, 500, 503)}
}
ROWS: dict[str, Any] = {
    "responses": {**_json("rows that have their end"), **openai_errors(400, 401, 403, 404, 500, 503)},
    "openapi_extra": _listing("outcome"),
}


def add_batches(app: FastAPI) -> None:
    app.add_api_route("/v1/files", post_file, methods=["POST"], **UPLOADED)
    app.add_api_route("/v1/files", list_files, methods=["GET"], **FILES)
    app.add_api_route("/v1/files/{file_id}", get_file, methods=["GET"], **FILE)
    app.add_api_route("/v1/files/{file_id}", delete_file, methods=["DELETE"], **DELETED)
    app.add_api_route("/v1/files/{file_id}/content", get_content, methods=["GET"], **CONTENT)
    app.add_api_route("/v1/batches", post_batch, methods=["POST"], **ORDERED)
    app.add_api_route("/v1/batches", list_batches, methods=["GET"], **BATCHES)
    app.add_api_route("/v1/batches/{batch_id}", get_batch, methods=["GET"], **BATCH)
    app.add_api_route("/v1/batches/{batch_id}", delete_batch, methods=["DELETE"], **DELETED)
    app.add_api_route("/v1/batches/{batch_id}/cancel", cancel_batch, methods=["POST"], **BATCH)
    app.add_api_route("/v1/batches/{batch_id}/retry", retry_batch, methods=["POST"], **BATCH)
    app.add_api_route("/v1/batches/{batch_id}/table", get_table, methods=["GET"], **CONTENT)
    app.add_api_route("/v1/batches/{batch_id}/rows", list_rows, methods=["GET"], **ROWS)
