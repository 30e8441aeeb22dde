"""Files within a JSON body: taken out while it is read, wherever the pieces are cut."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.inline_files import Sieve, put_back
from workers.problems import Problem
from workers.requests import strict_json

CONTENTS = st.binary(max_size=300).map(lambda content: base64.b64encode(content).decode())
TEXTS = st.one_of(
    st.text(max_size=60), st.sampled_from(['"file_data": "x"', '\\"file_data\\":\\"', '"file_data"', "\\"])
)
VALUES = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.none(), st.integers(-9, 9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(TEXTS, st.just("filename")), inner, max_size=4),
        st.fixed_dictionaries({"file_data": CONTENTS, "filename": TEXTS}),
    ),
    max_leaves=12,
)


def read(body: bytes, size: int, max_json_bytes: int = 100_000, max_files_bytes: int = 100_000) -> dict[str, Any]:
    sieve = Sieve(max_json_bytes, max_files_bytes)
    for start in range(0, len(body), size):
        sieve.feed(body[start : start + size])
    fields = strict_json(sieve.close())
    put_back(fields, sieve.files())
    return fields


@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.integers(1, 400), st.sampled_from([None, 2]))
def test_any_body_is_read_as_json_reads_it_however_it_is_cut(
    value: dict[str, Any], size: int, indent: int | None
) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=False).encode()
    assert read(body, size) == value


def test_slashes_may_be_escaped_as_some_clients_do() -> None:
    assert read(b'{"a": [{"file_data" : "ab\\/c=", "n": 1}]}', 7) == {"a": [{"file_data": "ab/c=", "n": 1}]}


def test_only_files_may_make_a_body_large() -> None:
    large = "A" * 4_000
    assert read(json.dumps({"file_data": large}).encode(), 64, 200, 4_000) == {"file_data": large}
    with pytest.raises(Problem) as refused:
        read(json.dumps({"other": large, "file_data": "AAAA"}).encode(), 64, 200, 4_000)
    assert (refused.value.code, refused.value.field) == ("body_too_large", "body")


def test_files_are_bounded_while_they_are_read() -> None:
    sieve = Sieve(200, 3_000)
    sieve.feed(b'{"file_data": "' + b"A" * 8_000)
    with pytest.raises(Problem) as refused:
        sieve.feed(b"A" * 100)
    assert (refused.value.code, refused.value.field) == ("file_too_large", "file_data")


def test_a_body_that_ends_within_a_file_is_malformed() -> None:
    with pytest.raises(Problem) as refused:
        read(b'{"file_data": "AAAA', 5)
    assert refused.value.code == "malformed_body"
