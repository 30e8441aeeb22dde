"""A reverse proxy as operators put one before the service: below a path, streaming, with the Host header passed on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

HOPS = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length"}
METHODS = ["GET", "HEAD", "POST", "DELETE"]


@asynccontextmanager
async def proxied(upstream: str, prefix: str) -> AsyncIterator[str]:
    """Its address, which ends in the prefix and a slash. What lies outside of the prefix is not passed on."""
    async with httpx.AsyncClient(base_url=upstream, timeout=60, trust_env=False) as client:

        async def passed_on(request: Request) -> Response:
            path = "/" + request.path_params["path"]
            headers = [(name, value) for name, value in request.headers.items() if name not in HOPS]
            url = httpx.URL(path=path, query=request.url.query.encode())
            outgoing = client.build_request(request.method, url, headers=headers, content=await request.body())
            answer = await client.send(outgoing, stream=True)
            kept = {name: value for name, value in answer.headers.items() if name not in HOPS}
            return StreamingResponse(
                answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(answer.aclose)
            )

        app = Starlette(routes=[Route(f"/{prefix}/{{path:path}}", passed_on, methods=METHODS)])
        server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_config=None, timeout_graceful_shutdown=2))
        running = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  # uvicorn has a flag, not an event
            await asyncio.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/{prefix}/"
        finally:
            server.should_exit = True
            await running
