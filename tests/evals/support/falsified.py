"""Builds the hard set from RGB's counterfactual files: python -m tests.evals.support.falsified FILE... > hard.jsonl

Each snippet that holds the true answer, and the same snippet with the answer falsified, against the claim "question
answer". Only pairs whose two snippets differ. Plain form: {claim, source, label, lang, group}; group: the question's
number, so that halves can be cut between questions. RGB is CC BY-NC-SA 4.0: measure with it, do not copy it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.evals.support.rows import opened
from tools.text import script_of


def pairs(path: Path) -> Iterator[dict[str, object]]:
    with opened(path) as lines:
        for line in lines:
            row = json.loads(line)
            claim = f"{row['query']} {answer_of(row['answer'])}"
            for true, false in zip(row["positive"], row.get("positive_wrong", ()), strict=False):
                if true != false:
                    for source, label in ((true, 1), (false, 0)):
                        lang = script_of(row["query"])[:2]
                        yield {"claim": claim, "source": source, "label": label, "lang": lang, "group": row["id"]}


def answer_of(answer: object) -> str:
    """The first spelling of each part of an answer that may be a list of parts, each with spellings."""
    if isinstance(answer, list):
        return " ".join(str(part[0] if isinstance(part, list) else part) for part in answer)
    return str(answer)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for pair in pairs(Path(name)):
            print(json.dumps(pair, ensure_ascii=False))
