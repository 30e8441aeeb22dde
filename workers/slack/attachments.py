"""Files of a question: fetched from Slack's own hosts alone, bounded, read as an upload is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from urllib.parse import urlsplit

import aiohttp

from tools.errors import ToolError
from tools.page import Webpage
from workers.service import MIB
from workers.slack.errors import SlackRefused
from workers.slack.intake import inner, text_field
from workers.slack.markup import line_of
from workers.slack.parts import Parts
from workers.slack.question import SlackFile
from workers.slack.words import Language, words

FETCH_SECONDS = 60.0
_WHY = MappingProxyType(
    {
        "scanned_pdf": "file_scanned",
        "encrypted_pdf": "file_encrypted",
        "encrypted_docx": "file_encrypted",
        "unsupported_type": "file_kind",
        "bytes": "file_too_large",
        "zip_bomb": "file_broken",
        "bad_pdf": "file_broken",
        "bad_docx": "file_broken",
        "bad_html": "file_broken",
    }
)
SLACK_HOSTS = ("slack.com", "slack-files.com", "slack-edge.com")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """why: a name of words()."""

    name: str
    why: str


class FileRefused(Exception):
    """`why` is a name of words()."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


async def read_files(parts: Parts, files: Sequence[SlackFile]) -> tuple[list[Webpage], list[Unreadable]]:
    """The text of each, and those of which there is none, with the reason. Raises SlackDown, SlackBusy."""
    pages, unreadable = list[Webpage](), list[Unreadable]()
    limits = parts.service.limits
    for one in files[: limits.max_files]:
        try:
            content = await fetch(parts, await _whole(parts, one), limits.max_file_bytes)
            pages.append(await parts.service.read_upload(one.name or one.id, content))
        except FileRefused as refused:
            unreadable.append(Unreadable(one.name, refused.why))
        except ToolError as error:
            unreadable.append(Unreadable(one.name, _WHY.get(error.reason, "file_unreadable")))
    unreadable += [Unreadable(one.name, "file_too_many") for one in files[limits.max_files :]]
    return pages, unreadable


async def _whole(parts: Parts, file: SlackFile) -> SlackFile:
    """In channels that are shared with another workspace a message names no address: Slack is asked for it."""
    if file.url or not file.id:
        return file
    try:
        found = inner((await parts.client.files_info(file=file.id)).data, "file")  # type: ignore[arg-type]
    except SlackRefused:
        raise FileRefused("file_gone") from None
    return replace(file, url=text_field(found, "url_private_download") or text_field(found, "url_private"))


async def fetch(parts: Parts, file: SlackFile, most_bytes: int) -> bytes:
    """Raises FileRefused. The token goes to Slack only: an address elsewhere is not even asked."""
    if file.bytes_ > most_bytes:
        raise FileRefused("file_too_large")
    if not _is_slacks(file.url, parts.client.base_url):
        raise FileRefused("file_gone")
    headers = {"Authorization": f"Bearer {parts.token}"}
    content = bytearray()
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(FETCH_SECONDS)) as session,
            session.get(file.url, headers=headers, allow_redirects=False) as reply,
        ):
            signing_in = reply.content_type == "text/html" and not file.name.lower().endswith(("html", "htm"))
            if reply.status != 200 or signing_in:  # Slack shows its page for signing in where a right is missing
                raise FileRefused("file_gone")
            async for chunk in reply.content.iter_chunked(64 * 1024):
                content += chunk
                if len(content) > most_bytes:
                    raise FileRefused("file_too_large")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        raise FileRefused("file_gone") from None
    return bytes(content)


def _is_slacks(url: str, api_url: str) -> bool:
    """https at one of Slack's hosts; or the very server that stands in for Slack's API."""
    try:
        parts, api = urlsplit(url), urlsplit(api_url)
        host = parts.hostname or ""
        if parts.username or parts.password:
            return False
        if parts.scheme == "https" and any(host == known or host.endswith(f".{known}") for known in SLACK_HOSTS):
            return True
        own = (api.scheme, api.hostname, api.port)
        return not (api.hostname or "").endswith("slack.com") and (parts.scheme, parts.hostname, parts.port) == own
    except ValueError:
        return False


def told(unreadable: Sequence[Unreadable], most_bytes: int, language: Language) -> str:
    """One line for each, then what to do; "" for none."""
    if not unreadable:
        return ""
    lines = [
        words("unreadable", language, name=line_of(one.name, 100), why=words(one.why, language, most=most_bytes // MIB))
        for one in unreadable
    ]
    return "\n".join((*lines, words("unreadable_hint", language)))
