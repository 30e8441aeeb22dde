"""How right an answer is, without a model: exact match, F1, and whether it holds the gold answer.

Text is compared folded (width, case, Traditional as Simplified), without punctuation, English articles and markers of
citations, as SQuAD's script does it. English is counted by words, Chinese by characters, as CMRC's does.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agent.answer import Answer
from agent.citations import MARKER
from tools.text import fold

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_UNIT = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
_THOUSANDS = re.compile(r"(?<=\d)[,，](?=\d{3}\b)")
_POINT = re.compile(r"(?<=\d)\.(?=\d)")

Gold = Sequence[Sequence[str]]
"""All groups are wanted, of each group any form will do."""


@dataclass(frozen=True, slots=True)
class Correctness:
    """exact and f1: against the whole answer, so that they speak of short answers only; contains: of long ones too."""

    exact: bool
    f1: float
    contains: bool


_RULE = "\n---\n"


def said_of(answer: Answer) -> str:
    """The answer without the quoting reader's last line, which speaks of the reader and not of the question."""
    if answer.model != "quoting-reader" or _RULE not in answer.text:
        return answer.text
    return answer.text.rpartition(_RULE)[0]


def units(text: str) -> list[str]:
    """Words, and single Chinese characters, as they are compared."""
    plain = _THOUSANDS.sub("", fold(MARKER.sub(" ", text)))
    plain = _ARTICLES.sub(" ", _POINT.sub("dot", plain))
    return _UNIT.findall(_unaccented(plain))


def _unaccented(text: str) -> str:
    if text.isascii():
        return text
    return "".join(
        character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character)
    )


def correctness(answer: str, gold: Gold) -> Correctness:
    said = units(answer)
    forms = [units(form) for form in _joined(gold)]
    return Correctness(
        exact=any(said == form for form in forms if form),
        f1=max((_f1(said, form) for form in forms), default=0.0),
        contains=contains(answer, gold),
    )


def contains(text: str, gold: Gold) -> bool:
    """Whether each group has a form that stands in the text, at the borders of words."""
    said = _line(units(text))
    return bool(gold) and all(any(_stands(form, said) for form in group) for group in gold)


def touches(text: str, gold: Gold) -> bool:
    """Whether any group has a form that stands in the text: what is asked of a page that helps."""
    said = _line(units(text))
    return any(_stands(form, said) for group in gold for form in group)


def _stands(form: str, said: str) -> bool:
    wanted = units(form)
    return bool(wanted) and _line(wanted) in said


def _line(found: Sequence[str]) -> str:
    return "\x1f" + "\x1f".join(found) + "\x1f"


def _joined(gold: Gold) -> list[str]:
    """The forms of a gold answer as texts; one of several parts is all of their first forms in a row."""
    if len(gold) == 1:
        return list(gold[0])
    return [" ".join(group[0] for group in gold)] if gold else []


def _f1(said: Sequence[str], gold: Sequence[str]) -> float:
    common = sum((Counter(said) & Counter(gold)).values())
    return 2 * common / (len(said) + len(gold)) if common else 0.0
