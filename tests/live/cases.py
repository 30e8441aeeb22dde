"""The table of cases: what R1 says, and what must come of it behind SGLang's parsers and our client.

Read twice: by the scripted model inside SGLang (tests/live/script.py) and by the tests. Standard library only.
A new case is a new row.
"""

from collections.abc import Callable
from dataclasses import dataclass

CALLS, CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
CALL, CALL_END, SEP = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"


def thought(text: str, then: str = "") -> str:
    return f"<think>\n{text}\n</think>\n\n{then}"


def call(name: str, arguments: str) -> str:
    return f"{CALL}function{SEP}{name}\n```json\n{arguments}\n```{CALL_END}"


def calling(*calls: str) -> str:
    return CALLS + "\n".join(calls) + CALLS_END


def echo(prompt: str) -> str:
    """What the template made of the messages: how many tools, what else is in them, the end of the prompt itself."""
    tools, unset = prompt.count('"type": "function"'), prompt.count("defer_loading")
    return thought("Repeat it.", f"tools: {tools}, defer_loading: {unset}\n" + prompt[-900:].replace("<", "‹"))


@dataclass(frozen=True)
class Case:
    """says: R1's raw output, or a function from the rendered prompt to it.

    tools: whether the prompt declares web_search(query) and open_page(url).
    thinking and text: what must come out, stripped; calls: what read_calls must take, as (name, argument);
    refused: its reasons for the rest; finish: the last delta's. None where the case does not say.
    """

    name: str
    says: str | Callable[[str], str]
    tools: bool = False
    thinking: str | None = None
    text: str | None = None
    calls: tuple[tuple[str, str], ...] = ()
    refused: tuple[str, ...] = ()
    finish: str | None = "stop"
    max_tokens: int = 512


TIDES, PAGE = ("web_search", "tides"), ("open_page", "https://example.org/tides")
SEARCH_CALL = call("web_search", '{"query": "tides"}')
PAGE_CALL = call("open_page", '{"url": "https://example.org/tides"}')

ANSWERS = (
    Case("plain", thought("Look.", "It is so."), thinking="Look.", text="It is so."),
    Case("chinese", thought("想一想。", "是月亮[citation:1]。"), thinking="想一想。", text="是月亮[citation:1]。"),
    Case("fences", thought("Code.", "```python\nprint(1)\n```"), text="```python\nprint(1)\n```"),
    Case("empty-thought", "<think>\n\n</think>\n\nAt once.", thinking="", text="At once."),
    Case("thought-opened-by-nobody", "Hm.\n</think>\n\nSo.", thinking="Hm.", text="So."),
    Case("thought-closed-twice", thought("One.", "Two.\n</think>\n\nThree."), thinking="One.", text="Two.\n\n\nThree."),
    Case("thought-never-closed", "<think>\nIt is the moon.", thinking="It is the moon.", text="It is the moon."),
    Case("no-tag-at-all", "It is the moon.", thinking="It is the moon.", text="It is the moon."),
    Case("thought-and-nothing", thought("Only this."), thinking="Only this.", text=""),
    Case("silence", "", thinking="", text=""),
    Case("cut-in-thought", thought("word " * 400, "x"), text="", finish="length", max_tokens=32),
    Case("cut-in-answer", thought("Hm.", "word " * 400), thinking="Hm.", finish="length", max_tokens=32),
    Case("names-the-tags", thought("Hm.", "R1 writes `<think>` first."), text="R1 writes `<think>` first."),
    Case("echo", echo),
    Case("long", thought("Hm.", "word " * 6_000), max_tokens=8_000),
)


def turn(name: str, *calls: str, takes: tuple[tuple[str, str], ...] = (), refused: tuple[str, ...] = ()) -> Case:
    """A planner's turn of calls, well-formed or not. It may be asked twice: its reasoning and finish are not said."""
    return Case(name, thought("Hm.", calling(*calls)), True, calls=takes, refused=refused, finish=None)


PLANS = (
    turn("one-call", SEARCH_CALL, takes=(TIDES,)),
    turn("two-calls", SEARCH_CALL, PAGE_CALL, takes=(TIDES, PAGE)),
    turn("same-call-twice", SEARCH_CALL, SEARCH_CALL, takes=(TIDES,), refused=("duplicate",)),
    turn("unknown-name", call("search_web", '{"query": "tides"}')),  # not streamed, SGLang drops it
    turn("broken-json", call("web_search", '{"query": "tides"'), refused=("bad_json",)),
    turn("wrong-type", call("web_search", '{"query": 3}'), refused=("bad_arguments",)),
    turn("double-encoded", call("web_search", '"{\\"query\\": \\"tides\\"}"'), takes=(TIDES,)),
    turn("extra-key", call("web_search", '{"query": "tides", "top_k": 5}'), takes=(TIDES,)),
    # Streamed, SGLang swallows the next two whole; the repeat brings them as markup.
    turn("no-fence", f'{CALL}function{SEP}web_search\n{{"query": "tides"}}{CALL_END}', takes=(TIDES,)),
    turn("no-function-word", f'{CALL}web_search{SEP}{{"query": "tides"}}{CALL_END}', takes=(TIDES,)),
    Case(
        "words-then-call",
        thought("Hm.", "Let me look.\n" + calling(SEARCH_CALL)),
        tools=True,
        calls=(TIDES,),
        finish=None,
    ),
    Case("no-call", thought("Enough.", "I know enough."), True, "Enough.", "I know enough."),
    Case("planner-never-closes", "<think>\nEnough is known.", True, "Enough is known.", ""),
    Case("call-in-thought", "<think>\nI call " + calling(SEARCH_CALL), True, text="", calls=(TIDES,)),
    Case("call-in-closed-thought", thought("I call " + calling(SEARCH_CALL), "Done."), True, calls=(TIDES,)),
    Case(
        "qwen-markup",
        thought("Hm.", '<tool_call>\n{"name": "web_search", "arguments": {"query": "tides"}}\n</tool_call>'),
        tools=True,
        calls=(TIDES,),
    ),
)

CASES = {case.name: case for case in (*ANSWERS, *PLANS)}
