"""Which passages of which pages R1 is shown: best pages first, cut to what matters, within a budget of tokens."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tools.page import Webpage
from tools.text import bm25, content_words, joined_words, words

_PASSAGE_CHARACTERS = 900
_GAP = "\n……\n"
_TOP_PASSAGES = 3  # a page is as good as its best passages; its length must not count
_MOST_CHARACTERS_A_TOKEN = 8  # by R1's tokenizer; so that it (0.5 million characters a second) sees only what may fit
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class Shown:
    """A page and the part of its text that stands in the prompt; whole: nothing was left out."""

    page: Webpage
    text: str
    whole: bool


@dataclass(frozen=True, slots=True)
class _Passage:
    page: int
    place: int
    text: str
    score: float


def pack(wanted: str, pages: Sequence[Webpage], budget: int, count_tokens: Callable[[str], int]) -> tuple[Shown, ...]:
    """The pages that bear on `wanted`, best first, each cut to its passages that matter.

    wanted: the question and the queries, as one text
    pages:  in the order in which the engines ranked them, which decides between equals
    budget: tokens for the texts of all pages; the lines around them are the caller's
    Every page that fits with at least its best passage is shown. Passages keep their order; gaps are marked by `……`.
    """
    passages = _scored(wanted, pages)
    order = _ranked(passages, len(pages))
    chosen = _chosen(passages, order, budget, count_tokens)
    return tuple(_show(pages[number], chosen[number]) for number in order if chosen[number])


def _scored(wanted: str, pages: Sequence[Webpage]) -> list[_Passage]:
    cut = [(number, place, text) for number, page in enumerate(pages) for place, text in enumerate(_cut(page.text))]
    title = {number: words(page.title) for number, page in enumerate(pages)}
    scores = bm25(
        [*content_words(wanted), *joined_words(wanted)], [title[number] + words(text) for number, _, text in cut]
    )
    return [_Passage(*passage, score) for passage, score in zip(cut, scores, strict=True)]


def _cut(text: str) -> Iterator[str]:
    """Paragraphs, joined up to a passage's size; one that is longer by itself is cut by size."""
    held = ""
    for paragraph in _BLANK_LINE.split(text):
        if held and len(held) + len(paragraph) > _PASSAGE_CHARACTERS:
            yield held
            held = ""
        held = f"{held}\n\n{paragraph}" if held else paragraph
        while len(held) > 2 * _PASSAGE_CHARACTERS:
            yield held[:_PASSAGE_CHARACTERS]
            held = held[_PASSAGE_CHARACTERS:]
    if held.strip():
        yield held


def _ranked(passages: Sequence[_Passage], pages: int) -> list[int]:
    best: list[list[float]] = [[] for _ in range(pages)]
    for passage in passages:
        best[passage.page].append(passage.score)
    strength = [sum(sorted(scores, reverse=True)[:_TOP_PASSAGES]) for scores in best]
    return sorted(range(pages), key=lambda number: -strength[number])


def _chosen(
    passages: Sequence[_Passage], order: Sequence[int], budget: int, count_tokens: Callable[[str], int]
) -> dict[int, set[int]]:
    """Places of the passages to show, by page: first the best of each page, then the best of all."""
    chosen: dict[int, set[int]] = {number: set() for number in order}
    by_score = sorted(range(len(passages)), key=lambda index: -passages[index].score)
    firsts = {passages[index].page: index for index in reversed(by_score)}
    queue = [firsts[number] for number in order if number in firsts]
    queue = list(dict.fromkeys([*queue, *by_score]))
    left = float(budget)
    for index in queue:
        passage = passages[index]
        if len(passage.text) / _MOST_CHARACTERS_A_TOKEN > left:
            continue
        tokens = count_tokens(passage.text) + 2
        if tokens <= left:
            left -= tokens
            chosen[passage.page].add(passage.place)
        if left < 16:
            break
    return chosen


def _show(page: Webpage, places: set[int]) -> Shown:
    cut = list(_cut(page.text))
    if len(places) == len(cut):
        return Shown(page, page.text, True)
    text, last = "", -1
    for place in sorted(places):
        if place != last + 1:
            text += _GAP
        text += ("\n\n" if text and place == last + 1 else "") + cut[place]
        last = place
    return Shown(page, text + (_GAP if last < len(cut) - 1 else ""), False)
