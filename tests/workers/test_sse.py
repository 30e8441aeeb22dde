"""Server-sent events: what goes over the wire, and what happens to those who do not read it."""

import asyncio
import json
import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import Event, event_name
from workers.sse import Outbox, SlowReader, frame, one_line

API = Path(__file__).parent.parent.parent / "docs" / "api.md"
NAMES = [
    "queued", "planned", "searched", "search_failed", "page_read", "page_skipped", "packed", "thinking", "text",
    "cited", "judged", "corrected", "verified", "answered", "failed", "cancelled",
]  # fmt: skip


def test_the_names_on_the_wire_are_the_events_in_snake_case() -> None:
    assert [event_name(object.__new__(kind)) for kind in get_args(Event)] == NAMES


def documented_stream() -> str:
    """The section on the native stream; other sections have tables of their own."""
    return API.read_text("utf-8").partition("\n## The stream\n")[2].partition("\n## ")[0]


def test_the_documented_events_are_those_that_are_sent() -> None:
    documented = re.findall(r"^\| `(\w+)` \| `", documented_stream(), flags=re.MULTILINE)
    assert documented == NAMES


def test_the_documented_fields_are_those_of_the_events() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (`.*?`) \|", documented_stream(), flags=re.MULTILINE)
    fields = {event_name(object.__new__(kind)): set(kind.__dataclass_fields__) for kind in get_args(Event)}
    del fields["answered"]  # sent as the answer itself
    documented = {name: set(re.findall(r"\w+", cell)) for name, cell in rows if name != "answered"}
    assert documented == fields


@given(st.text(alphabet=st.characters()))
def test_an_event_is_one_line_that_reads_back_the_same(text: str) -> None:
    line = one_line({"text": text})
    assert len(line.splitlines()) == 1
    assert json.loads(line) == {"text": text}


def test_chinese_is_sent_as_it_is_and_a_lone_surrogate_is_not_sent() -> None:
    sent = frame("text", {"text": "考证\ud800\r\n\u2028"}, "r:1")
    assert sent == 'event: text\nid: r:1\ndata: {"text":"考证?\\r\\n\\u2028"}\n\n'.encode()


async def test_the_outbox_gives_back_all_in_order_and_then_nothing() -> None:
    outbox = Outbox(100)
    outbox.put(b"a")
    outbox.put(b"b")
    assert await outbox.take() == b"ab"
    outbox.close()
    assert await outbox.take() == b""


async def test_the_outbox_wakes_a_reader_who_waits() -> None:
    outbox = Outbox(100)
    reading = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    outbox.put(b"a")
    assert await asyncio.wait_for(reading, 20) == b"a"


def test_more_than_the_bound_unread_is_refused() -> None:
    outbox = Outbox(10)
    outbox.put(b"123456")
    with pytest.raises(SlowReader):
        outbox.put(b"78901")


def test_one_event_larger_than_the_bound_still_goes_out() -> None:
    Outbox(10).put(b"x" * 1_000)
