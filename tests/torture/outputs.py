"""Makes what R1 might write in a planner's turn, valid and broken, and knows what it meant.

Seeded: the same number gives the same output. Standard library only.
"""

import json
import random
import re
from dataclasses import dataclass, field

CALLS, CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
CALL, CALL_END, SEP = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"
WORDS = (
    "tides",
    "月球 引力",
    'C++ "std::move"',
    "a\\b",
    "naïve café",
    "{x: 1}",
    "潮汐",
    "price < 5",
    "#1 `code`",
    "[1]",
    "🌙",
)
Pair = tuple[str, str]


@dataclass
class Output:
    """text: R1's raw output. valid: the calls after the reasoning that are well-formed, declared and fit the schema.

    meant: these and those that are broken in a way that leaves no doubt (double encoding, a missing fence), so that
    taking them invents nothing; drafts: calls within the reasoning. broken: what was done to it, "" for nothing.
    """

    text: str = ""
    valid: list[Pair] = field(default_factory=list)
    meant: list[Pair] = field(default_factory=list)
    drafts: list[Pair] = field(default_factory=list)
    broken: str = ""


def make(number: int) -> Output:
    """The output with this number."""
    rng = random.Random(number)
    output = Output()
    thinking = _thinking(rng, output)
    pairs = _distinct(rng)
    breaking = rng.choice(BREAKS) if rng.random() < 0.5 else None
    at = rng.randrange(len(pairs)) if pairs else -1
    blocks = []
    for place, pair in enumerate(pairs):
        broken = breaking(pair) if breaking is not None and place == at else None
        if broken is None:
            output.valid.append(pair)
            output.meant.append(pair)
            blocks.append(written(*pair))
        else:
            text, means = broken
            output.broken = breaking.__name__ if breaking else ""
            output.meant += [pair] if means else []
            blocks.append(text)
    said = rng.choice(("", "", "Let me look.\n", "我来搜索。\n", "```python\nx\n```\n"))
    glue = rng.choice(("\n", "\n", "\n", ""))
    output.text = thinking + said + (CALLS + glue.join(blocks) + CALLS_END if blocks else "")
    return output


def _thinking(rng: random.Random, output: Output) -> str:
    inside = rng.choice(("Hm.", "想一想。", "I need two searches, say.", ""))
    if rng.random() < 0.1:
        draft = ("web_search", "a draft")
        output.drafts.append(draft)
        inside += " " + CALLS + written(*draft) + CALLS_END
    return f"<think>\n{inside}\n</think>\n\n"


def _distinct(rng: random.Random) -> list[Pair]:
    count = rng.choice((0, 1, 1, 1, 2, 2, 2, 3, 4))
    pairs: dict[Pair, None] = {}
    while len(pairs) < count:
        words = " ".join(rng.choices(WORDS, k=rng.randint(1, 4))) + f" {rng.randint(0, 99)}"
        page = f"https://example.org/{rng.randint(0, 999)}?q=" + rng.choice(("潮", "a&b", "x"))
        pairs[("open_page", page) if rng.random() < 0.3 else ("web_search", words)] = None
    return list(pairs)


def arguments(pair: Pair) -> str:
    key = "query" if pair[0] == "web_search" else "url"
    return json.dumps({key: pair[1]}, ensure_ascii=False)


def written(name: str, value: str) -> str:
    """As R1 was trained to write a call."""
    return f"{CALL}function{SEP}{name}\n```json\n{arguments((name, value))}\n```{CALL_END}"


def _body(name: str, text: str) -> str:
    return f"{CALL}function{SEP}{name}\n```json\n{text}\n```{CALL_END}"


# Each gives the broken call's text, and whether it still leaves no doubt about what was meant.


def unknown_name(pair: Pair) -> tuple[str, bool]:
    return _body("search_web", arguments(pair)), False


def no_brace(pair: Pair) -> tuple[str, bool]:
    return _body(pair[0], arguments(pair)[:-1]), False


def no_quote(pair: Pair) -> tuple[str, bool]:
    return _body(pair[0], arguments(pair)[:-2] + "}"), False


def wrong_type(pair: Pair) -> tuple[str, bool]:
    return _body(pair[0], '{"query": 3, "url": 3}'), False


def wrong_key(pair: Pair) -> tuple[str, bool]:
    return _body(pair[0], '{"q": "tides"}'), False


def nothing(pair: Pair) -> tuple[str, bool]:
    return _body(pair[0], ""), False


def a_list(pair: Pair) -> tuple[str, bool]:
    return _body(pair[0], f"[{arguments(pair)}]"), False


def double_encoded(pair: Pair) -> tuple[str, bool]:
    return _body(pair[0], json.dumps(arguments(pair), ensure_ascii=False)), True


def json_prefix(pair: Pair) -> tuple[str, bool]:
    return _body(pair[0], f"json\n{arguments(pair)}"), True


def no_fence(pair: Pair) -> tuple[str, bool]:
    return f"{CALL}function{SEP}{pair[0]}\n{arguments(pair)}{CALL_END}", True


def no_function_word(pair: Pair) -> tuple[str, bool]:
    return f"{CALL}{pair[0]}{SEP}{arguments(pair)}{CALL_END}", True


def no_call_end(pair: Pair) -> tuple[str, bool]:
    return written(*pair).removesuffix(CALL_END), True


def cut_short(pair: Pair) -> tuple[str, bool]:
    return written(*pair)[: len(written(*pair)) // 2], False


def begun_twice(pair: Pair) -> tuple[str, bool]:
    return CALL + written(*pair), True


def no_separator(pair: Pair) -> tuple[str, bool]:
    return written(*pair).replace(SEP, ""), False


BREAKS = (
    unknown_name, no_brace, no_quote, wrong_type, wrong_key, nothing, a_list, double_encoded, json_prefix, no_fence,
    no_function_word, no_call_end, cut_short, begun_twice, no_separator,
)  # fmt: skip


_TOKENS = re.compile(r"<｜[^｜]+｜>|</?think>|\s+|.{1,3}", re.DOTALL)


def pieces(text: str, number: int) -> list[str]:
    """How the stream may cut a text: token by token, at every character, once at some byte, at random, not at all."""
    rng = random.Random(number)
    way = number % 6
    if way == 0:
        return list(text)
    if way == 1:
        return [text]
    if way == 2:  # the detokenizer holds half a character back, so a cut amid its bytes falls before it
        raw = text.encode()
        first = raw[: number // 6 % len(raw)].decode(errors="ignore")
        return [piece for piece in (first, text[len(first) :]) if piece]
    if way == 3:  # a special token is never cut where no more than one token comes at a time
        return _TOKENS.findall(text)
    longest = 4 if way == 4 else 80
    cut: list[str] = []
    while text:
        length = rng.randint(1, longest)
        cut, text = [*cut, text[:length]], text[length:]
    return cut
