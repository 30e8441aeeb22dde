"""In which order rows are asked, so that those with the same pages follow each other.

The pages of a row are not known before it is searched for. Rows about the same thing find the same pages, though, and
what a question is about is its rare words: of `When was Acme founded?` a batch asks `founded` of each company, and
`Acme` a few times. What comes back is put in the order of the input by its number and its custom_id.
"""

import heapq
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from zlib import crc32

from tools.text import content_words

READ_CHARACTERS = 300
"""Of a question: its subject stands in its beginning."""
MOST_ROWS_OF_A_WORD = 64
"""A word of more rows joins nothing; of very many rows fewer, so that the work grows no faster than the rows."""
READ_WORDS, WORDS_OF_A_ROW = 40, 12
"""Of a row: those that are looked at, and the rarest of them, which join it to others."""
_WORK = 1_000_000
_KEPT = 0.7
"""What a row before the last one still counts, and so on backwards: one row in between does not end a subject."""
_LEAST = 0.003
_CANDIDATES = 256


def near_order(texts: Sequence[str]) -> list[int]:
    """Places of the texts: each next one is the most like those before it, rare words counting most; an equal text
    stands behind all others, when its answer is there already. Time and memory grow with the texts, no faster."""
    first: dict[str, int] = {}
    for place, text in enumerate(texts):
        first.setdefault(text, place)
    again = [place for place, text in enumerate(texts) if first[text] != place]
    return [*_Chain(texts, list(first.values())).order(), *again]


class _Chain:
    def __init__(self, texts: Sequence[str], places: Sequence[int]) -> None:
        self._places = places
        words = {place: _words(texts[place]) for place in places}
        count = Counter(word for found in words.values() for word in found)
        most = max(8, min(MOST_ROWS_OF_A_WORD, _WORK // max(1, len(places))))
        self._rows: defaultdict[int, list[int]] = defaultdict(list)
        self._words: dict[int, array[int]] = {}
        for place in places:
            joining = sorted(
                (word for word in words.pop(place) if 2 <= count[word] <= most), key=lambda w: (count[w], w)
            )
            self._words[place] = array("I", joining[:WORDS_OF_A_ROW])
            for word in self._words[place]:
                self._rows[word].append(place)
        self._left = dict.fromkeys(places)

    def order(self) -> list[int]:
        order: list[int] = []
        for start in self._places:
            place: int | None = start
            like: dict[int, float] = {}
            while place is not None and place in self._left:
                del self._left[place]
                order.append(place)
                like = self._likened(place, like)
                place = max(like, key=lambda each: (like[each], -each)) if like else None
        return order

    def _likened(self, place: int, like: dict[int, float]) -> dict[int, float]:
        """How like the rows so far each of those is that are left."""
        like = {each: score * _KEPT for each, score in like.items() if score * _KEPT > _LEAST and each != place}
        for word in self._words[place]:
            found = self._rows[word]
            weight = float(len(found) ** -1.5)
            for each in found:
                if each in self._left:
                    like[each] = like.get(each, 0.0) + weight
        if len(like) > 2 * _CANDIDATES:
            like = dict(heapq.nlargest(_CANDIDATES, like.items(), key=lambda item: item[1]))
        return like


def _words(text: str) -> "array[int]":
    """By number: two words that share one only bring rows together."""
    found = dict.fromkeys(crc32(word.encode("utf-8", "replace")) for word in content_words(text[:READ_CHARACTERS]))
    return array("I", list(found)[:READ_WORDS])
