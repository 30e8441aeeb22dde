"""The table of cases: what R1 says, and what must come of it behind SGLang's parsers and our client.

Read twice: by the scripted model inside SGLang (tests/live/script.py) and by the tests. Standard library only.
A new case is a new row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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


def thinks_on(prompt: str) -> str:
    """Thinks without an end, until its reasoning is closed for it and the answer begun."""
    return "It is the moon[citation:1]." if prompt.endswith("</think>\n\n") else "<think>\n" + "hm, " * 3_000


@dataclass(frozen=True)
class Case:
    """says: R1's raw output, or a function from the rendered prompt to it.

    tools: whether the prompt declares web_search(query) and open_page(url).
    thinking and text: what must come out, stripped; finish: the last delta's. None where the case does not say.
    calls: what the planner's round must end with, as (name, argument); outcomes: how it may have had them, () for any.
    plan: what R1 says when it is then asked for JSON; needed: whether it is the first round.
    fact: the defect of the facts' section B that it provokes; most_bytes: of all replies, 0 where it does not say.
    """

    name: str
    says: str | Callable[[str], str]
    tools: bool = False
    thinking: str | None = None
    text: str | None = None
    calls: tuple[tuple[str, str], ...] = ()
    outcomes: tuple[str, ...] = ()
    finish: str | None = "stop"
    max_tokens: int = 512
    plan: str = '{"calls": []}'
    needed: bool = True
    fact: str = ""
    most_bytes: int = 0


TIDES, PAGE = ("web_search", "tides"), ("open_page", "https://example.org/tides")
SEARCH_CALL = call("web_search", '{"query": "tides"}')
PAGE_CALL = call("open_page", '{"url": "https://example.org/tides"}')

ANSWERS = (
    Case("plain", thought("Look.", "It is so."), thinking="Look.", text="It is so.", fact="B3 stream shape"),
    Case("chinese", thought("想一想。", "是月亮[citation:1]。"), thinking="想一想。", text="是月亮[citation:1]。"),
    Case("fences", thought("Code.", "```python\nprint(1)\n```"), text="```python\nprint(1)\n```", fact="B4.1"),
    Case("empty-thought", "<think>\n\n</think>\n\nAt once.", thinking="", text="At once."),
    Case("thought-opened-by-nobody", "Hm.\n</think>\n\nSo.", thinking="Hm.", text="So."),
    Case("thought-closed-twice", thought("One.", "Two.\n</think>\n\nThree."), thinking="One.", text="Two.\n\n\nThree."),
    Case(
        "thought-never-closed",
        "<think>\nIt is the moon.",
        thinking="It is the moon.",
        text="It is the moon.",
        fact="B4.2",
    ),
    Case("no-tag-at-all", "It is the moon.", thinking="It is the moon.", text="It is the moon.", fact="B4.2"),
    Case("thought-and-nothing", thought("Only this."), thinking="Only this.", text=""),
    Case("silence", "", thinking="", text=""),
    Case("cut-in-thought", thought("word " * 400, "x"), text="", finish="length", max_tokens=32, fact="B3 max_tokens"),
    Case("cut-in-answer", thought("Hm.", "word " * 400), thinking="Hm.", finish="length", max_tokens=32),
    Case("names-the-tags", thought("Hm.", "R1 writes `<think>` first."), text="R1 writes `<think>` first."),
    Case("call-in-the-answer", thought("Hm.", "So it is. " + calling(SEARCH_CALL)), text="So it is.", fact="B4.1"),
    Case("echo", echo),
    Case("thinks-on", thinks_on, text="", finish="length", max_tokens=64),
    Case("long", thought("Hm.", "word " * 6_000), max_tokens=8_000),
)
PLAN = '{"calls": [{"name": "web_search", "arguments": {"query": "tides"}}]}'
MOON = ("web_search", "moon")
MOON_CALL = call("web_search", '{"query": "moon"}')
LONG_QUERY = "tides " * 60
FOUND, LOST = ("parsed", "repeated"), ("repeated", "rescued")


def turn(name: str, *calls: str, takes: tuple[tuple[str, str], ...] = (), **more: Any) -> Case:
    """A planner's turn of calls, well-formed or not. It may be asked twice: its reasoning and finish are not said."""
    return Case(name, thought("Hm.", calling(*calls)), True, calls=takes, **{"finish": None, **more})


def by_json(name: str, *calls: str, fact: str = "B4.6") -> Case:
    """A turn whose call cannot be had, so that it comes as JSON."""
    return turn(name, *calls, takes=(TIDES,), plan=PLAN, outcomes=("json_plan",), fact=fact)


