"""Does the cited page say what the sentence says? A first judge without a model: words, numbers, the best window.

It weighs the claim's words by how rare they are on the page, looks for the one to three sentences that hold most of
them, and wants every number of the claim to stand there. A few milliseconds a claim, linear in the page.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.answer import Support, Verdict
from agent.claims import Claim, claims_of
from tools.page import Webpage
from tools.text import Span, content_words, fold, sentences

_SUPPORTED, _PARTIAL = 0.62, 0.38  # share of the claim's weighted words; to be fitted on labelled citations
_WINDOW_SENTENCES = 3
_LONGEST_QUOTE = 1_200
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_JUDGED = ("sentence", "item", "row")


@dataclass(frozen=True, slots=True)
class _Sentence:
    span: Span
    terms: frozenset[str]
    numbers: frozenset[str]


class Judge:
    """Holds the pages of one prompt, cut into sentences once. judge() may be called for every sentence of a stream."""

    def __init__(self, pages: Sequence[Webpage]) -> None:
        self._pages = pages
        self._cut: dict[int, tuple[_Sentence, ...]] = {}

    def judge(self, claim: Claim, number: int) -> Support:
        """`claim` against the page [citation:number]. The quote is empty when no window holds any word of the claim."""
        if claim.kind not in _JUDGED or not (terms := Counter(content_words(claim.text))):
            return Support(number, "unavailable", 0.0, claim.start, claim.end)
        cut = self._sentences(number)
        weight = _weights(terms, cut)
        wanted = _numbers(claim.text)
        score, first, last = max(_windows(cut, weight, wanted), default=(0.0, 0, 0))
        if score == 0.0:
            return Support(number, "unsupported", 0.0, claim.start, claim.end)
        start, end = cut[first].span.start, min(cut[last].span.end, cut[first].span.start + _LONGEST_QUOTE)
        quote = self._pages[number - 1].text[start:end]
        return Support(number, _verdict(score), round(score, 3), claim.start, claim.end, quote, start, end)

    def _sentences(self, number: int) -> tuple[_Sentence, ...]:
        if number not in self._cut:
            text = self._pages[number - 1].text
            cut = ((span, text[span.start : span.end]) for span in sentences(text))
            self._cut[number] = tuple(
                _Sentence(span, frozenset(content_words(part)), _numbers(part)) for span, part in cut
            )
        return self._cut[number]


def supports_of(text: str, pages: Sequence[Webpage]) -> tuple[Support, ...]:
    """One Support for each pair of a claim and a page that it cites, in the order of the text."""
    judge = Judge(pages)
    return tuple(judge.judge(claim, number) for claim in claims_of(text) for number in claim.numbers)


def _numbers(text: str) -> frozenset[str]:
    return frozenset(_NUMBER.findall(fold(text)))


def _weights(terms: Counter[str], cut: Sequence[_Sentence]) -> dict[str, float]:
    """Share of each of the claim's words in its whole weight; a word that is everywhere on the page says little."""
    raw = {term: math.log(1 + (len(cut) + 1) / (1 + sum(term in sentence.terms for sentence in cut))) for term in terms}
    whole = sum(raw.values())
    return {term: weight / whole for term, weight in raw.items()}


def _windows(
    cut: Sequence[_Sentence], weight: dict[str, float], wanted: frozenset[str]
) -> Iterator[tuple[float, int, int]]:
    for first in range(len(cut)):
        held: set[str] = set()
        numbers: set[str] = set()
        for last in range(first, min(first + _WINDOW_SENTENCES, len(cut))):
            held |= cut[last].terms & weight.keys()
            numbers |= cut[last].numbers
            if not held:
                continue
            missing = len(wanted - numbers) / len(wanted) if wanted else 0.0
            score = sum(weight[term] for term in held) * (1 - 0.5 * missing) - 0.02 * (last - first)
            yield max(score, 0.0), first, last


def _verdict(score: float) -> Verdict:
    return "supported" if score >= _SUPPORTED else "partial" if score >= _PARTIAL else "unsupported"
