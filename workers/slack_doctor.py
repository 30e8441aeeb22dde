"""`kaozheng slack doctor`: tokens, scopes, Socket Mode, the store; nothing is posted anywhere."""

from collections.abc import Awaitable, Callable
from functools import partial

from redis.asyncio import Redis

from workers.doctor import Finding, Probe, quoted
from workers.queue import queue_address
from workers.settings import Settings
from workers.settings_error import SettingsError
from workers.slack.errors import SlackError
from workers.slack.looking import NEEDED_SCOPES, connection, identity
from workers.slack_build import check_slack
from workers.store import COMMAND_SECONDS, reaching
from workers.store_errors import StoreError
from workers.valkey import store_address

_SAYS = {
    "invalid_auth": "the token is not valid; copy it again",
    "token_revoked": "the token was revoked; install the app again",
    "account_inactive": "the app was removed from the workspace; install it again",
    "not_allowed_token_type": "this is another kind of token",
    "missing_scope": "the app-level token needs the scope connections:write",
    "unreachable": "is slack.com reached from here?",
}


def slack_probes(settings: Settings) -> list[Probe]:
    """From the cheapest on."""
    probes = [
        Probe("tokens", partial(_tokens, settings), 5.0),
        Probe("bot token", partial(_identity, settings), 30.0, ("tokens",)),
        Probe("scopes", partial(_scopes, settings), 30.0, ("tokens", "bot token")),
    ]
    if settings.slack_mode == "socket":
        probes.append(Probe("socket mode", partial(_socket, settings), 30.0, ("tokens",)))
    return [*probes, Probe("store", partial(_store, settings), 20.0)]


async def _tokens(settings: Settings) -> Finding:
    try:
        check_slack(settings)
    except SettingsError as error:
        return Finding("tokens", "fails", str(error), "docs/slack.md, section 2")
    how = "Socket Mode" if settings.slack_mode == "socket" else f"HTTP on {settings.slack_host}:{settings.slack_port}"
    return Finding("tokens", "works", f"set; {how}")


async def _slack(part: str, look: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        return await look()
    except SlackError as error:
        return Finding(part, "fails", quoted(error.code), _SAYS.get(error.code, "docs/slack.md, section 2"))


async def _identity(settings: Settings) -> Finding:
    async def look() -> Finding:
        found = await identity(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
        return Finding("bot token", "works", quoted(f"{found.user} of {found.team}"))

    return await _slack("bot token", look)


async def _scopes(settings: Settings) -> Finding:
    async def look() -> Finding:
        found = await identity(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
        if not found.scopes:
            return Finding("scopes", "skipped", "Slack does not name them")
        missing = sorted(NEEDED_SCOPES - found.scopes)
        if missing:
            remedy = "add them under OAuth & Permissions and install the app again; or use `kaozheng slack manifest`"
            return Finding("scopes", "fails", f"missing: {', '.join(missing)}", remedy)
        return Finding("scopes", "works", f"all {len(NEEDED_SCOPES)} are there")

    return await _slack("scopes", look)


async def _socket(settings: Settings) -> Finding:
    async def look() -> Finding:
        await connection(settings.slack_app_token.get_secret_value(), settings.slack_api_url)
        return Finding("socket mode", "works", "Slack says hello over the WebSocket")

    return await _slack("socket mode", look)


async def _store(settings: Settings) -> Finding:
    remedy = "start it, or correct KAOZHENG_REDIS_URL or KAOZHENG_DATA_DIR"
    try:
        async with store_address(settings.redis_url, settings.data_dir) as address:
            address = queue_address(settings, address)
            client = Redis.from_url(address, socket_timeout=COMMAND_SECONDS, socket_connect_timeout=COMMAND_SECONDS)
            try:
                with reaching():
                    waiting = int(await client.zcard("kz:slack:waiting"))
            finally:
                await client.aclose()
    except StoreError as error:
        return Finding("store", "fails", quoted(error), remedy)
    return Finding("store", "works", f"{waiting} questions wait")
