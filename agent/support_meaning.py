"""How near two English texts are in what their words mean, whatever words these are: a cosine of word vectors.

The vectors are a table (agent/lexicon/vectors-en.bin, scripts/lexicon-vectors), so that no model runs: microseconds a
word. They tell paraphrase from another subject; they do not tell a number, a name or a denial from another.
"""

import math
from array import array
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files
from operator import add, mul

from agent.support_words import is_han, rank_of, rarity

_DIMENSIONS = 64
Vector = tuple[float, ...]


@cache
def _table() -> "array[int]":
    return array("b", (files("agent") / "lexicon" / "vectors-en.bin").read_bytes())


@lru_cache(maxsize=8_192)
def _weighted(term: str) -> Vector | None:
    """The term's vector, rare words longer; None for what the table does not hold (most names, all numbers)."""
    if is_han(term) or not term[0].isalpha() or (rank := rank_of(term)) is None:
        return None
    weight = rarity(term) ** 2
    return tuple(weight * value for value in _table()[(rank - 1) * _DIMENSIONS : rank * _DIMENSIONS])


def meaning_of(terms: Iterable[str]) -> Vector:
    """The sum over all terms; () when none of them is known."""
    return sum_of(vector for term in terms if (vector := _weighted(term)) is not None)


def sum_of(vectors: Iterable[Vector]) -> Vector:
    total: Vector = ()
    for vector in vectors:
        total = tuple(map(add, total, vector)) if total and vector else total or vector
    return total


def likeness(one: Vector, other: Vector) -> float:
    """-1.0 to 1.0; 0.0 where one of them is empty."""
    if not one or not other:
        return 0.0
    length = math.sqrt(_dot(one, one) * _dot(other, other))
    return _dot(one, other) / length if length else 0.0


def _dot(one: Vector, other: Vector) -> float:
    total: float = sum(map(mul, one, other))
    return total
