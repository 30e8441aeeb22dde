"""The evidence behind an answer: served to whoever asked, checked against its hash, harmless as a page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from html.parser import HTMLParser

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from agent.answer import Answer, Citation, Source, Support
from tests.workers.serving import service_of, serving
from tools.page import Webpage
from workers.keys import Keys, hashed
from workers.records import EVIDENCE, Evidence
from workers.source_page import Highlight, page_of
from workers.sources import prefers_html
from workers.store import Retention, Store
from workers.store_keys import LOCAL_USER, Owner, key_of

EVIL = '<script>alert(1)</script> & "quoted" [citation:2]\u202e'
PAGE = Webpage(
    "https://tai.example/height?a=1",
    f"Mount Tai {EVIL}",
    f"Intro {EVIL}\n\nMount Tai is 1,545 m high. 泰山很高。",
    read="2026-11-20T10:00:00+00:00",
)
QUOTE = "Mount Tai is 1,545 m high."
AT = PAGE.text.index(QUOTE)
ANSWER = Answer(
    id="answer-1",
    question="How high is Mount Tai?",
    language="en",
    depth="quick",
    status="answered",
    text="It is 1,545 m high[citation:1].",
    sources=(
        Source(1, PAGE.url, PAGE.title, sha256=PAGE.sha256, cited=True),
        Source(2, "https://other.example/", "Not cited"),
    ),
    citations=(Citation(1, 18, 30),),
    supports=(Support(1, "supported", 0.9, 0, 31, QUOTE, AT, AT + len(QUOTE), "https://tai.example/#:~:text=x"),),
)
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@asynccontextmanager
async def shelf(valkey: Redis, answer: Answer = ANSWER, page: Webpage = PAGE) -> AsyncIterator[httpx.AsyncClient]:
    """The real service with the real store, which holds one answer."""
    store = Store(valkey, Retention(60, 60, 60))
    await store.put_answer(answer, [page], Owner(LOCAL_USER))
    async with serving(service_of(store=store)) as client:
        yield client


async def test_a_cited_page_comes_as_it_was_read_with_the_words_that_were_quoted(valkey: Redis) -> None:
    async with shelf(valkey) as client:
        found = (await client.get("/v1/answers/answer-1/sources/1")).json()

    assert (found["url"], found["read"], found["sha256"]) == (PAGE.url, PAGE.read, PAGE.sha256)
    assert found["text"] == PAGE.text
    (quote,) = found["quotes"]
    assert found["text"][quote["start"] : quote["end"]] == quote["quote"] == QUOTE
    assert (quote["claim"], quote["verdict"]) == ("It is 1,545 m high[citation:1].", "supported")
    assert found["link"] == f"{PAGE.url}#:~:text=Mount%20Tai%20is%201%2C545%20m%20high."


async def test_the_list_names_what_is_cited_and_where_its_text_is(valkey: Redis) -> None:
    async with shelf(valkey) as client:
        listed = (await client.get("/v1/answers/answer-1/sources")).json()["sources"]
        evidence = await client.get(listed[0]["evidence"])

    assert [one["number"] for one in listed] == [1]
    assert evidence.status_code == 200
    assert listed[0]["quotes"][0]["quote"] == QUOTE


async def test_a_browser_gets_a_page_without_anything_that_runs(valkey: Redis) -> None:
    async with shelf(valkey) as client:
        response = await client.get("/v1/answers/answer-1/sources/1", headers=BROWSER)

    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert response.headers["vary"] == "Accept"
    assert f'<mark id="quote-1">{QUOTE}</mark>' in response.text
    assert "<script" not in response.text
    assert "&lt;script&gt;alert(1)" in response.text
    assert "\u202e" not in response.text
    assert 'href="https://tai.example/height?a=1#:~:text=Mount%20Tai' in response.text


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("", False), ("*/*", False), ("application/json", False), (BROWSER["Accept"], True), ("text/html", True),
        ("text/html;q=0.5, application/json", False), ("application/json;q=0.5,text/html;q=0.9", True),
        ("text/html;q=0", False), ("text/html;q=x", False), (";;,,;q=", False),
    ],
)  # fmt: skip
def test_json_is_what_programs_get(accept: str, html: bool) -> None:
    assert prefers_html(accept) == html


UNKNOWN = (
    *(f"answer-1/sources/{number}" for number in ("2", "0", "01", "x", "-1")),
    *("other/sources/1", "a%00b/sources/1", "*/sources/1"),
)


@pytest.mark.parametrize("path", UNKNOWN)
async def test_what_is_not_cited_or_not_known_is_not_found(valkey: Redis, path: str) -> None:
    async with shelf(valkey) as client:
        response = await client.get(f"/v1/answers/{path}")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


async def test_only_the_key_that_asked_sees_the_evidence(valkey: Redis) -> None:
    keys = Keys((hashed("kz_mine"), hashed("kz_other")))
    store = Store(valkey, Retention(60, 60, 60))
    await store.put_answer(ANSWER, [PAGE], Owner(keys.owner("kz_mine")))
    statuses = []
    async with serving(service_of(store=store, keys=keys)) as client:
        for key in ("kz_mine", "kz_other", "kz_wrong"):
            for path in ("", "/sources", "/sources/1"):
                asked = {"X-API-Key": key}
                statuses.append((await client.get(f"/v1/answers/answer-1{path}", headers=asked)).status_code)

    assert statuses == [200] * 3 + [404] * 3 + [401] * 3


async def test_evidence_that_is_gone_is_said_to_be_gone(valkey: Redis) -> None:
    async with shelf(valkey) as client:
        await valkey.delete(key_of(LOCAL_USER, "evidence", "answer-1"))
        response = await client.get("/v1/answers/answer-1/sources/1")

    assert (response.status_code, response.json()["code"]) == (410, "evidence_gone")


def changed(**fields: object) -> bytes:
    kept = {"number": 1, "url": PAGE.url, "title": "", "read": "", "sha256": PAGE.sha256, "text": PAGE.text}
    whole = EVIDENCE.write(Evidence(**kept))  # type: ignore[arg-type]
    for name, value in fields.items():
        whole = whole.replace(f'"{name}":"{kept[name]}"'.encode(), f'"{name}":"{value}"'.encode(), 1)
    return whole


OTHER = Webpage(PAGE.url, "", "Mount Tai is 9,999 m high.")


@pytest.mark.parametrize(
    "record",
    [
        b"no json",
        changed(sha256="0" * 64),
        EVIDENCE.write(Evidence(1, OTHER.url, "", "", OTHER.sha256, OTHER.text)),
        EVIDENCE.write(Evidence(2, PAGE.url, "", "", PAGE.sha256, PAGE.text)),
    ],
    ids=["damaged", "another hash", "another page with its hash", "another number"],
)
async def test_evidence_that_was_tampered_with_is_never_shown(valkey: Redis, record: bytes) -> None:
    async with shelf(valkey) as client:
        await valkey.hset(key_of(LOCAL_USER, "evidence", "answer-1"), "1", record)
        for headers in ({}, BROWSER):
            response = await client.get("/v1/answers/answer-1/sources/1", headers=headers)
            assert (response.status_code, response.json()["code"]) == (500, "record_poisoned")
            assert "9,999" not in response.text


async def test_quotes_that_do_not_stand_on_the_page_are_an_error(valkey: Redis) -> None:
    moved = replace(ANSWER, supports=(replace(ANSWER.supports[0], quote_start=0),))
    async with shelf(valkey, moved) as client:
        response = await client.get("/v1/answers/answer-1/sources/1")

    assert response.json()["code"] == "record_poisoned"


class Tags(HTMLParser):
    """Which tags open and close, and the text between."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.main = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not any(name.startswith("on") or name in ("style", "src") for name, _ in attrs)
        if tag not in ("meta", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        if "main" in self.open:
            self.main += text


PLAIN = frozenset("html head meta title body h1 h2 p small ol li a hr main mark br".split())
spans = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), max_size=6)


@given(st.text(alphabet="ab <>&\"'/\n潮=scriptmark", min_size=41, max_size=60), spans)
def test_overlapping_quotes_and_hostile_text_leave_a_well_formed_page(text: str, places: list[tuple[int, int]]) -> None:
    page = Webpage("javascript:alert(1)", text, text + ".")
    kept = Evidence(1, page.url, page.title, "", page.sha256, page.text)
    highlights = [Highlight(start, min(start + length, len(text)), text, "supported") for start, length in places]
    tags = Tags(page_of(kept, [one for one in highlights if one.start < one.end], "zh"))

    assert tags.open == []
    assert tags.seen <= PLAIN
    assert tags.main.replace("\n", "") == page.text.replace("\n", "")
