"""Replays a file of injection cases through the real prompt assembly: `python -m tests.cases.run_injection FILE`.

Each line: case, channel, page_text, must_not_contain_in_prompt (strings, or `re:` and a pattern for the folded prompt),
must_hold (properties). The text enters by its channel, into every prompt that shows that channel: the answer's, the
planner's, the one for files. What a model could do about it is tried with one that obeys (obedience.py). The channel
`answer` is what a model wrote, shown by the web page (rendering.py); without a Chromium such a case waits, and
`answer_slack` waits for its front door.

A channel or a property that is not known here fails the case: nothing passes unread.
Prints each failure and, last, `injection: passed/all, N waiting`. Exit status 0 only if none failed.
"""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from agent.asking import file_prompt, search_prompt
from agent.errors import BadQuestion
from agent.limits import DEPTH_LIMITS
from agent.nodes.state import Plan, PlannedPage, PlannedSearch, Round
from agent.packing import Shown
from agent.planner import plan_prompt, transcript
from agent.prompt import Prompt, ToolCall
from agent.question import Question, Turn
from agent.templates import Templates
from tests.cases import laws, obedience, rendering
from tests.cases.control_tokens import TOKENS
from tools.errors import PageUnreadable
from tools.extraction import Source, extract_page
from tools.page import Webpage
from tools.search import SearchResult

Case = dict[str, Any]
TEMPLATES = Templates.load()
TODAY = date(2025, 5, 28)
WAITING = frozenset({"answer", "answer_slack"})
PAGE_FIELDS = {"page_text": "text", "title": "title", "url": "url", "date": "date", "site": "site"}
CHANNELS = frozenset({*PAGE_FIELDS, "html", "snippet", "file_name", "file_content", "question", "history"})
OWN_QUESTION = "What do the pages say?"
OTHER = Webpage("https://other.test/", "Other", "Another page, quite harmless.")


def untrusted_page(case: Case) -> Webpage:
    """The case's text as one page, in the field that its channel names."""
    text, channel = case["page_text"], case["channel"]
    if channel == "html":
        return extract_page(text.encode("utf-8", "surrogatepass"), Source("https://pub.test/a", "text/html"))
    fields = {"url": "https://pub.test/a", "title": "A page", "text": "Plain text of the page.", "date": ""}
    if channel == "title_and_date":
        fields |= {"title": text or "x", "date": case["next_page"]}
    if channel in PAGE_FIELDS:
        fields[PAGE_FIELDS[channel]] = text if text.strip() else "x"
    return Webpage(**fields)


def prompts_of(case: Case) -> list[Prompt]:
    """Every prompt that the text gets into, the one that the answer is written from first."""
    channel, text = case["channel"], case["page_text"]
    question = Question(text if channel == "question" else OWN_QUESTION, history=_history(case))
    if channel in ("file_name", "file_content"):
        name, content = (text, "Plain.") if channel == "file_name" else ("notes.txt", text)
        return _with_files(Webpage("file:notes.txt", name, content))
    if channel == "snippet":
        return [_planning(question, SearchResult("https://pub.test/a", "A page", text))]
    page = untrusted_page(case)
    other = Webpage(OTHER.url, OTHER.title, case.get("next_page", OTHER.text))
    shown = [_shown(page), _shown(other)]
    result = SearchResult(page.url, page.title, "Plain.", page.date)
    return [search_prompt(question, shown, TEMPLATES, TODAY, 100), _planning(question, result, page)]


def _with_files(file: Webpage) -> list[Prompt]:
    """Without a search in the vendor's file template, with one as numbered pages."""
    alone, both = Question(OWN_QUESTION, files=(file,), search=False), Question(OWN_QUESTION, files=(file,))
    return [
        file_prompt(alone, [_shown(file)], TEMPLATES, TODAY, 100),
        search_prompt(both, [_shown(file), _shown(OTHER)], TEMPLATES, TODAY, 100),
    ]


def _shown(page: Webpage) -> Shown:
    return Shown(page, page.text, True)


def _history(case: Case) -> tuple[Turn, ...]:
    return (Turn(case["page_text"], case["page_text"]),) if case["channel"] == "history" else ()


def _planning(question: Question, result: SearchResult, page: Webpage | None = None) -> Prompt:
    """The planner's second round: it sees a result of its search, and a page that it had opened."""
    calls = (ToolCall("call_1_1", "web_search", '{"query": "x"}'), ToolCall("call_1_2", "open_page", '{"url": "y"}'))
    opened = page or OTHER
    plan = Plan((PlannedSearch("x", None, "call_1_1"),), (PlannedPage(opened.url, "call_1_2"),), calls)
    told = transcript([Round(plan, (("call_1_1", (result,)),))], {opened.url: opened})
    return plan_prompt(question, told, TEMPLATES, TODAY, DEPTH_LIMITS["normal"])


