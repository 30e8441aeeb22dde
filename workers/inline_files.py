"""Files in base64 within a JSON body (`"file_data": "…"`), taken out while the body is read.

So the JSON that is parsed stays as small as of any other request, and only files may make a body large.
"""

import re
import secrets
from collections.abc import AsyncIterator
from typing import Any

from workers.problems import Problem

KEY = "file_data"
_OPENED = re.compile(rb'(?<!\\)"file_data"[ \t\r\n]{0,40}:[ \t\r\n]{0,40}"')  # a quote inside a string is escaped
_LONGEST_OPENING = 128


def base64_bytes(count: int) -> int:
    """Of so many bytes in base64, with the head of a `data:` address and padding."""
    return count * 4 // 3 + 4_096


class Sieve:
    """Feed it a body piece by piece. body: the JSON, where each file is a token; files: each file's text by it."""

    def __init__(self, max_json_bytes: int, max_files_bytes: int) -> None:
        """max_files_bytes: of all files together, as they were, before base64."""
        self._max_json, self._max_files = max_json_bytes, max_files_bytes
        self._max_base64 = base64_bytes(max_files_bytes)
        self._seen, self._open, self._read = bytearray(), False, 0
        self._contents: list[bytearray] = []
        self.body, self._tokens = bytearray(), list[str]()

    def feed(self, piece: bytes) -> None:
        """Raises Problem for more than may be sent."""
        self._seen += piece
        while self._step():
            pass

    def close(self) -> bytes:
        """The JSON. Raises Problem."""
        self._keep(len(self._seen))
        return bytes(self.body)

    def files(self) -> dict[str, str]:
        """The text of each file by its token."""
        texts = (content.replace(b"\\/", b"/").decode("ascii", "replace") for content in self._contents)
        return dict(zip(self._tokens, texts, strict=True))

    def _step(self) -> bool:
        """Whether there may be more to find in what was seen."""
        if self._open:
            end = self._seen.find(b'"')
            self._take(len(self._seen) if end < 0 else end)
            self._open = end < 0
            return end >= 0
        found = _OPENED.search(self._seen)
        if found is None:
            self._keep(len(self._seen) - _LONGEST_OPENING)
            return False
        self._keep(found.end())
        self._open = True
        self._tokens.append(secrets.token_hex(16))
        self._contents.append(bytearray())
        self.body += self._tokens[-1].encode()
        return True

    def _keep(self, count: int) -> None:
        if count <= 0:
            return
        self.body += self._seen[:count]
        del self._seen[:count]
        if len(self.body) > self._max_json:
            raise Problem("body_too_large", f"the JSON may have {self._max_json:,} bytes at most", "body")

    def _take(self, count: int) -> None:
        self._contents[-1] += self._seen[:count]
        self._read += count
        del self._seen[:count]
        if self._read > self._max_base64:
            limit = f"{self._max_files:,} bytes"
            detail = f"files within a request may have {limit} together; upload larger ones to /v1/files"
            raise Problem("file_too_large", detail, KEY)


async def sieved(chunks: AsyncIterator[bytes], max_json_bytes: int, max_files_bytes: int) -> Sieve:
    """A whole body. Raises Problem as soon as it is too large."""
    sieve = Sieve(max_json_bytes, max_files_bytes)
    async for chunk in chunks:
        sieve.feed(chunk)
    return sieve


def put_back(value: dict[str, Any], files: dict[str, str]) -> None:
    """Each token in the parsed JSON becomes its file again."""
    waiting: list[Any] = [value] if files else []
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if each.get(KEY).__class__ is str:
                each[KEY] = files.get(each[KEY], each[KEY])
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
