"""How Slack reaches the bot: a WebSocket that the bot opens (Socket Mode), or signed requests over HTTP."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

from workers.slack.client import Client
from workers.slack.desk import Desk
from workers.slack.signature import NONCE_SECONDS, SignatureRefused, SignedRequest, check
from workers.store_errors import StoreError

MAX_BODY_BYTES = 1024 * 1024
PATH = "/slack/events"
_PING_SECONDS = 10.0


@asynccontextmanager
async def socket_mode(app: AsyncApp, app_token: str, client: Client) -> AsyncGenerator[None, None]:
    """Connected while it is open; a connection that breaks is made anew by slack_sdk."""
    handler = AsyncSocketModeHandler(app, app_token, web_client=client, ping_interval=_PING_SECONDS)
    handler.client.proxy = None  # slack_sdk takes one from the environment, which we leave alone (decision 2)
    try:
        await handler.client.connect()  # type: ignore[no-untyped-call]
        yield
    finally:
        await handler.client.close()  # type: ignore[no-untyped-call]
        await _ended(handler)


async def _ended(handler: AsyncSocketModeHandler) -> None:
    """slack_sdk cancels its tasks and does not wait for them."""
    socket = handler.client
    tasks = [
        task for task in (socket.message_processor, socket.current_session_monitor, socket.message_receiver) if task
    ]
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class HttpDoor:
    """POST /slack/events for events, commands and buttons alike. now: seconds since 1970."""

    app: AsyncApp
    desk: Desk
    secret: str

    def routes(self) -> web.Application:
        served = web.Application(client_max_size=MAX_BODY_BYTES)
        served.router.add_post(PATH, self.posted)
        served.router.add_get("/healthz", _healthy)
        return served

    async def posted(self, request: web.Request) -> web.Response:
        """401 without a word for what is not Slack's, 503 while nothing can be kept."""
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413)
        stamps = request.headers.getall("X-Slack-Request-Timestamp", [])
        signatures = request.headers.getall("X-Slack-Signature", [])
        try:
            signature = check(SignedRequest(body, stamps, signatures), self.secret, self.desk.now())
            if not await self.desk.once(f"signature:{signature}", NONCE_SECONDS):
                raise SignatureRefused("replay")
            text = body.decode("utf-8")
        except (SignatureRefused, UnicodeDecodeError) as refused:
            structlog.get_logger().info("slack_request_refused", reason=getattr(refused, "reason", "not_utf8"))
            return web.Response(status=401)
        except StoreError as error:
            structlog.get_logger().warning("slack_desk_down", code=error.code)
            return web.Response(status=503)
        return await self._dispatched(request, text)

    async def _dispatched(self, request: web.Request, text: str) -> web.Response:
        headers = {name: request.headers.getall(name) for name in set(request.headers)}
        try:
            asked = AsyncBoltRequest(body=text, query=request.query_string, headers=headers)  # type: ignore[arg-type]
        except ValueError:  # signed, and no JSON all the same
            return web.Response(status=400)
        return await to_aiohttp_response(await self.app.async_dispatch(asked))


async def _healthy(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


@asynccontextmanager
async def http_mode(door: HttpDoor, host: str, port: int) -> AsyncGenerator[int, None]:
    """Listens while it is open; the port. Raises OSError."""
    runner = web.AppRunner(door.routes(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