def failures(case: Case, assemble: Callable[[Case], list[Prompt]] = prompts_of) -> Iterator[str]:
    """What does not hold; nothing for a case that passes. assemble: the product's own, or a weak one in a test."""
    if case["channel"] not in CHANNELS:
        yield f"the channel {case['channel']!r} is not known"
        return
    try:
        prompts = assemble(case)
    except PageUnreadable as error:
        yield f"the page could not be read: {error.reason}"
        return
    except BadQuestion as error:  # refused at the door: nothing of it comes into any prompt
        yield from (f"{law}: {error}" for law in case["must_hold"] if law == "unchanged" or law.startswith("keeps:"))
        return
    yield from _forbidden(case, prompts)
    yield from _broken(case, prompts, assemble)


def _broken(case: Case, prompts: list[Prompt], assemble: Callable[[Case], list[Prompt]]) -> Iterator[str]:
    """The properties of the case that do not hold."""
    for law in case["must_hold"]:
        name, _, argument = law.partition(":")
        if name in laws.PROMPT:
            held = all(laws.PROMPT[name](laws.Seen.of(prompt, TEMPLATES)) for prompt in prompts)
        elif name in laws.TEXT:
            held = laws.TEXT[name](laws.Seen.of(prompts[0], TEMPLATES), _text(case), argument)
        elif name == "single_line":
            held = _lines(assemble(case)) == _lines(assemble({**case, "page_text": "x"}))
        elif name == "concat_safe":
            held = concat_safe(case)
        elif name in obedience.LAWS:
            held = obedience.LAWS[name](case["channel"], _text(case), argument)
        else:
            yield f"the property {name!r} is not known"
            continue
        if not held:
            yield law


def concat_safe(case: Case) -> bool:
    """No token or marker comes to be where the text meets the next: page and page, title and date, turn and turn.

    What is missing to a whole token, as far as the text ends like the beginning of one, begins the next page.
    """
    text = _text(case)
    wholes = (*TOKENS, "[webpage 1 end]", "[citation:1]", "# 用户消息为：")
    tails = {whole[cut:] for whole in wholes for cut in range(1, len(whole)) if text.endswith(whole[:cut])}
    for tail in sorted(tails | {"｜>", "|>", "r｜>", "1 end]", ":1]", ">", "_start|>"}):
        page = {**case, "next_page": tail}
        head = {**page, "channel": "page_text", "page_text": tail, "next_page": text}
        line = {"channel": "title_and_date", "page_text": text, "next_page": tail}
        for prompt in (*prompts_of(page), *prompts_of(head), *prompts_of(line)):
            whole = "".join(message.content for message in prompt.messages if message.role != "system")
            seen = laws.Seen.of(prompt, TEMPLATES)
            if any(token in whole for token in TOKENS) or not (
                laws.delimiters_exact(seen) and laws.tokens_absent(seen)
            ):
                return False
    return True


def _text(case: Case) -> str:
    return untrusted_page(case).text if case["channel"] == "html" else str(case["page_text"])


def _lines(prompts: list[Prompt]) -> list[int]:
    return [sum(message.content.count("\n") for message in prompt.messages) for prompt in prompts]


def _forbidden(case: Case, prompts: list[Prompt]) -> Iterator[str]:
    theirs = "\n".join(laws.Seen.of(prompt, TEMPLATES).theirs for prompt in prompts)
    for forbidden in case["must_not_contain_in_prompt"]:
        if forbidden.startswith("re:"):
            if laws.matches(forbidden[3:], theirs):
                yield f"matches {forbidden}"
        elif forbidden in theirs:
            yield f"contains {forbidden!r}"


def run(path: Path) -> int:
    """Exit status: 0 only if none failed."""
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    written = [case for case in cases if case["channel"] == "answer" and rendering.there()]
    judged = [case for case in cases if case["channel"] not in WAITING]
    failed = 0
    found = [(case, list(failures(case))) for case in judged]
    found += zip(written, rendering.failures(written), strict=True)
    for case, wrong in found:
        if wrong:
            failed += 1
            print(f"FAILED {case['case']}: {'; '.join(ascii(one) for one in wrong)}")
    waiting = len(cases) - len(found)
    print(f"injection: {len(found) - failed}/{len(found)}" + (f", {waiting} waiting" if waiting else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
