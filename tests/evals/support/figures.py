"""AUC, balanced accuracy and their 95 % intervals by bootstrap over the rows; no library needed."""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

Value = TypeVar("Value")
Interval = tuple[float, float]
RESAMPLES = 400


def auc(labels: Sequence[bool], scores: Sequence[float]) -> float:
    """Share of pairs (supported, not) that the score puts in the right order; ties count half. 0.5 without pairs."""
    negative = sorted(score for label, score in zip(labels, scores, strict=True) if not label)
    positive = [score for label, score in zip(labels, scores, strict=True) if label]
    if not positive or not negative:
        return 0.5
    won = sum(bisect_left(negative, score) + bisect_right(negative, score) for score in positive)
    return won / (2 * len(positive) * len(negative))


def balanced(labels: Sequence[bool], scores: Sequence[float]) -> float:
    """Mean of the shares of supported and of unsupported rows that are judged so; score: 1.0 for a positive verdict."""
    shares = []
    for wanted in (True, False):
        judged = [score for label, score in zip(labels, scores, strict=True) if label is wanted]
        if judged:
            shares.append(sum((score >= 0.5) is wanted for score in judged) / len(judged))
    return sum(shares) / len(shares) if shares else 0.0


def interval(of: Callable[[Sequence[int]], float], count: int) -> Interval:
    """The middle 95 % of `of(sample)` over samples of row numbers, drawn with replacement and a fixed seed."""
    draw = random.Random(5)
    found = sorted(of(draw.choices(range(count), k=count)) for _ in range(RESAMPLES))
    return found[int(0.025 * RESAMPLES)], found[int(0.975 * RESAMPLES) - 1]


def picked(values: Sequence[Value], sample: Sequence[int]) -> list[Value]:
    return [values[at] for at in sample]
