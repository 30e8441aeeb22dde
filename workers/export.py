"""Answers whose every claim is supported, as training examples for ms-swift: rejection sampling, the judge of
citations being the one that rejects.

One JSON object a line, as ms-swift documents its `messages` format: {"messages": [system, user, assistant]}, the
assistant's content being `<think>\\n…\\n</think>\\n…`, with nothing between the tags where none is to be taught.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from workers.evaluation.record import Record

Thinking = Literal["keep", "empty", "both"]
THINKING: tuple[Thinking, ...] = ("keep", "empty", "both")
FREE_LICENCES = ("MIT", "Apache-2.0", "CC0-1.0", "CC BY 4.0", "CC BY-SA 4.0")
"""Of sets that may be used for any purpose; a set without a known licence needs the word `unknown`."""
UNKNOWN = "unknown"
_QUOTED = "quoting-reader"
# What ms-swift's documentation names for a line of text: https://swift.readthedocs.io, "Custom dataset".
_KEYS = frozenset(
    {"messages", "rejected_response", "label", "images", "videos", "audios", "tools", "objects", "channel"}
)
_ROLES = frozenset({"system", "user", "assistant", "tool_call", "tool_response", "tool"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """language: zh, en or "" for both; least: citation precision and recall at least; ungraded: also answers that
    nothing could be compared with; licences: of the question set."""

    language: str = ""
    least: float = 1.0
    ungraded: bool = False
    licences: tuple[str, ...] = FREE_LICENCES
    thinking: Thinking = "keep"


@dataclass(frozen=True, slots=True)
class Exported:
    """lines: ready to be written; left_out: how many answers for each reason."""

    lines: tuple[str, ...]
    left_out: Mapping[str, int]


def export_swift(records: Iterable[Record], wanted: Wanted) -> Exported:
    lines: list[str] = []
    left_out: Counter[str] = Counter()
    seen: set[str] = set()
    for record in records:
        reason = why_not(record, wanted) or _again(record, seen)
        if reason:
            left_out[reason] += 1
        else:
            lines += [json.dumps(one, ensure_ascii=False) for one in examples(record, wanted.thinking)]
    return Exported(tuple(lines), dict(left_out.most_common()))


def why_not(record: Record, wanted: Wanted) -> str:
    """The first reason for leaving an answer out, "" when there is none."""
    reasons = (
        ("failed", bool(record.failure) or record.status != "answered"),
        ("quoted, not written by a model", record.model == _QUOTED or bool(record.degraded)),
        ("no prompt kept", not record.prompt),
        ("another language", bool(wanted.language) and record.language != wanted.language),
        ("licence", (record.licence or UNKNOWN) not in wanted.licences),
        ("without a citation", not record.citations or not record.claims),
        ("a claim is not supported", record.claims_supported < record.claims),
        ("citation score", min(record.citation_precision or 0.0, record.citation_recall or 0.0) < wanted.least),
        ("not compared with a right answer", record.grade == "ungraded" and not wanted.ungraded),
        ("not right", record.grade in ("incorrect", "not_attempted")),
        ("tags of reasoning inside", any("think>" in text for text in (record.text, record.thinking))),
    )
    return next((name for name, holds in reasons if holds), "")


def _again(record: Record, seen: set[str]) -> str:
    key = " ".join(record.question.split()) + "\0" + " ".join(record.text.split())
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    if digest in seen:
        return "the same answer again"
    seen.add(digest)
    return ""


def examples(record: Record, thinking: Thinking) -> Iterator[dict[str, Any]]:
    """One example, or two where both kinds are wanted and there is reasoning to keep."""
    reasoning = {"keep": [record.thinking], "empty": [""], "both": [record.thinking, ""]}[thinking]
    for thought in dict.fromkeys(one.strip() for one in reasoning):
        content = f"<think>\n{thought}\n</think>\n{record.text.strip()}"
        example = {"messages": [*record.prompt, {"role": "assistant", "content": content}]}
        if (fault := fault_of(example)) != "":
            raise ValueError(f"{record.case}, sample {record.sample}: {fault}")
        yield example


def fault_of(example: object) -> str:
    """What ms-swift would not take of a line, "" when it takes it."""
    if not isinstance(example, dict) or not isinstance(example.get("messages"), list) or not example["messages"]:
        return "`messages` is to be a list that is not empty"
    if unknown := set(example) - _KEYS:
        return f"unknown keys: {', '.join(sorted(unknown))}"
    return _fault_of_messages(example["messages"])


def _fault_of_messages(messages: Sequence[object]) -> str:
    roles = []
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            return "a message is to have a role and a text"
        if message.get("role") not in _ROLES:
            return f"unknown role {message.get('role')!r}"
        roles.append(message["role"])
    turns = roles[1:] if roles[0] == "system" else roles
    if "system" in turns:
        return "only the first message may be the system's"
    if not turns or turns[0] != "user" or turns[-1] != "assistant":
        return "the talk is to begin with the user and to end with the assistant"
    if any(one == other for one, other in pairwise(turns) if one in ("user", "assistant")):
        return "user and assistant are to take turns"
    return ""
