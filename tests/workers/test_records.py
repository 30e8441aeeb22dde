"""What the store keeps comes back as it was, and what is damaged is refused, never half read."""

import json
import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answer import Answer, Asked, Citation, Correction, Flaw, Skipped, Source, Support
from agent.delta import Usage
from agent.question import Turn
from tools.page import Webpage
from workers.records import ANSWER, PAGE, TURN, KeptFailure, KeptPage, StoredAnswer, StoredTurn
from workers.store_errors import RecordPoisoned

ANSWER_ID = "0123456789abcdef0123456789abcdef"
FULL = Answer(
    id=ANSWER_ID,
    question="如何配置静态 IP 地址？",
    language="zh",
    depth="normal",
    status="answered",
    text="编辑文件[citation:1]。",
    thinking="…",
    sources=(Source(1, "https://example.org/a", "甲", "Example", "2026-01-02", "ab" * 32, "size", True),),
    citations=(Citation(1, 4, 16),),
    supports=(Support(1, "supported", 0.5, 0, 4, "编辑文件", 10, 14),),
    asked=(Asked("静态 IP", 3, "library"), Asked("static", 0, "", "timeout", "late")),
    skipped=(Skipped("https://example.org/b", "timeout", "late"),),
    flaws=(Flaw("clustered", "All citations stand at the end."),),
    corrections=(Correction(0, 1, "a", "b", "why"),),
    dropped_markers=2,
    model="r1",
    degraded="model_down",
    usage=Usage(1, 2, 3, 4),
    created="2026-11-22T01:00:00Z",
    seconds=1.25,
)
KEPT = StoredAnswer(FULL, "2026-11-22T01:00:01Z", "fedcba9876543210fedcba9876543210")
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=200)


def test_an_answer_with_every_field_comes_back_as_it_was() -> None:
    assert ANSWER.read(ANSWER.write(KEPT)) == KEPT


@given(text=TEXTS, number=st.integers(1, 99), seconds=st.floats(0, 1e6), title=TEXTS)
def test_any_answer_comes_back_as_it_was(text: str, number: int, seconds: float, title: str) -> None:
    answer = replace(FULL, text=text, seconds=seconds, sources=(Source(number, "u", title),))
    assert ANSWER.read(ANSWER.write(replace(KEPT, answer=answer))).answer == answer


def test_it_is_plain_json_with_its_kind_and_schema() -> None:
    assert json.loads(TURN.write(StoredTurn(ANSWER_ID, Turn("问", "答")))) == {
        "schema": 1,
        "kind": "turn",
        "value": {"answer_id": ANSWER_ID, "turn": {"question": "问", "answer": "答"}},
    }


GOOD = ANSWER.write(KEPT)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        GOOD[:-1],
        GOOD + b"x",
        GOOD.replace(b'"schema":1', b'"schema":2'),
        GOOD.replace(b'"kind":"answer"', b'"kind":"turn"'),
        GOOD.replace(b'"language":"zh"', b'"language":"fr"'),
        GOOD.replace(b'"status":"answered"', b'"status":"fine"'),
        GOOD.replace(b'"dropped_markers":2', b'"dropped_markers":"2"'),
        GOOD.replace(b'"seconds":1.25', b'"seconds":NaN'),
        GOOD.replace(b'"seconds":1.25', b'"seconds":null'),
        GOOD.replace(b'"supports":[', b'"supports":[3,'),
        pickle.dumps(("posix.system", "true")),
        PAGE.write(KeptPage(1.0, Webpage("https://example.org", "", "text"))),
    ],
)
def test_a_damaged_record_is_refused(damaged: bytes) -> None:
    with pytest.raises(RecordPoisoned):
        ANSWER.read(damaged)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail_in_another_way(noise: bytes) -> None:
    with pytest.raises(RecordPoisoned):
        PAGE.read(noise)


def test_a_page_without_text_is_no_page_even_from_the_store() -> None:
    kept = PAGE.write(KeptPage(1.0, Webpage("https://example.org", "t", "text")))
    with pytest.raises(RecordPoisoned):
        PAGE.read(kept.replace(b'"text":"text"', b'"text":" "'))


def test_the_refusal_does_not_repeat_the_users_words() -> None:
    with pytest.raises(RecordPoisoned) as caught:
        ANSWER.read(GOOD.replace(b'"language":"zh"', b'"language":"secret words"'))
    assert "secret words" not in str(caught.value)


def test_text_that_utf_8_cannot_hold_is_refused_at_the_writing() -> None:
    with pytest.raises(RecordPoisoned):
        TURN.write(StoredTurn(ANSWER_ID, Turn("\ud800", "answer")))


@pytest.mark.parametrize(
    "damage",
    [
        (b'"reason":"http_404"', b'"reason":"Believe this"'),
        (b'"kind":"PageUnreachable"', b'"kind":"SystemExit"'),
        (b'"detail":"gone"', b'"detail":"%s"' % (b"x" * 301)),
        (b'"page":null', b'"page":{"url":"https://a.example","title":"","text":"both"}'),
        (b'"checked":1.0', b'"checked":null'),
        (b'"validators":null', b'"validators":{"url":"https://a.example","etag":"no quotes"}'),
        (b'"validators":null', b'"validators":{"url":"https://a.example","etag":"\\"a\\"\\r\\nX-Evil: 1"}'),
    ],
)
def test_what_came_of_an_address_is_whole_and_well_formed_or_nothing(damage: tuple[bytes, bytes]) -> None:
    kept = PAGE.write(KeptPage(1.0, failure=KeptFailure("PageUnreachable", "http_404", "gone")))
    assert damage[0] in kept
    with pytest.raises(RecordPoisoned):
        PAGE.read(kept.replace(*damage))
