"""F1 as each set defines it, and what is said of titles and dates.

Markdown's own marks are not words of the page and are taken out before anything is counted.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.extraction.folders import Form, Sample

_MARKS = re.compile(
    r"^ {0,6}(?:#{1,6} |>+ ?|[-*+] (?=\S)|```.*$|\|?(?: *:?-{3,}:? *\|)+.*$)|\*\*|`|(?<!\w)\*(?=\S)|(?<=\S)\*(?!\w)",
    re.MULTILINE,
)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Found:
    """What an extractor gave for a page. markdown: whether text has its marks; seconds: of CPU;
    peak: resident bytes of the whole process."""

    text: str
    title: str
    date: str
    markdown: bool = False
    seconds: float = 0.0
    peak: int = 0


def without_marks(markdown: str) -> str:
    """The words of a Markdown text: without signs of headings, lists, quotes, bold and code, or bars of tables."""
    return _MARKS.sub("", markdown).replace(" | ", " ")


def f1(form: Form, pairs: Sequence[tuple[Sample, Found]]) -> float | None:
    """By the set's definition; None for folders without gold text."""
    if form == "plain" or not pairs:
        return None
    texts = [(sample, without_marks(found.text) if found.markdown else found.text) for sample, found in pairs]
    if form == "trafilatura-eval":
        return chunk_f1(texts)
    gold = [(sample.text or "", text) for sample, text in texts]
    if form == "aeb":
        return shingle_f1(gold)
    return sum(word_f1(*pair) for pair in gold) / len(gold)


def shingle_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """article-extraction-benchmark's evaluate.py: precision and recall of 4-grams of words, each averaged over the
    pages that have any given and any wanted, then F1."""
    precisions, recalls = [], []
    for gold, text in pairs:
        wanted, given = shingles(gold), shingles(text)
        both = (wanted & given).total()
        precisions += [both / given.total()] if given else []
        recalls += [both / wanted.total()] if wanted else []
    if not precisions or not recalls:
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def shingles(text: str, size: int = 4) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text)
    return Counter(tuple(words[at : at + size]) for at in range(max(1, len(words) - size + 1) if words else 0))


def chunk_f1(pairs: Sequence[tuple[Sample, str]]) -> float:
    """trafilatura's own eval_common.py: `with` chunks found are true positives, `without` chunks found false ones,
    counted over the set, any white space as one blank."""
    right = wrong = missed = 0
    for sample, text in pairs:
        right += (hits := sum(_holds(text, chunk) for chunk in sample.wanted))
        missed += len(sample.wanted) - hits
        wrong += sum(_holds(text, chunk) for chunk in sample.unwanted)
    return 2 * right / (2 * right + wrong + missed) if right else 0.0


def _holds(text: str, chunk: str) -> bool:
    text = " ".join(text.split())
    return any(" ".join(form.split()) in text for form in (chunk, without_marks(chunk)))


def word_f1(gold: str, text: str) -> float:
    """wcxb's evaluate.py: multisets of lower-case words, F1 page by page, then the mean of these."""
    wanted, given = (Counter(_WORD.findall(part.lower())) for part in (gold, text))
    size = wanted.total() + given.total()
    return 2 * (wanted & given).total() / size if size else 1.0


def title_exact(gold: str, title: str) -> bool:
    return " ".join(gold.split()) == " ".join(title.split())


def title_right(gold: str, title: str) -> bool:
    """Either contains the other: sites add their name, sets leave it off."""
    one, other = (" ".join(_WORD.findall(part.lower())) for part in (gold, title))
    return bool(one and other) and (one in other or other in one)
