"""Replays a file of injection cases through the real prompt assembly: `python -m tests.cases.run_injection FILE`.

Each line: case, channel, page_text, must_not_contain_in_prompt (strings, or `re:` and a pattern for the folded prompt),
must_hold (properties). The text enters by its channel: a page, HTML through the real extractor, title, url, snippet,
date, file name, file, question, history. `answer` and `answer_slack` belong to front doors that render what a model
wrote; until there is one, such a case waits.

Prints each failure and, last, `injection: passed/all, N waiting`. Exit status 0 only if none failed.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from agent.asking import file_prompt, search_prompt
from agent.fence import fence
from agent.limits import DEPTH_LIMITS
from agent.nodes.state import Plan, PlannedSearch, Round
from agent.packing import Shown
from agent.planner import plan_prompt, transcript
from agent.prompt import Prompt, ToolCall
from agent.question import Question, Turn
from agent.templates import Templates
from tools.errors import PageUnreadable
from tools.extraction import Source, extract_page
from tools.page import Webpage
from tools.search import SearchResult

Case = dict[str, Any]
TEMPLATES = Templates.load()
TODAY = date(2025, 5, 28)
WAITING = frozenset({"answer", "answer_slack"})
OWN_QUESTION = "What do the pages say?"
OTHER = Webpage("https://other.test/", "Other", "Another page, quite harmless.")
TOKENS = re.compile(
    r"<\s*/?\s*(?:think|tool_call|tool_response|tools|start_of_turn|end_of_turn)\s*>"
    r"|\[/?inst\]|<</?sys>>|<s>|</s>|<\|[^|<>\n]{1,40}\|>"
)
MARKERS = re.compile(r"[\[［【〔]\s*web\s*page\s*\S*\s*(?:begin|end)\s*[\]］】〕]", re.IGNORECASE)
CITATION = re.compile(r"[\[［【〔(]?\s*[\[［【〔]\s*citations?\s*[:：#=]?\s*[0-9x]", re.IGNORECASE)
FILE_MARKERS = re.compile(r"\[\s*file\s*(?:name|content)", re.IGNORECASE)
HEADERS = re.compile(
    r"#\s*(?:用户消息为|以下内容是基于用户发送的消息的搜索结果|the user.s message is|the following contents are)"
)


def untrusted_page(case: Case) -> Webpage:
    """The case's text as one page, in the field that its channel names."""
    text, channel = case["page_text"], case["channel"]
    fields = {"url": "https://pub.test/a", "title": "A page", "text": "Plain text of the page.", "date": ""}
    name = {"page_text": "text", "title": "title", "url": "url", "date": "date"}.get(channel)
    if channel == "html":
        return extract_page(text.encode("utf-8", "surrogatepass"), Source("https://pub.test/a", "text/html"))
    if name:
        fields[name] = text if text.strip() else "x"
    return Webpage(**fields)


def prompt_of(case: Case) -> Prompt:
    """The prompt that the model would be sent."""
    channel, text = case["channel"], case["page_text"]
    if channel in ("file_name", "file_content"):
        name, content = (text, "Plain.") if channel == "file_name" else ("notes.txt", text)
        page = Webpage("file:notes.txt", name, content)
        return file_prompt(Question(OWN_QUESTION, files=(page,), search=False), [_shown(page)], TEMPLATES, TODAY, 100)
    if channel == "snippet":
        return _planning(text)
    question = Question(text if channel == "question" else OWN_QUESTION, history=_history(case))
    shown = [_shown(untrusted_page(case)), _shown(OTHER)]
    return search_prompt(question, shown, TEMPLATES, TODAY, 100)


def _shown(page: Webpage) -> Shown:
    return Shown(page, page.text, True)


def _history(case: Case) -> tuple[Turn, ...]:
    return (Turn("Earlier?", case["page_text"]),) if case["channel"] == "history" else ()


def _planning(snippet: str) -> Prompt:
    """A snippet is seen by the planner only, as the result of its call."""
    call = ToolCall("call_1_1", "web_search", '{"query": "x"}')
    plan = Plan((PlannedSearch("x", None, call.id),), (), (call,))
    results = (SearchResult("https://pub.test/a", "A page", snippet),)
    history = transcript([Round(plan, ((call.id, results),))], {})
    return plan_prompt(Question(OWN_QUESTION), history, TEMPLATES, TODAY, DEPTH_LIMITS["normal"])


