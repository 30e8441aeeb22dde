"""Ours beside plain trafilatura on folders of pages.

    python -m tests.extraction.run DIR [DIR...]

For each folder (see folders.py): F1 by the set's own definition, right titles and dates, invented dates, CPU per
page, peak memory, Chinese pages read right as GBK; then one line with what counts. Nothing is written.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.extraction.extractors import measured, ours, plain, twins
from tests.extraction.folders import Form, Sample, UnknownForm, form_of, samples
from tests.extraction.measures import Found, f1, title_exact, title_right

NONE = "n/a"
"""For what a set says nothing of."""


@dataclass(frozen=True, slots=True)
class Result:
    """A page and what both made of it."""

    sample: Sample
    ours: Found
    plain: Found


def run(folder: Path) -> list[Result]:
    """Both on each page, in turns first, so that neither has the warmer cache."""
    made = []
    for number, sample in enumerate(samples(folder)):
        if number == 0:
            ours(sample), plain(sample)  # imports and compiled patterns are not a page's cost
        first, second = (ours, plain) if number % 2 else (plain, ours)
        one, two = measured(first, sample), measured(second, sample)
        made.append(Result(sample, *((one, two) if first is ours else (two, one))))
    return made


def dates(results: Sequence[Result]) -> tuple[float | None, float | None]:
    """(share of the default's right dates that we keep, share of pages without a date that get one from us)."""
    found = [result for result in results if result.sample.date and result.plain.date == result.sample.date]
    without = [result for result in results if result.sample.date == ""]
    kept = sum(result.ours.date == result.sample.date for result in found)
    invented = sum(bool(result.ours.date) for result in without)
    return (kept / len(found) if found else None, invented / len(without) if without else None)


def gbk(results: Sequence[Result]) -> tuple[int, int]:
    """(right, all): Chinese pages whose text is the same from gb18030 under charset=gbk as from UTF-8."""
    pairs = [pair for result in results if (pair := twins(result.sample))]
    return sum(ours(one).text == ours(other).text != "" for one, other in pairs), len(pairs)


def report(name: str, form: Form, results: Sequence[Result]) -> str:
    """Several lines; the last one is for machines."""
    right, chinese = gbk(results)
    lines = [f"{name}: {len(results)} pages of the form {form}"]
    lines += [_line("ours", form, [(r.sample, r.ours) for r in results])]
    lines += [_line("plain", form, [(r.sample, r.plain) for r in results])]
    lines += _groups(form, results)
    lines += [f"  gbk: {right}/{chinese} Chinese pages the same from gb18030 under charset=gbk"] if chinese else []
    lines += [f"  empty: ours {_empty(r.ours for r in results)}, plain {_empty(r.plain for r in results)}"]
    kept, invented = dates(results)
    scores = [f1(form, [(r.sample, found(r)) for r in results]) for found in (lambda r: r.ours, lambda r: r.plain)]
    spent = [sum(found(r).seconds for r in results) for found in (lambda r: r.ours, lambda r: r.plain)]
    ratio = f"{spent[0] / spent[1]:.2f}" if spent[1] else NONE
    lines += [
        f"{name} f1 {_share(scores[0], 3)} plain {_share(scores[1], 3)} cpu {ratio}"
        f" dates-kept {_share(kept, 2)} dates-invented {_share(invented, 2)}"
    ]
    return "\n".join(lines)


def _line(name: str, form: Form, pairs: Sequence[tuple[Sample, Found]]) -> str:
    titled = [pair for pair in pairs if pair[0].title]
    dated = [pair for pair in pairs if pair[0].date]
    undated = [pair for pair in pairs if pair[0].date == ""]
    seconds = sorted(found.seconds for _, found in pairs)
    peak = max((found.peak for _, found in pairs), default=0) / 2**20
    return (
        f"  {name:5} f1 {_share(f1(form, pairs), 3)}"
        f"  titles {sum(title_right(sample.title or '', found.title) for sample, found in titled)}/{len(titled)}"
        f" exact {sum(title_exact(sample.title or '', found.title) for sample, found in titled)}"
        f"  dates {sum(sample.date == found.date for sample, found in dated)}/{len(dated)}"
        f"  invented {sum(bool(found.date) for _, found in undated)}/{len(undated)}"
        f"  cpu ms p50 {_at(seconds, 0.5):.1f} p95 {_at(seconds, 0.95):.1f} max {_at(seconds, 1):.0f}"
        f"  peak {peak:.0f} MiB"
    )


def _groups(form: Form, results: Sequence[Result]) -> list[str]:
    """One line for each type of page that the set knows."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.sample.group:
            groups[result.sample.group].append(result)
    return [
        f"    {group:14} {len(some):4} pages  f1 {_share(f1(form, [(r.sample, r.ours) for r in some]), 3)}"
        f"  plain {_share(f1(form, [(r.sample, r.plain) for r in some]), 3)}"
        for group, some in sorted(groups.items())
    ]


def _empty(found: Iterable[Found]) -> int:
    return sum(not one.text.strip() for one in found)


def _at(ordered: Sequence[float], share: float) -> float:
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _share(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def main(folders: Sequence[str]) -> int:
    if not folders:
        print(__doc__, file=sys.stderr)
        return 2
    for folder in map(Path, folders):
        try:
            form = form_of(folder)
        except UnknownForm as error:
            print(error, file=sys.stderr)
            return 2
        if not (results := run(folder)):
            print(f"{folder} has no page of those that it describes", file=sys.stderr)
            return 2
        print(report(folder.resolve().name, form, results), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