PLANS = (
    turn("one-call", SEARCH_CALL, takes=(TIDES,), outcomes=FOUND, fact="B4.4"),
    turn("two-calls", SEARCH_CALL, PAGE_CALL, takes=(TIDES, PAGE), outcomes=FOUND, fact="B4.4"),
    turn("two-searches", SEARCH_CALL, MOON_CALL, takes=(TIDES, MOON), outcomes=FOUND, fact="B4.4"),
    turn("three-calls", SEARCH_CALL, PAGE_CALL, MOON_CALL, takes=(TIDES, PAGE, MOON), outcomes=FOUND, fact="B4.4"),
    turn(
        "long-arguments",
        call("web_search", f'{{"query": "{LONG_QUERY}"}}'),
        takes=(("web_search", LONG_QUERY.strip()),),
        outcomes=FOUND,
        fact="B4.7",
    ),
    turn("same-call-twice", SEARCH_CALL, SEARCH_CALL, takes=(TIDES,)),
    by_json("unknown-name", call("search_web", '{"query": "tides"}'), fact="B4.5"),
    turn("unknown-name-beside-a-call", call("search_web", '{"query": "x"}'), SEARCH_CALL, takes=(TIDES,), fact="B4.5"),
    by_json("broken-json", call("web_search", '{"query": "tides"')),
    by_json("wrong-type", call("web_search", '{"query": 3}'), fact="B3 strict"),
    by_json("missing-argument", call("web_search", '{"recency": "day"}'), fact="B3 strict"),
    turn(
        "no-call-end",
        f'{CALL}function{SEP}web_search\n```json\n{{"query": "tides"}}\n```',
        takes=(TIDES,),
        plan=PLAN,
        fact="B4.6",
    ),
    turn("double-encoded", call("web_search", '"{\\"query\\": \\"tides\\"}"'), takes=(TIDES,), fact="#11700"),
    turn("json-prefix", call("web_search", 'json\n{"query": "tides"}'), takes=(TIDES,), fact="tt #3683"),
    turn("extra-key", call("web_search", '{"query": "tides", "top_k": 5}'), takes=(TIDES,)),
    # Streamed, SGLang swallows the next ones whole; the repeat brings them as markup.
    turn("no-fence", f'{CALL}function{SEP}web_search\n{{"query": "tides"}}{CALL_END}', takes=(TIDES,), fact="B4.6"),
    turn("no-function-word", f'{CALL}web_search{SEP}{{"query": "tides"}}{CALL_END}', takes=(TIDES,), fact="B4.6"),
    turn(
        "no-line-break-before-the-fence",
        f'{CALL}function{SEP}web_search```json\n{{"query": "tides"}}\n```{CALL_END}',
        takes=(TIDES,),
        plan=PLAN,
        fact="B4.6",
    ),
    turn("no-json-word", f'{CALL}function{SEP}web_search\n```\n{{"query": "tides"}}\n```{CALL_END}', takes=(TIDES,)),
    Case(
        "words-then-call",
        thought("Hm.", "Let me look.\n" + calling(SEARCH_CALL)),
        tools=True,
        calls=(TIDES,),
        finish=None,
        fact="B4.4",
    ),
    Case("no-call", thought("Hm.", "I would search."), True, calls=(TIDES,), plan=PLAN, outcomes=("json_plan",)),
    Case("no-plan-either", thought("Hm.", "I would search."), True, outcomes=("fallback",)),
    Case("enough", thought("Enough.", "I know enough."), True, needed=False, outcomes=("enough",)),
    Case("planner-never-closes", "<think>\nEnough is known.", True, needed=False, outcomes=("enough",), fact="B4.2"),
    Case("call-in-thought", "<think>\nI call " + calling(SEARCH_CALL), True, calls=(TIDES,), fact="B4.3"),
    Case(
        "call-in-closed-thought", thought("I call " + calling(SEARCH_CALL), "Done."), True, calls=(TIDES,), fact="B4.3"
    ),
    Case(
        "qwen-markup",
        thought("Hm.", '<tool_call>\n{"name": "web_search", "arguments": {"query": "tides"}}\n</tool_call>'),
        tools=True,
        calls=(TIDES,),
        outcomes=("rescued",),
        fact="vllm #19001",
    ),
    Case(
        "runaway",
        thought("Hm.", "I search, I search. " * 1_500),
        tools=True,
        calls=(TIDES,),
        plan=PLAN,
        outcomes=("json_plan",),
        max_tokens=4_096,
        fact="PR 5224",
        most_bytes=400_000,
    ),
    Case(
        "runaway-in-thought",
        "<think>\n" + "Wait. " * 3_000,
        tools=True,
        calls=(TIDES,),
        plan=PLAN,
        outcomes=("json_plan",),
        max_tokens=4_096,
        fact="PR 5224",
        most_bytes=400_000,
    ),
)

CASES = {case.name: case for case in (*ANSWERS, *PLANS)}