def failures(case: Case, assemble: Callable[[Case], Prompt] = prompt_of) -> Iterator[str]:
    """What does not hold; nothing for a case that passes. assemble: the product's own, or a weak one in a test."""
    try:
        prompt = assemble(case)
    except PageUnreadable as error:
        yield f"the page could not be read: {error.reason}"
        return
    content = "\n".join(message.content for message in prompt.messages if message.role != "system")
    theirs = _without_ours(content)
    for forbidden in case["must_not_contain_in_prompt"]:
        if forbidden.startswith("re:"):
            if re.search(forbidden[3:], _folded(theirs)):
                yield f"matches {forbidden}"
        elif forbidden in theirs:
            yield f"contains {forbidden!r}"
    for law in case["must_hold"]:
        name, _, argument = law.partition(":")
        if name in LAWS and not LAWS[name](case, prompt, theirs, argument):
            yield law


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _without_ours(content: str) -> str:
    """The prompt less what the vendor's template and our own block markers put there."""
    for name in ("search_answer_zh", "search_answer_en", "file"):
        for part in re.split(r"\{[a-z_]+\}", TEMPLATES[name].text):
            content = content.replace(part, "\n", 1) if part.strip() else content
    ours = re.compile(r"^\[webpage [12] begin\]$|^\[webpage [12] end\]$", re.MULTILINE)
    return content if len(ours.findall(content)) not in (0, 4) else ours.sub("", content)


def _delimiters(case: Case, prompt: Prompt, theirs: str, _: str) -> bool:
    if MARKERS.search(_folded(theirs)) or FILE_MARKERS.search(_folded(theirs)):
        return False
    found = MARKERS.findall("\n".join(message.content for message in prompt.messages if message.role == "user"))
    template = [m for m in found if "X" in m]
    return [m for m in found if m not in template] in (
        [],
        ["[webpage 1 begin]", "[webpage 1 end]", "[webpage 2 begin]", "[webpage 2 end]"],
    )


def _unchanged(case: Case, prompt: Prompt, theirs: str, _: str) -> bool:
    return unicodedata.normalize("NFC", case["page_text"]) in prompt.messages[-1].content


def _idempotent(case: Case, prompt: Prompt, theirs: str, _: str) -> bool:
    once = fence(case["page_text"])
    return fence(once) == once


def _visible(case: Case, prompt: Prompt, theirs: str, _: str) -> bool:
    hidden = [c for c in theirs if unicodedata.category(c) in ("Cs", "Co", "Cc", "Cn") and c not in "\n\t"]
    return not hidden and not re.search("[\u200b\u2060-\u2064\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]", theirs)


def _encodable(case: Case, prompt: Prompt, theirs: str, _: str) -> bool:
    return all(message.content.encode("utf-8", "replace").decode() == message.content for message in prompt.messages)


def _single_line(case: Case, prompt: Prompt, theirs: str, _: str) -> bool:
    """What stands on one line in the layout adds no line of its own."""
    plain = {**case, "page_text": "x"}
    lines = [len(prompt_of(one).messages[-1].content.split("\n")) for one in (case, plain)]
    return lines[0] == lines[1]


def _headers(case: Case, prompt: Prompt, theirs: str, _: str) -> bool:
    return not HEADERS.search(_folded(theirs))


def _keeps(case: Case, prompt: Prompt, theirs: str, words: str) -> bool:
    return words in theirs


LAWS: dict[str, Callable[[Case, Prompt, str, str], bool]] = {
    "delimiters_exact": _delimiters,
    "tokens_absent": lambda c, p, t, _: not TOKENS.search(_folded(t)) and not re.search("<｜|｜>", t),
    "citations_absent": lambda c, p, t, _: not CITATION.search(_folded(t)),
    "invisibles_absent": _visible,
    "utf8_encodable": _encodable,
    "idempotent": _idempotent,
    "unchanged": _unchanged,
    "single_line": _single_line,
    "section_headers_exact": _headers,
    "keeps": _keeps,
}
ELSEWHERE = frozenset({"no_fetch", "tool_budget", "concat_safe", "no_cross_thread"})
"""Properties of the graph, not of a prompt: tests/agent/test_graph.py holds them for every page text."""


def run(path: Path) -> int:
    """Exit status: 0 only if none failed."""
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    judged = [case for case in cases if case["channel"] not in WAITING]
    failed = 0
    for case in judged:
        wrong = list(failures(case))
        if wrong:
            failed += 1
            print(f"FAILED {case['case']}: {'; '.join(ascii(one) for one in wrong)}")
    waiting = len(cases) - len(judged)
    print(f"injection: {len(judged) - failed}/{len(judged)}" + (f", {waiting} waiting" if waiting else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
