"""A Slack on loopback: Web API, Socket Mode, Events API, files; it keeps Slack's limits and its clock can be set.

    async with fake_slack() as slack:
        AsyncWebClient("xoxb-1", base_url=slack.api_url)

What is over a limit is refused as Slack refuses it, and counted (`exceeded`). Blocks and chunks are
checked by slack_sdk's own models; parameters by the signatures of its client (see tests/test_fake_slack.py).
"""

import asyncio
import contextlib
import hashlib
import hmac
import inspect
import itertools
import json
import re
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.messages.chunk import Chunk
from slack_sdk.web.async_client import AsyncWebClient

Fields = dict[str, Any]

# Each limit with where it is written and when it was read.
TIERS = {1: 1, 2: 20, 3: 50, 4: 100}
"""Calls a minute, for each method, app and workspace: docs.slack.dev/apis/web-api/rate-limits, 2026-11."""
WINDOW_SECONDS = 60.0
MESSAGES_PER_CHANNEL_SECOND = 1
"""chat.postMessage: the same page, "1 per second"; short bursts are said to be tolerated, here they are not."""
MESSAGES_PER_MINUTE = 300
"""chat.postMessage: the same page, "several hundred messages per minute per workspace"."""
STATUS_PER_MINUTE = 600
"""assistant.threads.setStatus: "special rate limits apply", no figure; slack-morphism 2.31 has ten a second, 2026."""
SECTION_CHARACTERS = 3_000
"""docs.slack.dev/reference/block-kit/blocks/section-block, 2026-11; SectionBlock.text_max_length."""
MARKDOWN_CHARACTERS = 12_000
"""docs.slack.dev/reference/block-kit/blocks/markdown-block: all such blocks of one message together, 2026-11."""
MESSAGE_BLOCKS = 50
MODAL_BLOCKS = 100
"""docs.slack.dev/reference/block-kit/blocks: 50 in a message, 100 in a modal, 2026-11."""
CONTEXT_CHARACTERS = 2_000
"""Of one element of a context block: measured by several (invalid_blocks above), 2026-11."""
BUTTON_CHARACTERS = 75
"""docs.slack.dev/reference/block-kit/block-elements/button-element, 2026-11."""
TEXT_CHARACTERS = 40_000
"""docs.slack.dev/reference/methods/chat.postMessage: longer texts are cut, 2026-11; for updates 4,000."""
UPDATE_CHARACTERS = 4_000
STREAM_CHARACTERS = 12_000
"""docs.slack.dev/reference/methods/chat.startStream: markdown_text of one call, 2026-11."""
STREAM_SECONDS = 300.0
"""Streams are closed about five minutes after their start: slackapi/python-slack-sdk #1859, vercel/chat #637, 2026."""
DROPPED_CHARACTERS = 13_202
"""Measured: of a message with more characters in its blocks the rest is gone: metabase #79908, #80105, 2026."""
LOADING_MESSAGES = 10
"""docs.slack.dev/reference/methods/assistant.threads.setStatus, 2026-11."""
STATUS_SECONDS = 120.0
"""The same page: a status without a message is gone after two minutes."""
VIEW_TITLE_CHARACTERS = 24
"""docs.slack.dev/reference/views/modal-views, 2026-11."""
TRIGGER_SECONDS = 3.0
"""docs.slack.dev/interactivity: a trigger_id opens a view for three seconds, 2026-11."""
METADATA_BYTES = 16_384
"""docs.slack.dev/messaging/message-metadata, 2026-11."""
REPLIES = 1_000
"""docs.slack.dev/reference/methods/conversations.replies: of one page, for internal apps, 2026-11."""

