"""The OpenAPI description, made of the same models that read requests and of the nouns that are answered."""

from typing import Any, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from agent.answer import Answer
from workers.batch.wishes import BatchBody
from workers.dialects.chat_request import ChatBody
from workers.dialects.responses_request import ResponsesBody
from workers.problems import KINDS, MEDIA_TYPE
from workers.requests import AskBody
from workers.run_log import RunStatus

COMPONENTS = "#/components/schemas/{model}"
PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "field", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": sorted(KINDS)},
        "detail": {"type": "string", "description": "what to do"},
        "field": {"type": "string", "description": "the field at fault, empty when it is not one field"},
        "request_id": {"type": "string"},
    },
}
OPENAI_ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
RUN_SCHEMA = {
    "type": "object",
    "required": ["id", "thread", "status", "created"],
    "properties": {
        "id": {"type": "string"},
        "thread": {"type": "string"},
        "status": {"type": "string", "enum": ["running", "cancelling", *get_args(RunStatus)[1:]]},
        "created": {"type": "string"},
        "message": {"type": "string", "description": "of a run that failed"},
    },
}
VERIFY_SCHEMA = {
    "type": "object",
    "required": ["text", "sources"],
    "properties": {
        "text": {"type": "string", "minLength": 1, "description": "with markers [citation:1], [1], [^1] or 【1】"},
        "question": {"type": "string"},
        "sources": {
            "type": "array",
            "maxItems": 1000,
            "items": {
                "type": "object",
                "properties": {
                    "number": {"type": "integer", "minimum": 1, "description": "left out: its place in the list"},
                    "url": {"type": "string"},
                    "title": {"type": "string"},
                    "text": {"type": "string", "description": "what the page says"},
                },
            },
        },
    },
}
EXAMPLE_STREAM = (
    'event: searched\nid: 5f0c2a9be1d34c77:2\ndata: {"query":"…","engine":"library","results":8,"seconds":0.01}\n\n'
)


def _reference(model: str) -> dict[str, str]:
    return {"$ref": COMPONENTS.format(model=model)}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, by status; the codes behind each stand in its description."""
    rows: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        codes = ", ".join(f"`{code}`" for code, kind in KINDS.items() if kind.status == status)
        rows[status] = {"description": codes, "content": {MEDIA_TYPE: {"schema": _reference("Problem")}}}
    return rows


def openai_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same refusals in OpenAI's form."""
    schema = {"application/json": {"schema": _reference("OpenAIError")}}
    return {status: {"description": "a refusal in OpenAI's form", "content": schema} for status in statuses}


ANSWER = {"application/json": {"schema": _reference("Answer")}}
_STREAM = {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE_STREAM}}
_TEXT_STREAM = {"text/event-stream": {"schema": {"type": "string"}}}
_MULTIPART = {
    "type": "object",
    "required": ["request"],
    "properties": {
        "request": {"type": "string", "description": "the JSON of AskBody, in UTF-8"},
        "files": {"type": "array", "maxItems": 10, "items": {"type": "string", "format": "binary"}},
    },
}

