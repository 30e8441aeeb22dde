"""Validators are what a site gave us, well-formed or not at all."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.conditional import Validators, may_be_shared, validators_of

URL = "http://pub.test/"
DAY = "Sun, 22 Nov 2026 02:03:04 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"ETag": '"a1"', "Last-Modified": DAY}, Validators(URL, '"a1"', DAY)),
        ({"ETag": 'W/"a1"'}, Validators(URL, 'W/"a1"')),
        ({"ETag": "a1", "Last-Modified": DAY}, Validators(URL, last_modified=DAY)),
        ({"ETag": '"' + "a" * 500 + '"'}, None),
        ({"Last-Modified": "yesterday"}, None),
        ({}, None),
    ],
)
def test_only_well_formed_validators_are_kept(headers: dict[str, str], expected: Validators | None) -> None:
    assert validators_of(URL, httpx.Headers(headers)) == expected


@given(st.text(max_size=40))
def test_no_text_of_a_stranger_becomes_two_header_lines(text: str) -> None:
    for named in ({"etag": text}, {"etag": f'"{text}"'}, {"last_modified": text}):
        try:
            made = Validators(URL, **named)
        except ValueError:
            continue
        for value in made.headers.values():
            assert value.isascii()
            assert value.isprintable()


@pytest.mark.parametrize(
    ("value", "shared"),
    [
        ("", True),
        ("max-age=60, public", True),
        ("no-store", False),
        ("max-age=0,Private", False),
        ('private="set-cookie"', False),
        ("x-private-thing=1", True),
    ],
)
def test_a_site_may_keep_its_page_out_of_shared_caches(value: str, shared: bool) -> None:
    assert may_be_shared(httpx.Headers({"Cache-Control": value} if value else {})) is shared
