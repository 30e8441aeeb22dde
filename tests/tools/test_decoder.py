"""Whatever the wire says, a decoder gives the right bytes or BadCoding, in bounded pieces."""

import gzip
import itertools
import random
import tracemalloc
import zlib
from collections.abc import Callable
from functools import partial

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tools.decoder import MAX_GZIP_MEMBERS, PIECE_BYTES, BadCoding, Decoder, decoder_for

MIB = 1024 * 1024


def raw_deflate(content: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(content) + deflate.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": partial(brotli.compress, quality=4),
    "zstd": zstandard.compress,
}


def decoded(decoder: Decoder, wire: bytes, step: int = 65_536) -> bytes:
    chunks = (wire[start : start + step] for start in range(0, len(wire), step))
    return b"".join(itertools.chain.from_iterable(decoder.feed(chunk) for chunk in chunks))


@pytest.mark.parametrize("coding", ENCODERS)
@pytest.mark.parametrize("step", [1, 7, 65_536])
def test_a_coded_body_comes_out_as_it_went_in_however_it_is_cut(coding: str, step: int) -> None:
    content = random.Random(7).randbytes(3_000) + b"<p>page</p>" * 100_000
    decoder = decoder_for(coding)
    wire = ENCODERS[coding](content)
    assert decoded(decoder, wire, step if coding else 999) == content
    assert decoder.complete


@given(st.binary(max_size=300))
def test_bare_deflate_is_read_as_well(content: bytes) -> None:
    assert decoded(decoder_for("deflate"), raw_deflate(content), 1) == content


@pytest.mark.parametrize("coding", [coding for coding in ENCODERS if coding])
def test_a_bomb_can_be_left_after_any_piece(coding: str) -> None:
    bomb = ENCODERS[coding](bytes(64 * MIB))
    tracemalloc.start()
    taken = 0
    for piece in decoder_for(coding).feed(bomb):
        assert 0 < len(piece) <= PIECE_BYTES
        taken += len(piece)
        if taken > 10 * MIB:
            break
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken > 10 * MIB
    assert peak < 6 * MIB


@pytest.mark.parametrize("coding", [coding for coding in ENCODERS if coding])
@given(damage=st.binary(min_size=1, max_size=200))
def test_damaged_bytes_are_bad_coding_and_nothing_else(coding: str, damage: bytes) -> None:
    try:
        decoded(decoder_for(coding), b"<html>" + damage)
    except BadCoding:
        return
    assert coding == "deflate" or not decoder_for(coding).complete or coding == "zstd"


@pytest.mark.parametrize("coding", [coding for coding in ENCODERS if coding])
def test_a_plain_page_called_coded_is_bad_coding(coding: str) -> None:
    with pytest.raises(BadCoding):
        decoded(decoder_for(coding), b"<!doctype html><title>plain</title><p>" + b"text " * 50)


@pytest.mark.parametrize("coding", ["gzip, gzip", "br,gzip", "gzip, identity, gzip", "compress", "zlib_codec", "*"])
def test_two_codings_and_unknown_ones_are_refused(coding: str) -> None:
    with pytest.raises(BadCoding):
        decoder_for(coding)


@pytest.mark.parametrize("coding", ["identity", "Identity", "", " ", "identity, identity"])
def test_identity_passes_bytes_through(coding: str) -> None:
    assert decoded(decoder_for(coding), b"page") == b"page"


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate"])
def test_a_cut_body_is_not_complete(coding: str) -> None:
    decoder = decoder_for(coding)
    wire = ENCODERS[coding](random.Random(7).randbytes(2_000))
    decoded(decoder, wire[:-20])
    assert not decoder.complete


def test_gzip_members_are_joined_and_what_follows_them_is_ignored() -> None:
    wire = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0\0garbage"
    assert decoded(decoder_for("gzip"), wire, 3) == b"one two"
    assert decoded(decoder_for("gzip"), wire) == b"one two"


def test_endless_gzip_members_are_refused() -> None:
    with pytest.raises(BadCoding):
        decoded(decoder_for("gzip"), gzip.compress(b"") * (MAX_GZIP_MEMBERS + 1))


def test_a_zstd_window_of_more_than_8_mib_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=24, compression_level=1)
    wire = zstandard.ZstdCompressor(compression_params=parameters).compressobj().compress(bytes(64 * MIB))
    with pytest.raises(BadCoding):
        decoded(decoder_for("zstd"), wire)
