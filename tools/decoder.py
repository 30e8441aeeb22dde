"""Content codings of HTTP, one layer, with bounded output.

httpx decodes a whole chunk at once: 1,617 bytes of brotli become 1 GiB in memory. Here a decoder hands out
pieces of at most PIECE_BYTES and goes on only when it is asked for the next one, so the reader can stop.
"""

import io
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import brotli
import zstandard

PIECE_BYTES = 256 * 1024
MAX_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024  # RFC 9659: what a zstd decoder for HTTP must accept, and no more
MAX_GZIP_MEMBERS = 1_000
ACCEPT_ENCODING = "gzip, deflate, br, zstd"


class BadCoding(Exception):
    """The bytes are not what Content-Encoding says, or say something that we do not read."""


class Decoder(Protocol):
    """Decodes one body."""

    def feed(self, wire: bytes) -> Iterator[bytes]:
        """Pieces of 1 to PIECE_BYTES; exhaust the iterator before the next call. Raises BadCoding."""
        ...

    @property
    def complete(self) -> bool:
        """False while the coding's own end mark is missing, where it has one."""
        ...


def decoder_for(content_encoding: str) -> Decoder:
    """The decoder for the value of the Content-Encoding header; "" and `identity` pass the bytes through.

    Raises BadCoding for unknown codings and for more than one: nobody needs two, except bombs.
    """
    codings = [coding.strip().lower() for coding in content_encoding.split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if len(codings) > 1:
        raise BadCoding("more than one content coding")
    if not codings:
        return Identity()
    try:
        return DECODERS[codings[0]]()
    except KeyError:
        raise BadCoding("an unknown content coding") from None


class Identity:
    """No coding at all."""

    complete = True

    def feed(self, wire: bytes) -> Iterator[bytes]:
        for start in range(0, len(wire), PIECE_BYTES):
            yield wire[start : start + PIECE_BYTES]


class Gzip:
    """RFC 1952: one member or several; bytes after the last one that start no member are ignored."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._members = 1

    @property
    def complete(self) -> bool:
        return self._inflate.eof

    def feed(self, wire: bytes) -> Iterator[bytes]:
        while wire:
            if self._inflate.eof:
                # NULs may pad the end; a first member must start with the magic number, so 0x1f tells.
                if not wire.startswith(b"\x1f"):
                    return
                self._next_member()
            yield from _inflated(self._inflate, wire)
            wire = self._inflate.unused_data

    def _next_member(self) -> None:
        self._members += 1
        if self._members > MAX_GZIP_MEMBERS:
            raise BadCoding("too many gzip members")
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)


class Deflate:
    """RFC 9110 means zlib's format; some servers send bare deflate, which cannot start like a zlib header."""

    def __init__(self) -> None:
        self._inflate: zlib._Decompress | None = None
        self._held = b""

    @property
    def complete(self) -> bool:
        return self._inflate is not None and self._inflate.eof

    def feed(self, wire: bytes) -> Iterator[bytes]:
        self._held += wire
        if self._inflate is None:
            if len(self._held) < 2:
                return
            zlib_header = self._held[0] & 0x0F == 8 and int.from_bytes(self._held[:2], "big") % 31 == 0
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS)
        wire, self._held = self._held, b""
        if not self._inflate.eof:
            yield from _inflated(self._inflate, wire)


def _inflated(inflate: "zlib._Decompress", wire: bytes) -> Iterator[bytes]:
    """All that comes out of `wire`, in pieces. At the end of a stream the rest stands in `unused_data`."""
    while True:
        try:
            piece = inflate.decompress(wire, PIECE_BYTES)
        except zlib.error:
            raise BadCoding("damaged gzip or deflate") from None
        if piece:
            yield piece
        wire = inflate.unconsumed_tail
        # A full piece may leave output inside zlib although all input is consumed.
        if inflate.eof or (not wire and len(piece) < PIECE_BYTES):
            return


class Brotli:
    """RFC 7932."""

    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    @property
    def complete(self) -> bool:
        return bool(self._decompressor.is_finished())

    def feed(self, wire: bytes) -> Iterator[bytes]:
        if self.complete:
            return  # trailing garbage
        while True:
            try:
                # brotli's limit is a request to stop soon, not an exact bound: split what exceeds it.
                piece = self._decompressor.process(wire, output_buffer_limit=PIECE_BYTES)
            except brotli.error:
                raise BadCoding("damaged brotli") from None
            yield from Identity().feed(piece)
            # All input may be consumed while output still waits inside: only an empty answer is the end.
            if not piece and self._decompressor.can_accept_more_data():
                return
            wire = b""


class Zstd:
    """RFC 8878 with the window bound of RFC 9659."""

    # The writer decodes all of its input at once, so it gets little: 64 bytes hold at most a few blocks of
    # 128 KiB each (a block takes four bytes), so one slice makes at most 2 MiB.
    SLICE_BYTES = 64
    complete = True  # the writer does not tell

    def __init__(self) -> None:
        self._decoded = io.BytesIO()
        decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW_BYTES)
        self._writer = decompressor.stream_writer(self._decoded, write_size=PIECE_BYTES, closefd=False)

    def feed(self, wire: bytes) -> Iterator[bytes]:
        for start in range(0, len(wire), self.SLICE_BYTES):
            try:
                self._writer.write(wire[start : start + self.SLICE_BYTES])
            except zstandard.ZstdError:
                raise BadCoding("damaged zstd or too large a window") from None
            decoded = self._decoded.getvalue()
            self._decoded.seek(0)
            self._decoded.truncate()
            yield from Identity().feed(decoded)


DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": Gzip,
    "x-gzip": Gzip,
    "deflate": Deflate,
    "br": Brotli,
    "zstd": Zstd,
}
