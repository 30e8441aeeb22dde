"""multipart/form-data: one part `request` with the JSON, and up to ten parts `files`, bounded while they are read."""

import re
import unicodedata
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath

from python_multipart.exceptions import FormParserError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from tools.errors import ToolError
from tools.page import Webpage
from workers.problems import Problem, upload_problem
from workers.service import Limits, ReadUpload

MAX_PARTS = 20
MAX_NAME_CHARACTERS = 120
MAX_PART_HEADER_BYTES = 8_192
BROKEN_FORM = "the multipart body is broken or not whole; let your client write it, boundary and all"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent whole; it lies in memory up to 1 MiB, in a temporary file above."""

    name: str
    file: UploadFile

    async def read(self, read_upload: ReadUpload) -> Webpage:
        """Its text as a page; the file is gone afterwards. Raises Problem, naming the file."""
        try:
            return await read_upload(self.name, await self.file.read())
        except ToolError as error:
            raise upload_problem(self.name, error) from None
        finally:
            await self.file.close()


class BoundedParser(MultiPartParser):
    """Starlette's parser bounds fields but not files; this one bounds every part, by its name."""

    def __init__(self, headers: Headers, stream: AsyncGenerator[bytes, None], limits: Limits) -> None:
        super().__init__(
            headers,
            stream,
            max_files=MAX_PARTS,
            max_fields=MAX_PARTS,
            max_part_size=limits.max_request_bytes,
        )
        self._limits, self._part_bytes, self._files = limits, 0, 0
        self.requests: list[bytes] = []
        self.whole = False

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._part_bytes = 0

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        super().on_header_value(data, start, end)
        if len(self._current_partial_header_value) > MAX_PART_HEADER_BYTES:
            raise Problem("malformed_body", "the header of a part is too long", "body")

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        name = self._current_part.field_name
        if name not in ("request", "files"):
            raise Problem("bad_question", "the parts are `request` (the JSON) and `files`", "body")
        self._files += name == "files"
        if self._files > self._limits.max_files:
            raise Problem("bad_question", f"{self._limits.max_files} files at most with one question", "files")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._part_bytes += end - start
        self._check_part_bytes()
        super().on_part_data(data, start, end)

    def on_part_end(self) -> None:
        if self._current_part.field_name == "request" and self._current_part.file is None:
            # The bytes themselves: the parser would read what is not UTF-8 as Latin-1, and garble it.
            self.requests.append(bytes(self._current_part.data))
        super().on_part_end()

    def on_end(self) -> None:
        super().on_end()
        self.whole = True

    def _check_part_bytes(self) -> None:
        if self._current_part.field_name == "request":
            if self._part_bytes > self._limits.max_request_bytes:
                limit = f"{self._limits.max_request_bytes:,} bytes"
                raise Problem("body_too_large", f"the part `request` may have {limit} at most", "request")
        elif self._part_bytes > self._limits.max_file_bytes:
            shown = file_name(self._current_part.file.filename if self._current_part.file else "")
            limit = f"{self._limits.max_file_bytes:,} bytes"
            raise Problem("file_too_large", f"{shown} has more than {limit}; send a part of it", "files")


async def read_parts(request: Request, limits: Limits) -> tuple[bytes, list[Upload]]:
    """The JSON of `request`, and the files in their order. Raises Problem."""
    parser = BoundedParser(request.headers, request.stream(), limits)
    try:
        form = await parser.parse()
    except (MultiPartException, FormParserError, ValueError):
        raise Problem("malformed_body", BROKEN_FORM, "body") from None
    if not parser.whole:
        # The parser takes a body that stops half-way for a shorter one: a file would be cut off unseen.
        await form.close()
        raise Problem("malformed_body", BROKEN_FORM, "body")
    parts = [part for part in form.getlist("files") if isinstance(part, UploadFile)]
    if len(parser.requests) != 1 or len(form.multi_items()) != 1 + len(parts):
        await form.close()
        detail = "send one part `request` with the JSON, without a file name, and each of `files` with one"
        raise Problem("bad_question", detail, "request")
    return parser.requests[0], [Upload(file_name(part.filename), part) for part in parts]


def file_name(given: str | None) -> str:
    """The last step of the path, without characters that cannot be seen, 1 to 120 characters."""
    last = PureWindowsPath(PurePosixPath(given or "").name).name
    seen = "".join(character for character in last if character.isprintable())
    cut = re.sub(r"\s+", " ", unicodedata.normalize("NFC", seen)).strip()[-MAX_NAME_CHARACTERS:]
    return cut if cut.strip(".") else "file"
