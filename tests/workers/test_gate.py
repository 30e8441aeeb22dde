"""Who is served: holders of a key, or without any key set, this machine alone."""

import httpx
import pytest

from tests.workers.serving import ASK, QUESTION, service_of, serving
from workers.gate import is_loopback, user_of
from workers.keys import Keys, hashed
from workers.problems import Problem

KEY = "kz_rightrightright"
KEYS = Keys((hashed("kz_other"), hashed(KEY)))


def scope_of(client: str | None = "127.0.0.1", path: str = ASK, **headers: str) -> dict[str, object]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "path": path, "headers": raw, "client": (client, 5) if client else None}


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:80", "[::1]:8000", "127.8.9.1"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_without_keys_this_machine_is_served(peer: str, host: str) -> None:
    assert user_of(scope_of(peer, host=host), Keys()) == "local"


REFUSED: dict[str, dict[str, object]] = {
    "another machine": scope_of("192.0.2.1", host="127.0.0.1"),
    "a name bent to us": scope_of(host="evil.example:8000"),
    "a name that only begins like ours": scope_of(host="127.0.0.1.evil.example"),
    "no host": scope_of(),
    "a broken host": scope_of(host="[::1"),
    "an unknown peer": scope_of(None, host="localhost"),
    "behind a proxy": scope_of(host="localhost", x_forwarded_for="192.0.2.1"),
    "forwarded": scope_of(host="localhost", forwarded="for=192.0.2.1"),
}


@pytest.mark.parametrize("scope", REFUSED.values(), ids=REFUSED)
def test_without_keys_nobody_else_is_served(scope: dict[str, object]) -> None:
    with pytest.raises(Problem) as refused:
        user_of(scope, Keys())
    assert refused.value.code == "loopback_only"


@pytest.mark.parametrize(
    "header", [{"authorization": f"Bearer {KEY}"}, {"authorization": f"bearer  {KEY}"}, {"x_api_key": KEY}]
)
def test_a_key_is_taken_from_either_header_and_from_anywhere(header: dict[str, str]) -> None:
    user = user_of(scope_of("192.0.2.1", host="kaozheng.example", **header), KEYS)
    assert user.startswith("key-")
    assert KEY not in user


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_key"),
        ({"authorization": "Bearer"}, "missing_key"),
        ({"authorization": f"Basic {KEY}"}, "missing_key"),
        ({"authorization": "Bearer kz_wrong"}, "wrong_key"),
        ({"authorization": "Bearer kz_wrong", "x_api_key": KEY}, "wrong_key"),
        ({"x_api_key": KEY[:-1]}, "wrong_key"),
        ({"x_api_key": hashed(KEY)}, "wrong_key"),
        ({"x_api_key": "\xff\xfe"}, "wrong_key"),
    ],
)
def test_with_keys_this_machine_needs_one_too(headers: dict[str, str], code: str) -> None:
    with pytest.raises(Problem) as refused:
        user_of(scope_of(host="localhost", **headers), KEYS)
    assert refused.value.code == code


@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
def test_two_keys_under_one_name_are_none(name: str) -> None:
    before = "Bearer " if name == "authorization" else ""
    scope = scope_of("192.0.2.1", host="kaozheng.example")
    twice = [(name.encode(), f"{before}{key}".encode()) for key in (KEY, "kz_other")]
    with pytest.raises(Problem) as refused:
        user_of({**scope, "headers": [*scope["headers"], *twice]}, KEYS)  # type: ignore[misc]
    assert refused.value.code == "wrong_key"


def test_two_keys_are_two_users() -> None:
    assert KEYS.owner(KEY) != KEYS.owner("kz_other") != ""


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999"])
def test_other_sites_pages_are_not_served(origin: str) -> None:
    with pytest.raises(Problem) as refused:
        user_of(scope_of(host="127.0.0.1:8000", origin=origin), Keys())
    assert refused.value.code == "cross_origin"


def test_our_own_page_is_served() -> None:
    assert user_of(scope_of(host="127.0.0.1:8000", origin="http://127.0.0.1:8000"), Keys()) == "local"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_key(path: str) -> None:
    assert user_of(scope_of("192.0.2.1", path, host="10.0.0.3"), KEYS)


@pytest.mark.parametrize(
    "host", ["", "example.com", "127.0.0.1.example", "10.0.0.1", "0.0.0.0", "::ffff:10.0.0.1", "2130706433"]
)
def test_what_is_not_this_machine_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


async def test_over_the_wire_a_key_decides() -> None:
    async with serving(service_of(keys=KEYS)) as client:
        without = await client.post(ASK, json=QUESTION)
        wrong = await client.get(f"{ASK}/a", headers={"X-API-Key": "kz_wrong"})
        right = await client.post(ASK, json=QUESTION, headers={"Authorization": f"Bearer {KEY}"})
        health = await client.get("/healthz")
    assert (without.status_code, without.json()["code"]) == (401, "missing_key")
    assert without.headers["www-authenticate"] == "Bearer"
    assert without.headers["x-request-id"]
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_key")
    assert (right.status_code, health.status_code) == (200, 200)


async def test_over_the_wire_a_bent_name_is_refused() -> None:
    async with serving(service_of()) as client:
        response: httpx.Response = await client.post(ASK, json=QUESTION, headers={"Host": "evil.example"})
    assert (response.status_code, response.json()["code"]) == (403, "loopback_only")
