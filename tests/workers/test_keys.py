"""A key is shown once, kept as a hash, and worthless from the moment it is revoked."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.keys import (
    Keys,
    UnknownKey,
    Wish,
    create_key,
    first_key,
    hashed,
    kept_keys,
    listed_keys,
    new_key,
    revoke_key,
    utc_now,
)


def test_a_key_has_256_random_bits_and_a_prefix_that_finds_it_in_a_leak() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("kz_") and len(key) == 3 + 43 for key in keys)


def test_the_key_itself_is_never_written(tmp_path: Path) -> None:
    key = first_key(tmp_path / "keys")
    files = [file.read_text(encoding="utf-8") for file in tmp_path.iterdir()]
    assert not any(key in text or key[3:] in text for text in files)
    assert kept_keys(tmp_path / "keys") == (hashed(key),)


def test_the_first_key_is_made_once_and_not_again_when_it_was_revoked(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys"
    assert first_key(path)
    assert first_key(path) == ""
    revoke_key(path, listed_keys(path)[0].id)
    assert first_key(path) == ""
    assert not Keys(file=path)


def test_the_file_is_its_users_alone(tmp_path: Path) -> None:
    first_key(tmp_path / "installation" / "keys")
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*"))


def test_a_known_key_has_an_owner_that_does_not_give_it_away(tmp_path: Path) -> None:
    key = first_key(tmp_path / "keys")
    owner = Keys(file=tmp_path / "keys").owner(key)
    assert owner == listed_keys(tmp_path / "keys")[0].id
    assert owner.startswith("key-")
    assert key not in owner


@given(st.text(st.characters(), max_size=60))
def test_any_other_text_has_none(text: str) -> None:
    assert Keys((hashed("kz_right"),)).owner(text) == ""


def test_keys_of_the_settings_and_of_the_file_both_count(tmp_path: Path) -> None:
    key = create_key(tmp_path / "keys", Wish("bot"))
    keys = Keys((hashed("plain"),), tmp_path / "keys")
    assert keys.owner("plain") != ""
    assert keys.owner(key) != ""
    assert keys.owner("plain") != keys.owner(key)


def test_a_revoked_key_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    first, second = create_key(path, Wish("one")), create_key(path, Wish("two"))
    keys = Keys(file=path)
    revoke_key(path, keys.owner(first))
    assert keys.owner(first) == ""
    assert keys.owner(second) != ""


def test_a_key_that_is_not_there_cannot_be_revoked(tmp_path: Path) -> None:
    with pytest.raises(UnknownKey, match="key-0"):
        revoke_key(tmp_path / "keys", "key-0")


def test_a_list_says_what_each_key_is_for(tmp_path: Path) -> None:
    create_key(tmp_path / "keys", Wish("the Slack bot of 研发"))
    (key,) = listed_keys(tmp_path / "keys")
    assert key.name == "the Slack bot of 研发"
    assert key.created.startswith("20")


@pytest.mark.parametrize("name", ["two\nlines", "a\r", "x" * 101, "\u2028"])
def test_a_name_cannot_smuggle_a_line_in(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one line"):
        create_key(tmp_path / "keys", Wish(name))
    assert listed_keys(tmp_path / "keys") == ()


def test_remarks_and_nonsense_in_the_file_are_no_keys(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"# sha256:{'0' * 64}\nsha256:123\n\n{hashed('a')}\n", encoding="utf-8")
    assert kept_keys(tmp_path / "keys") == (hashed("a"),)


def test_keys_that_are_made_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda name: create_key(tmp_path / "keys", Wish(str(name))), range(24)))
    known = Keys(file=tmp_path / "keys")
    assert all(known.owner(key) for key in keys)


def test_what_a_key_may_do_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    limits = (("requests_per_minute", 60.0), ("cost_per_day", 0.5))
    key = create_key(tmp_path / "keys", Wish('{"研发"}', ("ask",), 1.5, limits))
    found = Keys(file=tmp_path / "keys").find(key)
    assert found is not None
    assert (found.name, found.scopes, found.limits) == ('{"研发"}', ("ask",), limits)


def test_a_key_is_refused_from_the_moment_it_expires(tmp_path: Path) -> None:
    key = create_key(tmp_path / "keys", Wish("guest", days=2))
    now = utc_now()
    at = [Keys(file=tmp_path / "keys", now=lambda day=day: now + timedelta(days=day)) for day in (0, 1.99, 2.01)]  # type: ignore[misc]
    assert [bool(keys.owner(key)) for keys in at] == [True, True, False]
    assert at[2]  # an expired key is no reason to serve whoever has none


@pytest.mark.parametrize(
    "wish",
    [
        {"scopes": ()},
        {"scopes": ("ask", "root")},
        {"days": -1},
        {"days": float("nan")},
        {"limits": (("rpm", 1),)},
        {"limits": (("tokens_per_day", -1),)},
        {"limits": (("tokens_per_day", float("inf")),)},
    ],
)
def test_a_key_that_cannot_be_is_not_made(wish: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"key|limit"):
        Wish(**wish)


@pytest.mark.parametrize(
    "rest", ['{"scopes":["ask"]', "{}x", '{"scopes":"ask"}', '{"expires":"soon"}', '{"expires":"2026-01-01T00:00:00"}']
)
def test_a_key_whose_rights_cannot_be_read_is_no_key(rest: str, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{hashed('a')} 2026-01-01T00:00:00+00:00 {rest}\n", encoding="utf-8")
    assert Keys(file=tmp_path / "keys").owner("a") == ""
