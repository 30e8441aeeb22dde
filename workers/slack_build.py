"""Puts the Slack bot together: its part of the composition root."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from workers.build import Notice
from workers.queue import queue_address
from workers.service import Service
from workers.service_build import open_service
from workers.settings import Settings
from workers.settings_error import SettingsError
from workers.slack.bot import Bot, open_bot, open_client, who_am_i
from workers.slack.channels import Channels
from workers.slack.desk import Desk, HourLimits, desk_client
from workers.slack.door import HttpDoor, http_mode, socket_mode
from workers.slack.errors import SlackError
from workers.slack.feedback import Opinions
from workers.slack.pacing import Pacer
from workers.slack.parts import Parts, Rules
from workers.valkey import store_address


def check_slack(settings: Settings) -> None:
    """Raises SettingsError where a token is missing or stands in another's place."""
    wanted = (
        ("slack_bot_token", "xoxb-", "OAuth & Permissions of your app"),
        ("slack_app_token", "xapp-", "Basic Information, App-Level Tokens"),
    )
    for name, start, place in wanted:
        value = getattr(settings, name).get_secret_value()
        if value and not value.startswith(start):
            raise SettingsError(name, f"{name} begins with {start}; copy it from {place}")
    if not settings.slack_bot_token.get_secret_value():
        raise SettingsError("slack_bot_token", "set KAOZHENG_SLACK_BOT_TOKEN; docs/slack.md says where it comes from")
    if settings.slack_mode == "http" and not settings.slack_signing_secret.get_secret_value():
        raise SettingsError(
            "slack_app_token", "set KAOZHENG_SLACK_APP_TOKEN for Socket Mode, or KAOZHENG_SLACK_SIGNING_SECRET for HTTP"
        )


def rules_of(settings: Settings) -> Rules:
    return Rules(
        HourLimits(settings.slack_user_per_hour, settings.slack_channel_per_hour),
        settings.slack_answers,
        admins=frozenset(settings.slack_admins),
        engines=tuple(settings.search_engines),
    )


@asynccontextmanager
async def open_slack(settings: Settings, service: Service, address: str) -> AsyncGenerator[Bot, None]:
    """The bot's workers and its bolt app; nothing is connected yet. address: of the store. Accepted questions lie with
    the queue, where nothing is evicted; settings of channels and opinions beside the answers. Raises SettingsError."""
    token = settings.slack_bot_token.get_secret_value()
    async with AsyncExitStack() as opened:
        store, queue = desk_client(address), desk_client(queue_address(settings, address))
        opened.push_async_callback(store.aclose)
        opened.push_async_callback(queue.aclose)
        web = await opened.enter_async_context(open_client(token, settings.slack_api_url, Pacer(queue)))
        try:
            me = await who_am_i(web)
        except SlackError as error:
            raise SettingsError("slack_bot_token", f"Slack does not take the bot's token: {error.code}") from None
        parts = Parts(
            service,
            web,
            Desk(queue, settings.lease_seconds),
            Channels(store, settings.time_zone),
            Opinions(store),
            me,
            token,
            rules_of(settings),
        )
        yield await opened.enter_async_context(open_bot(parts))


@asynccontextmanager
async def slack_beside(
    settings: Settings, service: Service, address: str, notice: Notice
) -> AsyncGenerator[None, None]:
    """Answers questions that other bots have taken in, without a connection of its own to Slack's events: for workers.

    Without a token nothing; a Slack that cannot be reached is said, and keeps nobody from other work."""
    async with AsyncExitStack() as opened:
        if settings.slack_bot_token.get_secret_value() and settings.slack_answers:
            try:
                await opened.enter_async_context(open_slack(settings, service, address))
                notice(f"kaozheng: answers {settings.slack_answers} questions from Slack at a time")
            except SettingsError as error:
                notice(f"kaozheng: {error}; questions from Slack are left to others")
        yield


@asynccontextmanager
async def running_slack(settings: Settings, notice: Notice) -> AsyncGenerator[None, None]:
    """Connected to Slack while it is open. Raises SettingsError, StoreError."""
    check_slack(settings)
    async with AsyncExitStack() as opened:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        service = await opened.enter_async_context(open_service(settings, notice))
        address = await opened.enter_async_context(store_address(settings.redis_url, settings.data_dir))
        bot = await opened.enter_async_context(open_slack(settings, service, address))
        if settings.slack_mode == "socket":
            token = settings.slack_app_token.get_secret_value()
            await opened.enter_async_context(socket_mode(bot.app, token, bot.parts.client))
            notice(f"kaozheng: in Slack as {bot.parts.me.user} of {bot.parts.me.team} (Socket Mode; Ctrl-C stops it)")
        else:
            door = HttpDoor(bot.app, bot.parts.desk, settings.slack_signing_secret.get_secret_value())
            try:
                port = await opened.enter_async_context(http_mode(door, settings.slack_host, settings.slack_port))
            except OSError as error:
                raise SettingsError("slack_port", f"cannot listen there: {error.strerror}") from None
            notice(f"kaozheng: http://{settings.slack_host}:{port}/slack/events (Ctrl-C stops it)")
        yield
