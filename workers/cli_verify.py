"""`kaozheng verify`: judges a stored answer again and says which of its sentences the sources do not support."""

import json
import sys
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Literal

from agent.answer import Answer, Support
from agent.conflicts import told
from agent.rejudging import rejudged
from workers.cli import BAD_INPUT, UNSUPPORTED
from workers.problems import Problem
from workers.progress import proven_line
from workers.terminal import safe, say
from workers.verify_input import FAULTS, read_given

MAX_BYTES = 64 * 1024 * 1024
_MARKS = {"supported": "✓", "partial": "~", "unsupported": "✗", "contradicted": "✗", "unavailable": "?"}
_SHOWN_CHARACTERS = 200

Form = Literal["text", "json", "markdown"]


def run(file: str, form: Form) -> int:
    """The exit code: 0 when no claim is unsupported, UNSUPPORTED when one is, BAD_INPUT for what is no answer."""
    try:
        answer = rejudged(read_given(_bytes_of(file)))
    except Problem as problem:
        say(f"kaozheng: {problem.field}: {problem.detail}" if problem.field else f"kaozheng: {problem.detail}")
        return BAD_INPUT
    if form == "json":
        shown = json.dumps(asdict(answer), ensure_ascii=False)
    else:
        shown = "\n".join(_markdown(answer) if form == "markdown" else _lines(answer))
    print(safe(shown))
    return UNSUPPORTED if any(flaw.rule in FAULTS for flaw in answer.flaws) else 0


def _bytes_of(file: str) -> bytes:
    try:
        if file == "-":
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise Problem("bad_answer", f"{file}: {error.strerror}", "file") from None
    if len(content) > MAX_BYTES:
        raise Problem("bad_answer", f"more than {MAX_BYTES:,} bytes", "file")
    return content


def _lines(answer: Answer) -> list[str]:
    lines: list[str] = []
    for claim, supports in _by_claim(answer):
        best = _best(supports)
        lines.append(f"{_MARKS[best.verdict]} {best.verdict:12} {_short(claim)}")
        lines += [f"    [{one.number}] {one.verdict}: “{_short(one.quote)}”" for one in supports if one.quote]
    lines += [f"! {flaw.detail}" for flaw in answer.flaws if flaw.rule == "unknown_source"]
    lines += [f"! {line.strip('*')}" for line in told(answer.conflicts, "en").splitlines()]
    for offer in answer.offers:
        claim = _short(answer.text[offer.start : offer.end])
        lines.append(f"+ page {offer.number} would support: {claim}\n    “{_short(offer.quote)}”")
    return [*lines, "", proven_line(answer)]


def _markdown(answer: Answer) -> list[str]:
    lines = ["# Citations, judged", "", proven_line(answer), ""]
    for claim, supports in _by_claim(answer):
        lines.append(f"- {_MARKS[_best(supports).verdict]} {_plain(claim)}")
        for one in supports:
            where = f"[{one.number}]({one.link})" if one.link else f"[{one.number}]"
            lines.append(f"  - {where} {one.verdict}" + (f": “{_plain(one.quote)}”" if one.quote else ""))
    lines += [f"- ✗ {flaw.detail}" for flaw in answer.flaws if flaw.rule == "unknown_source"]
    lines += [f"- ! {line.strip('*')}" for line in told(answer.conflicts, "en").splitlines()]
    return lines


def _by_claim(answer: Answer) -> list[tuple[str, list[Support]]]:
    groups = groupby(answer.supports, key=lambda one: (one.claim_start, one.claim_end))
    return [(answer.text[start:end], list(group)) for (start, end), group in groups]


def _best(supports: list[Support]) -> Support:
    """The page that says most of the claim: one that does is enough."""
    order = ("supported", "partial", "unavailable", "contradicted", "unsupported")
    return min(supports, key=lambda one: order.index(one.verdict))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"


def _plain(text: str) -> str:
    """As text in Markdown: nothing in it makes a link, an image or HTML."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#!|" else c for c in _short(text))
