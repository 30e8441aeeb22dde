"""The REST front door: POST /v1/answers, what was answered before, and whether the service is well."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import asdict
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from agent.errors import AgentError
from workers.batch.filling import Filling, FillRules
from workers.batch.routes import add_batches
from workers.detached import Detached
from workers.dialects.openai_errors import refusal
from workers.dialects.routes import add_dialects
from workers.drain import Drain
from workers.gate import Gate
from workers.idempotency import begun_once, joined, key_of_request
from workers.judging import post_verify
from workers.mcp_doors import McpOverHttp
from workers.metrics import CONTENT_TYPE
from workers.openapi import ANSWERED, ASKED, EVENTS, LISTED, PROBLEMS, RUN, SOURCE, SOURCES, VERIFIED, describe
from workers.operator_doors import add_operator
from workers.page.files import Page
from workers.page.login import get_login, post_login, post_logout
from workers.problems import UNKNOWN_ANSWER, Problem, problem_of
from workers.records import StoredAnswer
from workers.requests import read_asked
from workers.runs import Run, answer_fields, last_message, problem_in, unless_gone
from workers.runs_in_background import begun_response, cancel_answer, get_events, post_background, unanswered
from workers.service import Part, Service
from workers.share_doors import add_shares
from workers.slots import STOPPING, Slots, room_of
from workers.sources import get_source, known, list_sources
from workers.sse import EventStream, Message, Stream
from workers.store_errors import StoreError

MOST_LISTED = 50


def rest_app(open_service: Callable[[], AbstractAsyncContextManager[Service]]) -> FastAPI:
    """The app; the service is opened when the server starts and closed when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, object]]:
        async with mcp.running(), open_service() as service:
            slots = Slots(room_of(service.limits), service.metrics)
            app.state.drain = Drain(slots, service.stopping)
            async with AsyncExitStack() as owners:
                detached = Detached(service.run_log) if service.run_log else None
                filling = Filling(service.jobs, service.fill_rules or FillRules()) if service.jobs else None
                for closing in (owner.aclose for owner in (detached, filling) if owner):
                    owners.push_async_callback(closing)
                yield {"service": service, "slots": slots, "detached": detached, "filling": filling}

    mcp, page = McpOverHttp(), Page.load()
    # Swagger's page would load its scripts from elsewhere; /openapi.json is enough for any tool.
    app = FastAPI(lifespan=lifespan, title="kaozheng", docs_url=None, redoc_url=None)
    app.add_middleware(Gate)
    app.add_api_route("/v1/answers", post_answer, methods=["POST"], **ASKED)
    app.add_api_route("/v1/answers", list_answers, methods=["GET"], **LISTED)
    app.add_api_route("/v1/answers/{answer_id}", get_answer, methods=["GET"], **ANSWERED)
    app.add_api_route("/v1/answers/{answer_id}", delete_answer, methods=["DELETE"], status_code=204, **PROBLEMS)
    app.add_api_route("/v1/answers/{answer_id}/events", get_events, methods=["GET"], **EVENTS)
    app.add_api_route("/v1/answers/{answer_id}/cancel", cancel_answer, methods=["POST"], status_code=202, **RUN)
    app.add_api_route("/v1/answers/{answer_id}/sources", list_sources, methods=["GET"], **SOURCES)
    app.add_api_route("/v1/answers/{answer_id}/sources/{number}", get_source, methods=["GET"], **SOURCE)
    add_shares(app)
    add_operator(app)
    app.add_api_route("/v1/verify", post_verify, methods=["POST"], **VERIFIED)
    add_dialects(app)
    add_batches(app)
    app.add_api_route("/healthz", healthz, methods=["GET"])
    app.add_api_route("/readyz", readyz, methods=["GET"])
    for path, health in (("/healthz", healthz), ("/readyz", readyz)):
        app.add_api_route(path, health, methods=["HEAD"], include_in_schema=False)
    app.add_api_route("/metrics", metrics, methods=["GET"], response_class=PlainTextResponse)
    app.add_api_route("/", page.index, methods=["GET", "HEAD"], include_in_schema=False)
    for name in ("operator", "batches"):
        app.add_api_route(f"/{name}", page.page_of(name), methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/shared", page.shared, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/page/{path:path}", page.file, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/login", get_login, methods=["GET"], include_in_schema=False)
    app.add_api_route("/login", post_login, methods=["POST"], include_in_schema=False)
    app.add_api_route("/logout", post_logout, methods=["POST"], include_in_schema=False)
    app.router.routes.extend(mcp.routes)
    for error in (Problem, AgentError, StoreError, HTTPException):
        app.add_exception_handler(error, _refused)
    describe(app)
    return app


async def post_answer(request: Request) -> Response:
    """Ask a question. The answer comes as one JSON object or, with `stream`, as server-sent events."""
    service: Service = request.state.service
    with ExitStack() as held:
        # Before the body is read: an overloaded service refuses at once.
        ticket = held.enter_context(request.state.slots.enter(request.state.user))
        asked = await read_asked(request, service, request.state.user)
        ticket.line_up(service.seconds_for(asked.question.depth))
        thread = asked.thread or secrets.token_urlsafe(16)
        run = Run(request.state.request_id, request.state.user, thread, asked, service, ticket=ticket)
        if key := key_of_request(request):
            return await _once(request, await begun_once(request, run, key, held.pop_all()))
        if asked.background:
            return await post_background(request, run, held.pop_all())
        if asked.stream:
            return EventStream(Stream(run.id, run.messages(), service.limits, held.pop_all()))
        return _whole(await unless_gone(request, last_message(run.messages())))


async def _once(request: Request, run: Run) -> Response:
    """What a question with an Idempotency-Key gets, the first time as at any other."""
    if run.asked.stream or run.asked.background:
        return await begun_response(request, run)
    return _whole(await joined(request, run))


def _whole(message: Message) -> Response:
    if problem := problem_in(message):
        raise problem
    return JSONResponse(message.fields)


async def get_answer(request: Request, answer_id: str) -> Response:
    """An answer that was given before, to the same user."""
    service: Service = request.state.service
    stored = await service.in_store_time(service.store.get_answer(known(answer_id), request.state.user))
    if stored is None:
        return await unanswered(request, answer_id)
    return JSONResponse({**answer_fields(stored.answer, thinking=True), "thread": stored.thread, "stored": True})


async def list_answers(request: Request) -> Response:
    """One's answers, the latest first, without their texts: what a page shows as history."""
    service: Service = request.state.service
    after, limit = request.query_params.get("after", ""), _limit(request)
    found = await service.in_store_time(service.store.list_answers(request.state.user, after, limit + 1))
    if found is None:
        raise Problem("not_found", "list from the beginning: this answer is not listed, or not any more", "after")
    return JSONResponse({"answers": [_listed(each) for each in found[:limit]], "has_more": len(found) > limit})


def _limit(request: Request) -> int:
    given = request.query_params.get("limit", "20")
    if not (given.isascii() and given.isdigit() and len(given) < 4 and 1 <= int(given) <= MOST_LISTED):
        raise Problem("bad_question", f"a number from 1 to {MOST_LISTED}", "limit")
    return int(given)


def _listed(stored: StoredAnswer) -> dict[str, str]:
    answer = stored.answer
    about = {"question": answer.question, "language": answer.language, "depth": answer.depth, "status": answer.status}
    return {"id": answer.id, "thread": stored.thread, **about, "created": stored.stored}


async def delete_answer(request: Request, answer_id: str) -> Response:
    """Forget an answer and the evidence kept with it."""
    service: Service = request.state.service
    removed = await service.in_store_time(service.store.forget_answer(request.state.user, known(answer_id)))
    if not removed.answers:
        raise Problem("not_found", UNKNOWN_ANSWER)
    return Response(status_code=204)


async def healthz() -> dict[str, str]:
    """The service is alive: it answers this."""
    return {"status": "alive"}


async def readyz(request: Request) -> Response:
    """What works right now and what does not; 503 when something is down without which nothing can be answered."""
    closed: bool = request.state.slots.closed
    parts = () if closed else await request.state.service.parts()
    if closed:
        parts = (Part("stopping", works=False, needed=True, detail=STOPPING),)
    ready = all(part.works for part in parts if part.needed)
    fields: dict[str, Any] = {"ready": ready, "parts": [asdict(part) for part in parts]}
    return JSONResponse(fields, 200 if ready else 503)


async def metrics(request: Request) -> Response:
    """What this process has counted, in Prometheus's text format; docs/metrics.md lists it."""
    return Response(request.state.service.metrics.written(), media_type=CONTENT_TYPE)


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, StoreError):
        structlog.get_logger().warning("store_error", request_id=request.state.request_id, detail=str(error))
    problem = _problem(error)
    request.state.service.metrics.refusals.labels(problem.code).inc()
    return refusal(request.url.path, problem, request.state.request_id)


def _problem(error: Exception) -> Problem:
    if isinstance(error, AgentError | StoreError):
        return problem_of(error)
    if isinstance(error, HTTPException):
        if error.status_code == 405:
            problem = Problem("method_not_allowed", "/openapi.json lists the methods of each path")
            problem.limits = dict(error.headers or {})
            return problem
        return Problem("not_found", "/openapi.json lists the paths")
    assert isinstance(error, Problem)
    return error
