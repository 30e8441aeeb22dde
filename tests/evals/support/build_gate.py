"""Writes gate.jsonl anew: python -m tests.evals.support.build_gate CITECHECK XQUAD_EN XQUAD_ZH

60 supported and 60 unsupported statements of CiteCheck; of XQuAD, for each of 60 paragraphs in each language, a
sentence of it and a question with its own answer (supported) and with another answer of the same paragraph (not).
Fixed seed.
"""

import gzip
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.evals.support.rows import opened
from tools.text import sentences

GATE = Path(__file__).with_name("gate.jsonl")
_PARAGRAPHS = 60
_OF_EACH_LABEL = 60
_LENGTHS = {"en": range(50, 260), "zh": range(18, 130)}


def citecheck(path: Path, draw: random.Random) -> Iterator[dict[str, object]]:
    with opened(path) as lines:
        found = [json.loads(line) for line in lines]
    for label in (1, 0):
        chosen = draw.sample([row for row in found if row["label"] == label], _OF_EACH_LABEL)
        for row in chosen:
            yield row_of(row["statement"], row["quote"], label, "zh", "citecheck")


def row_of(claim: str, source: str, label: int, lang: str, origin: str) -> dict[str, object]:
    return {"claim": claim, "source": source, "label": label, "lang": lang, "from": origin}


def xquad(path: Path, lang: str, draw: random.Random) -> Iterator[dict[str, object]]:
    articles = json.loads(gzip.decompress(path.read_bytes()))
    paragraphs = [p for article in articles["data"] for p in article["paragraphs"]] if "data" in articles else articles
    for paragraph in draw.sample(paragraphs, _PARAGRAPHS):
        text = paragraph["context"]
        parts = [text[s.start : s.end] for s in sentences(text)]
        fit = [part for part in parts if len(part) in _LENGTHS[lang]]
        if fit:
            yield row_of(draw.choice(fit), text, 1, lang, "xquad-sentence")
        yield from answered(paragraph, lang, draw)


def answered(paragraph: dict[str, Any], lang: str, draw: random.Random) -> Iterator[dict[str, object]]:
    """A question with its answer, and with the answer of another question: the paragraph holds both, apart."""
    one, *others = draw.sample(paragraph["qas"], len(paragraph["qas"]))
    own = one["answers"][0]["text"]
    yield row_of(f"{one['question']} {own}", paragraph["context"], 1, lang, "xquad-answer")
    foreign = [qa["answers"][0]["text"] for qa in others if qa["answers"][0]["text"] not in own]
    if foreign:
        yield row_of(f"{one['question']} {draw.choice(foreign)}", paragraph["context"], 0, lang, "xquad-answer")


def main(cite: str, english: str, chinese: str) -> None:
    draw = random.Random(7)
    found = [*citecheck(Path(cite), draw), *xquad(Path(english), "en", draw), *xquad(Path(chinese), "zh", draw)]
    GATE.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:4])
