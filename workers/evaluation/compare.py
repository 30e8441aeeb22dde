"""Two runs of the same questions beside one another: differences with their intervals, and which questions flipped."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.evaluation.cases import BadSet
from workers.evaluation.figures import MEASURES, RESAMPLES, question_means
from workers.evaluation.record import Record, by_case, mean_of, read_records
from workers.evaluation.report import cell_of, shown
from workers.evaluation.running import ANSWERS

_MOST_FLIPS = 50


@dataclass(frozen=True, slots=True)
class Difference:
    """second minus first, over the questions that both answered; p: two-sided, of the paired bootstrap."""

    name: str
    first: float
    second: float
    low: float
    high: float
    p: float
    count: int


def records_of(path: Path) -> list[Record]:
    """Of a run's folder, or of its answers.jsonl. Raises BadSet."""
    records = read_records(path / ANSWERS if path.is_dir() else path)
    if not records:
        raise BadSet(path, 0, "", "this run holds no answer")
    return records


def differences(first: Sequence[Record], second: Sequence[Record]) -> list[Difference]:
    found = []
    for name, value in MEASURES.items():
        ours, theirs = question_means(first, value), question_means(second, value)
        common = [(ours[case], theirs[case]) for case in ours if case in theirs]
        if common:
            found.append(_difference(name, common))
    return found


def _difference(name: str, pairs: Sequence[tuple[float, float]]) -> Difference:
    gains = [second - first for first, second in pairs]
    draw = random.Random(5)
    means = sorted(mean_of(draw.choices(gains, k=len(gains))) for _ in range(RESAMPLES))
    below = sum(mean <= 0 for mean in means) / RESAMPLES
    above = sum(mean >= 0 for mean in means) / RESAMPLES
    low, high = means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1]
    first, second = (mean_of([pair[at] for pair in pairs]) for at in (0, 1))
    return Difference(name, first, second, low, high, min(1.0, 2 * min(below, above)), len(pairs))


def flips(first: Sequence[Record], second: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """The questions that became right, and those that became wrong: by the majority of their samples."""
    ours, theirs = _rights(first), _rights(second)
    asked = {one.case: one for one in second}
    common = [case for case in ours if case in theirs]
    won = [asked[case] for case in common if theirs[case] and not ours[case]]
    lost = [asked[case] for case in common if ours[case] and not theirs[case]]
    return won, lost


def _rights(records: Sequence[Record]) -> dict[str, bool]:
    graded = by_case(one for one in records if one.grade != "ungraded" or not one.answerable)
    return {case: mean_of([float(one.right) for one in answers]) >= 0.5 for case, answers in graded.items()}


def compared(first: Sequence[Record], second: Sequence[Record], names: tuple[str, str]) -> str:
    """The comparison as Markdown."""
    rows = [
        f"| {one.name} | {shown(one.name, one.first)} | {shown(one.name, one.second)} |"
        f" {one.second - one.first:+.3f} | {one.low:+.3f} to {one.high:+.3f} | {one.p:.3f} | {one.count:,} |"
        for one in differences(first, second)
    ]
    title = f"# {names[0]} and {names[1]}\n"
    if not rows:
        return f"{title}\nThe two runs have no question in common.\n"
    head = f"| measure | {names[0]} | {names[1]} | difference | 95 % interval | p | questions |"
    table = "\n".join((title, head, "|---|---|---|---|---|---|---|", *rows))
    won, lost = flips(first, second)
    return "\n\n".join((table, _flipped("Became right", won), _flipped("Became wrong", lost))) + "\n"


def _flipped(heading: str, records: Sequence[Record]) -> str:
    lines = [f"- {cell_of(one.case)}: {cell_of(one.question)}" for one in records[:_MOST_FLIPS]]
    if len(records) > _MOST_FLIPS:
        lines.append(f"- and {len(records) - _MOST_FLIPS:,} more")
    return "\n".join((f"## {heading}: {len(records):,}\n", *lines))
