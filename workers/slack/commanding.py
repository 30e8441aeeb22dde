"""The slash command and the shortcut on a message."""

from dataclasses import dataclass

from workers.slack.channels import SettingRefused
from workers.slack.errors import SlackError
from workers.slack.intake import Fields, from_command, from_shortcut, language_of, plain_text, text_field
from workers.slack.listening import Listening
from workers.slack.markup import line_of
from workers.slack.words import Language, words


@dataclass(frozen=True, slots=True)
class Commanding:
    """Each method gives the text that only its caller sees."""

    listening: Listening

    async def command(self, body: Fields) -> str:
        """`/kaozheng question`, `settings`, `set NAME VALUE`, `help`. Raises StoreError."""
        parts = self.listening.parts
        text, name = plain_text(text_field(body, "text"), parts.me), text_field(body, "command") or "/kaozheng"
        language = language_of(text)
        word = text.split(maxsplit=1)[0].lower() if text else "help"
        if word == "help":
            return words("command_help", language, name=line_of(name, 50))
        if text.lower() == "settings":
            return await self._settings(text_field(body, "channel_id"), language)
        if (
            word == "set"
            and len(text.split()) >= 3
            and text.split()[1].lower() in ("depth", "engines", "domains", "quiet")
        ):
            return await self._set(body, text, language)
        return await self._ask(body, language)

    async def _ask(self, body: Fields, language: Language) -> str:
        question = from_command(body, self.listening.parts.me)
        if question is None:
            return words("empty", language)
        accepted = await self.listening.take_in(question)
        if accepted is None:
            return words("empty", language)
        if accepted.outcome in ("user_limit", "channel_limit"):
            return words(accepted.outcome, language, n=max(1, round(accepted.wait_seconds / 60)))
        return words("command_taken", language)

    async def _settings(self, channel: str, language: Language) -> str:
        parts = self.listening.parts
        told = (await parts.channels.of(parts.me.team, channel)).told()
        return words("settings", language, what=line_of(told, 1_000) or words("no_settings", language))

    async def _set(self, body: Fields, text: str, language: Language) -> str:
        parts, channel = self.listening.parts, text_field(body, "channel_id")
        _, name, value = text.split(maxsplit=2)
        if not await self._may_set(text_field(body, "user_id"), channel):
            return words("settings_not_yours", language)
        settings = await parts.channels.of(parts.me.team, channel)
        try:
            changed = settings.changed(name.lower(), value, parts.rules.engines)
        except SettingRefused as refused:
            return words("settings_refused", language, why=line_of(str(refused), 500))
        await parts.channels.keep(parts.me.team, channel, changed)
        return await self._settings(channel, language)

    async def _may_set(self, user: str, channel: str) -> bool:
        """Admins of the workspace, those whom the operator names, and whoever made the channel."""
        parts = self.listening.parts
        if user in parts.rules.admins or channel.startswith("D"):
            return True
        hasty = parts.client.within(1.0)
        try:
            person = (await hasty.users_info(user=user))["user"]
            if person.get("is_admin") or person.get("is_owner"):
                return True
            return bool((await hasty.conversations_info(channel=channel))["channel"].get("creator") == user)
        except SlackError:
            return False

    async def check(self, body: Fields) -> None:
        """ "Check this claim". Raises StoreError."""
        question = from_shortcut(body, self.listening.parts.me)
        if question is not None:
            await self.listening.take_in(question)
