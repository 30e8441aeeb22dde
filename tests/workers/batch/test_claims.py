"""What differs between two answers: new, changed and vanished claims, each with its words, old and new."""

import json
from typing import Any

import pytest

from workers.batch.change_report import change_report, compared, summary
from workers.batch.claims import Claim, alike, changes, told_by

TAI = Claim("Mount Tai is 1,545 m high", (("Mount Tai is 1,545 m high.", "https://a.example"),))
TAI_NOW = Claim("Mount Tai is 1,533 m high", (("Mount Tai is 1,533 m high.", "https://b.example"),))
WHERE = Claim("It stands in Shandong", (("Shandong's highest mountain", "https://a.example"),))


def kinds(old: list[Claim], new: list[Claim]) -> list[tuple[str, str, str]]:
    return [
        (each.kind, each.old.text if each.old else "", each.new.text if each.new else "") for each in changes(old, new)
    ]


def test_the_same_claim_on_the_same_words_has_not_changed() -> None:
    again = Claim("Mount Tai is 1,545 m high.", (*TAI.quotes, ("more words", "https://c.example")))
    assert kinds([TAI, WHERE], [WHERE, again]) == []


def test_a_claim_that_is_worded_differently_has_changed_and_others_appear_and_vanish() -> None:
    assert kinds([TAI, WHERE], [Claim("Cable cars run daily"), TAI_NOW]) == [
        ("changed", TAI.text, TAI_NOW.text),
        ("new", "", "Cable cars run daily"),
        ("vanished", WHERE.text, ""),
    ]


def test_a_claim_whose_page_says_something_else_now_has_changed() -> None:
    moved = Claim(TAI.text, (("The summit lies at 1,545 m above sea level", "https://a.example"),))
    (change,) = changes([TAI], [moved])
    assert (change.kind, change.old, change.new) == ("changed", TAI, moved)


def test_each_claim_has_one_partner() -> None:
    assert kinds([TAI], [TAI_NOW, Claim("Mount Tai is 1,534 m high")])[1:] == [("new", "", "Mount Tai is 1,534 m high")]


@pytest.mark.parametrize(
    ("one", "other", "like"),
    [
        ("泰山主峰海拔1545米", "泰山主峰海拔1532.7米", True),
        ("泰山主峰海拔1545米", "黄山位于安徽省南部", False),
        ("The rate is 3.1 %", "The rate is 3.4 %", True),
        ("The rate is 3.1 %", "Snow fell in March", False),
        ("", "", False),
    ],
)
def test_likeness_holds_for_chinese_and_english(one: str, other: str, like: bool) -> None:
    assert (alike(one, other) >= 0.5) is like


def line(custom_id: str, body: dict[str, Any], status: int = 200) -> bytes:
    response = {"status_code": status, "request_id": "r", "body": body}
    fields = {"id": "batch_req_" + "ab" * 8 + "00000000", "custom_id": custom_id, "response": response, "error": None}
    return json.dumps(fields, ensure_ascii=False).encode()


def answer(text: str, quote: str, question: str = "How high is it?") -> dict[str, Any]:
    support = {"number": 1, "quote": quote, "claim_start": 0, "claim_end": len(text)}
    return {
        "question": question,
        "status": "answered",
        "text": text,
        "sources": [{"number": 1, "url": "https://a.example/x", "title": "T", "cited": True}],
        "supports": [support],
        "report": {"supported": 1, "cited": 1},
        "model": "m",
    }


def chat(text: str, snippet: str) -> dict[str, Any]:
    results = [{"title": "T", "url": "https://a.example/x", "snippet": snippet}]
    return {"choices": [{"message": {"content": text}}], "search_results": results, "model": "m"}


def test_claims_and_quotes_are_read_from_both_kinds_of_lines() -> None:
    told = told_by(
        [
            line("a", answer("It is 1,545 m high[citation:1].", "1,545 m high")),
            line("b", chat("Hello. 海拔1545米[1]。是的。", "海拔 1545 米")),
            line("c", {"error": {"message": "no model"}}, 503),
        ],
        {},
    )
    assert told["a"].claims == (Claim("It is 1,545 m high.", (("1,545 m high", "https://a.example/x"),)),)
    assert [claim.quotes for claim in told["b"].claims] == [(("海拔 1545 米", "https://a.example/x"),)]
    assert "1545" in told["b"].claims[0].text
    assert told["c"].failed == "no model"


def test_the_report_shows_old_and_new_words_and_no_markup_of_theirs() -> None:
    old = told_by([line("a", answer("It is 1,545 m high.", "old words")), line("b", answer("x y z", "q"))], {})
    new = told_by(
        [
            line("a", answer("It is 1,533 m high.", "<script>*new* words</script>", "How [high](javascript:x)?")),
            line("b", {"error": {"message": "no model"}}, 503),
            line("c", answer("Fresh.", "q")),
        ],
        {},
    )
    found = compared(old, new)
    text = "\n".join(change_report(found, "q.csv", ("monday", "tuesday")))
    assert summary(found) == "1 new, 1 changed, 0 vanished claims, in 3 of 3 questions"
    assert "> old words ([source](https://a.example/x))" in text
    assert "> &lt;script\\>\\*new\\* words&lt;/script\\>" in text
    assert "How \\[high\\](javascript:x)?" in text
    assert "has no answer this time: no model" in text
    assert "is asked for the first time" in text


def test_where_nothing_has_changed_the_report_says_so() -> None:
    told = told_by([line("a", answer("It is 1,545 m high.", "words"))], {})
    assert "nothing has changed in 1 questions" in "\n".join(change_report(compared(told, told), "q", ("a", "b")))


def test_a_question_that_is_asked_no_more_is_named() -> None:
    told = told_by([line("a", answer("It is 1,545 m high.", "words"))], {})
    assert [each.said for each in compared(told, {})] == ["is asked no more"]
