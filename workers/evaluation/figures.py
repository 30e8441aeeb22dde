"""What the records of a run come to: means over questions, with the middle 95 % of a bootstrap over questions."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType

from workers.evaluation.record import Record, by_case, mean_of
from workers.evaluation.scoring import units

RESAMPLES = 1_000
_ALIKE = 0.6
"""Share of common words from which two answers of one question count as the same vote."""

Value = Callable[[Record], float | None]
"""None: this answer has no say in the measure."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """mean with its 95 % interval over `count` questions."""

    mean: float
    low: float
    high: float
    count: int


def _graded(wanted: str) -> Value:
    return lambda one: None if one.grade == "ungraded" or not one.answerable else float(one.grade == wanted)


def _tried(one: Record) -> float | None:
    attempted = one.answerable and one.grade in ("correct", "incorrect")
    return float(one.grade == "correct") if attempted else None


def _number(name: str) -> Value:
    def value(one: Record) -> float | None:
        found = getattr(one, name)
        return None if found is None else float(found)

    return value


def _refused_rightly(one: Record) -> float | None:
    return None if one.answerable else float(one.refused)


MEASURES: Mapping[str, Value] = MappingProxyType(
    {
        "correct": _graded("correct"),
        "incorrect": _graded("incorrect"),
        "not attempted": _graded("not_attempted"),
        "correct of attempted": _tried,
        "holds the gold answer": _number("contains"),
        "exact match": _number("exact"),
        "F1": _number("f1"),
        "citation precision": _number("citation_precision"),
        "citation recall": _number("citation_recall"),
        "cited page holds the gold answer": _number("cited_gold"),
        "refused where nothing is known": _refused_rightly,
        "refused though it is known": lambda one: float(one.refused) if one.answerable else None,
        "failed": lambda one: float(bool(one.failure)),
        "citations": lambda one: float(one.citations) if not one.failure else None,
        "seconds": lambda one: one.seconds if not one.failure else None,
        "seconds to the first text": _number("first_text_seconds"),
        "prompt tokens": lambda one: float(one.prompt_tokens),
        "completion tokens": lambda one: float(one.completion_tokens),
        "cost": lambda one: one.cost,
    }
)
SHARES = tuple(MEASURES)[:13]
"""Those that lie between 0 and 1."""


def question_means(records: Sequence[Record], value: Value) -> dict[str, float]:
    """The mean over the samples of each question: one question, one voice."""
    found = {}
    for case, answers in by_case(records).items():
        values = [number for one in answers if (number := value(one)) is not None]
        if values:
            found[case] = mean_of(values)
    return found


def estimate(records: Sequence[Record], value: Value) -> Estimate | None:
    """None when no record has a say."""
    means = list(question_means(records, value).values())
    if not means:
        return None
    return Estimate(mean_of(means), *interval(means), len(means))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of the means of samples drawn with replacement; the seed is fixed."""
    draw = random.Random(5)
    count = len(values)
    means = sorted(mean_of(draw.choices(values, k=count)) for _ in range(RESAMPLES))
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1]


def f_score(records: Sequence[Record]) -> float | None:
    """SimpleQA's F: the harmonic mean of correct and correct of attempted."""
    overall, tried = estimate(records, MEASURES["correct"]), estimate(records, MEASURES["correct of attempted"])
    if overall is None or tried is None or not overall.mean + tried.mean:
        return None
    return 2 * overall.mean * tried.mean / (overall.mean + tried.mean)


def pass_at_1(records: Sequence[Record]) -> Estimate | None:
    """The share of right answers among the samples of a question, over the questions (the vendor's protocol)."""
    return estimate(records, lambda one: None if one.grade == "ungraded" else float(one.right))


def majority(records: Sequence[Record]) -> Estimate | None:
    """Right when the answer that most samples give is right. Answers that share most words give the same vote."""
    votes = [elected for answers in by_case(records).values() if (elected := _elected(answers)) is not None]
    return estimate(votes, lambda one: float(one.right)) if votes else None


def _elected(answers: Sequence[Record]) -> Record | None:
    """The first answer of the largest group; of equal groups that of the first sample. The gold answer has no say."""
    graded = sorted((one for one in answers if one.grade != "ungraded"), key=lambda one: one.sample)
    groups: list[list[tuple[Record, frozenset[str]]]] = []
    for one in graded:
        words = frozenset(units(one.text)) if not one.refused else frozenset()
        group = next((group for group in groups if _alike(group[0][1], words)), None)
        if group is None:
            groups.append([(one, words)])
        else:
            group.append((one, words))
    return max(groups, key=len)[0][0] if groups else None


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    if not one or not other:
        return one == other
    return len(one & other) >= _ALIKE * min(len(one), len(other))


def middle(records: Sequence[Record], value: Value) -> float | None:
    values = [number for one in records if (number := value(one)) is not None]
    return median(values) if values else None
