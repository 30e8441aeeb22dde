"""How well the judge without a model agrees with people: python -m tests.evals.support.run FILE...

Files in either form of rows.py. Beside each figure stands plain lexical overlap on the same rows: the share of the
claim's content words that stand in the source. Balanced accuracy is that of the product's own verdict, `supported` or
not, at its fixed thresholds. The last line is for programs: `support auc 0.951 balanced 0.886 plain 0.946 ms 1.2`.
"""

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from agent.claims import Claim, claims_of
from agent.support import Judge
from tests.evals.support.figures import auc, balanced, interval, picked
from tests.evals.support.rows import Row, rows
from tools.page import Webpage
from tools.text import content_words

_LAST_LINE = ("auc", "balanced", "plain", "ms")


@dataclass(frozen=True, slots=True)
class Outcome:
    """supported: people's label; score and verdict: the judge's; plain: overlap; ms: CPU time, page included."""

    language: str
    supported: bool
    score: float
    verdict: str
    plain: float
    ms: float


def judged(row: Row) -> Outcome:
    started = time.process_time()
    if row.source.strip():
        score, verdict = _judged(row)
    else:
        score, verdict = 0.0, "unavailable"
    ms = 1_000 * (time.process_time() - started)
    return Outcome(row.language, row.supported, score, verdict, overlap(row.claim, row.source), ms)


def _judged(row: Row) -> tuple[float, str]:
    """A statement of several sentences (a summary) as an answer is judged: each for itself. It is supported when all
    are; its score is halfway between the mean and the least."""
    judge = Judge([Webpage("row:1", "", row.source)])
    parts = [part for part in claims_of(row.claim) if part.kind == "sentence"]
    if len(parts) < 2 or _QUESTION.search(row.claim):
        parts = [Claim(row.claim, 0, len(row.claim), (1,))]
    supports = [one for part in parts if (one := judge.judge(part, 1)).verdict != "unavailable"]
    if not supports:
        return 0.0, "unavailable"
    worst = min(supports, key=lambda one: ("supported", "partial").count(one.verdict) + (one.verdict == "supported"))
    return (mean(one.score for one in supports) + min(one.score for one in supports)) / 2, worst.verdict


_QUESTION = re.compile("[?？]")


def overlap(claim: str, source: str) -> float:
    wanted = set(content_words(claim))
    return len(wanted & set(content_words(source))) / len(wanted) if wanted else 0.0


def figures(outcomes: Sequence[Outcome]) -> dict[str, float]:
    labels = [one.supported for one in outcomes]
    return {
        "auc": auc(labels, [one.score for one in outcomes]),
        "balanced": balanced(labels, [float(one.verdict == "supported") for one in outcomes]),
        "plain": auc(labels, [one.plain for one in outcomes]),
        "ms": median(one.ms for one in outcomes),
    }


def report(name: str, outcomes: Sequence[Outcome]) -> str:
    found, count = figures(outcomes), len(outcomes)
    low, high = interval(lambda sample: figures(picked(outcomes, sample))["auc"], count)
    bal_low, bal_high = interval(lambda sample: figures(picked(outcomes, sample))["balanced"], count)
    plain_low, plain_high = interval(lambda sample: figures(picked(outcomes, sample))["plain"], count)
    more_low, more_high = interval(lambda sample: _gain(picked(outcomes, sample)), count)
    slowest = sorted(one.ms for one in outcomes)[int(0.95 * (count - 1))]
    return "\n".join(
        (
            f"{name}: {count} claims, {sum(one.supported for one in outcomes)} supported",
            f"  auc      {found['auc']:.3f} [{low:.3f}, {high:.3f}]",
            f"  plain    {found['plain']:.3f} [{plain_low:.3f}, {plain_high:.3f}]"
            f"  gain {found['auc'] - found['plain']:+.3f} [{more_low:+.3f}, {more_high:+.3f}]",
            f"  balanced {found['balanced']:.3f} [{bal_low:.3f}, {bal_high:.3f}]",
            f"  ms       median {found['ms']:.2f}  mean {mean(one.ms for one in outcomes):.2f}  p95 {slowest:.2f}",
            f"  verdicts {_verdicts(outcomes)}",
        )
    )


def _gain(outcomes: Sequence[Outcome]) -> float:
    found = figures(outcomes)
    return found["auc"] - found["plain"]


def _verdicts(outcomes: Sequence[Outcome]) -> str:
    names = ("supported", "partial", "unsupported", "contradicted", "unavailable")
    return ", ".join(f"{name} {sum(one.verdict == name for one in outcomes)}" for name in names)


def main(paths: Sequence[str]) -> int:
    if not paths:
        print(__doc__, file=sys.stderr)
        return 2
    everything: list[Outcome] = []
    judged(Row("warm up 预热", "warm up 预热", True, "en"))  # tables are read once, not per claim
    for path in map(Path, paths):
        try:
            outcomes = [judged(row) for row in rows(path)]
        except (ValueError, OSError) as error:
            print(error, file=sys.stderr)
            return 2
        if len(paths) > 1 and outcomes:
            print(report(path.name, outcomes))
        everything += outcomes
    if not everything:
        print("no rows", file=sys.stderr)
        return 1
    for language in sorted({one.language for one in everything}):
        print(report(language, [one for one in everything if one.language == language]))
    found = figures(everything)
    print("support " + " ".join(f"{key} {found[key]:.{3 if key != 'ms' else 1}f}" for key in _LAST_LINE))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
