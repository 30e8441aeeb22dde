"""Bolt, and what it calls for each thing that Slack tells."""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse

from workers.slack.commanding import Commanding
from workers.slack.intake import Fields, Me, inner, text_field
from workers.slack.listening import Listening
from workers.slack.pressing import Pressable, Pressing

CHECK_CLAIM = "check_claim"
_BUTTONS: tuple[Pressable, ...] = ("more", "quotes", "share", "keep", "feedback")
_ANYTHING = re.compile(r".*")
Event = Callable[[Fields], Awaitable[None]]


def bolt_app(listening: Listening, token: str) -> AsyncApp:
    """Signatures are checked by workers/slack/door.py before anything comes here: bolt's own check knows neither
    replays nor doubled headers. Listeners are done before the acknowledgement goes out."""
    me = listening.parts.me

    async def authorized(**_: Any) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id=me.team, bot_user_id=me.user, bot_id=me.bot, bot_token=token)

    app = AsyncApp(
        name="kaozheng",
        authorize=authorized,
        signing_secret="",
        request_verification_enabled=False,
        process_before_response=True,
        attaching_conversation_kwargs_enabled=False,
        logger=_quiet_logger(),
    )
    app.use(_only_of(me))
    app.error(_failed)
    _hear(app, listening)
    _obey(app, Commanding(listening), Pressing(listening))
    return app


def _quiet_logger() -> logging.Logger:
    """Bolt's own words hold requests: nothing below a warning is written."""
    logger = logging.getLogger("workers.slack.bolt")
    logger.setLevel(logging.WARNING)
    return logger


def _only_of(me: Me) -> Callable[..., Awaitable[Any]]:
    """What is another team's is acknowledged and forgotten: nobody there learns that we exist."""

    async def ours(body: dict[str, Any], next: Callable[[], Awaitable[Any]]) -> Any:
        team = text_field(body, "team_id") or text_field(inner(body, "team"), "id")
        if team and team != me.team:
            return BoltResponse(status=200, body="")
        return await next()

    return ours


async def _failed(error: Exception) -> BoltResponse:
    """Not acknowledged: Slack tells of it again, within the hour, up to three times."""
    structlog.get_logger().warning("slack_event_not_taken", detail=f"{type(error).__name__}: {error}"[:300])
    return BoltResponse(status=503, body="")


def _hear(app: AsyncApp, listening: Listening) -> None:
    heard: tuple[tuple[str, Event], ...] = (
        ("app_mention", listening.mentioned),
        ("message", listening.messaged),
        ("agent_session_stopped", listening.stopped),
        ("assistant_thread_started", listening.opened),
    )
    for name, work in heard:
        app.event(name)(_event(work))
    app.event(_ANYTHING)(_event(_nothing))


def _event(work: Event) -> Callable[..., Awaitable[None]]:
    async def listener(event: dict[str, Any]) -> None:
        await work(event)

    return listener


async def _nothing(_event: Fields) -> None:
    """Other events are acknowledged, so that Slack does not repeat them."""


def _obey(app: AsyncApp, commanding: Commanding, pressing: Pressing) -> None:
    async def commanded(ack: Callable[..., Awaitable[Any]], body: dict[str, Any]) -> None:
        await ack(text=await commanding.command(body), response_type="ephemeral")

    async def checked(ack: Callable[..., Awaitable[Any]], body: dict[str, Any]) -> None:
        await commanding.check(body)
        await ack()

    app.command(_ANYTHING)(commanded)
    app.message_shortcut(CHECK_CLAIM)(checked)
    for name in _BUTTONS:
        app.action(name)(_button(name, pressing))
    app.action(_ANYTHING)(_acknowledged)
    app.shortcut(_ANYTHING)(_acknowledged)
    app.view(_ANYTHING)(_acknowledged)


def _button(name: Pressable, pressing: Pressing) -> Callable[..., Awaitable[None]]:
    async def listener(ack: Callable[..., Awaitable[Any]], body: dict[str, Any], action: dict[str, Any]) -> None:
        await pressing.pressed(name, body, action)
        await ack()

    return listener


async def _acknowledged(ack: Callable[..., Awaitable[Any]]) -> None:
    await ack()
