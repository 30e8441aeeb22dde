"""POST /v1/files: multipart/form-data whose file goes to the store piece by piece while it is read."""

import asyncio
from collections.abc import AsyncGenerator

from python_multipart.exceptions import FormParserError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from workers.batch.files import FileLimits, KeptFile, Purpose, Wanted, Writer
from workers.problems import Problem
from workers.uploads import BROKEN_FORM, MAX_PART_HEADER_BYTES, file_name

MAX_FIELDS = 20
MAX_FIELD_BYTES = 1_024
LEAST_SECONDS, MOST_SECONDS = 3_600, 2_592_000
"""OpenAI's bounds of `expires_after[seconds]`."""
_UPLOADED: tuple[Purpose, ...] = ("batch", "user_data")


class StoredUpload(UploadFile):
    """What the parser takes for a temporary file: everything goes on to the store."""

    def __init__(self, writer: Writer, spooled: UploadFile) -> None:
        super().__init__(spooled.file, filename=spooled.filename, headers=spooled.headers)
        self._writer = writer

    async def write(self, data: bytes) -> None:
        await self._writer.write(data)


class FormReader(MultiPartParser):
    """Starlette's parser, whose only file never touches the disk."""

    def __init__(self, headers: Headers, stream: AsyncGenerator[bytes, None], writer: Writer) -> None:
        super().__init__(headers, stream, max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
        self._writer, self.whole = writer, False
        self.file: StoredUpload | None = None

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        super().on_header_value(data, start, end)
        if len(self._current_partial_header_value) > MAX_PART_HEADER_BYTES:
            raise Problem("malformed_body", "the header of a part is too long", "body")

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        if self._current_part.file is None:
            return
        if self._current_part.field_name != "file":
            raise Problem("bad_file", "send the file in the part `file`", "file")
        self._current_part.file = self.file = StoredUpload(self._writer, self._current_part.file)

    def on_end(self) -> None:
        super().on_end()
        self.whole = True


async def receive_file(request: Request, writer: Writer, limits: FileLimits) -> KeptFile:
    """Raises Problem, StoreError, or ClientDisconnect when the client leaves half-way."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        wanted = "send multipart/form-data with the parts `purpose` and `file`"
        raise Problem("unsupported_type", wanted, "content-type")
    reader = FormReader(request.headers, request.stream(), writer)
    try:
        async with asyncio.timeout(limits.upload_seconds):
            form = await reader.parse()
    except (MultiPartException, FormParserError, ValueError):
        raise Problem("malformed_body", BROKEN_FORM, "body") from None
    except TimeoutError:
        raise Problem("body_timeout", f"send the file within {limits.upload_seconds:g} seconds", "file") from None
    if not reader.whole:  # the parser takes a body that stops half-way for a shorter one
        raise Problem("malformed_body", BROKEN_FORM, "body")
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    if reader.file is None:
        raise Problem("bad_file", "send the file in the part `file`, with a file name", "file")
    return await writer.finish(Wanted(file_name(reader.file.filename), _purpose(fields), _seconds(fields)))


def _purpose(fields: dict[str, str]) -> Purpose:
    found = next((purpose for purpose in _UPLOADED if purpose == fields.get("purpose")), None)
    if found is None:
        raise Problem("bad_file", f"the purpose is one of {', '.join(_UPLOADED)}", "purpose")
    return found


def _seconds(fields: dict[str, str]) -> int:
    """0: as the service is set."""
    given = fields.get("expires_after[seconds]")
    if given is None:
        return 0
    if fields.get("expires_after[anchor]", "created_at") != "created_at":
        raise Problem("bad_file", "a file expires after `created_at`", "expires_after.anchor")
    if not (given.isascii() and given.isdigit() and len(given) < 10 and LEAST_SECONDS <= int(given) <= MOST_SECONDS):
        detail = f"a file expires after {LEAST_SECONDS:,} to {MOST_SECONDS:,} seconds"
        raise Problem("bad_file", detail, "expires_after.seconds")
    return int(given)