METHOD_TIERS = {
    "apps.connections.open": 1,
    "chat.startStream": 2,
    "chat.stopStream": 2,
    "chat.appendStream": 4,
    "chat.update": 3,
    "chat.delete": 3,
    "chat.postEphemeral": 4,
    "agents.sessions.setStatus": 3,
    "assistant.threads.setTitle": 4,
    "assistant.threads.setSuggestedPrompts": 4,
    "conversations.replies": 3,
    "conversations.history": 3,
    "conversations.open": 3,
    "conversations.info": 3,
    "users.info": 4,
    "views.open": 4,
    "views.update": 4,
    "files.info": 4,
    "files.getUploadURLExternal": 4,
    "files.completeUploadExternal": 4,
}
"""docs.slack.dev/reference/methods, the page of each, 2026-11. apps.connections.open is let through as often as one
likes: restarts are what the tests are about."""
_HISTORY = {"channels:history", "groups:history", "im:history", "mpim:history"}
SCOPES: dict[str, set[str]] = {
    "auth.test": set(),
    "apps.connections.open": set(),  # of the app-level token: connections:write
    "views.open": set(),
    **{f"chat.{name}": {"chat:write"} for name in ("startStream", "appendStream", "stopStream", "update", "delete")},
    **{f"chat.{name}": {"chat:write"} for name in ("postMessage", "postEphemeral")},
    **{f"assistant.threads.{name}": {"assistant:write"} for name in ("setStatus", "setSuggestedPrompts")},
    "agents.sessions.setStatus": {"assistant:write"},
    "conversations.replies": _HISTORY,
    "conversations.history": {"im:history"},  # of direct messages alone
    "conversations.open": {"im:write"},
    "conversations.info": {"channels:read", "groups:read"},
    "users.info": {"users:read"},
    "files.info": {"files:read"},
    "files.getUploadURLExternal": {"files:write"},
    "files.completeUploadExternal": {"files:write"},
}
"""docs.slack.dev/reference/methods, the page of each, 2026-11."""
UNLIMITED = frozenset({"auth.test", "apps.connections.open"})

TEAM, BOT_USER, BOT_ID, APP_ID = "T0KAO", "U0BOT", "B0BOT", "A0KAO"
BOT_TOKEN, APP_TOKEN, SECRET = "xoxb-fake", "xapp-fake", "8f742231b10e8888abcd99yyyzzz85a5"


@dataclass
class Channel:
    id: str
    kind: str = "channel"  # channel, private, im
    members: set[str] = field(default_factory=set)
    archived: bool = False
    creator: str = "U0ADMIN"
    messages: list[Fields] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    """A request to the Web API. at: by the fake's clock."""

    method: str
    at: float
    fields: Fields
    error: str = ""


class Refused(Exception):
    """As Slack says it."""


