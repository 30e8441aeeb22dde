"""A caller's trace goes from the door to the model server, and a broken header is as good as none."""

import re
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from tests.contracts.service import running
from workers.trace_context import traceparent_of

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01"
SENT = re.compile(r"^traceparent: (\S+)\r?$", re.MULTILINE | re.IGNORECASE)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (GIVEN, GIVEN),
        (f"  {GIVEN} ", GIVEN),
        (f"00-{TRACE}-{PARENT}-00", f"00-{TRACE}-{PARENT}-00"),
        (f"00-{TRACE}-{PARENT}-ff", GIVEN),
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like", GIVEN),
        (f"{GIVEN}-more", ""),
        (f"ff-{TRACE}-{PARENT}-01", ""),
        (f"00-{'0' * 32}-{PARENT}-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (GIVEN.upper(), ""),
        ("潮汐", ""),
        ("", ""),
    ],
)
def test_only_a_whole_header_is_taken(given: str, taken: str) -> None:
    raw = given.encode()
    assert traceparent_of(Headers(raw=[(b"traceparent", raw)])) == taken


def test_two_headers_are_none() -> None:
    assert traceparent_of(Headers(raw=[(b"traceparent", GIVEN.encode())] * 2)) == ""


async def test_the_model_server_hears_of_the_caller_s_trace_from_every_door(tmp_path: Path) -> None:
    chat = {"model": "kaozheng-quick", "messages": [{"role": "user", "content": "What causes tides?"}]}
    task = {"model": "kaozheng", "messages": [{"role": "user", "content": "### Task:\nA title."}]}
    asked = {"question": "What causes tides?", "depth": "normal"}
    doors = (("/v1/answers", asked), ("/v1/chat/completions", chat), ("/v1/chat/completions", task))
    with running(tmp_path / "service") as service:
        async with service.client() as client:
            for path, body in doors:
                begun = len(service.model.heads)
                answered = await client.post(path, json=body, headers={"traceparent": GIVEN})
                assert answered.status_code == 200, answered.text
                heads = service.model.heads[begun:]
                assert heads
                assert {tuple(SENT.findall(head)) for head in heads} == {(GIVEN,)}
            begun = len(service.model.heads)
            await client.post("/v1/answers", json={**asked, "question": "What pulls the sea?"})
            assert not any(SENT.search(head) for head in service.model.heads[begun:])