ASKED: dict[str, Any] = {
    "responses": {
        200: {"description": "the answer, or the events that lead to it", "content": {**ANSWER, **_STREAM}},
        **problems(400, 401, 403, 408, 413, 415, 422, 429, 500, 502, 503),
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _reference("AskBody")},
                "multipart/form-data": {"schema": _MULTIPART},
            },
        }
    },
}
ANSWERED: dict[str, Any] = {
    "responses": {200: {"description": "the answer", "content": ANSWER}, **problems(401, 403, 404, 503)},
}
_LISTED_ANSWER = {
    "type": "object",
    "required": ["id", "thread", "question", "language", "depth", "status", "created"],
    "properties": {
        **{name: {"type": "string"} for name in ("id", "thread", "question", "language", "depth", "status")},
        "created": {"type": "string", "description": "when it was kept, ISO 8601, UTC"},
    },
}
LISTED: dict[str, Any] = {
    "responses": {
        200: {
            "description": "one's answers, the latest first",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["answers", "has_more"],
                        "properties": {
                            "answers": {"type": "array", "items": _LISTED_ANSWER},
                            "has_more": {"type": "boolean"},
                        },
                    }
                }
            },
        },
        **problems(401, 403, 404, 422, 503),
    },
    "openapi_extra": {
        "parameters": [
            {
                "name": "after",
                "in": "query",
                "schema": {"type": "string"},
                "description": "behind the answer of this id",
            },
            {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 50, "default": 20}},
        ]
    },
}
SOURCES: dict[str, Any] = {
    "responses": {
        200: {"description": "what the answer cites, with the quotes", "content": {"application/json": {}}},
        **problems(401, 403, 404, 500, 503),
    },
}
SOURCE: dict[str, Any] = {
    "responses": {
        200: {
            "description": "the page as it was read, with the quotes; as HTML where `Accept` prefers it",
            "content": {"application/json": {}, "text/html": {"schema": {"type": "string"}}},
        },
        **problems(401, 403, 404, 410, 500, 503),
    },
}
VERIFIED: dict[str, Any] = {
    "responses": {
        200: {"description": "the answer with its verdicts", "content": ANSWER},
        **problems(400, 401, 403, 408, 413, 415, 422, 429, 500, 503),
    },
    "openapi_extra": {
        "requestBody": {"required": True, "content": {"application/json": {"schema": _reference("VerifyBody")}}}
    },
}
CHAT: dict[str, Any] = {
    "responses": {
        200: {"description": "a chat.completion, or its chunks", "content": {"application/json": {}, **_TEXT_STREAM}},
        **openai_errors(400, 401, 403, 404, 408, 413, 415, 429, 500, 502, 503),
    },
    "openapi_extra": {
        "requestBody": {"required": True, "content": {"application/json": {"schema": _reference("ChatBody")}}}
    },
}
_ASYNC_BODY = {
    "type": "object",
    "required": ["request"],
    "properties": {"request": _reference("ChatBody"), "idempotency_key": {"type": ["string", "null"]}},
}
ASYNC: dict[str, Any] = {
    "responses": {
        200: {"description": "how the request stands", "content": {"application/json": {}}},
        **openai_errors(400, 401, 403, 404, 408, 413, 415, 429, 500, 503),
    },
    "openapi_extra": {"requestBody": {"required": True, "content": {"application/json": {"schema": _ASYNC_BODY}}}},
}
EVENTS: dict[str, Any] = {
    "responses": {
        200: {"description": "the events of a run", "content": _STREAM},
        **problems(401, 403, 404, 422, 503),
    },
}
RUN: dict[str, Any] = {
    "responses": {
        202: {"description": "how the run stands", "content": {"application/json": {"schema": _reference("Run")}}},
        **problems(401, 403, 404, 503),
    },
}
RESPONSES: dict[str, Any] = {
    "responses": {
        200: {"description": "a response, or its events", "content": {"application/json": {}, **_TEXT_STREAM}},
        **openai_errors(400, 401, 403, 404, 408, 413, 415, 429, 500, 502, 503),
    },
    "openapi_extra": {
        "requestBody": {"required": True, "content": {"application/json": {"schema": _reference("ResponsesBody")}}}
    },
}
RESPONSE: dict[str, Any] = {
    "responses": {
        200: {"description": "the response, or its events", "content": {"application/json": {}, **_TEXT_STREAM}},
        **openai_errors(400, 401, 403, 404, 500, 503),
    },
}
MODELS: dict[str, Any] = {"responses": openai_errors(401, 403, 404)}
PROBLEMS: dict[str, Any] = {"responses": problems(401, 403, 404, 503)}


def describe(app: FastAPI) -> None:
    """Let /openapi.json hold the schemas that the routes refer to; it is made once, when it is first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            schema.setdefault("components", {}).setdefault("schemas", {}).update(_schemas())
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI's own documentation extends it


def _schemas() -> dict[str, Any]:
    asked = AskBody.model_json_schema(ref_template=COMPONENTS)
    answer = TypeAdapter(Answer).json_schema(ref_template=COMPONENTS, mode="serialization")
    answer["properties"] |= {
        "thread": {"type": "string", "description": "send it as `thread` to ask on"},
        "stored": {"type": "boolean", "description": "whether GET /v1/answers/{id} will find it"},
    }
    chat = ChatBody.model_json_schema(ref_template=COMPONENTS)
    responses = ResponsesBody.model_json_schema(ref_template=COMPONENTS)
    batch = BatchBody.model_json_schema(ref_template=COMPONENTS)
    ours = {"AskBody": asked, "Answer": answer, "ChatBody": chat, "ResponsesBody": responses, "BatchBody": batch}
    parts = {name: schema for each in ours.values() for name, schema in each.pop("$defs", {}).items()}
    return {
        **parts,
        **ours,
        "Problem": PROBLEM_SCHEMA,
        "OpenAIError": OPENAI_ERROR_SCHEMA,
        "Run": RUN_SCHEMA,
        "VerifyBody": VERIFY_SCHEMA,
    }
