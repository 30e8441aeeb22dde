"""Records for the tests of figures, comparisons and exports."""

from dataclasses import replace
from typing import Any

from workers.evaluation.record import Record

PLAIN = Record("a", 0, "Who?", "en", "answered", "Ann did it. [citation:1]", "correct", "text", [["Ann"]])


def record(case: str = "a", sample: int = 0, **changed: Any) -> Record:
    return replace(PLAIN, case=case, sample=sample, **changed)
