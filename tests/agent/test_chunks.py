"""Chunks as servers of several kinds send them."""

import json

import pytest

from agent.chunks import MAX_CALLS, MAX_REPLY_CHARACTERS, Reply, read_usage
from agent.delta import Usage
from agent.errors import ModelDown
from agent.prompt import ToolCall


def chunk(finish: str | None = None, **delta: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def piece(index: int | None = 0, key: str | None = None, name: str | None = None, arguments: object = "") -> object:
    return {"index": index, "id": key, "function": {"name": name, "arguments": arguments}}


def calls(*pieces: object) -> tuple[ToolCall, ...]:
    reply = Reply(answer_expected=False)
    for one in pieces:
        reply.add(chunk(tool_calls=[one]))
    reply.add(chunk("tool_calls"))
    return list(reply.end())[-1].calls


def test_arguments_in_pieces_are_put_together_by_index() -> None:
    found = calls(
        piece(0, "a", "web_search"),
        piece(1, "b", "open_page"),
        piece(0, None, None, '{"query"'),
        piece(1, None, None, '{"url": "u"}'),
        piece(0, None, None, ': "q"}'),
    )
    assert found == (ToolCall("a", "web_search", '{"query": "q"}'), ToolCall("b", "open_page", '{"url": "u"}'))


def test_another_id_under_the_same_index_is_another_call() -> None:
    found = calls(piece(0, "a", "one", "{}"), piece(0, "b", "two", "{}"))
    assert [(call.id, call.name, call.arguments) for call in found] == [("a", "one", "{}"), ("b", "two", "{}")]


def test_a_repeated_name_stands_once_and_missing_ids_are_given() -> None:
    found = calls(piece(0, None, "one", "{"), piece(0, None, "one", "}"), piece(1, None, "two", "{}"))
    assert found == (ToolCall("call_0", "one", "{}"), ToolCall("call_1", "two", "{}"))


def test_arguments_sent_as_an_object_become_json() -> None:
    assert json.loads(calls(piece(0, "a", "one", {"query": "潮汐"}))[0].arguments) == {"query": "潮汐"}


@pytest.mark.parametrize("broken", [None, 3, "x", {"function": None}, {"index": "x"}, {"function": {"name": 3}}])
def test_a_broken_piece_of_a_call_raises_nothing_of_its_own(broken: object) -> None:
    assert all(isinstance(call, ToolCall) for call in calls(broken))


def test_more_calls_than_anyone_means_are_a_runaway() -> None:
    with pytest.raises(ModelDown) as caught:
        calls(*(piece(number, str(number), "one", "{}") for number in range(MAX_CALLS + 1)))
    assert caught.value.reason == "runaway"


def test_a_reply_without_end_is_a_runaway() -> None:
    reply = Reply(answer_expected=True)
    for _ in range(MAX_REPLY_CHARACTERS // 100_000):
        reply.add(chunk(content="a" * 100_000))
    with pytest.raises(ModelDown) as caught:
        reply.add(chunk(content="a"))
    assert caught.value.reason == "runaway"


def test_a_chunk_of_a_call_counts_as_a_sign_of_life_and_an_empty_one_does_not() -> None:
    reply = Reply(answer_expected=False)
    assert reply.add(chunk(role="assistant", content="")) is None
    assert reply.add(chunk(tool_calls=[piece(0, "a", "one")])) is not None


def test_other_choices_than_the_first_are_passed_over() -> None:
    reply = Reply(answer_expected=True)
    assert reply.add({"choices": [{"index": 1, "delta": {"content": "other"}}]}) is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 4, "reasoning_tokens": 3}, Usage(5, 4, 3, 0)),
        ({"completion_tokens_details": {"reasoning_tokens": 3}}, Usage(0, 0, 3, 0)),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 2}}, Usage(5, 0, 0, 2)),
        ({"prompt_tokens": 5, "prompt_cache_hit_tokens": 2}, Usage(5, 0, 0, 2)),
        ({"prompt_tokens": None, "prompt_tokens_details": None, "completion_tokens": "4"}, Usage()),
    ],
)
def test_counts_are_found_wherever_a_server_puts_them(usage: dict[str, object], expected: Usage) -> None:
    assert read_usage(usage) == expected


def test_usage_on_every_chunk_is_taken_from_the_last() -> None:
    reply = Reply(answer_expected=True)
    reply.add({**chunk(content="a"), "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    reply.add({**chunk("stop"), "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    assert list(reply.end())[-1].usage == Usage(1, 2)
