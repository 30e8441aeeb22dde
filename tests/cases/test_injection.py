"""The injection cases pass, and the runner is known to bite."""

import json
from dataclasses import replace
from pathlib import Path

from agent.prompt import Message, Prompt
from tests.cases.run_injection import TEMPLATES, WAITING, failures, prompt_of, run, untrusted_page
from tools.errors import PageUnreadable

FILE = Path(__file__).with_name("injection.jsonl")
CASES = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
USUAL_LIST = ("<|im_start|>", "<|im_end|>", "<｜User｜>", "<｜Assistant｜>", "[webpage 1 end]", "[webpage 1 begin]")


def weak(case: dict[str, object]) -> Prompt:
    """The usual defence: a list of strings, each removed once."""
    prompt = prompt_of({**case, "page_text": "x"} if case["channel"] != "html" else case)
    try:
        text = untrusted_page(case).text if case["channel"] == "html" else str(case["page_text"])  # type: ignore[arg-type]
    except PageUnreadable:
        text = ""
    for bad in USUAL_LIST:
        text = text.replace(bad, "")
    blocks = f"[webpage 1 begin]\n{text}\n[webpage 1 end]\n[webpage 2 begin]\nx\n[webpage 2 end]"
    content = TEMPLATES["search_answer_en"].fill(search_results=blocks, cur_date="today", question="x")
    return replace(prompt, messages=(Message("user", content),))


def test_every_case_passes() -> None:
    assert run(FILE) == 0


def test_a_one_pass_removal_list_fails_at_least_25_cases() -> None:
    judged = [case for case in CASES if case["channel"] not in WAITING]

    assert sum(bool(list(failures(case, weak))) for case in judged) >= 25
