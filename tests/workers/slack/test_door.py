"""The twelve signature cases, over real HTTP, against the whole bot."""

import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from redis.asyncio import Redis

from tests.fake_slack import SECRET, FakeSlack, Fields, fake_slack, form, signed
from tests.fakes import TIDES, FakeWeb, deps
from tests.workers.slack.botting import Bench, answer_in, graph_of, parts_of
from workers.slack.bot import open_bot
from workers.slack.door import MAX_BODY_BYTES, HttpDoor, http_mode

Headers = list[tuple[str, str]]


@dataclass
class Served:
    slack: FakeSlack
    bench: Bench
    url: str
    asked: list[str] = field(default_factory=list)

    async def post(self, body: bytes, headers: Headers) -> int:
        async with aiohttp.ClientSession() as session:
            named = [("Content-Type", "application/json"), *headers]
            async with session.post(self.url, data=io.BytesIO(body), headers=named) as reply:
                return reply.status

    def question(self) -> tuple[Fields, bytes]:
        event = self.slack.mention("C1", "U1", "Why are there tides?")
        return event, json.dumps(self.slack.envelope(event)).encode()

    def headers(self, body: bytes, later: float = 0.0) -> Headers:
        return list(signed(body, self.slack.clock() + later).items())


@asynccontextmanager
async def served(valkey: Redis) -> AsyncIterator[Served]:
    bench = Bench(graph_of(deps(FakeWeb(TIDES))))
    async with AsyncExitStack() as opened:
        slack = await opened.enter_async_context(fake_slack())
        parts = await opened.enter_async_context(parts_of(bench, slack, valkey))
        bot = await opened.enter_async_context(open_bot(parts))
        port = await opened.enter_async_context(http_mode(HttpDoor(bot.app, parts.desk, SECRET), "127.0.0.1", 0))
        yield Served(slack, bench, f"http://127.0.0.1:{port}/slack/events")


Case = Callable[[Served, bytes], tuple[bytes, Headers]]


def _named(headers: Headers, name: str, value: str) -> Headers:
    return [(one, value if one == name else old) for one, old in headers]


def no_headers(_here: Served, body: bytes) -> tuple[bytes, Headers]:
    return body, []


def empty_headers(_here: Served, body: bytes) -> tuple[bytes, Headers]:
    return body, [("X-Slack-Request-Timestamp", ""), ("X-Slack-Signature", "")]


def wrong_version(here: Served, body: bytes) -> tuple[bytes, Headers]:
    headers = here.headers(body)
    return body, _named(headers, "X-Slack-Signature", headers[1][1].replace("v0=", "v1="))


def over_encoded_again(here: Served, body: bytes) -> tuple[bytes, Headers]:
    again = json.dumps(json.loads(body), indent=1).encode()
    return body, here.headers(again)


def too_old(here: Served, body: bytes) -> tuple[bytes, Headers]:
    return body, here.headers(body, -302)


def of_the_future(here: Served, body: bytes) -> tuple[bytes, Headers]:
    return body, here.headers(body, 302)


def no_number(here: Served, body: bytes) -> tuple[bytes, Headers]:
    return body, _named(here.headers(body), "X-Slack-Request-Timestamp", "now")


def no_ascii_number(here: Served, body: bytes) -> tuple[bytes, Headers]:
    headers = here.headers(body)
    return body, _named(headers, "X-Slack-Request-Timestamp", f" {headers[0][1]}.0")


def doubled_header(here: Served, body: bytes) -> tuple[bytes, Headers]:
    headers = here.headers(body)
    return body, [*headers, headers[1]]


def doubled_timestamp(here: Served, body: bytes) -> tuple[bytes, Headers]:
    return body, [("X-Slack-Request-Timestamp", "1"), *here.headers(body)]


def changed_body(here: Served, body: bytes) -> tuple[bytes, Headers]:
    return body.replace(b"tides", b"cats!"), here.headers(body)


def other_secret(here: Served, body: bytes) -> tuple[bytes, Headers]:
    return body, list(signed(body, here.slack.clock(), "another secret").items())


REFUSED: list[Case] = [
    no_headers,
    empty_headers,
    wrong_version,
    over_encoded_again,
    too_old,
    of_the_future,
    no_number,
    no_ascii_number,
    doubled_header,
    doubled_timestamp,
    changed_body,
    other_secret,
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.__name__)
async def test_what_slack_has_not_signed_is_refused_and_nothing_is_asked(valkey: Redis, case: Case) -> None:
    async with served(valkey) as here:
        _, body = here.question()

        assert await here.post(*case(here, body)) == 401
        assert not await valkey.keys("kz:slack:question:*")


async def test_what_slack_has_signed_is_answered_once_and_a_replay_is_refused(valkey: Redis) -> None:
    async with served(valkey) as here:
        event, body = here.question()
        headers = here.headers(body)

        assert await here.post(body, headers) == 200
        assert await here.post(body, headers) == 401
        await answer_in(here.slack, event)
        assert len(here.bench.asked) == 1


async def test_a_retry_of_slack_has_a_signature_of_its_own_and_is_answered_once(valkey: Redis) -> None:
    async with served(valkey) as here:
        event, body = here.question()

        assert await here.post(body, here.headers(body)) == 200
        retried = [*here.headers(body, 2.0), ("X-Slack-Retry-Num", "1"), ("X-Slack-Retry-Reason", "http_timeout")]
        assert await here.post(body, retried) == 200
        await answer_in(here.slack, event)
        assert len(here.bench.asked) == 1


async def test_another_team_is_acknowledged_and_not_answered(valkey: Redis) -> None:
    async with served(valkey) as here:
        event = here.slack.mention("C1", "U1", "Why are there tides?")
        body = json.dumps(here.slack.envelope(event, team="T0OTHER")).encode()

        assert await here.post(body, here.headers(body)) == 200
        assert not await valkey.keys("kz:slack:question:*")


async def test_the_address_is_verified_by_its_challenge_only_with_a_signature(valkey: Redis) -> None:
    async with served(valkey) as here:
        body = json.dumps({"type": "url_verification", "challenge": "abc", "token": "x"}).encode()
        status, said = await here.slack.post(here.url, body)

        assert (status, json.loads(said)["challenge"]) == (200, "abc")
        assert await here.post(body, []) == 401


async def test_commands_come_as_forms(valkey: Redis) -> None:
    async with served(valkey) as here:
        body = form(here.slack.command("U1", "C1", "Why are there tides?"))
        status, said = await here.slack.post(here.url, body, {"Content-Type": "application/x-www-form-urlencoded"})

    assert status == 200
    assert "direct messages" in json.loads(said)["text"]


async def test_a_body_beyond_a_mebibyte_is_refused(valkey: Redis) -> None:
    async with served(valkey) as here:
        body = b"x" * (MAX_BODY_BYTES + 1)

        assert await here.post(body, here.headers(body)) == 413
