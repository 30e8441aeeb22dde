"""Cuts the gate out of XQuAD: python -m tests.evals.quoting.build_gate DIR, where DIR holds xquad.{en,zh}.json.gz.

Every seventh paragraph of the set with its first three questions, the same in both languages, in the set's own form.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
EVERY, QUESTIONS = 7, 3


def gate(loaded: dict[str, Any]) -> dict[str, Any]:
    paragraphs = [one for article in loaded["data"] for one in article["paragraphs"]][::EVERY]
    cut = [{"context": one["context"], "qas": one["qas"][:QUESTIONS]} for one in paragraphs]
    return {"version": "1.1", "data": [{"paragraphs": cut}]}


def main(folder: Path) -> None:
    for language in ("en", "zh"):
        with gzip.open(folder / f"xquad.{language}.json.gz", "rt", encoding="utf-8") as file:
            cut = gate(json.load(file))
        path = HERE / f"xquad_gate.{language}.json"
        path.write_text(json.dumps(cut, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
