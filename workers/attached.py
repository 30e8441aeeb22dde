"""Files that a request names by their id or holds in itself, as the pages of a question.

They are read by the same bounded extraction as an upload, once, when the question is asked: whoever deletes the file
afterwards takes nothing from a run that has begun.
"""

import asyncio
import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.errors import ToolError
from tools.page import Webpage
from workers.problems import Problem, upload_problem
from workers.service import Service
from workers.store_errors import RecordPoisoned
from workers.uploads import file_name

if TYPE_CHECKING:
    from workers.batch.files import FileStore, KeptFile

UNKNOWN = "there is no file of yours with this id; it may have expired"
_WANTED = "send the file in base64, with or without `data:TYPE;base64,` before it"


@dataclass(frozen=True, slots=True)
class Attached:
    """field: where it stands in the request; file_id: of a kept file, "" for one whose content stands there;
    content: in base64, as a `data:` address or bare; name: as the request calls it, "" where it does not."""

    field: str
    file_id: str = ""
    name: str = ""
    content: str = ""


async def attached_pages(attached: Sequence[Attached], service: Service, user: str) -> tuple[Webpage, ...]:
    """Their texts, in their order; a file that is named twice is read once. Raises Problem, naming the field; what is
    foreign is as unknown as what never was. Raises StoreError."""
    wanted = list({each.file_id or each.field: each for each in reversed(attached)}.values())[::-1]
    check_count(len(wanted), service)
    return tuple([await _page(each, service, user) for each in wanted])


def check_count(files: int, service: Service) -> None:
    """Raises Problem."""
    if files > service.limits.max_files:
        raise Problem("bad_question", f"{service.limits.max_files} files at most with one question", "files")


async def _page(each: Attached, service: Service, user: str) -> Webpage:
    if each.file_id:
        name, content = await _kept(each, service, user)
    else:
        name, content = file_name(each.name), await asyncio.to_thread(_decoded, each, service.limits.max_file_bytes)
    try:
        return await service.read_upload(name, content)
    except ToolError as error:
        raise upload_problem(name, error, each.field) from None


async def _kept(each: Attached, service: Service, user: str) -> tuple[str, bytes]:
    files = service.files
    kept = await service.in_store_time(files.get(user, each.file_id)) if files else None
    if files is None or kept is None:
        raise Problem("not_found", UNKNOWN, each.field)
    if kept.size > service.limits.max_file_bytes:
        raise _too_large(kept.name, service.limits.max_file_bytes, each.field)
    try:
        return kept.name, await service.in_store_time(_content(files, user, kept))
    except RecordPoisoned:
        if await service.in_store_time(files.get(user, each.file_id)) is not None:
            raise
        raise Problem("not_found", UNKNOWN, each.field) from None  # it was deleted while it was read


async def _content(files: "FileStore", user: str, kept: "KeptFile") -> bytes:
    return b"".join([piece async for piece in files.content(user, kept)])


def _decoded(each: Attached, max_bytes: int) -> bytes:
    """Raises Problem."""
    opening, comma, rest = each.content.partition(",") if each.content.startswith("data:") else ("", "", each.content)
    if bool(opening) != bool(comma) or (opening and not opening.endswith(";base64")):
        raise Problem("bad_file", _WANTED, each.field)
    try:
        content = base64.b64decode("".join(rest.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Problem("bad_file", _WANTED, each.field) from None
    if not content:
        raise Problem("bad_file", "the file is empty", each.field)
    if len(content) > max_bytes:
        raise _too_large(file_name(each.name), max_bytes, each.field)
    return content


def _too_large(name: str, max_bytes: int, field: str) -> Problem:
    return Problem("file_too_large", f"{name} has more than {max_bytes:,} bytes; send a part of it", field)
