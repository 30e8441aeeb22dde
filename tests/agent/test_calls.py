"""Which of a planner's calls are real: mended where that is certain, refused otherwise, never invented."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.calls import Call, fitting, markup_calls, object_arguments, read_calls
from agent.prompt import Tool, ToolCall

SEARCH = Tool(
    "web_search",
    "Search.",
    {
        "type": "object",
        "properties": {"query": {"type": "string"}, "recency": {"type": "string", "enum": ["day", "year"]}},
        "required": ["query"],
    },
)
OPEN = Tool(
    "open_page",
    "Open.",
    {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]},
)
TOOLS = (SEARCH, OPEN)

BEGIN, END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
# Without the bar that all of R1's own tokens hold: no question about a page needs it.
queries = (
    st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="｜<"), min_size=1, max_size=40)
    .map(str.strip)
    .filter(bool)
)
some_calls = st.lists(
    st.one_of(
        st.tuples(st.just("web_search"), st.fixed_dictionaries({"query": queries})),
        st.tuples(st.just("open_page"), st.fixed_dictionaries({"url": queries})),
    ),
    min_size=1,
    max_size=4,
    unique_by=str,
)


def r1(name: str, arguments: str) -> str:
    return f"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n{arguments}\n```<｜tool▁call▁end｜>"


def qwen(name: str, arguments: str) -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


def dumps(arguments: dict[str, str]) -> str:
    return json.dumps(arguments, ensure_ascii=False)


def pairs(calls: tuple[Call, ...]) -> list[tuple[str, dict[str, str]]]:
    return [(call.name, call.arguments) for call in calls]


# What the server has parsed


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: text,
        json.dumps,
        lambda text: json.dumps(json.dumps(text)),
        lambda text: f"json\n{text}",
        lambda text: f"```json\n{text}\n```",
        lambda text: f"```\n{text}```",
        lambda text: f"\n  {text} \n",
        lambda text: f"json\n{json.dumps(text)}",
    ],
)
@given(calls=some_calls)
def test_arguments_are_read_however_they_are_wrapped(wrap: object, calls: list[tuple[str, dict[str, str]]]) -> None:
    given_calls = tuple(ToolCall(str(n), name, wrap(dumps(a))) for n, (name, a) in enumerate(calls))  # type: ignore[operator]
    turn = read_calls(TOOLS, given_calls)
    assert pairs(turn.calls) == calls
    assert [call.id for call in turn.calls] == [call.id for call in given_calls]
    assert (turn.refused, turn.rescued) == ((), 0)


@pytest.mark.parametrize(
    ("name", "arguments", "refusal"),
    [
        ("search_web", '{"query": "a"}', "unknown_name"),
        ("", '{"query": "a"}', "unknown_name"),
        ("web_search", "", "bad_json"),
        ("web_search", '{"query": "a"', "bad_json"),
        ("web_search", '{"query": "a"}{"query": "b"}', "bad_json"),
        ("web_search", '["a"]', "bad_json"),
        ("web_search", '"a"', "bad_json"),
        ("web_search", "[" * 9_000, "bad_json"),
        ("web_search", '{"query": "' + "a" * 20_000 + '"}', "bad_json"),
        ("web_search", "{}", "bad_arguments"),
        ("web_search", '{"query": 3}', "bad_arguments"),
        ("web_search", '{"query": ["a"]}', "bad_arguments"),
        ("web_search", '{"query": null}', "bad_arguments"),
        ("web_search", '{"query": "  "}', "bad_arguments"),
        ("web_search", '{"query": "\\ud800"}', "bad_arguments"),
        ("web_search", '{"query": "a\\u0000"}', "bad_arguments"),
        ("web_search", '{"query": "' + "a" * 5_000 + '"}', "bad_arguments"),
        ("web_search", '{"query": "a", "recency": 1}', "bad_arguments"),
        ("open_page", '{"query": "a"}', "bad_arguments"),
    ],
)
def test_what_is_not_certain_is_refused_with_its_reason(name: str, arguments: str, refusal: str) -> None:
    turn = read_calls(TOOLS, (ToolCall("1", name, arguments), ToolCall("2", "web_search", '{"query": "good"}')))
    assert turn.refused == (refusal,)
    assert pairs(turn.calls) == [("web_search", {"query": "good"})]


def test_unknown_keys_and_unusable_optional_ones_are_left_out() -> None:
    arguments = '{"query": " a ", "recency": "fortnight", "top_k": 5, "lang": "en"}'
    assert pairs(read_calls(TOOLS, (ToolCall("1", "web_search", arguments),)).calls) == [("web_search", {"query": "a"})]
    kept = fitting({"query": "a", "recency": "day"}, SEARCH.parameters)
    assert kept == {"query": "a", "recency": "day"}


def test_a_call_is_taken_once_and_no_more_than_allowed() -> None:
    calls = tuple(ToolCall(str(n), "web_search", f'{{"query": "{n // 2}"}}') for n in range(8))
    turn = read_calls(TOOLS, calls, most=3)
    assert pairs(turn.calls) == [("web_search", {"query": str(n)}) for n in range(3)]
    assert sorted(turn.refused) == ["duplicate"] * 3 + ["over_limit"] * 2


def test_without_tools_nothing_is_called() -> None:
    turn = read_calls((), (ToolCall("1", "web_search", '{"query": "a"}'),), text=r1("web_search", '{"query": "a"}'))
    assert turn.calls == ()


# What the server has left in the text


@pytest.mark.parametrize("write", [r1, qwen])
@pytest.mark.parametrize("place", ["text", "thinking"])
@given(calls=some_calls, around=st.sampled_from(["", "Let me look.\n", "<think>\nhm\n</think>\n\n"]))
def test_complete_markup_is_rescued_from_text_and_reasoning(
    write: object, place: str, calls: list[tuple[str, dict[str, str]]], around: str
) -> None:
    markup = "\n".join(write(name, dumps(arguments)) for name, arguments in calls)  # type: ignore[operator]
    turn = read_calls(TOOLS, **{place: f"{around}{BEGIN}{markup}{END}"})  # type: ignore[arg-type]
    assert pairs(turn.calls) == calls
    assert turn.rescued == len(calls)
    assert len({call.id for call in turn.calls}) == len(calls)


@pytest.mark.parametrize(
    "markup",
    [
        '<｜tool▁call▁begin｜>function<｜tool▁sep｜>web_search\njson\n{"query": "a"}\n<｜tool▁call▁end｜>',
        '<｜tool▁call▁begin｜>function<｜tool▁sep｜>web_search\n{"query": "a"}<｜tool▁call▁end｜>',
        '<｜tool▁call▁begin｜>web_search<｜tool▁sep｜>{"query": "a"}<｜tool▁call▁end｜>',
        '<｜tool▁call▁begin｜><｜tool▁call▁begin｜>web_search<｜tool▁sep｜>{"query": "a"}<｜tool▁call▁end｜>',
    ],
)
def test_markup_whose_fences_the_server_has_deleted_is_rescued_too(markup: str) -> None:
    assert pairs(read_calls(TOOLS, text=markup).calls) == [("web_search", {"query": "a"})]


@given(calls=some_calls, cut=st.floats(0, 1))
def test_a_truncated_call_is_never_rescued(calls: list[tuple[str, dict[str, str]]], cut: float) -> None:
    """Whatever is cut off, what is rescued is a beginning of what was meant."""
    for write in (r1, qwen):
        markup = "".join(write(name, dumps(arguments)) for name, arguments in calls)
        turn = read_calls(TOOLS, text=markup[: int(cut * len(markup))])
        assert pairs(turn.calls) == calls[: len(turn.calls)]
        assert len(turn.calls) < len(calls) or cut == 1


TOKENS = ["<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>", "<tool_call>", "</tool_call>", "function"]
TOKENS += ["web_search", "\n", "```json", "```", '{"query": "a"}', '{"query": ', '{"name": "web_search"}', BEGIN, END]


@given(st.lists(st.sampled_from(TOKENS), max_size=24).map("".join))
def test_torn_markup_invents_no_call(text: str) -> None:
    turn = read_calls(TOOLS, text=text, thinking=text)
    assert all(pair == ("web_search", {"query": "a"}) for pair in pairs(turn.calls))
    assert not turn.calls or "<｜tool▁call▁end｜>" in text


@given(st.text(max_size=80))
def test_plain_words_hold_no_call(text: str) -> None:
    assert read_calls(TOOLS, text=text, thinking=text).calls == ()


def test_a_call_across_two_others_is_not_well_formed() -> None:
    begin = "<｜tool▁call▁begin｜>"
    text = begin + "function<｜tool▁sep｜>web_search\n" + begin + '{"query": "a"}<｜tool▁call▁end｜>'
    assert list(markup_calls(text)) == []


def test_a_draft_in_the_reasoning_is_not_called_when_a_call_follows_it() -> None:
    draft = r1("web_search", '{"query": "draft"}')
    real = ToolCall("1", "web_search", '{"query": "real"}')
    parsed = read_calls(TOOLS, (real,), thinking=draft)
    rescued = read_calls(TOOLS, text=r1(real.name, real.arguments), thinking=draft)
    assert pairs(parsed.calls) == pairs(rescued.calls) == [("web_search", {"query": "real"})]


def test_a_second_call_that_the_parser_left_in_the_text_is_added_and_the_first_not_doubled() -> None:
    first, second = '{"query": "one"}', '{"query": "two"}'
    text = r1("web_search", first) + r1("web_search", second)
    turn = read_calls(TOOLS, (ToolCall("1", "web_search", first),), text=text)
    assert pairs(turn.calls) == [("web_search", {"query": "one"}), ("web_search", {"query": "two"})]
    assert (turn.rescued, turn.refused) == (1, ("duplicate",))


@pytest.mark.timeout(10)
def test_hostile_length_does_not_hold_the_reader_up() -> None:
    for unit in ("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<tool_call>x</tool_call>", " ", "`"):
        assert read_calls(TOOLS, text=unit * 100_000).calls == ()
    assert object_arguments("{" + " " * 16_000 + "```" + " " * 300) is None


@given(st.text(max_size=60))
def test_arguments_are_an_object_or_nothing(text: str) -> None:
    assert isinstance(object_arguments(text), dict | None)


def test_arguments_may_have_a_prefix_within_their_fence() -> None:
    assert object_arguments('```json\njson\n{"query": "tides"}\n```') == {"query": "tides"}