class FakeSlack:
    """One workspace with one app. The channels are made by whoever asks for them."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.url = self.api_url = ""
        self.calls: list[Call] = []
        self.exceeded: list[str] = []
        self.channels: dict[str, Channel] = {}
        self.users: dict[str, Fields] = {}
        self.files: dict[str, tuple[Fields, bytes]] = {}
        self.uploads: dict[str, bytes] = {}
        self.ephemerals: list[Fields] = []
        self.views: list[Fields] = []
        self.statuses: list[Fields] = []
        self.sessions: dict[tuple[str, str], str] = {}
        self.prompts: list[Fields] = []
        self.responses: list[Fields] = []
        self.acknowledged: dict[str, float] = {}
        self.ack_seconds: list[float] = []
        self.failing: dict[str, list[str]] = {}  # method: errors of the next calls (see _fail)
        self.streams_in_channels = True
        self.enterprise = ""
        self.scopes = set().union(*SCOPES.values(), {"app_mentions:read", "commands"})
        self.lost_replies: dict[str, int] = {}  # method: how many calls are done without an answer
        self._sockets: list[web.WebSocketResponse] = []
        self._socket_came = asyncio.Event()
        self._sent: dict[str, float] = {}
        self._ends: dict[str, asyncio.Future[Fields]] = {}
        self._carriers: dict[str, web.WebSocketResponse] = {}
        self._windows: dict[str, deque[float]] = defaultdict(deque)
        self._triggers: dict[str, float] = {}
        self._numbers = itertools.count(1)
        self._last_ts = 0.0

    # What people do

    def channel(self, id_: str, kind: str = "channel", bot: bool = True) -> Channel:
        found = self.channels.setdefault(id_, Channel(id_, kind))
        if bot:
            found.members.add(BOT_USER)
        return found

    def ts(self) -> str:
        """A new one, later than all others."""
        self._last_ts = max(self.clock(), self._last_ts + 0.000_001)
        return f"{self._last_ts:.6f}"

    def said(self, channel: str, user: str, text: str, thread_ts: str = "", **more: Any) -> Fields:
        """Somebody writes a message; the message event of it."""
        message = {"type": "message", "user": user, "text": text, "ts": self.ts(), "team": TEAM, **more}
        message["client_msg_id"] = f"msg-{next(self._numbers)}"
        if thread_ts:
            message["thread_ts"] = thread_ts
        place = self.channel(channel, "im" if channel.startswith("D") else "channel", bot=False)
        place.members.add(user)
        place.messages.append(dict(message))
        return {**message, "channel": channel, "channel_type": place.kind if place.kind == "im" else "channel"}

    def mention(self, channel: str, user: str, text: str, thread_ts: str = "", **more: Any) -> Fields:
        """The app_mention event of a message that names the bot."""
        self.channel(channel)
        event = self.said(channel, user, f"<@{BOT_USER}> {text}", thread_ts, **more)
        event.pop("channel_type")
        return {**event, "type": "app_mention"}

    def envelope(self, event: Fields, event_id: str = "", team: str = TEAM) -> Fields:
        """The event_callback around an event, as both transports carry it."""
        return {
            "token": "legacy",
            "team_id": team,
            "api_app_id": APP_ID,
            "event": event,
            "type": "event_callback",
            "event_id": event_id or f"Ev{next(self._numbers):09}",
            "event_time": int(self.clock()),
            "authorizations": [{"enterprise_id": None, "team_id": team, "user_id": BOT_USER, "is_bot": True}],
            "is_ext_shared_channel": False,
        }

    def file(self, name: str, content: bytes, user: str, **more: Any) -> Fields:
        """A file that somebody has put into Slack, as messages carry it."""
        id_ = f"F{next(self._numbers):06}"
        about = {
            "id": id_,
            "name": name,
            "mimetype": "application/octet-stream",
            "size": len(content),
            "user": user,
            "mode": "hosted",
            "url_private_download": f"{self.url}/files/{id_}/{name}",
            **more,
        }
        self.files[id_] = (about, content)
        return about

    def command(self, user: str, channel: str, text: str, name: str = "/kaozheng") -> Fields:
        self.channel(channel)
        return {
            "command": name,
            "text": text,
            "user_id": user,
            "user_name": user.lower(),
            "team_id": TEAM,
            "channel_id": channel,
            "channel_name": "general",
            "api_app_id": APP_ID,
            "response_url": f"{self.url}/respond/{next(self._numbers)}",
            "trigger_id": self.trigger(),
        }

    def pressed(self, user: str, channel: str, message: Fields, action: Fields) -> Fields:
        """The block_actions payload of a button."""
        return {
            "type": "block_actions",
            "user": {"id": user, "team_id": TEAM},
            "team": {"id": TEAM},
            "api_app_id": APP_ID,
            "channel": {"id": channel},
            "container": {"type": "message", "message_ts": message["ts"], "channel_id": channel},
            "message": message,
            "response_url": f"{self.url}/respond/{next(self._numbers)}",
            "trigger_id": self.trigger(),
            "actions": [{"type": "button", "action_ts": self.ts(), **action}],
        }

    def shortcut(self, user: str, channel: str, message: Fields, callback_id: str = "check_claim") -> Fields:
        return {
            "type": "message_action",
            "callback_id": callback_id,
            "user": {"id": user, "team_id": TEAM},
            "team": {"id": TEAM},
            "channel": {"id": channel},
            "message": message,
            "message_ts": message["ts"],
            "response_url": f"{self.url}/respond/{next(self._numbers)}",
            "trigger_id": self.trigger(),
        }

    def trigger(self) -> str:
        id_ = f"trigger.{next(self._numbers)}"
        self._triggers[id_] = self.clock()
        return id_

    # Transports

    async def send(self, payload: Fields, kind: str = "events_api", within: float = 120.0) -> Fields:
        """One envelope over Socket Mode; the answer in its acknowledgement. Raises TimeoutError without any."""
        async with asyncio.timeout(within):
            while True:
                await self.connected()
                id_ = f"envelope-{next(self._numbers)}"
                self._ends[id_] = asyncio.get_running_loop().create_future()
                self._sent[id_] = time.monotonic()
                socket = self._carriers[id_] = self._sockets[-1]
                sent = {"envelope_id": id_, "type": kind, "payload": payload, "accepts_response_payload": True}
                with contextlib.suppress(ConnectionError):
                    await socket.send_str(json.dumps(sent))
                    await asyncio.wait((self._ends[id_],))
                    if not self._ends[id_].cancelled():
                        return self._ends[id_].result()
                await asyncio.sleep(0.01)  # the socket has gone: again, as Slack does

    async def connected(self) -> None:
        """Until a bot has opened its WebSocket."""
        while not self._sockets:
            self._socket_came.clear()
            await self._socket_came.wait()

    async def tell(self, event: Fields, **envelope: str) -> None:
        """An event over Socket Mode, acknowledged."""
        await self.send(self.envelope(event, **envelope))

    async def post(self, url: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """A signed request to the bot's own address; other headers replace the right ones. (status, body)"""
        sent = {"Content-Type": "application/json", **signed(body, self.clock()), **(headers or {})}
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=sent) as reply:
            return reply.status, await reply.text()

    # What came of it

    def replies(self, channel: str, thread_ts: str) -> list[Fields]:
        """What the bot has said in a thread, what was deleted left out."""
        messages = self.channels[channel].messages if channel in self.channels else []
        return [m for m in messages if m.get("bot_id") == BOT_ID and m.get("thread_ts") == thread_ts]

    def answers(self, channel: str, thread_ts: str) -> list[Fields]:
        """Those replies that the bot has marked as its last word on a question."""
        return [
            m for m in self.replies(channel, thread_ts) if m.get("metadata", {}).get("event_payload", {}).get("last")
        ]

    async def until(self, holds: Callable[[], Any], within: float = 30.0) -> Any:
        """What the function gives as soon as it is true."""
        async with asyncio.timeout(within):
            while not (found := holds()):  # noqa: ASYNC110 - what the bot does comes over the wire
                await asyncio.sleep(0.01)
        return found

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method and not call.error]

    # The server

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_get("/socket", self._socket)
        app.router.add_post("/upload/{id}", self._upload)
        app.router.add_get("/files/{id}/{name}", self._download)
        app.router.add_post("/respond/{id}", self._respond)
        return app

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        fields = await _fields_of(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or fields.pop("token", "")
        error, headers = "", {"x-oauth-scopes": ",".join(sorted(self.scopes))}
        answer: Fields = {}
        try:
            if token != (APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN):
                raise Refused("invalid_auth")
            if self.failing.get(method):
                await self._fail(self.failing[method].pop(0))
            self._count(method, fields)
            _check_parameters(method, fields)
            answer = getattr(self, "_" + method.replace(".", "_"))(fields)
        except Refused as refused:
            error = str(refused)
        self.calls.append(Call(method, self.clock(), fields, error))
        if error.startswith("http_"):
            return web.Response(status=int(error[5:]), text="<html>upstream</html>", content_type="text/html")
        if error == "ratelimited":
            headers["Retry-After"] = "1"
        if not error and self.lost_replies.get(method, 0) > 0:
            self.lost_replies[method] -= 1
            assert request.transport is not None
            request.transport.close()
        status = 429 if error == "ratelimited" else 200
        return web.json_response(
            {"ok": not error, **({"error": error} if error else answer)}, status=status, headers=headers
        )

    async def _fail(self, how: str) -> None:
        """An error of Slack's; `http_503` is a page of some server before it, `hang` no answer at all."""
        if how == "hang":
            await asyncio.sleep(3_600)
        raise Refused(how)

    def _count(self, method: str, fields: Fields) -> None:
        for key, most, seconds in _limits_of(method, fields):
            window = self._windows[key]
            now = self.clock()
            while window and window[0] <= now - seconds:
                window.popleft()
            if len(window) >= most:
                self.exceeded.append(key)
                raise Refused("ratelimited")
            window.append(now)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(
            json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": APP_ID}})
        )
        self._sockets.append(socket)
        self._socket_came.set()
        try:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    self._acknowledge(json.loads(message.data))
        finally:
            self._sockets.remove(socket)
            for id_, end in self._ends.items():
                if not end.done() and self._carriers[id_] is socket:
                    end.cancel()
        return socket

    def _acknowledge(self, said: Fields) -> None:
        id_ = said["envelope_id"]
        self.acknowledged[id_] = time.monotonic()
        self.ack_seconds.append(time.monotonic() - self._sent[id_])
        if id_ in self._ends and not self._ends[id_].done():
            self._ends[id_].set_result(said.get("payload") or {})

    async def _upload(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.uploads[request.match_info["id"]] = body
        return web.Response(text=f"OK - {len(body)}", content_type="text/plain")

    async def _download(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {BOT_TOKEN}":
            return web.Response(text="<html>Sign in to Slack</html>", content_type="text/html")
        _, content = self.files[request.match_info["id"]]
        return web.Response(body=content, content_type="application/octet-stream")

    async def _respond(self, request: web.Request) -> web.Response:
        self.responses.append(await request.json())
        return web.Response(text="ok")

    # Methods

    def _auth_test(self, fields: Fields) -> Fields:
        return {
            "url": self.url,
            "team": "Kao",
            "user": "kaozheng",
            "team_id": TEAM,
            "user_id": BOT_USER,
            "bot_id": BOT_ID,
            "enterprise_id": self.enterprise or None,
        }

    def _apps_connections_open(self, fields: Fields) -> Fields:
        return {"url": self.url.replace("http://", "ws://") + f"/socket?ticket={next(self._numbers)}"}

    def _writable(self, id_: str) -> Channel:
        if id_ not in self.channels:
            raise Refused("channel_not_found")
        channel = self.channels[id_]
        if channel.archived:
            raise Refused("is_archived")
        if channel.kind != "im" and BOT_USER not in channel.members:
            raise Refused("channel_not_found" if channel.kind == "private" else "not_in_channel")
        return channel

    def _post(self, channel: Channel, fields: Fields, **more: Any) -> Fields:
        message = {
            "type": "message",
            "user": BOT_USER,
            "bot_id": BOT_ID,
            "app_id": APP_ID,
            "text": fields.get("text", "")[:TEXT_CHARACTERS],
            "blocks": kept_blocks(fields.get("blocks") or []),
            "ts": self.ts(),
            "options": {k: fields[k] for k in ("unfurl_links", "unfurl_media", "link_names", "parse") if k in fields},
            **more,
        }
        if fields.get("thread_ts"):
            message["thread_ts"] = fields["thread_ts"]
        if fields.get("metadata"):
            message["metadata"] = _metadata(fields["metadata"])
        channel.messages.append(message)
        return message

    def _chat_postMessage(self, fields: Fields) -> Fields:  # noqa: N802
        channel = self._writable(fields["channel"])
        if not fields.get("text") and not fields.get("blocks"):
            raise Refused("no_text")
        _check_blocks(fields.get("blocks") or [], MESSAGE_BLOCKS)
        message = self._post(channel, fields)
        return {"channel": channel.id, "ts": message["ts"], "message": message}

    def _chat_postEphemeral(self, fields: Fields) -> Fields:  # noqa: N802
        channel = self._writable(fields["channel"])
        _check_blocks(fields.get("blocks") or [], MESSAGE_BLOCKS)
        self.ephemerals.append({**fields, "ts": self.ts()})
        return {"channel": channel.id, "message_ts": self.ephemerals[-1]["ts"]}

    def _found(self, fields: Fields) -> Fields:
        channel = self._writable(fields["channel"])
        for message in channel.messages:
            if message["ts"] == fields["ts"] and message.get("bot_id") == BOT_ID:
                return message
        raise Refused("message_not_found")

    def _chat_update(self, fields: Fields) -> Fields:
        message = self._found(fields)
        if self._streaming(message):
            raise Refused("streaming_state_conflict")
        if len(fields.get("text", "")) > UPDATE_CHARACTERS:
            raise Refused("msg_too_long")
        _check_blocks(fields.get("blocks") or [], MESSAGE_BLOCKS)
        message.update(
            text=fields.get("text", ""), blocks=kept_blocks(fields.get("blocks") or []), markdown="", edited=True
        )
        message.pop("cards", None)
        if fields.get("metadata"):
            message["metadata"] = _metadata(fields["metadata"])
        return {"channel": fields["channel"], "ts": message["ts"], "text": message["text"], "message": message}

    def _chat_delete(self, fields: Fields) -> Fields:
        message = self._found(fields)
        self.channels[fields["channel"]].messages.remove(message)
        return {"channel": fields["channel"], "ts": message["ts"]}

    def _streaming(self, message: Fields) -> bool:
        return "stream_started" in message and self.clock() - message["stream_started"] <= STREAM_SECONDS

    def _chat_startStream(self, fields: Fields) -> Fields:  # noqa: N802
        channel = self._writable(fields["channel"])
        if not fields.get("thread_ts"):
            raise Refused("invalid_thread_ts")
        if channel.kind != "im":
            if not self.streams_in_channels:
                raise Refused("channel_type_not_supported")
            if not fields.get("recipient_user_id"):
                raise Refused("missing_recipient_user_id")
            if not fields.get("recipient_team_id"):
                raise Refused("missing_recipient_team_id")
        message = self._post(channel, {"thread_ts": fields["thread_ts"]}, markdown="", cards={}, plan="")
        message["stream_started"] = self.clock()
        self._append(message, fields)
        return {"channel": channel.id, "ts": message["ts"]}

    def _chat_appendStream(self, fields: Fields) -> Fields:  # noqa: N802
        message = self._found(fields)
        if not self._streaming(message):
            raise Refused("message_not_in_streaming_state")
        self._append(message, fields)
        return {"channel": fields["channel"], "ts": message["ts"]}

    def _chat_stopStream(self, fields: Fields) -> Fields:  # noqa: N802
        message = self._found(fields)
        if not self._streaming(message):
            raise Refused("message_not_in_streaming_state")
        _check_blocks(fields.get("blocks") or [], MESSAGE_BLOCKS)
        self._append(message, fields)
        message["blocks"] = kept_blocks(fields.get("blocks") or [])
        message.pop("stream_started")
        if fields.get("metadata"):
            message["metadata"] = _metadata(fields["metadata"])
        if fields.get("session_status"):
            self.sessions[fields["channel"], message["thread_ts"]] = fields["session_status"]
        return {"channel": fields["channel"], "ts": message["ts"], "message": message}

    def _append(self, message: Fields, fields: Fields) -> None:
        chunks = list(fields.get("chunks") or [])
        if fields.get("markdown_text"):
            chunks.insert(0, {"type": "markdown_text", "text": fields["markdown_text"]})
        _check_chunks(chunks)
        for chunk in chunks:
            if chunk["type"] == "markdown_text":
                message["markdown"] = (message["markdown"] + chunk["text"])[:DROPPED_CHARACTERS]
            elif chunk["type"] == "task_update":
                _check_card(message["cards"].get(chunk["id"]), chunk)
                message["cards"][chunk["id"]] = {**message["cards"].get(chunk["id"], {}), **chunk}
            elif chunk["type"] == "plan_update":
                message["plan"] = chunk["title"]

    def _assistant_threads_setStatus(self, fields: Fields) -> Fields:  # noqa: N802
        self._writable(fields["channel_id"])
        if len(fields.get("loading_messages") or []) > LOADING_MESSAGES:
            raise Refused("invalid_arguments")
        self.statuses.append({**fields, "at": self.clock()})
        return {}

    def _assistant_threads_setTitle(self, fields: Fields) -> Fields:  # noqa: N802
        return {}

    def _assistant_threads_setSuggestedPrompts(self, fields: Fields) -> Fields:  # noqa: N802
        self.prompts.append(fields)
        return {}

    def _agents_sessions_setStatus(self, fields: Fields) -> Fields:  # noqa: N802
        self._writable(fields["channel_id"])
        if fields["status"] not in ("active", "processing", "suspended", "closed"):
            raise Refused("invalid_arguments")
        self.sessions[fields["channel_id"], fields["thread_ts"]] = fields["status"]
        return {"status": fields["status"], "title": fields.get("title", "")}

    def _views_open(self, fields: Fields) -> Fields:
        opened = self._triggers.pop(fields["trigger_id"], None)
        if opened is None or self.clock() - opened > TRIGGER_SECONDS:
            raise Refused("expired_trigger_id")
        view = fields["view"]
        if len(view["title"]["text"]) > VIEW_TITLE_CHARACTERS:
            raise Refused("invalid_arguments")
        _check_blocks(view["blocks"], MODAL_BLOCKS)
        self.views.append(view)
        return {"view": {**view, "id": f"V{len(self.views)}"}}

    def _conversations_open(self, fields: Fields) -> Fields:
        id_ = "D" + fields["users"]
        self.channel(id_, "im").members.add(fields["users"])
        return {"channel": {"id": id_}}

    def _conversations_info(self, fields: Fields) -> Fields:
        channel = self._writable(fields["channel"])
        return {"channel": {"id": channel.id, "is_private": channel.kind == "private", "creator": channel.creator}}

    def _conversations_replies(self, fields: Fields) -> Fields:
        channel = self._writable(fields["channel"])
        thread = [m for m in channel.messages if fields["ts"] in (m["ts"], m.get("thread_ts"))]
        if not thread:
            raise Refused("thread_not_found")
        shown = sorted(thread, key=lambda m: float(m["ts"]))[: min(int(fields.get("limit", REPLIES)), REPLIES)]
        if not fields.get("include_all_metadata"):
            shown = [{k: v for k, v in m.items() if k != "metadata"} for m in shown]
        return {"messages": shown, "has_more": len(thread) > len(shown)}

    def _conversations_history(self, fields: Fields) -> Fields:
        channel = self._writable(fields["channel"])
        shown = [m for m in channel.messages if m.get("thread_ts", m["ts"]) == m["ts"]][::-1]
        if not fields.get("include_all_metadata"):
            shown = [{k: v for k, v in m.items() if k != "metadata"} for m in shown]
        return {"messages": shown[: int(fields.get("limit", 100))], "has_more": False}

    def _users_info(self, fields: Fields) -> Fields:
        if fields["user"] not in self.users and not fields["user"].startswith("U"):
            raise Refused("user_not_found")
        known = self.users.get(fields["user"], {})
        return {"user": {"id": fields["user"], "team_id": TEAM, "is_admin": False, "is_bot": False, **known}}

    def _files_info(self, fields: Fields) -> Fields:
        if fields["file"] not in self.files:
            raise Refused("file_not_found")
        return {"file": self.files[fields["file"]][0]}

    def _files_getUploadURLExternal(self, fields: Fields) -> Fields:  # noqa: N802
        id_ = f"F{next(self._numbers):06}"
        return {"upload_url": f"{self.url}/upload/{id_}", "file_id": id_}

    def _files_completeUploadExternal(self, fields: Fields) -> Fields:  # noqa: N802
        files = fields["files"]
        channel = self._writable(fields["channel_id"])
        for one in files:
            if one["id"] not in self.uploads:
                raise Refused("file_not_found")
        self._post(
            channel, {"text": fields.get("initial_comment", ""), "thread_ts": fields.get("thread_ts")}, files=files
        )
        return {"files": files}


@contextlib.asynccontextmanager
async def fake_slack(clock: Callable[[], float] = time.time) -> AsyncIterator[FakeSlack]:
    slack = FakeSlack(clock)
    runner = web.AppRunner(slack.app(), shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    slack.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    slack.api_url = f"{slack.url}/api/"
    try:
        yield slack
    finally:
        for socket in list(slack._sockets):
            await socket.close()
        await runner.cleanup()


def signed(body: bytes, now: float, secret: str = SECRET) -> dict[str, str]:
    """The headers by which Slack signs a request: docs.slack.dev/authentication/verifying-requests-from-slack."""
    stamp = str(int(now))
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def form(payload: Fields) -> bytes:
    """Interactive payloads and commands as HTTP carries them."""
    wrapped = payload if "command" in payload else {"payload": json.dumps(payload)}
    return urlencode(wrapped).encode()


async def _fields_of(request: web.Request) -> Fields:
    fields: Fields = dict(request.query)
    if request.content_type == "application/json":
        fields |= await request.json()
    elif request.can_read_body:
        fields |= dict(await request.post())
    for name, value in fields.items():
        if isinstance(value, str) and name in ("files", "blocks", "view", "chunks", "metadata") and value[:1] in "[{":
            fields[name] = json.loads(value)
    return fields


def _limits_of(method: str, fields: Fields) -> Iterator[tuple[str, int, float]]:
    if method == "chat.postMessage":
        yield f"{method} {fields.get('channel')}", MESSAGES_PER_CHANNEL_SECOND, 1.0
        yield method, MESSAGES_PER_MINUTE, WINDOW_SECONDS
    elif method == "assistant.threads.setStatus":
        yield method, STATUS_PER_MINUTE, WINDOW_SECONDS
    elif method not in UNLIMITED:
        yield method, TIERS[METHOD_TIERS[method]], WINDOW_SECONDS


def _check_parameters(method: str, fields: Fields) -> None:
    """Names as slack_sdk's client knows them; what is required is there."""
    known = inspect.signature(getattr(AsyncWebClient, method.replace(".", "_"))).parameters
    for name, parameter in known.items():
        required = parameter.default is inspect.Parameter.empty and parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if required and name not in fields and name != "app_token":
            raise Refused("invalid_arguments")
    if unknown := set(fields) - set(known) - {"token"}:
        raise AssertionError(f"{method} knows no {unknown}")


def _metadata(metadata: Fields) -> Fields:
    if set(metadata) < {"event_type", "event_payload"} or len(json.dumps(metadata)) > METADATA_BYTES:
        raise Refused("invalid_metadata_format")
    return metadata


def _check_blocks(blocks: list[Fields], most: int) -> None:
    if len(blocks) > most:
        raise Refused("invalid_blocks")
    if sum(len(block["text"]) for block in blocks if block["type"] == "markdown") > MARKDOWN_CHARACTERS:
        raise Refused("msg_blocks_too_long")
    for block in blocks:
        _check_block(block)


def _check_block(block: Fields) -> None:
    try:
        parsed = Block.parse(block)
        if parsed is None:
            raise Refused("invalid_blocks")
        parsed.validate_json()
    except (SlackObjectFormationError, TypeError, KeyError) as error:
        raise Refused(f"invalid_blocks: {error}") from None
    if block["type"] == "section" and len(block.get("text", {}).get("text", "")) > SECTION_CHARACTERS:
        raise Refused("invalid_blocks")
    for element in block.get("elements", ()):
        text = element.get("text", "")
        if block["type"] == "context" and not 1 <= len(text) <= CONTEXT_CHARACTERS:
            raise Refused("invalid_blocks")
        if element["type"] == "button" and len(text["text"]) > BUTTON_CHARACTERS:
            raise Refused("invalid_blocks")


def _check_chunks(chunks: list[Fields]) -> None:
    if sum(len(chunk["text"]) for chunk in chunks if chunk["type"] == "markdown_text") > STREAM_CHARACTERS:
        raise Refused("msg_too_long")
    for chunk in chunks:
        if Chunk.parse(chunk) is None:
            raise Refused("invalid_chunks")


def _check_card(before: Fields | None, chunk: Fields) -> None:
    if chunk["status"] not in ("pending", "in_progress", "complete", "error"):
        raise Refused("invalid_chunks")
    if before is None and not chunk.get("title"):
        raise Refused("invalid_chunks")


def kept_blocks(blocks: list[Fields]) -> list[Fields]:
    """What is left of them: text beyond the cap is gone, and nobody is told."""
    left, kept = DROPPED_CHARACTERS, []
    for block in blocks:
        size = len("".join(texts_of(block)))
        if size > left:
            if block["type"] == "markdown" and left:
                kept.append({**block, "text": block["text"][:left]})
            break
        kept.append(block)
        left -= size
    return kept


def texts_of(value: Any) -> Iterator[str]:
    """Every text of a block."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "text" and isinstance(inner, str):
                yield inner
            elif name not in ("url", "value", "action_id", "block_id"):
                yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)


# How Slack shows it

_CONTROL = re.compile(r"<([^<>\n]+)>")
_BARE = re.compile(r"(?:https?://|www\.)[^\s<>|`)\]]+|\bmailto:\S+", re.IGNORECASE)
_NAKED_HOST = re.compile(
    r"(?<![\w@/.\[-])(?:[a-z0-9-]+\.)+(?:com|net|org|io|cn|dev|test|example|evil)(?:/[^\s<>|`)\]]*)?\b", re.I
)
_MARKDOWN_LINK = re.compile(r"!?\[[^\]\n]*\]\(\s*<?([^)\s>]+)>?[^)\n]*\)")
_REFERENCE = re.compile(r"^\s{0,3}\[[^\]\n]+\]:\s*(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Seen:
    """What a reader of a message gets: mentions that call somebody, addresses that can be clicked, previews."""

    mentions: tuple[str, ...]
    links: tuple[str, ...]
    unfurls: bool


def seen(message: Fields) -> Seen:
    """Worst case: whatever Slack might take for a mention or a link."""
    mentions: list[str] = []
    links: list[str] = []
    for text, markdown, verbatim in _shown_texts(message):
        for inner in _CONTROL.findall(text):
            if inner[:1] in "@!#":
                mentions.append(inner)
            else:
                links.append(_unescaped(inner.split("|")[0]))
        rest = _CONTROL.sub(" ", text)
        if markdown:
            links += [_unescaped(url) for url in _MARKDOWN_LINK.findall(rest) + _REFERENCE.findall(rest)]
            rest = _MARKDOWN_LINK.sub(" ", rest)
        if not verbatim:
            links += [_unescaped(url) for url in _BARE.findall(rest)]
            links += [url for url in _NAKED_HOST.findall(_BARE.sub(" ", rest))]
            if re.search(r"(?<!\w)@(?:channel|here|everyone)\b", rest):
                mentions.append("by name")
    options = message.get("options", {})
    quiet = options.get("unfurl_links") is False and options.get("unfurl_media") is False
    posted = "markdown" not in message and not message.get("edited")
    return Seen(tuple(mentions), tuple(links), bool(links) and posted and not quiet)


def _shown_texts(message: Fields) -> Iterator[tuple[str, bool, bool]]:
    """(text, whether it is Markdown, whether plain addresses stay plain)"""
    if message.get("markdown"):
        yield message["markdown"], True, False
    for card in message.get("cards", {}).values():
        yield card.get("title", ""), True, False
        yield card.get("details") or "", True, False
        yield card.get("output") or "", True, False
        for source in card.get("sources") or ():
            yield f"<{source['url']}>", False, True
    if message.get("plan"):
        yield message["plan"], True, False
    blocks = message.get("blocks") or []
    for block in blocks:
        yield from _block_texts(block)
    # The text beside blocks is what notifications show: it calls and links nobody there, but is held to the same.
    yield message.get("text", ""), False, bool(blocks)


def _block_texts(block: Fields) -> Iterator[tuple[str, bool, bool]]:
    if block["type"] == "markdown":
        yield block["text"], True, False
    for part in (block.get("text"), *block.get("elements", ()), *(block.get("fields") or ())):
        if isinstance(part, dict) and part.get("type") == "mrkdwn":
            yield part["text"], False, bool(part.get("verbatim"))


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
