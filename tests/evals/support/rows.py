"""Labelled citations from files.

CiteCheck's form {statement, quote, label} and a plain one {claim, source, label, lang}.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tools.text import script_of


@dataclass(frozen=True, slots=True)
class Row:
    """supported: what people said; language: `zh` or `en` (the row's own word, else the claim's script)."""

    claim: str
    source: str
    supported: bool
    language: str


def rows(path: Path) -> Iterator[Row]:
    """Of a .jsonl or .jsonl.gz file. Raises ValueError with the number of a line that is in neither form."""
    with opened(path) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _row(json.loads(line), f"{path.name} line {number}")


def opened(path: Path) -> IO[str]:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def _row(fields: dict[str, object], place: str) -> Row:
    claim, source = fields.get("statement", fields.get("claim")), fields.get("quote", fields.get("source"))
    if isinstance(source, list):
        source = "\n\n".join(map(str, source))
    if not isinstance(claim, str) or not isinstance(source, str) or "label" not in fields:
        raise ValueError(f"{place}: wants statement and quote, or claim and source, and a label")
    language = str(fields.get("lang") or fields.get("language") or "")[:2] or (
        "zh" if script_of(claim)[:2] == "zh" else "en"
    )
    return Row(claim, source, _is_supported(fields["label"], place), language)


def _is_supported(label: object, place: str) -> bool:
    words = {"supported": True, "complete": True, "attributable": True, "1": True, "true": True}
    words |= dict.fromkeys(("unsupported", "partial", "contradicted", "not attributable", "0", "false"), False)
    words |= dict.fromkeys(("incomplete", "not_supported", "not supported"), False)
    found = words.get(str(label).lower())
    if found is None:
        raise ValueError(f"{place}: unknown label {label!r}")
    return found
