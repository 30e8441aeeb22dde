"""From what Slack sends to a question; None where nobody asked one: bots, edits, joins, foreign teams."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from agent.invisible import visible
from tools.text import script_of
from workers.slack.question import MAX_TEXT_CHARACTERS, Kind, SlackFile, SlackQuestion, id_of
from workers.slack.words import Language

Fields = Mapping[str, Any]
ASKING_SUBTYPES = frozenset({"", "file_share", "thread_broadcast"})
_MENTION = re.compile(r"<@([A-Z0-9]{1,30})(?:\|[^>]*)?>")
_CHANNEL = re.compile(r"<#[A-Z0-9]{1,30}\|([^>]*)>")
_LINK = re.compile(r"<((?:https?|mailto):[^>|]+)(?:\|[^>]*)?>")
_SPECIAL = re.compile(r"<![^>]*>")


@dataclass(frozen=True, slots=True)
class Me:
    """Who the bot is, as auth.test says. enterprise: of the workspace, "" for one that stands alone."""

    team: str
    user: str
    bot: str
    enterprise: str = ""


def text_field(fields: Fields, name: str) -> str:
    """A text, "" for anything else: what Slack sends is outside as well."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def inner(fields: Fields, name: str) -> Fields:
    value = fields.get(name)
    return cast(Fields, value) if isinstance(value, Mapping) else {}


def plain_text(text: str, me: Me) -> str:
    """As the person typed it: without the bot's name, links as addresses, Slack's escapes undone once."""
    text = _MENTION.sub(lambda match: "" if match[1] == me.user else f"@{match[1]}", text[: 2 * MAX_TEXT_CHARACTERS])
    text = _SPECIAL.sub("", _LINK.sub(r"\1", _CHANNEL.sub(r"#\1", text)))
    return visible(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).strip()


def language_of(text: str) -> Language:
    return "zh" if script_of(text) in ("zh-Hans", "zh-Hant") else "en"


def from_message(event: Fields, me: Me, kind: Kind) -> SlackQuestion | None:
    """A mention or a direct message."""
    user, channel, ts = (text_field(event, name) for name in ("user", "channel", "ts"))
    if not (user and channel and ts) or user == me.user or event.get("bot_id") or is_foreign(event, me):
        return None
    if text_field(event, "subtype") not in ASKING_SUBTYPES or event.get("hidden"):
        return None
    return SlackQuestion(
        id=id_of(me.team, channel, ts),
        kind=kind,
        team=me.team,
        channel=channel,
        user=user,
        text=plain_text(text_field(event, "text"), me)[: MAX_TEXT_CHARACTERS + 1],
        ts=ts,
        thread_ts=text_field(event, "thread_ts") or ts,
        files=_files(event, user),
    )


def is_foreign(event: Fields, me: Me) -> bool:
    """Somebody of another workspace, in a channel that both share."""
    teams = {text_field(event, name) for name in ("team", "user_team", "source_team")} - {"", me.team, me.enterprise}
    return bool(teams)


def _files(event: Fields, user: str) -> tuple[SlackFile, ...]:
    """Those that the asker has put in: a file that somebody else owns is read with nobody's rights."""
    found = event.get("files")
    files = []
    for one in found if isinstance(found, list) else ():
        if isinstance(one, Mapping) and text_field(one, "user") in ("", user):
            size = one.get("size")
            url = text_field(one, "url_private_download") or text_field(one, "url_private")
            name = text_field(one, "name") or text_field(one, "title") or text_field(one, "id")
            files.append(
                SlackFile(text_field(one, "id"), name[:200], url[:4_000], size if isinstance(size, int) else 0)
            )
    return tuple(files[:20])


def from_command(body: Fields, me: Me) -> SlackQuestion | None:
    """`/kaozheng question`: answered in a direct message, shared by the asker's wish."""
    user, channel, trigger = (text_field(body, name) for name in ("user_id", "channel_id", "trigger_id"))
    if text_field(body, "team_id") != me.team or not (user and channel and trigger):
        return None
    text = plain_text(text_field(body, "text"), me)[: MAX_TEXT_CHARACTERS + 1]
    id_ = id_of(me.team, channel, "command", trigger)
    return SlackQuestion(id_, "command", me.team, channel, user, text, asked_in=channel)


def from_shortcut(body: Fields, me: Me) -> SlackQuestion | None:
    """ "Check this claim" on somebody's message: the asker sees what came of it, and may share it in its thread."""
    user, channel = text_field(inner(body, "user"), "id"), text_field(inner(body, "channel"), "id")
    message, trigger = inner(body, "message"), text_field(body, "trigger_id")
    if text_field(inner(body, "team"), "id") != me.team or not (user and channel and trigger):
        return None
    ts = text_field(message, "thread_ts") or text_field(message, "ts") or text_field(body, "message_ts")
    text = plain_text(text_field(message, "text"), me)[: MAX_TEXT_CHARACTERS + 1]
    id_ = id_of(me.team, channel, "check", trigger)
    return SlackQuestion(id_, "check", me.team, channel, user, text, asked_in=channel, shared_ts=ts)
