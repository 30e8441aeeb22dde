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
                yield _row(_fields(line, f"{path.name} line {number}"), f"{path.name} line {number}")


def _fields(line: str, place: str) -> dict[str, object]:
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{place}: not JSON") from error
    if not isinstance(fields, dict):
        raise ValueError(f"{place}: not a JSON object")
    return fields


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


_SUPPORTED = """
1 | 1.0 | true | yes | supported | supports | support | complete | attributable | entailment | entailed | consistent
faithful | fully supported | full support | correct
"""
_NOT_SUPPORTED = """
0 | 0.0 | false | no | unsupported | not supported | not attributable | partial | partially supported | partial support
incomplete | contradicted | contradictory | contradicts | contradiction | neutral | refutes | refuted | not enough info
nei | extrapolatory | no support | inconsistent | not consistent | unfaithful | missing | incorrect | irrelevant
"""
_LABELS = {
    word.strip(): supported
    for words, supported in ((_SUPPORTED, True), (_NOT_SUPPORTED, False))
    for word in words.strip().replace("\n", "|").split("|")
}


def _is_supported(label: object, place: str) -> bool:
    found = _LABELS.get(str(label).strip().lower().replace("_", " ").replace("-", " "))
    if found is None:
        raise ValueError(f"{place}: unknown label {label!r}")
    return found
