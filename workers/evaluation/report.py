"""The report of a run, as Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from workers.evaluation import figures
from workers.evaluation.figures import MEASURES, SHARES, Estimate
from workers.evaluation.options import EvalOptions
from workers.evaluation.record import Record, by_case
from workers.evaluation.running import Finished

_EXAMPLES = 20
_CELL_CHARACTERS = 120
_FEWEST_OF_TOPIC = 5


@dataclass(frozen=True, slots=True)
class Reported:
    """pictures: file names of plots beside the report."""

    options: EvalOptions
    finished: Finished
    pictures: tuple[str, ...] = ()


def markdown(reported: Reported) -> str:
    records = reported.finished.records
    parts = [_head(reported), _measures(records), _samples(reported), _languages(records), _topics(records)]
    parts += [_pictures(reported.pictures), _blocked(reported), _examples(records)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(reported: Reported) -> str:
    options, records = reported.options, reported.finished.records
    models = ", ".join(sorted({one.model for one in records if one.model})) or "none"
    degraded = sum(bool(one.degraded) for one in records)
    graded = {one.graded_by for one in records} - {""}
    facts = [
        f"- set: {options.set_name}, `{options.path.name}`" + _licence(reported),
        f"- questions: {len(by_case(records)):,} of {len(reported.finished.set.cases):,}, samples: {options.samples}",
        f"- pages: {_SCOPES[options.scope]}; depth: {options.depth}",
        f"- model: {models}" + (f" ({degraded} answers by the quoting reader in its place)" if degraded else ""),
        f"- graded by: {' and '.join(_GRADERS[one] for one in sorted(graded)) or 'nobody (no gold answers)'}",
        f"- written: {datetime.now(UTC).isoformat(timespec='seconds')}",
    ]
    return f"# Evaluation: {options.set_name}\n\n" + "\n".join(facts)


_SCOPES = {"pool": "all pages of the set as one library", "own": "each question's own pages", "search": "live search"}
_GRADERS = {"model": "the model, with SimpleQA's three grades", "text": "whether the answer holds the gold answer"}


def _licence(reported: Reported) -> str:
    return f" ({reported.finished.set.licence})" if reported.finished.set.licence else ""


def _measures(records: Sequence[Record]) -> str:
    lines = ["| measure | mean | 95 % interval | questions |", "|---|---|---|---|"]
    for name, value in MEASURES.items():
        found = figures.estimate(records, value)
        if found is not None and not (name == "cost" and not found.mean):
            lines.append(f"| {name} | {shown(name, found.mean)} | {_range(name, found)} | {found.count:,} |")
    score = figures.f_score(records)
    if score is not None:
        lines.append(f"| F-score (SimpleQA) | {score:.3f} | | |")
    total = sum(one.cost for one in records)
    if total:
        lines.append(f"| cost of all answers | {total:,.2f} | | |")
    return "## Measures\n\n" + "\n".join(lines)


def shown(name: str, value: float) -> str:
    if name in SHARES and name != "F1":
        return f"{value:.1%}"
    return f"{value:,.0f}" if "tokens" in name else f"{value:.4f}" if name == "cost" else f"{value:.3f}"


def _range(name: str, found: Estimate) -> str:
    return f"{shown(name, found.low)} to {shown(name, found.high)}"


def _samples(reported: Reported) -> str:
    if reported.options.samples < 2:
        return ""
    once, voted = figures.pass_at_1(reported.finished.records), figures.majority(reported.finished.records)
    lines = [
        f"| {name} | {found.mean:.1%} | {found.low:.1%} to {found.high:.1%} | {found.count:,} |"
        for name, found in (("pass@1", once), ("majority vote", voted))
        if found is not None
    ]
    told = f"{reported.options.samples} answers to each question, temperature 0.6, top-p 0.95"
    return f"## Samples\n\n{told}.\n\n| measure | mean | 95 % interval | questions |\n|---|---|---|---|\n" + "\n".join(
        lines
    )


def _languages(records: Sequence[Record]) -> str:
    return _groups("## By language", {one: [r for r in records if r.language == one] for one in ("en", "zh")})


def _topics(records: Sequence[Record]) -> str:
    names = sorted({one.topic for one in records if one.topic})
    groups = {name: [one for one in records if one.topic == name] for name in names}
    return _groups("## By topic", {name: found for name, found in groups.items() if len(found) >= _FEWEST_OF_TOPIC})


def _groups(heading: str, groups: dict[str, list[Record]]) -> str:
    groups = {name: found for name, found in groups.items() if found}
    if len(groups) < 2:
        return ""
    columns = ("correct", "citation precision", "citation recall", "refused though it is known", "seconds")
    lines = ["| | answers | " + " | ".join(columns) + " |", "|---|---|" + "---|" * len(columns)]
    for name, found in groups.items():
        cells = (figures.estimate(found, MEASURES[column]) for column in columns)
        values = (shown(column, cell.mean) if cell else "" for column, cell in zip(columns, cells, strict=True))
        lines.append(f"| {cell_of(name)} | {len(found):,} | " + " | ".join(values) + " |")
    return heading + "\n\n" + "\n".join(lines)


def _pictures(names: Sequence[str]) -> str:
    return "\n\n".join(f"![{name.rpartition('.')[0]}]({name})" for name in names if name.endswith(".png"))


def _blocked(reported: Reported) -> str:
    """What was done against pages that hold the set itself."""
    if reported.options.scope != "search":
        return ""
    options, records = reported.options, reported.finished.records
    echoed = sum(bool(one.echoed) for one in records)
    hosts = ", ".join(options.blocked) or "none"
    return (
        "## Contamination\n\n"
        f"Sources from these hosts were not used: {hosts}. {reported.finished.withheld} of their results were dropped. "
        f"{echoed} answers saw a page that holds their question word for word."
    )


def _examples(records: Sequence[Record]) -> str:
    wrong = [
        one for one in records if one.grade == "incorrect" or one.failure or (not one.answerable and not one.refused)
    ]
    if not wrong:
        return ""
    rows = "\n".join(_example_rows(wrong[:_EXAMPLES]))
    title = f"## Not right: {len(wrong):,}, the first {min(_EXAMPLES, len(wrong))}"
    return f"{title}\n\n| id | question | gold | answer |\n|---|---|---|---|\n{rows}"


def _example_rows(wrong: Sequence[Record]) -> Iterator[str]:
    for one in wrong:
        gold = "; ".join(" / ".join(group) for group in one.gold) or "(to be refused)"
        said = one.failure or one.text
        yield f"| {cell_of(one.case)} | {cell_of(one.question)} | {cell_of(gold)} | {cell_of(said)} |"


def cell_of(text: str) -> str:
    """One line of plain text, fit for a table: nothing in it is read as Markdown or HTML."""
    line = " ".join(text.split()).replace("|", "¦").replace("<", "‹").replace("`", "'")
    line = line if len(line) <= _CELL_CHARACTERS else line[: _CELL_CHARACTERS - 1] + "…"
    return line.replace("[", "(").replace("]", ")")
